//! The search itself: one pass over the codes, then the scores of what is left.

use super::candidates::{Candidate, Candidates};
use super::kernel::{Kernel, Products, QUERIES};
use super::segment::{BLOCK, Segment};
use super::{Bitmap, Query, Result, TopkError, check_same_dimensions};
use crate::graph::interruptible;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;

/// How many products of numbers a thread computes between two checks for interrupts, about.
const WORK: usize = 1 << 26;

/// The most blocks that a thread reads between two checks for interrupts.
const BLOCKS: usize = 4096;

/// Where a filter leaves no more rows of a block than this, they are scored without a look at the codes.
const FEW: u32 = 8;

/// Where an `EXACT`-th part of the rows is wanted, or more, all are scored without a look at the codes.
const EXACT: usize = 8;

/// Vectors of one number of dimensions.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// Packed ones.
    Segment(Segment<'a>),
    /// Vectors scaled to length 1 by [`Kernel::normalize`], one after the other.
    Units(&'a [f32]),
}

/// Rows that are searched, with numbers of their own.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The rows.
    pub rows: Rows<'a>,
    /// Those that are there no more.
    pub dead: Option<Bitmap<'a>>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The vector that rows are compared with.
    pub query: &'a Query,
    /// How many rows.
    pub k: usize,
    /// By part: the rows that may be found, `None` for all of them. Empty where that is so for all parts.
    pub allowed: &'a [Option<Bitmap<'a>>],
    /// Whether to give, beyond the `k` rows, all others of the same score as the last one.
    pub ties: bool,
}

/// How to search.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The instructions to use, which the answer does not depend on.
    pub kernel: Kernel,
    /// The threads to use, on which the answer does not depend either; without, the calling one.
    pub pool: Option<&'a ThreadPool>,
    /// Called by the calling thread only, between stretches of work of about ten milliseconds; its error ends the search.
    pub interrupt: &'a dyn Fn() -> crate::Result<()>,
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The part it is in, by its place in the list.
    pub part: u32,
    /// Its number there.
    pub row: u32,
    /// Its cosine with the query, from -1 to 1, as [`Kernel::cosine`] gives it.
    pub score: f32,
}

impl Hit {
    /// The order of answers: by score, then by part and row.
    fn compare(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.part.cmp(&other.part)).then(self.row.cmp(&other.row))
    }
}

/// The `k` rows of the greatest score, in order of score; equal scores in order of part and row. Fewer where there are no more.
pub fn search(parts: &[Part<'_>], question: &Question<'_>, settings: &Settings<'_>) -> Result<Vec<Hit>> {
    Ok(search_batch(parts, std::slice::from_ref(question), settings)?.pop().unwrap_or_default())
}

/// The answers that [`search`] gives to each of the questions, in one pass over the rows.
pub fn search_batch(parts: &[Part<'_>], questions: &[Question<'_>], settings: &Settings<'_>) -> Result<Vec<Vec<Hit>>> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let dimensions = first.query.dimensions();
    let scan = Scan::new(parts, questions, settings.kernel, dimensions)?;
    let threads = settings.pool.map_or(1, ThreadPool::current_num_threads);
    let mut workers: Vec<Worker> = (0..threads).map(|_| scan.worker()).collect();
    let step = (WORK / (BLOCK * dimensions * questions.len())).clamp(1, BLOCKS);
    for (number, part) in scan.parts.iter().enumerate() {
        let blocks = part.len.div_ceil(BLOCK);
        for start in (0..blocks).step_by(step * threads) {
            (settings.interrupt)()?;
            let end = blocks.min(start + step * threads);
            let share = (end - start).div_ceil(threads);
            let range = |thread: usize| end.min(start + thread * share)..end.min(start + (thread + 1) * share);
            match settings.pool {
                None => workers.iter_mut().for_each(|worker| scan.read(number, start..end, worker)),
                Some(pool) => pool.install(|| {
                    workers.par_iter_mut().enumerate().for_each(|(thread, worker)| scan.read(number, range(thread), worker));
                }),
            }
        }
    }
    let left = workers.into_iter().reduce(|mut all, worker| {
        all.candidates.iter_mut().zip(worker.candidates).for_each(|(all, candidates)| all.extend(candidates));
        all
    });
    let mut left: Vec<_> = left.into_iter().flat_map(|worker| worker.candidates).map(Candidates::finish).collect();
    scan.score(&mut left, settings)?;
    left.into_iter().zip(questions).map(|(candidates, question)| best(candidates, question, settings.interrupt)).collect()
}

/// A part, and what it is like.
struct Searched<'a> {
    part: &'a Part<'a>,
    len: usize,
}

/// What all threads share.
struct Scan<'a> {
    parts: Vec<Searched<'a>>,
    questions: &'a [Question<'a>],
    kernel: Kernel,
    dimensions: usize,
    /// How many rows all parts have.
    rows: usize,
}

/// What each thread has of its own.
struct Worker {
    /// By question.
    candidates: Vec<Candidates>,
    products: [Products; QUERIES],
}

