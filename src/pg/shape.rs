//! What the relations of the state look like. Their owner, who created the extension, may alter them: before a row of one is taken apart or put
//! together below SQL, its kind and its columns are compared with what the extension has made.
//!
//! What is expected of a relation follows from its name, and is kept as long as no definition changes. The comparison is made where a relation is
//! opened, under its lock, never for each row that is read.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::CStr;
use std::rc::Rc;

use pgrx::{PgSqlErrorCode, pg_sys};
use rustc_hash::FxHashMap;

use super::error::{self, SqlError};
use super::invalidation;
use super::relation::{self, Relation};

/// A relation that is not as the extension has made it.
#[derive(Debug, thiserror::Error)]
#[error("relation \"recommend.{relation}\" is not as the extension has made it: {difference}")]
pub struct ShapeError {
    relation: String,
    difference: String,
}

impl SqlError for ShapeError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
    }

    fn hint(&self) -> Option<String> {
        Some(
            "Tables in the schema recommend are the extension's to alter. Put it back, or drop what it belongs to and create that anew: \
             drop_recommender(), drop_graph(), drop_features() or drop_vector_set()."
                .into(),
        )
    }
}

/// The type of a column.
#[derive(Clone, Copy)]
enum Column {
    Of(pg_sys::Oid),
    /// The first or second key of the feed: user and item, or id.
    Key(usize),
    Packed,
}

use Column::{Key, Of, Packed};
use pg_sys::{BOOLOID, FLOAT4OID, FLOAT8OID, INT2OID, INT4ARRAYOID, INT4OID, INT8OID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID};

