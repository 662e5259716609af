//! The aggregates `cosine_topk` and `cosine_topk_scores`, and `cosine_similarity`: exact, over the rows of any query.
//!
//! Both aggregates have the same state, so Postgres computes it once for a query that calls both.

use engine::ranking::{Ranking, RankingError, bytes_needed};
use engine::topk::TopkError;
use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use super::query::{Place, Ready, Types};
use crate::pg::array::{self, VectorError};
use crate::pg::function::{Call, CallError};
use crate::pg::relation;
use crate::pg::varlena::Writable;
use crate::pg::vector::VectorType;
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

/// The score of a row's vector of that type; `None` where it has none: it is NULL, of length 0, or holds what is no finite number. Also `None` where it
/// is less than `least`, which is found out at less cost.
fn score(vector: Option<pg_sys::Datum>, vector_type: VectorType, ready: &Ready, least: f32) -> Result<Option<f32>> {
    let Some(vector) = vector else { return Ok(None) };
    match vector_type.with(vector, |vector| ready.kernel.cosine_from(&ready.query, vector, least)) {
        Ok(Ok(score)) => Ok(score),
        Ok(Err(TopkError::NotFinite { .. })) | Err(VectorError::NullElement) => Ok(None),
        Ok(Err(TopkError::Dimensions { expected, found })) => Err(VectorsError::Dimensions { expected, found }),
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// The transition of `(id, vector, query, k)`.
fn add(call: &Call) -> Result<pg_sys::Datum> {
    call.kept(|place: &mut Place| {
        let types = place.types(call)?;
        let vector = place.vector(call, 1, 2);
        match pass_by(call, place, types, vector) {
            Some(state) => Ok(state),
            None => add_row(call, place, types, vector),
        }
    })
}

/// The state where the row is seen at once not to change it, as most rows of a table are; `None` for others. What it does is what [`add_row`] does,
/// without a value that could not be held in registers.
#[inline]
fn pass_by(call: &Call, place: &mut Place, types: Types, vector: Option<pg_sys::Datum>) -> Option<pg_sys::Datum> {
    let mut state = call.state().ok()??;
    let vector = vector?;
    let ahead = place.ahead(vector);
    let ready = place.same(call, 3)?;
    let k = usize::try_from(call.arg::<i32>(4)?).ok()?;
    let datum = state.datum();
    let ranking = Ranking::parse(&mut state).ok()?;
    if ranking.kind() != types.kind || ranking.k() != k || ranking.tag() != ready.tag {
        return None;
    }
    let (query, kernel, least) = (&ready.query, ready.kernel, ranking.least());
    let is_below = match types.vector.in_place(vector, |vector| kernel.is_below(query, vector, least, ahead)) {
        Some(is_below) => is_below,
        None if least > -1.0 => types.vector.with(vector, |vector| kernel.is_below(query, vector, least, [0; 2])).ok()?,
        None => false,
    };
    is_below.then_some(datum)
}

fn add_row(call: &Call, place: &mut Place, types: Types, vector: Option<pg_sys::Datum>) -> Result<pg_sys::Datum> {
    let mut state = match call.state()? {
        Some(state) => state,
        None => begin(call, place, types)?,
    };
    let k = k(call, 4)?;
    let ready = place.query(call, 3)?;
    let mut ranking = Ranking::parse(&mut state)?;
    if ranking.kind() != types.kind {
        return Err(RankingError::Kind.into());
    }
    if ranking.k() != k || ranking.tag() != ready.tag {
        ranking.check(k, ready.query.unit())?;
    }
    if let Some(id) = call.datum(1)
        && let Some(score) = score(vector, types.vector, ready, ranking.least())?
        && ranking.admits(score)
    {
        let grown = types.image.with(id, |id| push(&mut ranking, score, id))?;
        return Ok(grown.unwrap_or(state).datum());
    }
    Ok(state.datum())
}

fn begin(call: &Call, place: &mut Place, types: Types) -> Result<Writable> {
    let k = k(call, 4)?;
    let ready = place.query(call, 3)?;
    let mut state = Writable::zeroed(bytes_needed(k, ready.query.dimensions(), types.image.length())?);
    Ranking::begin(&mut state, k, types.kind, ready.query.unit())?.set_tag(ready.tag);
    Ok(state)
}

/// Adds a key; gives the new state where the old one had no room for it.
pub fn push(ranking: &mut Ranking<'_>, score: f32, id: &[u8]) -> Result<Option<Writable>> {
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
        return Err(RankingError::Kind.into());
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
    let Some((mut state, types)) = finished(call)? else { return Ok(call.null()) };
    let ranking = Ranking::parse(&mut state)?;
    let mut ids: Vec<pg_sys::Datum> = ranking.sorted().into_iter().filter_map(|(_, id)| types.image.read(id)).collect();
    Ok(array::of(call.arg_type(1), &mut ids))
}

/// The scores, the best first.
fn scores(call: &Call) -> Result<pg_sys::Datum> {
    let Some((mut state, _)) = finished(call)? else { return Ok(call.null()) };
    let scores: Vec<f32> = Ranking::parse(&mut state)?.sorted().into_iter().map(|(score, _)| score).collect();
    Ok(array::of_reals(&scores))
}

/// The state of a final function, with the types of the aggregate's arguments, which are those that the state says.
fn finished(call: &Call) -> Result<Option<(Writable, Types)>> {
    call.check_aggregate()?;
    let Some(mut state) = call.copy(0) else { return Ok(None) };
    let given = call.arg_type(2);
    let vector = VectorType::of(given).ok_or_else(|| VectorsError::VectorType(relation::type_name(given)))?;
    let types = Types::new(call.arg_type(1), vector)?;
    if Ranking::parse(&mut state)?.kind() != types.kind {
        return Err(RankingError::Kind.into());
    }
    Ok(Some((state, types)))
}

/// cosine_similarity(vector, query)
fn similarity(call: &Call) -> Result<pg_sys::Datum> {
    let score = call.kept(|place: &mut Place| {
        let vector_type = place.vector_type(call, 0)?;
        score(call.datum(0), vector_type, place.query(call, 1)?, f32::NEG_INFINITY)
    })?;
    Ok(call.value(score))
}