impl<'a> Scan<'a> {
    /// Checks that all has the same dimensions, and that there is a filter for each part.
    fn new(parts: &'a [Part<'a>], questions: &'a [Question<'a>], kernel: Kernel, dimensions: usize) -> Result<Self> {
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

    fn worker(&self) -> Worker {
        let candidates = self.questions.iter().map(|question| Candidates::new(question.k.clamp(1, self.rows.max(1))));
        Worker { candidates: candidates.collect(), products: [[0; BLOCK]; QUERIES] }
    }

    /// Looks for candidates in some blocks of 64 rows of a part.
    fn read(&self, number: usize, blocks: Range<usize>, worker: &mut Worker) {
        let Searched { part, len } = self.parts[number];
        let mut group = [(0, 0); QUERIES];
        for block in blocks {
            let existing = u64::MAX >> (BLOCK - (len - block * BLOCK).min(BLOCK));
            let alive = existing & !part.dead.map_or(0, |dead| dead.word(block));
            let mut grouped = 0;
            for (place, question) in self.questions.iter().enumerate() {
                let filter = question.allowed.get(number).copied().flatten();
                let rows = alive & filter.map_or(u64::MAX, |filter| filter.word(block));
                if rows == 0 || question.k == 0 {
                    continue;
                }
                let exact = matches!(part.rows, Rows::Units(_)) || question.k >= len / EXACT || rows.count_ones() <= FEW;
                if exact {
                    self.read_vectors(number, block, (place, rows), worker);
                    continue;
                }
                group[grouped] = (place, rows);
                grouped += 1;
                if grouped == QUERIES {
                    self.read_codes(number, block, &group, worker);
                    grouped = 0;
                }
            }
            if grouped > 0 {
                self.read_codes(number, block, &group[..grouped], worker);
            }
        }
    }

    /// Looks for candidates of up to [`QUERIES`] questions in a block by the codes.
    #[inline]
    fn read_codes(&self, number: usize, place: usize, group: &[(usize, u64)], worker: &mut Worker) {
        let Rows::Segment(segment) = self.parts[number].part.rows else { return };
        let block = segment.block(place);
        let queries: [&Query; QUERIES] = std::array::from_fn(|i| self.questions[group[i.min(group.len() - 1)].0].query);
        self.kernel.products(block.groups, &queries[..group.len()], &mut worker.products);
        for (&(question, rows), products) in group.iter().zip(&worker.products) {
            let bound = self.questions[question].query.bound();
            let candidates = &mut worker.candidates[question];
            let mut reaching = rows & self.kernel.reaching(products, &block, bound, candidates.threshold());
            while reaching != 0 {
                let row = reaching.trailing_zeros() as usize;
                reaching &= reaching - 1;
                let (least, most) = bound.range(products[row], block.scales[row], block.residuals[row]);
                candidates.push(Candidate { part: number as u32, row: (place * BLOCK + row) as u32, least, most });
            }
        }
    }

    /// Scores the rows of a block for a question.
    fn read_vectors(&self, number: usize, block: usize, (question, mut rows): (usize, u64), worker: &mut Worker) {
        let candidates = &mut worker.candidates[question];
        while rows != 0 {
            let row = block * BLOCK + rows.trailing_zeros() as usize;
            rows &= rows - 1;
            let score = self.kernel.score(self.questions[question].query, self.unit(number, row));
            // Written so that what is not a number is a candidate.
            if !matches!(score.partial_cmp(&candidates.threshold()), Some(Ordering::Less)) {
                candidates.push(Candidate { part: number as u32, row: row as u32, least: score, most: score });
            }
        }
    }

    /// The vector of a row, scaled to length 1.
    fn unit(&self, number: usize, row: usize) -> &'a [f32] {
        match self.parts[number].part.rows {
            Rows::Segment(segment) => segment.unit(row as u32),
            Rows::Units(vectors) => &vectors[row * self.dimensions..][..self.dimensions],
        }
    }

    /// Puts the scores of candidates in the place of their bounds; the lists are those of the questions.
    fn score(&self, left: &mut [Vec<Candidate>], settings: &Settings<'_>) -> Result<()> {
        let score = |question: usize, candidate: &mut Candidate| {
            if candidate.least != candidate.most {
                let unit = self.unit(candidate.part as usize, candidate.row as usize);
                let score = self.kernel.score(self.questions[question].query, unit);
                (candidate.least, candidate.most) = (score, score);
            }
        };
        let step = (WORK / 16 / self.dimensions).max(1);
        let mut unchecked = 0;
        for (question, candidates) in left.iter_mut().enumerate() {
            // In the order of memory.
            interruptible::sort_unstable_by(candidates, settings.interrupt, |a, b| (a.part, a.row).cmp(&(b.part, b.row)))?;
            for some in candidates.chunks_mut(step) {
                unchecked += some.len();
                if unchecked >= step {
                    unchecked = 0;
                    (settings.interrupt)()?;
                }
                match settings.pool {
                    Some(pool) if some.len() >= 1024 => {
                        pool.install(|| some.par_chunks_mut(256).for_each(|few| few.iter_mut().for_each(|one| score(question, one))));
                    }
                    _ => some.iter_mut().for_each(|one| score(question, one)),
                }
            }
        }
        Ok(())
    }
}

/// The answer to a question among its scored candidates.
fn best(candidates: Vec<Candidate>, question: &Question<'_>, interrupt: &dyn Fn() -> crate::Result<()>) -> Result<Vec<Hit>> {
    let hit = |candidate: Candidate| Hit { part: candidate.part, row: candidate.row, score: candidate.most };
    let mut hits: Vec<Hit> = candidates.into_iter().map(hit).collect();
    if !question.ties {
        interruptible::keep_first(&mut hits, question.k, interrupt, Hit::compare)?;
        return Ok(hits);
    }
    interruptible::sort_unstable_by(&mut hits, interrupt, Hit::compare)?;
    if let Some(last) = question.k.checked_sub(1).and_then(|last| hits.get(last)).map(|hit| hit.score) {
        hits.truncate(hits.partition_point(|hit| hit.score.total_cmp(&last) != Ordering::Less));
    }
    Ok(hits)
}
