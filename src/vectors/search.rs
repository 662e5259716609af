//! The nearest vectors of a set: from its copy and the visible changes, or from the table where there is no copy that is good for the snapshot.
//! Both ways give the same ids and the same scores, to the bit.

use std::cmp::Ordering;
use std::rc::Rc;

use engine::topk::{self, Bitmap, Kernel, Part, Query, Question, Rows, Settings, TopkError};

use super::catalog::VectorSet;
use super::changes::Overlay;
use super::copy::Copy;
use super::error::{Result, VectorsError};
use super::state::State;
use super::{files, gpu, rows, threads};
use crate::key::Key;
use crate::pg::{interrupt, writing};
use crate::worker;

/// What is asked of a set.
pub struct Ask<'a> {
    /// The queries.
    pub queries: &'a [Query],
    /// How many rows for each.
    pub k: usize,
    /// Only rows of these ids.
    pub among: Option<&'a [Key]>,
    /// No rows of these ids.
    pub exclude: &'a [Key],
    /// What searches.
    pub device: Device,
}

/// What searches; the answer does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The GPU where that is faster, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU; the CPU only where the GPU does not answer, with a warning.
    Gpu,
}

/// The answer to a query: ids and cosines, the greatest first, equal ones in the order of ids.
pub type Answer = Vec<(Key, f32)>;

/// Answers each query. The caller has checked what the asker may see, and holds the set.
pub fn search(set: &VectorSet, ask: &Ask<'_>) -> Result<Vec<Answer>> {
    let state = State::of_copies(set.id);
    let dimensions = state.or_else(|| State::read(set.id)).and_then(|state| state.dimensions);
    if let Some(dimensions) = dimensions {
        check_dimensions(set, ask, dimensions)?;
    }
    // A statement that is just changing the table has changed rows that no trigger has seen yet.
    let state = state.filter(|_| !writing::is_written_by_running_statement(set.table()));
    match state.and_then(|state| opened(set, &state)) {
        // One that was made when there was no vector knows no length: what there is now are changes.
        Some(copy) if copy.manifest.dimensions > 0 => {
            check_dimensions(set, ask, copy.manifest.dimensions)?;
            let overlay = Overlay::visible(set, &copy)?;
            let answers = match gpu::answers(&overlay, ask)? {
                Some(answers) => answers,
                None => from_copy(&overlay, ask)?,
            };
            overlay.keep(set);
            Ok(answers)
        }
        _ => {
            // For who wonders why a question takes long.
            pgrx::debug1!("vector set \"{}\" is read from its table", set.name);
            from_table(set, ask, dimensions)
        }
    }
}

fn check_dimensions(set: &VectorSet, ask: &Ask<'_>, expected: u32) -> Result<()> {
    match ask.queries.iter().map(Query::dimensions).find(|found| *found != expected as usize) {
        Some(found) => Err(VectorsError::QueryDimensions { name: set.name.clone(), expected, found }),
        None => Ok(()),
    }
}

/// The copy that is good for a snapshot; without one, one is asked for.
fn opened(set: &VectorSet, state: &State) -> Option<Rc<Copy>> {
    let copy = Copy::open(set, state);
    if copy.is_none() {
        super::memory::warn_if_too_large(set);
        files::want(set.id);
        worker::want_copies();
    }
    copy
}

fn from_copy(overlay: &Overlay, ask: &Ask<'_>) -> Result<Vec<Answer>> {
    let copy = &*overlay.copy;
    let mut parts = Vec::with_capacity(copy.segments.len() + 1);
    for (segment, dead) in copy.segments.iter().zip(&overlay.dead) {
        parts.push(Part { rows: Rows::Segment(segment.vectors()?), dead: Some(Bitmap::new(dead)) });
    }
    parts.push(Part { rows: Rows::Units(&overlay.units), dead: None });
    let filters = filters(overlay, ask)?;
    let allowed: Vec<Option<Bitmap<'_>>> = filters.iter().flatten().map(|words| Some(Bitmap::new(words))).collect();
    let question = |query| Question { query, k: ask.k, allowed: &allowed, ties: true };
    let questions: Vec<Question<'_>> = ask.queries.iter().map(question).collect();
    let pool = threads::pool()?;
    let check = interrupt::checker();
    let settings = Settings { kernel: Kernel::best(), pool: pool.as_deref(), interrupt: &check };
    let found = topk::search_batch(&parts, &questions, &settings)?;
    let key = |hit: &topk::Hit| match copy.segments.get(hit.part as usize) {
        Some(_) => copy.key((hit.part as usize, hit.row)),
        None => Ok(overlay.keys[hit.row as usize].clone()),
    };
    let answer = |hits: Vec<topk::Hit>| {
        let mut answer: Answer = hits.iter().map(|hit| Ok((key(hit)?, hit.score))).collect::<Result<_>>()?;
        answer.sort_unstable_by(better);
        answer.truncate(ask.k);
        Ok(answer)
    };
    found.into_iter().map(answer).collect()
}

