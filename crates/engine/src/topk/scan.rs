//! Reading the rows of a search: the upper plane of the codes for one question, the whole codes for several.

use super::candidates::{Candidate, Candidates};
use super::kernel::{Bound, Kernel, Look, QUERIES, Search, is_less, prefetch_vector};
use super::question::{Part, Question, Rows};
use super::segment::{BLOCK, Block, Group, Plane, Segment};
use super::{Result, TopkError, check_same_dimensions};
use std::ops::Range;

/// How many products of numbers a thread computes between two checks for interrupts, about.
pub(super) const WORK: usize = 1 << 26;

/// Where a filter leaves no more rows of a block than this, they are scored without a look at the codes.
const FEW: u32 = 2;

/// Where the upper plane leaves no more rows of a block than this, they are scored without a look at the lower plane: that takes as many bytes as the
/// vectors of eight rows.
const SPARSE: u32 = 8;

/// How many rows may wait until they are scored.
const WAITING: usize = 1 << 15;

/// How many rows ahead of the one that is scored the vectors are brought into the cache.
const AHEAD: usize = 8;

/// Where an `EXACT`-th part of the rows is wanted, or more, all are scored without a look at the codes.
const EXACT: usize = 8;

/// A part, and what it is like.
struct Searched<'a> {
    part: &'a Part<'a>,
    len: usize,
}

/// What all threads share.
pub(super) struct Scan<'a> {
    parts: Vec<Searched<'a>>,
    pub questions: &'a [Question<'a>],
    pub kernel: Kernel,
    dimensions: usize,
    /// How many rows all parts have.
    rows: usize,
}

/// What each thread has of its own.
pub(super) struct Worker {
    /// By question.
    pub candidates: Vec<Candidates>,
    looks: [Look; QUERIES],
    /// Those of one block.
    codes: Vec<Group>,
    upper: UpperBound,
    /// Of the only question.
    waiting: Vec<Waiting>,
}

/// Which rows the upper plane leaves out for the only question, by a threshold.
#[derive(Debug, Clone, Copy)]
struct UpperBound {
    threshold: f32,
    bound: Bound,
}

/// A row that the upper plane does not rule out, though by its estimate it is not among the best: scored when better rows are known, most are ruled out.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    part: u32,
    row: u32,
    /// Its score is at most that.
    most: f32,
}

