//! The nearest vectors of a set by the GPU: the rows of the copy are searched there, the changes here.

use engine::topk::{self, Bitmap, Kernel, Part, Query, Question, Rows, Settings};
use gpu_service::protocol::{Hit, Search, Segment};

use super::changes::Overlay;
use super::copy::Copy;
use super::error::Result;
use super::search::{Answer, Ask, Device, better, filters};
use super::segment::SegmentFile;
use crate::gpu::client::{self, Fallback};
use crate::pg::interrupt;

/// From how many bytes of vectors on, all queries together, the way to the GPU is shorter than reading them.
const WORTH_ASKING: u64 = 64 << 20;
/// How many rows more than wanted the GPU is asked for, so that rows of equal scores at the end show.
const SPARE: u32 = 32;
/// How far the scores of the GPU may be from those of the CPU, twice.
const MARGIN: f32 = 1e-5;

/// The answers, the same as the CPU's to the bit; `None` where the CPU has to give them.
pub fn answers(overlay: &Overlay, ask: &Ask<'_>) -> Result<Option<Vec<Answer>>> {
    let bytes: u64 = overlay.copy.segments.iter().map(|segment| segment.place().1).sum();
    let wanted = match ask.device {
        Device::Cpu => false,
        Device::Gpu => !ask.queries.is_empty(),
        Device::Auto => bytes.saturating_mul(ask.queries.len() as u64) >= WORTH_ASKING && client::is_running(),
    };
    if !wanted {
        return Ok(None);
    }
    match asked(overlay, ask)? {
        Ok(answers) => Ok(Some(answers)),
        Err(fallback) => {
            client::note_fallback(&fallback, ask.device == Device::Gpu);
            Ok(None)
        }
    }
}

/// Asks the GPU for the rows of the copy, scores them once more, and adds the changes.
fn asked(overlay: &Overlay, ask: &Ask<'_>) -> Result<std::result::Result<Vec<Answer>, Fallback>> {
    let copy = &*overlay.copy;
    let filters = filters(overlay, ask)?;
    let Some(k) = u32::try_from(ask.k).ok().and_then(|k| k.checked_add(SPARE)) else {
        return Ok(Err(Fallback::Refused(format!("{} rows are too many", ask.k))));
    };
    let segment = |(place, segment): (usize, &SegmentFile)| {
        let ((offset, length), dead) = (segment.place(), &overlay.dead[place]);
        let allowed = match &filters {
            Some(filters) => filters[place].iter().zip(dead).map(|(allowed, dead)| allowed & !dead).collect(),
            None if dead.iter().all(|word| *word == 0) => Vec::new(),
            None => dead.iter().map(|word| !word).collect(),
        };
        Segment { path: copy.path(place).to_string_lossy().into_owned(), offset, length, allowed }
    };
    let segments = copy.segments.iter().enumerate().map(segment).collect();
    let queries = ask.queries.iter().map(|query| query.unit().to_vec()).collect();
    let found = match client::search(Search { segments, queries, k }) {
        Ok(found) if found.len() == ask.queries.len() => found,
        Ok(_) => return Ok(Err(Fallback::Broken("it answered another question".into()))),
        Err(fallback) => return Ok(Err(fallback)),
    };
    let mut answers = Vec::with_capacity(found.len());
    for (query, hits) in ask.queries.iter().zip(found) {
        let Some(mut answer) = proven(copy, query, &hits, ask.k, k as usize)? else {
            return Ok(Err(Fallback::Refused("too many rows have nearly the same score".into())));
        };
        answer.extend(changed(overlay, query, ask.k, filters.as_deref())?);
        answer.sort_unstable_by(better);
        answer.truncate(ask.k);
        answers.push(answer);
    }
    Ok(Ok(answers))
}

/// The rows found, scored by the CPU; `None` where a row that was cut off might belong among the best `k`, because rows of nearly the same score go
/// on beyond the `asked` ones of a segment.
fn proven(copy: &Copy, query: &Query, hits: &[Hit], k: usize, asked: usize) -> Result<Option<Answer>> {
    let kernel = Kernel::best();
    let mut answer = Vec::with_capacity(hits.len());
    let mut cut = f32::NEG_INFINITY;
    for (place, segment) in copy.segments.iter().enumerate() {
        let (vectors, mut count, mut last) = (segment.vectors()?, 0, f32::INFINITY);
        for hit in hits.iter().filter(|hit| hit.segment as usize == place) {
            if hit.row as usize >= segment.rows() {
                return Ok(None);
            }
            answer.push((copy.key((place, hit.row))?, kernel.score(query, vectors.unit(hit.row))));
            (count, last) = (count + 1, last.min(hit.score));
        }
        if count >= asked {
            cut = cut.max(last);
        }
    }
    answer.sort_unstable_by(better);
    let worst = answer.get(k.saturating_sub(1)).map_or(f32::NEG_INFINITY, |(_, score)| *score);
    Ok((cut == f32::NEG_INFINITY || cut + MARGIN < worst).then_some(answer))
}

/// The best of the rows that changed since the copy was made.
fn changed(overlay: &Overlay, query: &Query, k: usize, filters: Option<&[Vec<u64>]>) -> Result<Answer> {
    let parts = [Part { rows: Rows::Units(&overlay.units), dead: None }];
    let allowed: Vec<Option<Bitmap<'_>>> =
        filters.and_then(|filters| filters.last()).map(|words| Some(Bitmap::new(words))).into_iter().collect();
    let question = Question { query, k, allowed: &allowed, ties: true };
    let settings = Settings { kernel: Kernel::best(), pool: None, interrupt: &interrupt::checker() };
    let hits = topk::search(&parts, &question, &settings)?;
    Ok(hits.iter().map(|hit| (overlay.keys[hit.row as usize].clone(), hit.score)).collect())
}
