//! Exponential decay, kept forward (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009).
//!
//! A weight `w` at time `t` contributes `w * 2^((t - landmark) / half_life)` to a stored sum; the decayed value at a
//! later time `now` is the sum times `2^(-(now - landmark) / half_life)`. Sums never need rewriting as time passes,
//! merge by addition and take late events.

use crate::Micros;

/// A half-life: the time in which a weight halves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfLife {
    micros: f64,
}

impl HalfLife {
    /// The shortest half-life: a microsecond.
    pub const SHORTEST: HalfLife = HalfLife { micros: 1.0 };

    /// A half-life of `micros` microseconds, which are positive.
    pub(crate) const fn of(micros: f64) -> Self {
        HalfLife { micros }
    }

    /// A half-life of `micros` microseconds; `None` unless positive.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (micros > 0).then_some(Self { micros: micros as f64 })
    }

    /// Its length in microseconds.
    pub fn micros(&self) -> f64 {
        self.micros
    }

    /// The number of half-lives from `from` to `to`.
    pub fn between(&self, from: Micros, to: Micros) -> f64 {
        (to as f64 - from as f64) / self.micros
    }

    /// What is left of 1 at `now` of an event at `at`; an event after `now` has age zero.
    pub fn remaining(&self, at: Micros, now: Micros) -> f64 {
        (-self.between(at, now).max(0.0)).exp2()
    }
}

/// A forward-decayed sum of positive weights as one number: `log2(sum of w * 2^(t / half_life))`, `t` counted from
/// 2000-01-01.
///
/// It needs no landmark and never overflows, and the order of two such numbers is the order of the decayed sums at any
/// common time, so that an index on the number is an index on the decayed sum. With a half-life of an hour the relative
/// resolution of the sum is about 3e-11.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct LogSum(pub f64);

impl LogSum {
    /// The empty sum.
    pub const EMPTY: LogSum = LogSum(f64::NEG_INFINITY);

    /// One weight at one time; the empty sum unless the weight is positive.
    pub fn of(weight: f64, at: Micros, half_life: HalfLife) -> Self {
        if weight > 0.0 { LogSum(weight.log2() + half_life.between(0, at)) } else { Self::EMPTY }
    }

    /// True when nothing is in the sum.
    pub fn is_empty(&self) -> bool {
        self.0 == f64::NEG_INFINITY
    }

    /// The sum of both.
    pub fn plus(self, other: LogSum) -> LogSum {
        let (high, low) = if self.0 >= other.0 { (self.0, other.0) } else { (other.0, self.0) };
        if low == f64::NEG_INFINITY { LogSum(high) } else { LogSum(high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2) }
    }

    /// This sum without `other`, which was added before; empty when nothing is left.
    pub fn minus(self, other: LogSum) -> LogSum {
        if other.is_empty() {
            return self;
        }
        if other.0 >= self.0 {
            return Self::EMPTY;
        }
        LogSum(self.0 + (-(other.0 - self.0).exp2()).ln_1p() / std::f64::consts::LN_2)
    }

    /// The decayed sum at `now`.
    pub fn at(&self, now: Micros, half_life: HalfLife) -> f64 {
        (self.0 - half_life.between(0, now)).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn a_half_life_halves() {
        let h = HalfLife::from_micros(DAY).unwrap();
        assert_eq!(h.remaining(0, DAY), 0.5);
        assert_eq!(h.remaining(DAY, 0), 1.0);
        assert!(HalfLife::from_micros(0).is_none());
    }

    proptest! {
        #[test]
        fn log_sum_equals_the_naive_decayed_sum(events in prop::collection::vec((0.1f64..10.0, 0i64..60 * DAY), 1..50)) {
            let h = HalfLife::from_micros(2 * DAY).unwrap();
            let now = 61 * DAY;
            let naive: f64 = events.iter().map(|&(w, t)| w * h.remaining(t, now)).sum();
            let sum = events.iter().fold(LogSum::EMPTY, |s, &(w, t)| s.plus(LogSum::of(w, t, h)));
            prop_assert!((sum.at(now, h) - naive).abs() <= 1e-9 * naive);
            let (w, t) = events[0];
            let rest: f64 = events[1..].iter().map(|&(w, t)| w * h.remaining(t, now)).sum();
            prop_assert!((sum.minus(LogSum::of(w, t, h)).at(now, h) - rest).abs() <= 1e-9 * naive);
        }
    }
}
