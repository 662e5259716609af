//! What can be wrong with what an interest aggregate is given.

use std::fmt;

use super::{MAX_DIMENSIONS, MAX_HALF_LIFE};

/// The module's result.
pub type Result<T> = std::result::Result<T, InterestError>;

/// An error of an interest aggregate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InterestError {
    /// Vectors that cannot be added or compared.
    #[error("different vector dimensions {left} and {right}")]
    Dimensions {
        /// Of the first one.
        left: usize,
        /// Of the second one.
        right: usize,
    },
    /// A vector with none, or with too many.
    #[error("a vector must have 1 to {MAX_DIMENSIONS} dimensions, not {0}")]
    DimensionCount(usize),
    /// NaN or infinity.
    #[error("{what} must be finite: {}", Infinite(*.value))]
    NotFinite {
        /// What is not finite.
        what: &'static str,
        /// What it is.
        value: f64,
    },
    /// A half-life that is not positive, or too long; in microseconds.
    #[error("half_life must be positive and at most {}: {}", Length(MAX_HALF_LIFE), Length(*.0))]
    HalfLife(i64),
    /// Sums that decay differently; in microseconds.
    #[error("different half-lives {} and {}", Length(*.left), Length(*.right))]
    HalfLives {
        /// Of the first one.
        left: i64,
        /// Of the second one.
        right: i64,
    },
    /// No share.
    #[error("alpha must be between 0 and 1: {0}")]
    Alpha(f64),
    /// A sum beyond what a double holds.
    #[error("value out of range: overflow")]
    OutOfRange,
    /// Bytes or fields that no aggregate wrote.
    #[error("{0}")]
    Corrupt(String),
}

/// NaN or infinity, written as Postgres writes them.
struct Infinite(f64);

impl fmt::Display for Infinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_nan() {
            "NaN"
        } else if self.0 < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        })
    }
}

/// A length of time in microseconds, written as Postgres writes an interval.
pub struct Length(pub i64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: u64 = 1_000_000;
        let (days, rest) = (self.0.unsigned_abs() / (86_400 * SECOND), self.0.unsigned_abs() % (86_400 * SECOND));
        let sign = if self.0 < 0 { "-" } else { "" };
        if days != 0 {
            write!(f, "{sign}{days} day{}", if days == 1 { "" } else { "s" })?;
        }
        if days == 0 || rest != 0 {
            let seconds = rest / SECOND;
            write!(f, "{}{sign}{:02}:{:02}:{:02}", if days == 0 { "" } else { " " }, seconds / 3600, seconds / 60 % 60, seconds % 60)?;
            if rest % SECOND != 0 {
                write!(f, ".{}", format!("{:06}", rest % SECOND).trim_end_matches('0'))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_intervals() {
        let text = |micros| Length(micros).to_string();
        assert_eq!(text(0), "00:00:00");
        assert_eq!(text(86_400_000_000), "1 day");
        assert_eq!(text(7 * 86_400_000_000 + 3_723_500_000), "7 days 01:02:03.5");
        assert_eq!(text(-60_000_000), "-00:01:00");
        assert_eq!(text(i64::MAX), "106751991 days 04:00:54.775807");
        assert_eq!(text(i64::MIN), "-106751991 days -04:00:54.775808");
    }
}
