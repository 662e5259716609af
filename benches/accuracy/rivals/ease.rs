//! EASE (Steck 2019): the linear model of items by items that a ridge regression with a zero diagonal gives.

use super::Scores;
use super::inverse::inverse;
use super::pairs::Pairs;
use ndarray::Array2;
use pg_recommend_engine::ItemId;
use rustc_hash::FxHashMap;

/// Weights from item to item, fitted once.
pub struct Ease {
    items: Vec<ItemId>,
    places: FxHashMap<ItemId, usize>,
    weights: Array2<f32>,
}

impl Ease {
    /// Fits the `most` most frequent items.
    pub fn fit(pairs: &Pairs, items: usize, lambda: f32, most: usize) -> Self {
        let mut items: Vec<ItemId> = (0..items as ItemId).filter(|item| pairs.count(*item) > 0.0).collect();
        items.sort_by(|a, b| pairs.count(*b).total_cmp(&pairs.count(*a)).then(a.cmp(b)));
        items.truncate(most);
        let places: FxHashMap<ItemId, usize> = items.iter().enumerate().map(|(place, item)| (*item, place)).collect();
        let mut gram = Array2::<f32>::zeros((items.len(), items.len()));
        for (place, item) in items.iter().enumerate() {
            gram[[place, place]] = pairs.count(*item) as f32 + lambda;
            for (other, together) in pairs.together(*item) {
                if let Some(other) = places.get(other) {
                    gram[[place, *other]] = *together;
                }
            }
        }
        let mut weights = inverse(gram.view());
        let diagonal = weights.diag().to_owned();
        for mut row in weights.rows_mut() {
            row.zip_mut_with(&diagonal, |weight, own| *weight /= -own);
        }
        weights.diag_mut().fill(0.0);
        Self { items, places, weights }
    }

    /// The sum over the given items.
    pub fn scores(&self, given: &[ItemId]) -> Scores {
        let mut sums = vec![0.0f32; self.items.len()];
        for place in given.iter().filter_map(|item| self.places.get(item)) {
            sums.iter_mut().zip(self.weights.row(*place)).for_each(|(sum, weight)| *sum += weight);
        }
        self.items.iter().zip(sums).map(|(item, sum)| (*item, f64::from(sum))).collect()
    }
}