impl<'a> Scan<'a> {
    /// Checks that all has the same dimensions, and that there is a filter for each part.
    pub fn new(parts: &'a [Part<'a>], questions: &'a [Question<'a>], kernel: Kernel, dimensions: usize) -> Result<Self> {
        for question in questions {
            check_same_dimensions(dimensions, question.query.dimensions())?;
            if !question.allowed.is_empty() && question.allowed.len() != parts.len() {
                return Err(TopkError::Filters { expected: parts.len(), found: question.allowed.len() });
            }
        }
        let searched = |part: &'a Part<'a>| {
            let len = match part.rows {
                Rows::Segment(segment) => {
                    check_same_dimensions(dimensions, segment.dimensions())?;
                    segment.rows()
                }
                Rows::Units(vectors) => {
                    check_same_dimensions(0, vectors.len() % dimensions)?;
                    vectors.len() / dimensions
                }
            };
            if u32::try_from(len).is_err() { Err(TopkError::TooManyRows { rows: len }) } else { Ok(Searched { part, len }) }
        };
        let parts = parts.iter().map(searched).collect::<Result<Vec<_>>>()?;
        let rows = parts.iter().map(|part| part.len).sum();
        Ok(Self { parts, questions, kernel, dimensions, rows })
    }

    /// How many rows each part has.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.len)
    }

    /// What a thread begins with.
    pub fn worker(&self) -> Worker {
        let candidates: Vec<_> = self.questions.iter().map(|question| Candidates::new(question.k.clamp(1, self.rows.max(1)))).collect();
        let upper = UpperBound { threshold: f32::NEG_INFINITY, bound: self.questions[0].query.upper_bound(f32::NEG_INFINITY) };
        Worker { candidates, looks: [Look::NONE; QUERIES], codes: Vec::new(), upper, waiting: Vec::new() }
    }

    /// Looks for candidates in some blocks of 64 rows of a part.
    pub fn read(&self, number: usize, blocks: Range<usize>, worker: &mut Worker) {
        let Searched { part, len } = self.parts[number];
        for place in blocks {
            let existing = u64::MAX >> (BLOCK - (len - place * BLOCK).min(BLOCK));
            let alive = existing & !part.dead.map_or(0, |dead| dead.word(place));
            let segment = match part.rows {
                Rows::Segment(segment) => Some(segment),
                Rows::Units(_) => None,
            };
            let mut group = [(0, 0); QUERIES];
            let mut grouped = 0;
            worker.codes.clear();
            for (asked, question) in self.questions.iter().enumerate() {
                let filter = question.allowed.get(number).copied().flatten();
                let rows = alive & filter.map_or(u64::MAX, |filter| filter.word(place));
                if rows == 0 || question.k == 0 {
                    continue;
                }
                let Some(segment) = segment.filter(|_| question.k < len / EXACT && rows.count_ones() > FEW) else {
                    let candidates = &mut worker.candidates[asked];
                    each_row(rows, |row| self.read_vector(question, (number, place * BLOCK + row), candidates));
                    continue;
                };
                if self.questions.len() == 1 {
                    self.read_upper((number, place), &segment, (question, rows), worker);
                    continue;
                }
                group[grouped] = (asked, rows);
                grouped += 1;
                if grouped == QUERIES {
                    self.read_codes((number, place), &segment, &group, worker);
                    grouped = 0;
                }
            }
            if let Some(segment) = segment.filter(|_| grouped > 0) {
                self.read_codes((number, place), &segment, &group[..grouped], worker);
            }
            if worker.waiting.len() >= WAITING.min(self.scores_between_checks()) {
                self.read_waiting(worker);
            }
        }
    }

    /// Looks for candidates of the only question in a block by the upper plane of the codes: reading takes the time.
    #[inline]
    fn read_upper(&self, at: (usize, usize), segment: &Segment<'_>, (question, rows): (&Question<'_>, u64), worker: &mut Worker) {
        let Worker { candidates, looks: [look, ..], upper, waiting, .. } = worker;
        let (candidates, query) = (&mut candidates[0], question.query);
        let threshold = candidates.threshold();
        if threshold != upper.threshold {
            *upper = UpperBound { threshold, bound: query.upper_bound(threshold) };
        }
        let (block, bound) = (segment.block(Plane::Upper, at.1), upper.bound);
        look.products.fill(query.correction(8));
        self.kernel.look(&block, &Search { query, threshold, bound }, look);
        let rows = rows & look.rows;
        if rows.count_ones() > SPARSE {
            // A code is 16 times its number in the upper plane, and that in the lower one.
            look.products.iter_mut().for_each(|product| *product = 16 * *product + query.correction(8));
            let (block, bound) = (segment.block(Plane::Lower, at.1), query.bound());
            self.kernel.look(&block, &Search { query, threshold, bound }, look);
            push_all(at, &block, (bound, look, rows), candidates);
            return;
        }
        each_row(rows, |place| {
            let (part, row) = (at.0, at.1 * BLOCK + place);
            if is_less(bound.estimate(look.products[place], block.scales[place]), threshold) {
                let (_, most) = bound.range(look.products[place], block.scales[place], block.residuals[place]);
                waiting.push(Waiting { part: part as u32, row: row as u32, most });
            } else {
                self.read_vector(question, (part, row), candidates);
            }
        });
    }

    /// Looks for candidates of up to [`QUERIES`] of several questions in a block by the whole codes: computing takes the time.
    #[inline]
    fn read_codes(&self, at: (usize, usize), segment: &Segment<'_>, group: &[(usize, u64)], worker: &mut Worker) {
        let Worker { candidates, looks, codes, .. } = worker;
        let lower = segment.block(Plane::Lower, at.1);
        if codes.is_empty() {
            self.kernel.join(&segment.block(Plane::Upper, at.1), &lower, codes);
        }
        let searches: [Search<'_>; QUERIES] = std::array::from_fn(|i| {
            let question = group[i.min(group.len() - 1)].0;
            let query = self.questions[question].query;
            Search { query, threshold: candidates[question].threshold(), bound: query.bound() }
        });
        self.kernel.look_all(codes, &lower, &searches[..group.len()], looks);
        for (&(question, rows), (search, look)) in group.iter().zip(searches.iter().zip(&*looks)) {
            push_all(at, &lower, (search.bound, look, rows), &mut candidates[question]);
        }
    }

    /// Scores the rows that wait.
    pub fn read_waiting(&self, worker: &mut Worker) {
        let Worker { candidates: all, waiting, .. } = worker;
        let [candidates] = &mut all[..] else { return };
        let threshold = candidates.threshold();
        waiting.retain(|row| !is_less(row.most, threshold));
        for (place, row) in waiting.iter().enumerate() {
            if let Some(next) = waiting.get(place + AHEAD) {
                prefetch_vector(self.unit(next.part as usize, next.row as usize));
            }
            self.read_vector(&self.questions[0], (row.part as usize, row.row as usize), candidates);
        }
        waiting.clear();
    }

    /// Scores a row for a question.
    fn read_vector(&self, question: &Question<'_>, (part, row): (usize, usize), candidates: &mut Candidates) {
        let (unit, threshold) = (self.unit(part, row), candidates.threshold());
        if self.kernel.is_below(question.query, unit, threshold, [0; 2]) {
            return;
        }
        let score = self.kernel.score(question.query, unit);
        if !is_less(score, threshold) {
            candidates.push(Candidate { part: part as u32, row: row as u32, least: score, most: score });
        }
    }

    /// The vector of a row, scaled to length 1.
    pub fn unit(&self, number: usize, row: usize) -> &'a [f32] {
        match self.parts[number].part.rows {
            Rows::Segment(segment) => segment.unit(row as u32),
            Rows::Units(vectors) => &vectors[row * self.dimensions..][..self.dimensions],
        }
    }

    /// How many scores a thread computes between two checks for interrupts. Each is read from anywhere, which takes longer than computing it.
    pub fn scores_between_checks(&self) -> usize {
        (WORK / 16 / self.dimensions).max(1)
    }
}

/// Adds those of the rows of a block as candidates that a look at their whole codes has found.
#[inline]
fn push_all((part, place): (usize, usize), lower: &Block<'_>, (bound, look, rows): (Bound, &Look, u64), candidates: &mut Candidates) {
    each_row(rows & look.rows, |row| {
        let (least, most) = bound.range(look.products[row], lower.scales[row], lower.residuals[row]);
        candidates.push(Candidate { part: part as u32, row: (place * BLOCK + row) as u32, least, most });
    });
}

/// Hands over the places of the bits that are set.
#[inline(always)]
fn each_row(mut rows: u64, mut each: impl FnMut(usize)) {
    while rows != 0 {
        each(rows.trailing_zeros() as usize);
        rows &= rows - 1;
    }
}
