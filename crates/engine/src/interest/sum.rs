//! A sum in two doubles.

use super::grid::shifted;

/// A sum that remembers what rounding left out: `high + low`, `high` being the sum rounded to a double
/// (Dekker's double-double, by Knuth's and Dekker's exact additions; see Hida, Li, Bailey: "Library for double-double and
/// quad-double arithmetic", 2000). An addition loses less than `2^-104` of it, so that the order of additions is seen in
/// the last bit at most, and what was added can be taken out again.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    /// The sum, rounded.
    pub high: f64,
    /// What is missing in `high`.
    pub low: f64,
}

impl Sum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, x: f64) {
        self.plus(Sum { high: x, low: 0.0 });
    }

    /// Adds another sum.
    #[inline]
    pub fn plus(&mut self, other: Sum) {
        let high = self.high + other.high;
        let part = high - self.high;
        let lost = (self.high - (high - part)) + (other.high - part);
        let low = self.low + other.low + lost;
        self.high = high + low;
        self.low = low - (self.high - high);
    }

    /// The sum times `2^by`: exact, but where the result leaves the range of a double.
    #[inline]
    pub fn shifted(self, by: i64) -> Self {
        Self { high: shifted(self.high, by), low: shifted(self.low, by) }
    }

    /// Whether this is a sum that additions can give: finite, and rounded into `high`.
    pub fn is_sound(&self) -> bool {
        self.high.is_finite() && self.low.is_finite() && self.high + self.low == self.high
    }
}
