//! Scores in their order, with how many rows of each label have them.

use rustc_hash::FxHashMap;

/// How many of a score's 32 bits are dropped where scores are told apart coarsely: a sign, 8 bits of the exponent and 11 of the fraction stay.
const DROPPED: u32 = 12;

/// Rows of one score, or of scores that are not told apart.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The lowest score.
    pub low: f32,
    /// The highest score.
    pub high: f32,
    /// Rows whose label is false.
    pub negatives: u64,
    /// Rows whose label is true.
    pub positives: u64,
    /// The sum of the scores.
    pub sum: f64,
}

impl Group {
    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.negatives + self.positives
    }

    fn add(&mut self, score: f32, positive: bool) {
        self.low = self.low.min(score);
        self.high = self.high.max(score);
        *(if positive { &mut self.positives } else { &mut self.negatives }) += 1;
        self.sum += f64::from(score);
    }
}

/// A number that is ordered as the score is; both zeros are one.
fn key(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn score(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// The scores of all rows.
#[derive(Clone, Debug)]
pub enum Order {
    /// Each one, of the rows whose label is false and of those whose label is true.
    Exact([Vec<u32>; 2]),
    /// Grouped by their first bits.
    Coarse(FxHashMap<u32, Group>),
}

impl Order {
    /// Adds a row.
    pub fn push(&mut self, score: f32, positive: bool) {
        match self {
            Self::Exact(keys) => keys[usize::from(positive)].push(key(score)),
            Self::Coarse(groups) => {
                let empty = Group { low: score, high: score, negatives: 0, positives: 0, sum: 0.0 };
                groups.entry(key(score) >> DROPPED).or_insert(empty).add(score, positive);
            }
        }
    }

    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Exact(keys) => keys.iter().map(|keys| keys.capacity() * size_of::<u32>()).sum(),
            Self::Coarse(groups) => groups.capacity() * (size_of::<(u32, Group)>() + 1),
        }
    }

    /// Tells scores apart by their first bits only from now on.
    pub fn coarsen(&mut self) {
        if let Self::Exact(keys) = self {
            let keys = std::mem::take(keys);
            *self = Self::Coarse(FxHashMap::default());
            for (positive, keys) in [false, true].into_iter().zip(keys) {
                keys.into_iter().for_each(|key| self.push(score(key), positive));
            }
        }
    }

    /// Calls `visit` with each group of equal scores, the lowest first.
    pub fn visit(self, mut visit: impl FnMut(&Group)) {
        match self {
            Self::Exact([mut negatives, mut positives]) => {
                negatives.sort_unstable();
                positives.sort_unstable();
                let (mut negatives, mut positives) = (&negatives[..], &positives[..]);
                while let Some(key) = negatives.first().into_iter().chain(positives.first()).min().copied() {
                    let score = score(key);
                    let count = [take_equal(&mut negatives, key), take_equal(&mut positives, key)];
                    let sum = f64::from(score) * (count[0] + count[1]) as f64;
                    visit(&Group { low: score, high: score, negatives: count[0], positives: count[1], sum });
                }
            }
            Self::Coarse(groups) => {
                let mut groups: Vec<(u32, Group)> = groups.into_iter().collect();
                groups.sort_unstable_by_key(|(key, _)| *key);
                groups.iter().for_each(|(_, group)| visit(group));
            }
        }
    }
}

/// Takes what equals `key` off the front, and says how many these were.
fn take_equal(keys: &mut &[u32], key: u32) -> u64 {
    let count = keys.iter().take_while(|other| **other == key).count();
    *keys = &keys[count..];
    count as u64
}
