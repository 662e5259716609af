//! The type `recommend.cosine_ranking`: the state of the aggregates over vectors, as text.
//!
//! Ids stand in it as their type writes them, so that whatever comes in is read by that type. Bytes are the text's own.

use engine::ranking::{Ranking, bytes_needed};
use engine::topk::MAX_DIMENSIONS;
use pgrx::pg_sys;
use serde_json::json;

use super::aggregate::push;
use super::error::{Result, VectorsError};
use super::query::Types;
use crate::interest::text::Fields;
use crate::pg::function::{Call, CallError};
use crate::pg::image::Image;
use crate::pg::varlena::{self, Writable};
use crate::pg::vector::{VECTOR_TYPES, VectorType};
use crate::pg::{type_shape, value_text};
use crate::sql_function;

sql_function!(cosine_ranking_in, pg_finfo_cosine_ranking_in, input);
sql_function!(cosine_ranking_out, pg_finfo_cosine_ranking_out, output);
sql_function!(cosine_ranking_recv, pg_finfo_cosine_ranking_recv, receive);
sql_function!(cosine_ranking_send, pg_finfo_cosine_ranking_send, send);

/// The version of the text form.
const VERSION: u8 = engine::interest::VERSION;

fn to_text(call: &Call) -> Result<String> {
    let mut state = call.copy(0).ok_or(CallError::Null("value"))?;
    let ranking = Ranking::parse(&mut state)?;
    let kind = ranking.kind();
    let (id_type, shape) = (pg_sys::Oid::from(kind.type_id), u64::from(kind.shape[0]) << 32 | u64::from(kind.shape[1]));
    if type_shape::of(id_type) != shape {
        return Err(engine::ranking::RankingError::Kind.into());
    }
    let image = Image::numbered(kind.format / VECTOR_TYPES);
    let number = |number: &f32| f64::from(*number);
    let (mut ids, mut scores) = (Vec::new(), Vec::new());
    for (score, id) in ranking.sorted() {
        if let Some(id) = image.read(id) {
            ids.push(value_text::write(id_type, id));
            scores.push(number(&score));
        }
    }
    let unit: Vec<f64> = ranking.unit().iter().map(number).collect();
    let (id_type, vectors) = (value_text::type_name(id_type), kind.format % VECTOR_TYPES);
    Ok(json!({"version": VERSION, "k": ranking.k(), "id_type": id_type, "vectors": vectors, "query": unit, "ids": ids, "scores": scores})
        .to_string())
}

/// The state of a text, every field of it checked.
fn from_text(text: &str) -> Result<Writable> {
    let refuse = |detail: String| VectorsError::RankingSyntax { text: text.chars().take(40).collect(), detail };
    let parsed = (|| {
        let mut fields = Fields::parse(text)?;
        let (k, id_type, vectors) = (fields.integer("k")?, fields.text("id_type")?, fields.integer("vectors")?);
        let (unit, ids, scores) = (fields.numbers("query")?, fields.texts("ids")?, fields.numbers("scores")?);
        fields.finish()?;
        let k = usize::try_from(k).ok().filter(|k| (1..=i32::MAX as usize).contains(k)).ok_or("\"k\" must be from 1 to 2147483647")?;
        let vectors = u32::try_from(vectors).ok().filter(|number| *number < VECTOR_TYPES).ok_or("\"vectors\" is no kind of vectors")?;
        if unit.is_empty() || unit.len() > MAX_DIMENSIONS || unit.iter().any(|number| !(*number as f32).is_finite()) {
            return Err("\"query\" must hold finite numbers".into());
        }
        if ids.len() != scores.len() || ids.len() > k {
            return Err("there must be as many \"ids\" as \"scores\", and at most \"k\"".into());
        }
        if scores.iter().any(|score| !(*score as f32).is_finite()) {
            return Err("\"scores\" must be finite".into());
        }
        Ok((k, id_type, vectors, unit, ids, scores))
    })();
    let (k, id_type, vectors, unit, ids, scores) = parsed.map_err(refuse)?;
    let id_type = value_text::type_named(&id_type).ok_or_else(|| refuse(format!("type {id_type} has no values")))?;
    let types = Types::new(id_type, VectorType::numbered(vectors))?;
    let unit: Vec<f32> = unit.into_iter().map(|number| number as f32).collect();
    let mut state = Writable::zeroed(bytes_needed(k, unit.len(), types.image.length())?);
    Ranking::begin(&mut state, k, types.kind, &unit)?;
    for (id, score) in ids.iter().zip(scores) {
        let id = value_text::read(id_type, id).ok_or_else(|| refuse("an id holds a NUL".into()))?;
        let mut ranking = Ranking::parse(&mut state)?;
        if let Some(grown) = types.image.with(id, |id| push(&mut ranking, score as f32, id))? {
            state = grown;
        }
    }
    Ok(state)
}

fn input(call: &Call) -> Result<pg_sys::Datum> {
    Ok(from_text(&call.cstring(0).ok_or(CallError::Null("value"))?)?.datum())
}

fn output(call: &Call) -> Result<pg_sys::Datum> {
    Ok(call.to_cstring(&to_text(call)?))
}

fn receive(call: &Call) -> Result<pg_sys::Datum> {
    let message = call.message(0).ok_or(CallError::Null("message"))?;
    Ok(from_text(&String::from_utf8_lossy(&message))?.datum())
}

fn send(call: &Call) -> Result<pg_sys::Datum> {
    Ok(varlena::from_bytes(to_text(call)?.as_bytes()))
}
