//! Times counted in half-lives.

use super::{END_TIME, InterestError, MIN_TIME, Result};
use crate::Micros;

/// The longest half-life: 10,000 years of 365 days, in microseconds.
pub const MAX_HALF_LIFE: i64 = 10_000 * 365 * 86_400_000_000;

/// A half-life as the unit in which times are counted from 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    half_life: i64,
}

/// A time on a [`Grid`]: `2^(time / half_life) = gain * 2^whole`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Whole half-lives.
    pub whole: i64,
    /// What the rest makes of a weight of 1: from 1 to 2.
    pub gain: f64,
}

impl Grid {
    /// For a half-life of so many microseconds; an error unless it is positive and at most [`MAX_HALF_LIFE`].
    #[inline]
    pub fn new(half_life: i64) -> Result<Self> {
        if (1..=MAX_HALF_LIFE).contains(&half_life) { Ok(Self { half_life }) } else { Err(InterestError::HalfLife(half_life)) }
    }

    /// The half-life in microseconds.
    pub fn half_life(&self) -> i64 {
        self.half_life
    }

    /// An error unless both are of one half-life.
    #[inline]
    pub fn check_same(&self, other: Grid) -> Result<()> {
        let (left, right) = (self.half_life, other.half_life);
        if left == right { Ok(()) } else { Err(InterestError::HalfLives { left, right }) }
    }

    /// How many whole half-lives after 2000-01-01 a time lies.
    #[inline]
    pub fn whole(&self, at: Micros) -> i64 {
        at.div_euclid(self.half_life)
    }

    /// Where a time lies. The division is one of whole numbers: no precision is lost far from the year 2000.
    #[inline]
    pub fn place(&self, at: Micros) -> Place {
        let whole = self.whole(at);
        let rest = at - whole * self.half_life;
        Place { whole, gain: exp2_of_fraction(rest as f64 / self.half_life as f64) }
    }

    /// Whether some time of Postgres lies so many half-lives after 2000-01-01.
    pub fn knows(&self, whole: i64) -> bool {
        (self.whole(MIN_TIME)..=self.whole(END_TIME - 1)).contains(&whole)
    }

    /// A sum that was built with `scale` as its exponent, read at a time; infinite where a double ends.
    pub fn read(&self, sum: f64, scale: i64, as_of: Micros) -> f64 {
        let place = self.place(as_of);
        shifted(sum / place.gain, scale.saturating_sub(place.whole))
    }
}

/// `x * 2^by`: exact, but where the result leaves the range of a double.
#[inline]
pub fn shifted(mut x: f64, by: i64) -> f64 {
    // From the smallest to the greatest double are fewer steps than this.
    let mut by = by.clamp(-2200, 2200);
    while by < -1022 {
        x *= f64::MIN_POSITIVE;
        by += 1022;
    }
    while by > 1023 {
        x *= power_of_two(1023);
        by -= 1023;
    }
    x * power_of_two(by)
}

/// `2^exponent` for a normal double: -1022 to 1023.
#[inline]
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// `2^(k/16)`, correctly rounded.
const SIXTEENTHS: [f64; 17] = [
    1.0,
    1.0442737824274138,
    1.0905077326652577,
    1.1387886347566916,
    1.189207115002721,
    1.241857812073484,
    1.2968395546510096,
    1.3542555469368927,
    std::f64::consts::SQRT_2,
    1.4768261459394993,
    1.5422108254079407,
    1.6104903319492543,
    1.681792830507429,
    1.7562521603732995,
    1.8340080864093424,
    1.9152065613971474,
    2.0,
];

/// `2^x` for x from 0 to 1, within one unit in the last place. In plain multiplications and additions, unlike the
/// platform's own, so that it is the same to the last bit with and without fused instructions.
#[inline]
fn exp2_of_fraction(x: f64) -> f64 {
    let step = (x * 16.0 + 0.5) as usize;
    let base = SIXTEENTHS[step.min(16)];
    // e^y - 1 by its series: |y| <= ln 2 / 32, so that the first term left out is below 2^-59.
    let y = (x - step as f64 / 16.0) * std::f64::consts::LN_2;
    let series =
        y * (1.0 + y * (1.0 / 2.0 + y * (1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0 + y * (1.0 / 720.0 + y * (1.0 / 5040.0)))))));
    base + base * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn powers_are_those_of_the_library(x in 0.0f64..=1.0) {
            let (ours, theirs) = (exp2_of_fraction(x), x.exp2());
            prop_assert!((ours - theirs).abs() <= f64::EPSILON, "{x} {ours} {theirs}");
        }

        #[test]
        fn shifts_are_exact(x in -1.0e10f64..1.0e10, by in -900i64..900) {
            prop_assert_eq!(shifted(x, by), x * (by as f64).exp2());
            prop_assert_eq!(shifted(shifted(x, by), -by), x);
        }

        #[test]
        fn places_lie_where_they_should(at in MIN_TIME..END_TIME, half_life in 1..=MAX_HALF_LIFE) {
            let grid = Grid::new(half_life).unwrap();
            let place = grid.place(at);
            prop_assert!((1.0..=2.0).contains(&place.gain));
            prop_assert!(grid.knows(place.whole));
            let half_lives = place.whole as f64 + place.gain.log2();
            prop_assert!((half_lives - at as f64 / half_life as f64).abs() <= 1e-9 * half_lives.abs().max(1.0));
        }
    }

    #[test]
    fn far_shifts_end_at_zero_and_infinity() {
        assert_eq!(shifted(1.0, -1074), f64::from_bits(1));
        assert_eq!(shifted(f64::MAX, -2098), f64::from_bits(1));
        assert_eq!(shifted(f64::MAX, i64::MIN), 0.0);
        assert_eq!(shifted(f64::from_bits(1), i64::MAX), f64::INFINITY);
        assert_eq!(shifted(f64::from_bits(1), 1074), 1.0);
        assert_eq!(shifted(0.0, i64::MAX), 0.0);
    }

    #[test]
    fn ends_of_a_half_life_are_exact() {
        assert_eq!((exp2_of_fraction(0.0), exp2_of_fraction(0.5), exp2_of_fraction(1.0)), (1.0, std::f64::consts::SQRT_2, 2.0));
        assert!(Grid::new(0).is_err() && Grid::new(-1).is_err() && Grid::new(MAX_HALF_LIFE + 1).is_err() && Grid::new(i64::MAX).is_err());
    }
}
