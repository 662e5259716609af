//! Sets of rows.

/// A set of rows of a part: bit `row % 64` of word `row / 64`. Rows beyond the words are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bitmap<'a> {
    words: &'a [u64],
}

impl<'a> Bitmap<'a> {
    /// The set that the words make.
    pub fn new(words: &'a [u64]) -> Self {
        Self { words }
    }

    /// How many words hold the bits of so many rows.
    pub fn words_needed(rows: usize) -> usize {
        rows.div_ceil(64)
    }

    /// Puts a row into the set that the words make.
    ///
    /// # Panics
    ///
    /// If the words do not reach that far.
    pub fn insert(words: &mut [u64], row: u32) {
        words[row as usize / 64] |= 1 << (row % 64);
    }

    /// Whether a row is in the set.
    pub fn contains(&self, row: u32) -> bool {
        self.word(row as usize / 64) >> (row % 64) & 1 == 1
    }

    /// The rows `64 * place` to `64 * place + 63`, one bit each.
    pub(super) fn word(&self, place: usize) -> u64 {
        self.words.get(place).copied().unwrap_or(0)
    }
}
