//! `ctr_predict_rows`: the rows of a query, scored in batches.

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::error::{ModelsError, Result};
use super::predict::{self, ROWS_AT_ONCE};
use super::reader::Reader;
use crate::pg::function::{Call, RowSet};
use crate::pg::relation;
use crate::pg::spi::{self, Row};
use crate::sql_function;

sql_function!(ctr_predict_query, pg_finfo_ctr_predict_query, predict_query);

/// ctr_predict_rows(model, query [, id_type])
fn predict_query(call: &Call) -> Result<pg_sys::Datum> {
    let mut out = call.rows()?;
    if let (Some(model), Some(query)) = (predict::model(call)?, call.arg::<String>(1)) {
        let mut reader = None;
        spi::stream_chunks(&query, &[], ROWS_AT_ONCE, |rows| {
            let Some(first) = rows.first() else { return Ok(()) };
            let (widen, reader) = match &mut reader {
                Some(reader) => reader,
                none => none.insert((widens(first, &out)?, Reader::new(&model, None, first, 1, None)?)),
            };
            let scores = reader.score(rows.iter(), |version, rows, scores| predict::answer(&model, version, rows, scores))?;
            for (row, score) in rows.iter().zip(scores) {
                let id = if *widen { row_integer(row)?.into_datum() } else { row.any_datum(1) };
                out.push(&[id, score.and_then(IntoDatum::into_datum)]);
            }
            Ok::<_, ModelsError>(())
        })?;
    }
    Ok(out.finish(call))
}

/// Whether the ids are integers that become bigint.
fn widens(row: &Row, out: &RowSet) -> Result<bool> {
    let (found, expected) = (row.type_oid(1), out.column_type(0));
    let widens = expected == pg_sys::INT8OID && matches!(found, pg_sys::INT4OID | pg_sys::INT2OID);
    if found == expected || widens {
        return Ok(widens);
    }
    Err(ModelsError::IdType { expected: relation::type_name(expected), found: relation::type_name(found) })
}

/// An id of a type narrower than bigint.
fn row_integer(row: &Row) -> Result<Option<i64>> {
    Ok(match row.type_oid(1) {
        pg_sys::INT2OID => row.get::<i16>(1)?.map(i64::from),
        _ => row.get::<i32>(1)?.map(i64::from),
    })
}
