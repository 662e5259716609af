//! Which version of a model answers for whom.
//!
//! Each unit (a user, a session) has a version of its own, chosen by weighted rendezvous hashing: for each version the unit and the version
//! give a number h, even in (0, 1), and the version with the least `-ln(h) / share` answers. The chance of a version is its share, and a unit
//! changes only where the versions' shares do: one that grows takes units, and gives none away.
//! (Thaler and Ravishankar 1998; the weights as in Mosko and Schindelhauer, "Weighted distributed hash tables", 2005.)

use std::collections::BTreeMap;

/// What is wrong with a split.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrafficError {
    /// No version at all.
    #[error("a traffic split must name a version")]
    Empty,
    /// A share that is no percentage.
    #[error("version {version} cannot have a share of {share}")]
    Share {
        /// The version.
        version: i32,
        /// Its share.
        share: f64,
    },
    /// Shares that are not all of it.
    #[error("the shares add up to {0}, not to 100")]
    Sum(f64),
}

/// The shares of the versions, in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic(Vec<(i32, f64)>);

impl Traffic {
    /// Shares that add up to 100.
    pub fn new(shares: &BTreeMap<i32, f64>) -> Result<Self, TrafficError> {
        if shares.is_empty() {
            return Err(TrafficError::Empty);
        }
        if let Some((&version, &share)) = shares.iter().find(|(_, share)| !(0.0..=100.0).contains(*share)) {
            return Err(TrafficError::Share { version, share });
        }
        let sum: f64 = shares.values().sum();
        if (sum - 100.0).abs() > 1e-6 {
            return Err(TrafficError::Sum(sum));
        }
        Ok(Self(shares.iter().map(|(version, share)| (*version, *share)).filter(|(_, share)| *share > 0.0).collect()))
    }

    /// The version for a unit, of which `unit` is a 64-bit hash.
    pub fn version(&self, unit: u64) -> i32 {
        let cost = |&(version, share): &(i32, f64)| -even(mix(unit, version)).ln() / share;
        let least = self.0.iter().map(|entry| (entry.0, cost(entry))).min_by(|(_, left), (_, right)| left.total_cmp(right));
        least.map_or(0, |(version, _)| version)
    }

    /// The versions that have a share, in their order.
    pub fn versions(&self) -> impl Iterator<Item = i32> + '_ {
        self.0.iter().map(|(version, _)| *version)
    }
}

/// A number in (0, 1) of the upper 53 bits.
fn even(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014) over both.
fn mix(unit: u64, version: i32) -> u64 {
    let mut hash = unit ^ u64::from(version.cast_unsigned()).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
