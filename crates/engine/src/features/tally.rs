//! What an entity says at one time: the numbers that features are made of.

use super::spec::{Question, Spec};
use super::{Bucket, TypeTotal};
use crate::Micros;
use crate::interest::shifted;

/// The numbers of one entity at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// By event type and window, the events in it.
    pub counts: Vec<u64>,
    /// By event type, all events and the newest one's time.
    pub totals: Vec<TypeTotal>,
    /// By event type and half-life, the decayed number of events.
    pub decayed: Vec<f64>,
    /// About how many distinct keys it has met.
    pub distinct: f64,
}

impl Tally {
    /// The numbers of an entity that has met nothing.
    pub fn empty(spec: &Spec) -> Self {
        Self {
            counts: vec![0; spec.types() * spec.windows().len()],
            totals: vec![TypeTotal::default(); spec.types()],
            decayed: vec![0.0; spec.types() * spec.half_lives().len()],
            distinct: 0.0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.counts.clear();
        self.totals.clear();
        self.decayed.clear();
        self.distinct = 0.0;
    }

    pub(crate) fn total(&mut self, totals: impl Iterator<Item = TypeTotal>) {
        self.totals.extend(totals);
    }

    /// Sums of all types and half-lives with the exponents of each half-life's.
    pub(crate) fn decay(
        &mut self,
        spec: &Spec,
        question: &Question,
        scales: impl Iterator<Item = i64> + Clone,
        sums: impl Iterator<Item = f64>,
    ) {
        if spec.half_lives().is_empty() {
            return;
        }
        let of_half_life = scales.zip(&question.moment.places).cycle();
        let read = |(sum, (scale, place)): (f64, (i64, &crate::interest::Place))| match sum {
            0.0 => 0.0,
            sum => shifted(sum / place.gain, scale.saturating_sub(place.whole)),
        };
        self.decayed.extend(sums.zip(of_half_life).map(read));
    }

    /// Counts of buckets in ascending order. One whose type is none of the spec's is left out.
    pub(crate) fn count(&mut self, spec: &Spec, question: &Question, buckets: impl DoubleEndedIterator<Item = Bucket>) {
        let windows = spec.windows().len();
        self.counts.resize(spec.types() * windows, 0);
        // Newest first: the shortest window that a bucket is in grows longer.
        let mut shortest = 0;
        for bucket in buckets.rev() {
            while shortest < windows && bucket.start < question.starts[shortest] {
                shortest += 1;
            }
            if shortest == windows {
                break;
            }
            if let Some(count) = self.counts.get_mut(bucket.kind as usize * windows + shortest) {
                *count += u64::from(bucket.count);
            }
        }
        // Longer windows hold what is in shorter ones too.
        for of_type in self.counts.chunks_exact_mut(windows.max(1)) {
            for window in 1..of_type.len() {
                of_type[window] += of_type[window - 1];
            }
        }
    }

    /// Seconds since the newest event of a type; NaN where there was none.
    pub(crate) fn seconds_since(&self, kind: usize, at: Micros) -> f64 {
        let total = &self.totals[kind];
        if total.count == 0 { f64::NAN } else { (at as f64 - total.last_at as f64).max(0.0) / 1e6 }
    }
}
