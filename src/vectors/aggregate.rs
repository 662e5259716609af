//! The aggregates `cosine_topk` and `cosine_topk_scores`, and `cosine_similarity`: exact, over the rows of any query.
//!
//! Both aggregates have the same state, so Postgres computes it once for a query that calls both.

use engine::ranking::{Ranking, bytes_needed};
use engine::topk::{Kernel, Query, TopkError};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use super::query;
use crate::pg::array::{self, VectorError};
use crate::pg::function::{Call, CallError};
use crate::pg::image::Image;
use crate::pg::relation;
use crate::pg::varlena::Writable;
use crate::pg::vector::{VECTOR_TYPES, VectorType};
use crate::sql_function;

sql_function!(cosine_topk_add, pg_finfo_cosine_topk_add, add);
sql_function!(cosine_topk_combine, pg_finfo_cosine_topk_combine, combine);
sql_function!(cosine_topk_ids, pg_finfo_cosine_topk_ids, ids);
sql_function!(cosine_topk_scores, pg_finfo_cosine_topk_scores, scores);
sql_function!(vector_cosine_similarity, pg_finfo_vector_cosine_similarity, similarity);

/// The number of rows that argument `place` asks for.
pub fn k(call: &Call, place: usize) -> Result<usize> {
    let k: i32 = call.required(place, "k")?;
    usize::try_from(k).ok().filter(|k| *k > 0).ok_or(VectorsError::K(k))
}

/// The score of a row's vector of that type; `None` where it has none: it is NULL, of length 0, or holds what is no finite number.
fn score(call: &Call, place: usize, vector_type: VectorType, query: &Query) -> Result<Option<f32>> {
    let Some(vector) = call.datum(place) else { return Ok(None) };
    match vector_type.with(vector, |vector| Kernel::best().cosine(query, vector)) {
        Ok(Ok(score)) => Ok(score),
        Ok(Err(TopkError::NotFinite { .. })) | Err(VectorError::NullElement) => Ok(None),
        Ok(Err(TopkError::Dimensions { expected, found })) => Err(VectorsError::Dimensions { expected, found }),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// The transition of `(id, vector, query, k)`.
fn add(call: &Call) -> Result<pg_sys::Datum> {
    let state = call.state()?;
    let k = k(call, 4)?;
    query::with(call, 3, |query| {
        let mut state = match state {
            Some(state) => state,
            None => begin(call, k, query)?,
        };
        let mut ranking = Ranking::parse(&mut state)?;
        ranking.check(k, query.unit())?;
        let (image, vector_type) = types(ranking.kind());
        if let Some(id) = call.datum(1)
            && let Some(score) = score(call, 2, vector_type, query)?
            && ranking.admits(score)
        {
            let grown = image.with(id, |id| push(&mut ranking, score, id))?;
            return Ok(grown.unwrap_or(state).datum());
        }
        Ok(state.datum())
    })
}

fn begin(call: &Call, k: usize, query: &Query) -> Result<Writable> {
    let id_type = call.arg_type(1);
    let image = Image::of(id_type).ok_or_else(|| VectorsError::IdType(relation::type_name(id_type)))?;
    let vector_type = query::vector_type(call, 2)?;
    let mut state = Writable::zeroed(bytes_needed(k, query.dimensions(), image.length())?);
    Ranking::begin(&mut state, k, image.number() * VECTOR_TYPES + vector_type.number(), query.unit())?;
    Ok(state)
}

/// What the state says of the types of ids and vectors, so that they are looked up once.
fn types(kind: u32) -> (Image, VectorType) {
    (Image::numbered(kind / VECTOR_TYPES), VectorType::numbered(kind % VECTOR_TYPES))
}

/// Adds a key; gives the new state where the old one had no room for it.
fn push(ranking: &mut Ranking<'_>, score: f32, id: &[u8]) -> Result<Option<Writable>> {
    if ranking.push(score, id) {
        return Ok(None);
    }
    let mut grown = Writable::zeroed(ranking.grown(id.len())?);
    ranking.grow_into(&mut grown)?.push(score, id);
    Ok(Some(grown))
}

/// How two partial states become one.
fn combine(call: &Call) -> Result<pg_sys::Datum> {
    let mut state = call.state()?.ok_or(CallError::Null("state"))?;
    let mut other = call.copy(1).ok_or(CallError::Null("state"))?;
    let other = Ranking::parse(&mut other)?;
    let ranking = Ranking::parse(&mut state)?;
    ranking.check(other.k(), other.unit())?;
    if ranking.kind() != other.kind() {
        return Err(engine::ranking::RankingError::Kind.into());
    }
    for (score, id) in other.iter() {
        let mut ranking = Ranking::parse(&mut state)?;
        if ranking.admits(score)
            && let Some(grown) = push(&mut ranking, score, id)?
        {
            state = grown;
        }
    }
    Ok(state.datum())
}

/// The ids, the best first.
fn ids(call: &Call) -> Result<pg_sys::Datum> {
    call.check_aggregate()?;
    let Some(mut state) = call.copy(0) else { return Ok(call.null()) };
    let ranking = Ranking::parse(&mut state)?;
    let (image, _) = types(ranking.kind());
    let mut ids: Vec<pg_sys::Datum> = ranking.sorted().into_iter().filter_map(|(_, id)| image.read(id)).collect();
    Ok(array::of(call.arg_type(1), &mut ids))
}

/// The scores, the best first.
fn scores(call: &Call) -> Result<pg_sys::Datum> {
    call.check_aggregate()?;
    let Some(mut state) = call.copy(0) else { return Ok(call.null()) };
    let scores: Vec<f32> = Ranking::parse(&mut state)?.sorted().into_iter().map(|(score, _)| score).collect();
    Ok(array::of_reals(&scores))
}

/// cosine_similarity(vector, query)
fn similarity(call: &Call) -> Result<pg_sys::Datum> {
    let score = query::with(call, 1, |query| score(call, 0, query::vector_type(call, 0)?, query))?;
    Ok(score.and_then(IntoDatum::into_datum).unwrap_or_else(|| call.null()))
}
