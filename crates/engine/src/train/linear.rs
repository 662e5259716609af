//! Weights of slots, learnt by FTRL-proximal with per-coordinate learning rates (McMahan et al., "Ad click prediction: a view from the trenches", 2013).

use super::spec::Spec;

/// Fields that take steps of full size.
const FULL_STEP: usize = 30;

/// The settings of FTRL.
#[derive(Clone, Copy, Debug)]
pub struct Ftrl {
    alpha: f32,
    beta: f32,
    l1: f32,
    l2: f32,
}

impl Ftrl {
    /// Those of a spec, for a model of so many fields.
    pub fn new(spec: &Spec, fields: usize) -> Self {
        let alpha = spec.alpha * (FULL_STEP as f64 / fields as f64).min(1.0);
        Self { alpha: alpha as f32, beta: spec.beta as f32, l1: spec.l1 as f32, l2: spec.l2 as f32 }
    }

    /// The same without regularisation.
    pub fn free(self) -> Self {
        Self { l1: 0.0, l2: 0.0, ..self }
    }
}

/// What FTRL keeps for a weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coordinate {
    z: f32,
    n: f32,
    /// The sum of the gradients of a minibatch.
    gradient: f32,
}

impl Coordinate {
    /// That of an unregularised weight which has learnt nothing yet and is not 0.
    pub fn at(weight: f32, ftrl: &Ftrl) -> Self {
        Self { z: -weight * ftrl.beta / ftrl.alpha, ..Self::default() }
    }

    /// Takes the gradient of a minibatch and gives the new weight.
    pub fn update(&mut self, ftrl: &Ftrl, weight: f32, gradient: f32) -> f32 {
        let before = self.n.sqrt();
        self.n += gradient * gradient;
        let after = self.n.sqrt();
        self.z += gradient - (after - before) / ftrl.alpha * weight;
        let over = self.z.abs() - ftrl.l1;
        if over <= 0.0 { 0.0 } else { -over.copysign(self.z) / ((ftrl.beta + after) / ftrl.alpha + ftrl.l2) }
    }
}

/// The weights of a field.
#[derive(Clone, Debug)]
pub struct Table {
    /// The weights, one a slot.
    pub weights: Vec<f32>,
    coordinates: Vec<Coordinate>,
    touched: Vec<u32>,
}

impl Table {
    /// Of that many slots, all 0.
    pub fn new(slots: u32) -> Self {
        let slots = slots as usize;
        Self { weights: vec![0.0; slots], coordinates: vec![Coordinate::default(); slots], touched: Vec::new() }
    }

    /// Learns from a minibatch: the slot and the gradient of each row.
    pub fn learn(&mut self, ftrl: &Ftrl, slots: &[u32], gradients: &[f32]) {
        self.touched.clear();
        for (slot, gradient) in slots.iter().zip(gradients) {
            let coordinate = &mut self.coordinates[*slot as usize];
            // A sum that comes back to 0 is listed once more, which does nothing.
            if coordinate.gradient == 0.0 {
                self.touched.push(*slot);
            }
            coordinate.gradient += gradient;
        }
        for slot in &self.touched {
            let (weight, coordinate) = (&mut self.weights[*slot as usize], &mut self.coordinates[*slot as usize]);
            let gradient = std::mem::take(&mut coordinate.gradient);
            *weight = coordinate.update(ftrl, *weight, gradient);
        }
    }
}