/// The columns of the tables of a feed, by the stems of their names.
const OF_FEEDS: &[(&str, &[Column])] = &[
    ("delta", &[Of(INT4OID), Of(INT2OID), Key(0), Key(1), Of(TIMESTAMPTZOID), Of(FLOAT4OID), Of(INT8OID), Of(TEXTARRAYOID)]),
    ("contexts", &[Of(INT4OID), Of(INT8OID), Of(TEXTARRAYOID)]),
    ("users", &[Key(0), Of(INT4OID), Packed]),
    (
        "items",
        &[
            Of(INT4OID),
            Key(1),
            Of(FLOAT8OID),
            Of(INT8OID),
            Of(TIMESTAMPTZOID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(INT8OID),
            Of(INT8OID),
        ],
    ),
    ("leaders", &[Of(INT4OID), Packed]),
    ("learnt", &[Of(INT4OID), Packed]),
    ("neighbors", &[Of(INT4OID), Packed]),
    ("visits", &[Of(INT4OID), Packed]),
    ("sessions", &[Of(INT4OID), Of(INT4OID), Packed]),
    ("interests", &[Of(INT4OID), Packed]),
    ("context_items", &[Of(INT4OID), Of(INT4OID), Of(FLOAT8OID), Of(INT8OID)]),
    ("out", &[Of(INT4OID), Packed]),
    ("in", &[Of(INT4OID), Packed]),
    ("nodes", &[Of(INT4OID), Of(INT2OID), Of(TEXTOID)]),
    ("feature_rows", &[Of(INT2OID), Of(TEXTOID), Of(TEXTOID), Packed]),
    ("item_categories", &[Of(TEXTOID), Of(TEXTOID)]),
    ("vector_changes", &[Of(INT4OID), Key(0)]),
];

/// The columns of their indexes, by their number in the table.
const INDEXES: &[(&str, &str, &[i16])] = &[
    ("contexts", "key", &[2]),
    ("users", "pkey", &[1]),
    ("items", "pkey", &[1]),
    ("items", "key", &[2]),
    ("items", "score", &[3, 1]),
    ("leaders", "pkey", &[1]),
    ("learnt", "pkey", &[1]),
    ("neighbors", "pkey", &[1]),
    ("visits", "pkey", &[1]),
    ("sessions", "pkey", &[1]),
    ("sessions", "user", &[2]),
    ("interests", "pkey", &[1]),
    ("context_items", "pkey", &[1, 2]),
    ("context_items", "score", &[1, 3, 2]),
    ("out", "pkey", &[1]),
    ("in", "pkey", &[1]),
    ("nodes", "pkey", &[1]),
    ("nodes", "key", &[2, 3]),
    ("feature_rows", "pkey", &[1, 2, 3]),
    ("item_categories", "pkey", &[1]),
];

/// The catalog's tables that are read below SQL, all by their primary keys, with the number of columns of these.
const OF_CATALOG: &[(&str, usize, &[Column])] = &[
    ("epochs", 1, &[Of(INT4OID), Of(INT4OID)]),
    (
        "state",
        1,
        &[
            Of(INT4OID),
            Of(INT8OID),
            Of(INT4OID),
            Of(INT8OID),
            Of(TIMESTAMPTZOID),
            Of(INT4OID),
            Of(INT4OID),
            Of(INT4OID),
            Of(INT4OID),
            Of(INT8OID),
            Of(FLOAT8OID),
            Of(TIMESTAMPTZOID),
            Of(BOOLOID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(FLOAT8OID),
            Of(INT8OID),
            Of(INT8OID),
        ],
    ),
    ("graph_state", 1, &[Of(INT4OID), Of(INT8OID), Of(INT4OID), Of(TIMESTAMPTZOID)]),
    ("edge_state", 1, &[Of(INT4OID), Of(INT4OID), Of(INT4OID), Of(INT8OID), Of(TIMESTAMPTZOID), Of(INT8OID), Of(BOOLOID)]),
    ("graph_changes", 2, &[Of(INT4OID), Of(INT8OID), Of(INT8OID), Of(INT4ARRAYOID)]),
    (
        "feature_state",
        1,
        &[
            Of(INT4OID),
            Of(INT8OID),
            Of(INT4OID),
            Of(INT8OID),
            Of(TIMESTAMPTZOID),
            Of(INT8OID),
            Of(TIMESTAMPTZOID),
            Of(BOOLOID),
            Of(INT8OID),
        ],
    ),
    ("vector_state", 1, &[Of(INT4OID), Of(INT8OID), Of(INT4OID), Of(BOOLOID)]),
    ("models", 1, &[Of(TEXTOID), Of(INT8OID)]),
];

/// What a relation must be.
enum Expected {
    Table(Vec<pg_sys::Oid>),
    /// A table of the catalog, which begins with these columns: later versions add some.
    Catalog(Vec<pg_sys::Oid>),
    /// A btree over these columns of a table, of these types.
    Index(Vec<i16>, Vec<pg_sys::Oid>),
}

#[derive(Default)]
struct Kept {
    generation: u64,
    expected: FxHashMap<pg_sys::Oid, Option<Rc<Expected>>>,
    keys: FxHashMap<i32, [pg_sys::Oid; 2]>,
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// Says of what types the keys of a feed are: each time that a definition is loaded.
pub fn keys_are(feed: i32, keys: [pg_sys::Oid; 2]) {
    KEPT.with_borrow_mut(|kept| {
        if kept.keys.insert(feed, keys) != Some(keys) {
            kept.expected.clear();
        }
    });
}

/// An ERROR unless a relation of the state, which is open and locked, is as the extension has made it.
#[inline]
pub fn check(relation: &Relation) {
    if let Err(error) = compare(relation) {
        error::raise(&error);
    }
}

/// [`check`] of an index, which must be one of that table.
#[inline]
pub fn check_index(index: &Relation, table: &Relation) {
    check(index);
    // SAFETY: an index, as was just seen, has its row of pg_index.
    let of = unsafe { (*(*index.as_ptr()).rd_index).indrelid };
    if of != table.oid() {
        error::raise(&difference(index, None));
    }
}

/// What is wrong with a relation of the state, which is open and locked.
#[inline]
pub fn compare(relation: &Relation) -> Result<(), ShapeError> {
    let kept = KEPT.with_borrow_mut(|kept| {
        let generation = invalidation::generation();
        if kept.generation != generation {
            kept.generation = generation;
            kept.expected.clear();
        }
        kept.expected.get(&relation.oid()).cloned()
    });
    let expected = kept.unwrap_or_else(|| {
        let expected = expected(&name(relation)).map(Rc::new);
        KEPT.with_borrow_mut(|kept| kept.expected.insert(relation.oid(), expected.clone()));
        expected
    });
    let fits = match expected.as_deref() {
        Some(Expected::Table(types)) => is_heap(relation) && width(relation) == types.len() && has_types(relation, types),
        Some(Expected::Catalog(types)) => is_heap(relation) && width(relation) >= types.len() && has_types(relation, types),
        Some(Expected::Index(columns, types)) => fits_index(relation, columns, types),
        None => false,
    };
    if fits { Ok(()) } else { Err(difference(relation, expected.as_deref())) }
}

fn name(relation: &Relation) -> String {
    // SAFETY: a name of pg_class ends with a NUL.
    unsafe { CStr::from_ptr(relation.class().relname.data.as_ptr()) }.to_string_lossy().into_owned()
}

/// What a relation of that name must be; `None` where none has that name, or its feed is not known.
fn expected(name: &str) -> Option<Expected> {
    for (table, keys, columns) in OF_CATALOG {
        let types = types_of(columns, [pg_sys::InvalidOid; 2])?;
        if name == *table {
            return Some(Expected::Catalog(types));
        }
        if name.strip_suffix("_pkey") == Some(table) {
            return Some(Expected::Index((1..=*keys as i16).collect(), types[..*keys].to_vec()));
        }
    }
    let end_of_number = |text: &str| text.rsplit_once('_').and_then(|(stem, id)| Some((stem.to_owned(), id.parse::<i32>().ok()?)));
    let keys = |id: i32| KEPT.with_borrow(|kept| kept.keys.get(&id).copied()).unwrap_or([pg_sys::InvalidOid; 2]);
    let columns_of = |stem: &str| OF_FEEDS.iter().find(|(other, _)| *other == stem).map(|(_, columns)| *columns);
    if let Some((stem, id)) = end_of_number(name) {
        return types_of(columns_of(&stem)?, keys(id)).map(Expected::Table);
    }
    let (table, suffix) = name.rsplit_once('_')?;
    let (stem, id) = end_of_number(table)?;
    let (_, _, places) = INDEXES.iter().find(|(other, what, _)| *other == stem && *what == suffix)?;
    let types = types_of(columns_of(&stem)?, keys(id))?;
    Some(Expected::Index(places.to_vec(), places.iter().map(|place| types[place.unsigned_abs() as usize - 1]).collect()))
}

fn types_of(columns: &[Column], keys: [pg_sys::Oid; 2]) -> Option<Vec<pg_sys::Oid>> {
    let types = columns.iter().map(|column| match column {
        Of(known) => Some(*known),
        Key(place) => Some(keys[*place]).filter(|oid| *oid != pg_sys::InvalidOid),
        Packed => packed_type(),
    });
    types.collect()
}

/// The type `recommend.packed`, as far as it is one of variable length.
fn packed_type() -> Option<pg_sys::Oid> {
    // SAFETY: catalog lookups with NUL-terminated names.
    unsafe {
        let schema = pg_sys::get_namespace_oid(relation::SCHEMA.as_ptr(), true);
        let found = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
            pg_sys::Anum_pg_type_oid as pg_sys::AttrNumber,
            pg_sys::Datum::from(c"packed".as_ptr()),
            pg_sys::Datum::from(schema),
            pg_sys::Datum::from(0),
            pg_sys::Datum::from(0),
        );
        (found != pg_sys::InvalidOid && pg_sys::get_typlen(found) == -1).then_some(found)
    }
}

fn is_heap(relation: &Relation) -> bool {
    let class = relation.class();
    class.relkind as u8 == pg_sys::RELKIND_RELATION && class.relam == pg_sys::HEAP_TABLE_AM_OID
}

fn width(relation: &Relation) -> usize {
    // SAFETY: an open relation's descriptor.
    unsafe { (*relation.tuple_desc()).natts as usize }
}

/// Whether its first columns, which it has, are of these types. One that was dropped has no type.
fn has_types(relation: &Relation, types: &[pg_sys::Oid]) -> bool {
    let desc = relation.tuple_desc();
    // SAFETY: an open relation's descriptor, which has so many columns.
    types.iter().enumerate().all(|(place, expected)| unsafe { (*relation::attribute(desc, place)).atttypid } == *expected)
}

fn fits_index(relation: &Relation, columns: &[i16], types: &[pg_sys::Oid]) -> bool {
    let class = relation.class();
    if class.relkind as u8 != pg_sys::RELKIND_INDEX || class.relam != pg_sys::BTREE_AM_OID {
        return false;
    }
    // SAFETY: an open index has its row of pg_index, and arrays of as many classes and collations as it has key columns.
    unsafe {
        let open = relation.as_ptr();
        let index = &*(*open).rd_index;
        let numbers = index.indkey.values.as_ptr();
        index.indisvalid
            && index.indnkeyatts as usize == columns.len()
            && index.indnatts == index.indnkeyatts
            && columns.iter().zip(types).enumerate().all(|(place, (column, expected))| {
                let collation = *(*open).rd_indcollation.add(place);
                let is_text = matches!(*expected, pg_sys::TEXTOID | pg_sys::TEXTARRAYOID);
                let class_type = *(*open).rd_opcintype.add(place);
                *numbers.add(place) == *column
                    && (class_type == *expected || (*expected == pg_sys::TEXTARRAYOID && class_type == pg_sys::ANYARRAYOID))
                    && collation == if is_text { pg_sys::C_COLLATION_OID } else { pg_sys::InvalidOid }
            })
    }
}

#[cold]
fn difference(relation: &Relation, expected: Option<&Expected>) -> ShapeError {
    let names = |types: &[pg_sys::Oid]| types.iter().map(|oid| relation::type_name(*oid)).collect::<Vec<_>>().join(", ");
    let difference = match expected {
        None => "nothing that is known has that name".into(),
        Some(Expected::Table(types) | Expected::Catalog(types)) => {
            // SAFETY: an open relation's descriptor has as many columns as it says.
            let found: Vec<pg_sys::Oid> = unsafe {
                let desc = relation.tuple_desc();
                (0..(*desc).natts as usize).map(|place| (*relation::attribute(desc, place)).atttypid).collect()
            };
            format!("it must be a table of the columns ({}), and has ({})", names(types), names(&found))
        }
        Some(Expected::Index(columns, types)) => {
            let columns: Vec<String> = columns.iter().map(i16::to_string).collect();
            format!("it must be a btree index of columns {}, of the types {}", columns.join(", "), names(types))
        }
    };
    ShapeError { relation: name(relation), difference }
}
