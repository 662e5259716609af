//! What is known of one entity: of a user, an item, a category, ...

use super::sketch::Sketch;
use super::spec::{Moment, Spec};
use super::tally::Tally;
use super::{Bucket, Question, TypeTotal, bucket_order};
use crate::Micros;
use crate::interest::shifted;

/// The time of an entity that has met nothing.
pub const NEVER: Micros = i64::MIN;

/// The counts of one entity, to be asked for times that are not before its newest event.
///
/// All but the rounding of decayed sums depends on the set of its events alone, not on the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The time of its newest event: no question is older.
    pub(crate) landmark: Micros,
    /// By half-life, the exponent of the sums: whole half-lives up to the landmark.
    pub(crate) scales: Vec<i64>,
    /// By event type.
    pub(crate) totals: Vec<TypeTotal>,
    /// By event type and half-life, the forward-decayed sum.
    pub(crate) sums: Vec<f64>,
    /// Counts by hop, in ascending order.
    pub(crate) buckets: Vec<Bucket>,
    /// How many buckets there may be before they are rolled up.
    pub(crate) room: usize,
    /// The distinct keys of the other side, where they are counted.
    pub(crate) sketch: Option<Sketch>,
}

/// One event of an entity.
#[derive(Debug, Clone, Copy)]
pub struct Occurrence<'a> {
    /// When.
    pub moment: &'a Moment,
    /// The number of its type, which is one of the spec's.
    pub kind: usize,
    /// The hash of the key that is counted as distinct.
    pub other: u64,
}

/// How many buckets are not worth rolling up.
const LITTLE: usize = 32;

impl Entity {
    /// An entity without events; `distinct` says whether the distinct keys that it meets are counted.
    pub fn new(spec: &Spec, distinct: bool) -> Self {
        Self {
            landmark: NEVER,
            scales: vec![0; spec.half_lives().len()],
            totals: vec![TypeTotal::default(); spec.types()],
            sums: vec![0.0; spec.types() * spec.half_lives().len()],
            buckets: Vec::new(),
            room: LITTLE,
            sketch: distinct.then(Sketch::default),
        }
    }

    /// The time of its newest event; [`NEVER`] without any.
    pub fn landmark(&self) -> Micros {
        self.landmark
    }

    /// The number of its events.
    pub fn events(&self) -> u64 {
        self.totals.iter().fold(0, |sum, total| sum.saturating_add(total.count))
    }

    /// True when it has met nothing.
    pub fn is_empty(&self) -> bool {
        self.totals.iter().all(|total| total.count == 0)
    }

    /// Adds an event, of any time.
    pub fn add(&mut self, spec: &Spec, event: Occurrence<'_>) {
        let (at, kind) = (event.moment.at, event.kind);
        self.move_to(event.moment);
        let total = &mut self.totals[kind];
        total.count = total.count.saturating_add(1);
        total.last_at = total.last_at.max(at);
        let half_lives = self.scales.len();
        for ((sum, scale), place) in self.sums[kind * half_lives..].iter_mut().zip(&self.scales).zip(&event.moment.places) {
            *sum += shifted(place.gain, place.whole.saturating_sub(*scale));
        }
        if let Some(sketch) = &mut self.sketch {
            sketch.insert(event.other);
        }
        if let Some(start) = spec.bucket(self.landmark, at) {
            self.count(start, kind as u32);
        }
        if self.buckets.len() > self.room {
            self.roll_up(spec);
        }
    }

    fn move_to(&mut self, moment: &Moment) {
        if moment.at <= self.landmark {
            return;
        }
        let half_lives = self.scales.len();
        for (place, (scale, new)) in self.scales.iter_mut().zip(&moment.places).enumerate() {
            if *scale != new.whole {
                if self.landmark != NEVER {
                    self.sums
                        .iter_mut()
                        .skip(place)
                        .step_by(half_lives)
                        .for_each(|sum| *sum = shifted(*sum, scale.saturating_sub(new.whole)));
                }
                *scale = new.whole;
            }
        }
        self.landmark = moment.at;
    }

    fn count(&mut self, start: Micros, kind: u32) {
        let new = Bucket { start, kind, count: 1 };
        let place = match self.buckets.last() {
            Some(last) if bucket_order(last, &new).is_lt() => self.buckets.len(),
            None => 0,
            _ => match self.buckets.binary_search_by(|bucket| bucket_order(bucket, &new)) {
                Ok(place) if self.buckets[place].count < u32::MAX => {
                    self.buckets[place].count += 1;
                    return;
                }
                Ok(place) | Err(place) => place,
            },
        };
        self.buckets.insert(place, new);
    }

    /// Puts the counts that only longer windows ask for into the hops of those, and leaves out what no window asks for any more.
    pub fn roll_up(&mut self, spec: &Spec) {
        let landmark = self.landmark;
        self.buckets.retain_mut(|bucket| match spec.bucket(landmark, bucket.start) {
            Some(start) => {
                bucket.start = start;
                true
            }
            None => false,
        });
        self.buckets.sort_by(bucket_order);
        self.buckets.dedup_by(|bucket, kept| {
            let same = bucket_order(bucket, kept).is_eq();
            match kept.count.checked_add(bucket.count) {
                Some(count) if same => {
                    kept.count = count;
                    true
                }
                _ => false,
            }
        });
        self.room = 2 * self.buckets.len() + LITTLE;
    }

    /// Takes out an event that was added. False where that cannot be done, and the entity has to be made anew from its events: it was the
    /// newest of its type, or distinct keys are counted, or it never was there.
    #[must_use]
    pub fn remove(&mut self, spec: &Spec, event: Occurrence<'_>) -> bool {
        let (at, kind) = (event.moment.at, event.kind);
        let total = &mut self.totals[kind];
        if self.sketch.is_some() || at >= total.last_at || total.count < 2 {
            return false;
        }
        total.count -= 1;
        let half_lives = self.scales.len();
        for ((sum, scale), place) in self.sums[kind * half_lives..].iter_mut().zip(&self.scales).zip(&event.moment.places) {
            *sum = (*sum - shifted(place.gain, place.whole.saturating_sub(*scale))).max(0.0);
        }
        let Some(start) = spec.bucket(self.landmark, at) else { return true };
        self.roll_up(spec);
        let sought = Bucket { start, kind: kind as u32, count: 0 };
        let Ok(place) = self.buckets.binary_search_by(|bucket| bucket_order(bucket, &sought)) else { return false };
        match self.buckets[place].count {
            0 | 1 => drop(self.buckets.remove(place)),
            _ => self.buckets[place].count -= 1,
        }
        true
    }

    /// What it says at a time that is not before its newest event.
    pub fn tally(&self, spec: &Spec, question: &Question, tally: &mut Tally) {
        tally.clear();
        tally.total(self.totals.iter().copied());
        tally.decay(spec, question, self.scales.iter().copied(), self.sums.iter().copied());
        tally.count(spec, question, self.buckets.iter().copied());
        tally.distinct = self.sketch.as_ref().map_or(0.0, Sketch::estimate);
    }
}