/// By part, the rows that may be in an answer; `None` for all.
pub(super) fn filters(overlay: &Overlay, ask: &Ask<'_>) -> Result<Option<Vec<Vec<u64>>>> {
    if ask.among.is_none() && ask.exclude.is_empty() {
        return Ok(None);
    }
    let copy = &overlay.copy;
    let rows = copy.segments.iter().map(|segment| segment.rows()).chain([overlay.keys.len()]);
    let start = if ask.among.is_some() { 0 } else { u64::MAX };
    let mut filters: Vec<Vec<u64>> = rows.map(|rows| vec![start; Bitmap::words_needed(rows)]).collect();
    let mut set = |key: &Key, allowed: bool| {
        let mut put = |part: usize, row: usize| {
            let (word, bit) = (&mut filters[part][row / 64], 1 << (row % 64));
            if allowed { *word |= bit } else { *word &= !bit }
        };
        match overlay.beside(key) {
            Ok(place) => place.into_iter().for_each(|row| put(copy.segments.len(), row)),
            Err(()) => {
                for place in copy.places(key) {
                    let (part, row) = place?;
                    put(part, row as usize);
                }
            }
        }
        Ok::<_, VectorsError>(())
    };
    ask.among.iter().copied().flatten().try_for_each(|key| set(key, true))?;
    ask.exclude.iter().try_for_each(|key| set(key, false))?;
    Ok(Some(filters))
}

/// The order of answers.
pub(super) fn better(a: &(Key, f32), b: &(Key, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))
}

/// The best of the rows so far.
struct Best {
    k: usize,
    /// Those of a score less than this are not among them.
    threshold: f32,
    rows: Answer,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, threshold: f32::NEG_INFINITY, rows: Vec::new() }
    }

    fn push(&mut self, key: &Key, score: f32) {
        if score < self.threshold {
            return;
        }
        self.rows.push((key.clone(), score));
        if self.rows.len() >= self.k.saturating_mul(2).saturating_add(64) {
            self.cut();
            self.threshold = self.rows.last().map_or(f32::NEG_INFINITY, |(_, score)| *score);
        }
    }

    fn cut(&mut self) {
        self.rows.sort_unstable_by(better);
        self.rows.truncate(self.k);
    }

    fn finish(mut self) -> Answer {
        self.cut();
        self.rows
    }
}

/// Reads all rows, or those asked for. Where no length is known yet, that of the queries is the one.
fn from_table(set: &VectorSet, ask: &Ask<'_>, known: Option<u32>) -> Result<Vec<Answer>> {
    let mut best: Vec<Best> = ask.queries.iter().map(|_| Best::new(ask.k)).collect();
    let excluded: rustc_hash::FxHashSet<&Key> = ask.exclude.iter().collect();
    let kernel = Kernel::best();
    let mut other_length = None;
    let mut meet = |key: &Key, vector: &[f32]| {
        if excluded.contains(key) {
            return;
        }
        for (query, best) in ask.queries.iter().zip(&mut best) {
            // What has other dimensions or no direction is in no answer.
            match kernel.cosine_from(query, vector, best.threshold) {
                Ok(Some(score)) => best.push(key, score),
                Err(TopkError::Dimensions { found, .. }) => other_length = Some(found),
                _ => {}
            }
        }
    };
    match ask.among {
        Some(keys) => {
            let mut keys = keys.to_vec();
            keys.sort_unstable();
            keys.dedup();
            for chunk in keys.chunks(1000) {
                interrupt::check();
                for (key, vector) in chunk.iter().zip(rows::lookup(set, chunk)?) {
                    vector.iter().for_each(|vector| meet(key, vector));
                }
            }
        }
        None => rows::each(set, |key, vector| {
            if let Some(vector) = vector {
                meet(&key, vector);
            }
            Ok(())
        })?,
    }
    let answers: Vec<Answer> = best.into_iter().map(Best::finish).collect();
    match other_length {
        Some(length) if known.is_none() && answers.iter().all(Vec::is_empty) => {
            Err(VectorsError::QueryDimensions { name: set.name.clone(), expected: length as u32, found: ask.queries[0].dimensions() })
        }
        _ => Ok(answers),
    }
}
