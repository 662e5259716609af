//! Columns: what tables offer, what was perhaps meant, and which types have one text for one value.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::{PgTupleDesc, pg_sys};

use super::relation::{self, Relation};

fn live_columns<T>(table: &Relation, each: impl Fn(&pg_sys::FormData_pg_attribute) -> T) -> Vec<T> {
    // SAFETY: the descriptor of an open relation, read while `table` is borrowed.
    let desc = unsafe { PgTupleDesc::from_pg_unchecked(table.tuple_desc()) };
    desc.iter().filter(|attribute| !attribute.attisdropped).map(each).collect()
}

/// The columns' names.
pub fn names(table: &Relation) -> Vec<String> {
    live_columns(table, |attribute| {
        // SAFETY: a NameData is NUL-terminated.
        unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()) }.to_string_lossy().into_owned()
    })
}

/// Whether a column is computed when read, so that triggers find no value in the row.
pub fn is_virtual(table: &Relation, number: i16) -> bool {
    live_columns(table, |attribute| attribute.attnum == number && attribute.attgenerated as u8 == b'v').contains(&true)
}

/// The name closest to `wanted`, if one is close enough to be meant.
pub fn nearest(wanted: &str, names: &[String]) -> Option<String> {
    let limit = wanted.chars().count().div_ceil(2).max(2);
    names
        .iter()
        .map(|name| (distance(wanted, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.clone())
}

/// The Levenshtein distance without case; what one name begins with and the other is costs 1.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    if !left.is_empty() && !right.is_empty() && (left.starts_with(&right) || right.starts_with(&left)) {
        return usize::from(left != right);
    }
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(from != *to);
            current.push(replaced.min(previous[column + 1] + 1).min(current[column] + 1));
        }
        previous = current;
    }
    previous[right.len()]
}

/// Whether a value of this type has the same text in every session: no dates, floats or binary, whose text follows
/// settings.
pub fn has_stable_text(type_oid: pg_sys::Oid) -> bool {
    let base = relation::base_type(type_oid);
    let (mut category, mut preferred) = (0, false);
    // SAFETY: catalog lookups; the out pointers are to live locals.
    let is_enum = unsafe {
        pg_sys::get_type_category_preferred(base, &mut category, &mut preferred);
        pg_sys::type_is_enum(base)
    };
    is_enum
        || category as u8 == b'S'
        || matches!(
            base,
            pg_sys::BOOLOID
                | pg_sys::CHAROID
                | pg_sys::INT2OID
                | pg_sys::INT4OID
                | pg_sys::INT8OID
                | pg_sys::NUMERICOID
                | pg_sys::UUIDOID
                | pg_sys::INETOID
                | pg_sys::CIDROID
        )
}

/// Whether text in this database is UTF-8.
pub fn database_is_utf8() -> bool {
    // SAFETY: reads a setting of the database.
    unsafe { pg_sys::GetDatabaseEncoding() == pg_sys::pg_enc::PG_UTF8 as i32 }
}
