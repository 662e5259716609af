//! What may be among the best.

/// A row that may be among the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Where its vector is: which part.
    pub part: u32,
    /// Which row of the part.
    pub row: u32,
    /// Its score is at least that.
    pub least: f32,
    /// Its score is at most that; the same where the score is known.
    pub most: f32,
}

/// The candidates of one query so far.
#[derive(Debug)]
pub(super) struct Candidates {
    wanted: usize,
    threshold: f32,
    /// How many there may be before they are looked through.
    limit: usize,
    found: Vec<Candidate>,
}

impl Candidates {
    /// None yet, of which the best `wanted` ones, at least one, are to be found.
    pub fn new(wanted: usize) -> Self {
        Self { wanted, threshold: f32::NEG_INFINITY, limit: limit(wanted), found: Vec::new() }
    }

    /// Scores below this are not among the best: as many rows as wanted have it or more.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Adds a candidate.
    #[inline]
    pub fn push(&mut self, candidate: Candidate) {
        self.found.push(candidate);
        if self.found.len() >= self.limit {
            self.prune();
        }
    }

    /// Takes those of another search for the same.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
        self.prune();
    }

    /// Those that are left, in no order.
    pub fn finish(mut self) -> Vec<Candidate> {
        self.prune();
        self.found
    }

    /// Raises the threshold to the least bound that as many as wanted have, and drops what does not reach it.
    fn prune(&mut self) {
        if self.found.len() >= self.wanted {
            let (_, last, _) = self.found.select_nth_unstable_by(self.wanted - 1, |a, b| b.least.total_cmp(&a.least));
            self.threshold = self.threshold.max(last.least);
            let threshold = self.threshold;
            // What is not a number stays, and is scored.
            self.found.retain(|candidate| !matches!(candidate.most.partial_cmp(&threshold), Some(std::cmp::Ordering::Less)));
        }
        self.limit = limit(self.found.len().max(self.wanted));
    }
}

/// Room for as many again, so that looking through all of them costs each a constant.
fn limit(kept: usize) -> usize {
    kept.saturating_mul(2).saturating_add(64)
}
