//! The search itself: one pass over the upper plane of the codes, the lower one where many rows of a block are left, then the scores of what is left.

use super::candidates::{Candidate, Candidates};
use super::kernel::{Kernel, is_less};
use super::question::{Part, Question};
use super::scan::{Scan, WORK, Worker};
use super::segment::BLOCK;
use super::{Result, TopkError};
use crate::graph::interruptible;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::cmp::Ordering;

/// The most blocks that a thread reads between two checks for interrupts.
const BLOCKS: usize = 4096;

/// How many questions are finished between two checks for interrupts.
const GROUP: usize = 64;

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
    let mut on_each = |work: &(dyn Fn(usize, &mut Worker) + Sync)| {
        (settings.interrupt)()?;
        match settings.pool {
            None => workers.iter_mut().enumerate().for_each(|(thread, worker)| work(thread, worker)),
            Some(pool) => pool.install(|| workers.par_iter_mut().enumerate().for_each(|(thread, worker)| work(thread, worker))),
        }
        Ok::<_, TopkError>(())
    };
    let step = (WORK / (BLOCK * dimensions * questions.len())).clamp(1, BLOCKS);
    for (number, rows) in scan.lengths().enumerate() {
        let blocks = rows.div_ceil(BLOCK);
        for start in (0..blocks).step_by(step * threads) {
            let end = blocks.min(start + step * threads);
            let share = (end - start).div_ceil(threads);
            let range = |thread: usize| end.min(start + thread * share)..end.min(start + (thread + 1) * share);
            on_each(&|thread, worker| scan.read(number, range(thread), worker))?;
        }
    }
    on_each(&|_, worker| scan.read_waiting(worker))?;
    let left = workers.into_iter().reduce(|mut all, worker| {
        all.candidates.iter_mut().zip(worker.candidates).for_each(|(all, candidates)| all.extend(candidates));
        all
    });
    let mut left: Vec<_> = left.into_iter().flat_map(|worker| worker.candidates).map(Candidates::finish).collect();
    scan.score(&mut left, settings)?;
    left.into_iter().zip(questions).map(|(candidates, question)| best(candidates, question, settings.interrupt)).collect()
}

impl Scan<'_> {
    /// Puts the scores of candidates in the place of their bounds, and drops such as are not among the best; the lists are those of the questions.
    fn score(&self, left: &mut [Vec<Candidate>], settings: &Settings<'_>) -> Result<()> {
        let few = self.scores_between_checks() / GROUP;
        for (number, group) in left.chunks_mut(GROUP).enumerate() {
            (settings.interrupt)()?;
            let small = |(place, candidates): (usize, &mut Vec<Candidate>)| match candidates.len() > few {
                true => Ok(()),
                false => self.score_all(number * GROUP + place, candidates, &|| Ok(()), None),
            };
            match settings.pool {
                None => group.iter_mut().enumerate().try_for_each(small)?,
                Some(pool) => pool.install(|| group.par_iter_mut().enumerate().try_for_each(small))?,
            }
            for (place, candidates) in group.iter_mut().enumerate().filter(|(_, candidates)| candidates.len() > few) {
                self.score_all(number * GROUP + place, candidates, settings.interrupt, settings.pool)?;
            }
        }
        Ok(())
    }

    /// The same for one question.
    fn score_all(
        &self,
        question: usize,
        candidates: &mut Vec<Candidate>,
        check: &dyn Fn() -> crate::Result<()>,
        pool: Option<&ThreadPool>,
    ) -> Result<()> {
        let Question { query, k, .. } = self.questions[question];
        let score = |candidate: &mut Candidate| {
            if candidate.least != candidate.most {
                let score = self.kernel.score(query, self.unit(candidate.part as usize, candidate.row as usize));
                (candidate.least, candidate.most) = (score, score);
            }
        };
        let each = |some: &mut [Candidate]| {
            some.chunks_mut(self.scores_between_checks()).try_for_each(|some| {
                check()?;
                match pool {
                    None => some.iter_mut().for_each(score),
                    Some(pool) => pool.install(|| some.par_chunks_mut(256).for_each(|some| some.iter_mut().for_each(score))),
                }
                Ok::<_, TopkError>(())
            })
        };
        if k > 0 && candidates.len() / 2 > k {
            // The scores of the most promising ones are a better threshold than their bounds were.
            candidates.select_nth_unstable_by(k - 1, |a, b| b.most.total_cmp(&a.most));
            each(&mut candidates[..k])?;
            let threshold = candidates[..k].iter().fold(f32::INFINITY, |least, candidate| least.min(candidate.least));
            candidates.retain(|candidate| !is_less(candidate.most, threshold));
        }
        // In the order of memory.
        interruptible::sort_unstable_by(candidates, check, |a, b| (a.part, a.row).cmp(&(b.part, b.row)))?;
        each(candidates)
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
