//! SQL from inside: one way to read, which never writes and sees the active snapshot, and one way to write.
//!
//! Values are parameters, never text. Names that change with the recommender are put in by `quote_ident`.
//! Unless the caller of a function has written a statement, it runs under a search path of the extension's, so that no name in it can be
//! somebody else's. The `_prepared` variants keep a plan per SQL text for the life of the backend: for what runs often.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_long};

use engine::model::Value;
use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::{PgSqlErrorCode, pg_sys};

use super::array::{Reals, VectorError};
use super::error::SqlError;
use super::label::Label;
use super::memory::Scratch;
use super::number::NumberType;
use super::owner::with_own_names;
use super::scalar::Kind;

/// What can go wrong below SQL that is right; errors of SQL itself are raised by Postgres.
#[derive(Debug, thiserror::Error)]
pub enum SpiError {
    /// SPI refused the statement.
    #[error("could not run a statement of the extension: SPI status {status}")]
    Status {
        /// The status, a negative `SPI_ERROR_*`.
        status: c_int,
        /// The statement.
        sql: String,
    },
    /// The text holds a NUL byte.
    #[error("a statement holds a NUL byte")]
    Nul,
    /// A column that may not be NULL was.
    #[error("column {column} of a statement of the extension is NULL")]
    Null {
        /// Counted from 1.
        column: usize,
    },
    /// A column has another type than asked for.
    #[error("column {column} of a statement of the extension has type {found}")]
    Type {
        /// Counted from 1.
        column: usize,
        /// The type's name.
        found: String,
    },
}

impl SqlError for SpiError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Status { sql, .. } => Some(format!("The statement was: {sql}")),
            _ => None,
        }
    }
}

/// A parameter: its type and its value.
#[derive(Clone, Copy)]
pub struct Arg {
    type_oid: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
}

impl Arg {
    /// A value with its own type; `None` is NULL.
    pub fn of<T: IntoDatum>(value: T) -> Self {
        Self { type_oid: T::type_oid(), datum: value.into_datum() }
    }

    /// A datum of a given type.
    pub fn datum(datum: Option<pg_sys::Datum>, type_oid: pg_sys::Oid) -> Self {
        Self { type_oid, datum }
    }
}

/// Parameters in the three arrays that SPI takes.
struct Args {
    types: Vec<pg_sys::Oid>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<c_char>,
}

impl Args {
    fn new(args: &[Arg]) -> Self {
        Self {
            types: args.iter().map(|arg| arg.type_oid).collect(),
            values: args.iter().map(|arg| arg.datum.unwrap_or(pg_sys::Datum::from(0))).collect(),
            nulls: args.iter().map(|arg| if arg.datum.is_some() { b' ' } else { b'n' } as c_char).collect(),
        }
    }
}

/// One row of a result. Datums in it live until the statement's closure returns.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    desc: pg_sys::TupleDesc,
}

impl Row {
    /// The datum of a column (counted from 1) of that type, `None` for NULL. What is read is often a view or a table of somebody else, who may have put
    /// another one in its place.
    #[inline]
    pub fn datum(&self, column: usize, expected: pg_sys::Oid) -> Result<Option<pg_sys::Datum>, SpiError> {
        self.check_type(column, expected)?;
        Ok(self.any_datum(column))
    }

    /// The datums of its first columns, which have these types.
    #[inline]
    pub fn datums<const N: usize>(&self, expected: [pg_sys::Oid; N]) -> Result<[Option<pg_sys::Datum>; N], SpiError> {
        for (place, expected) in expected.into_iter().enumerate() {
            self.check_type(place + 1, expected)?;
        }
        Ok(self.any_datums())
    }

    #[inline]
    fn check_type(&self, column: usize, expected: pg_sys::Oid) -> Result<(), SpiError> {
        // SAFETY: the descriptor belongs to the current SPI result and has as many columns as it says.
        let found = unsafe {
            let is_there = column <= (*self.desc).natts as usize;
            if is_there { (*super::relation::attribute(self.desc, column - 1)).atttypid } else { pg_sys::InvalidOid }
        };
        if found == expected { Ok(()) } else { Err(SpiError::Type { column, found: super::relation::type_name(found) }) }
    }

    /// The datum of a column (counted from 1), of whatever type, `None` for NULL.
    pub fn any_datum(&self, column: usize) -> Option<pg_sys::Datum> {
        let mut null = false;
        // SAFETY: tuple and descriptor belong to the current SPI result; SPI checks the column number.
        let datum = unsafe { pg_sys::SPI_getbinval(self.tuple, self.desc, column as c_int, &mut null) };
        (!null).then_some(datum)
    }

    fn any_datums<const N: usize>(&self) -> [Option<pg_sys::Datum>; N] {
        // SAFETY: tuple and descriptor belong to the current SPI result; both arrays have a place for each column that is read.
        unsafe {
            if (*self.desc).natts as usize != N {
                return std::array::from_fn(|place| self.any_datum(place + 1));
            }
            let (mut values, mut nulls) = ([pg_sys::Datum::null(); N], [true; N]);
            pg_sys::heap_deform_tuple(self.tuple, self.desc, values.as_mut_ptr(), nulls.as_mut_ptr());
            std::array::from_fn(|place| (!nulls[place]).then_some(values[place]))
        }
    }

    /// How many columns it has.
    pub fn width(&self) -> usize {
        // SAFETY: the descriptor belongs to the current SPI result.
        unsafe { (*self.desc).natts as usize }
    }

    /// A column's name.
    pub fn name(&self, column: usize) -> String {
        // SAFETY: as above; SPI checks the column number, and gives NULL or a copy that ends with a NUL.
        unsafe {
            let name = pg_sys::SPI_fname(self.desc, column as c_int);
            if name.is_null() { String::new() } else { std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned() }
        }
    }

    /// How to read these columns as features, the same for all rows of a result. The error is one whose type is neither number nor text.
    pub fn features(&self, columns: &[usize]) -> Result<Features, usize> {
        let kinds = columns.iter().map(|&column| Kind::of(self.type_oid(column)).map(|kind| (column - 1, kind)).ok_or(column));
        Ok(Features { columns: kinds.collect::<Result<_, _>>()?, values: Vec::new(), nulls: Vec::new() })
    }

    /// The numbers of a column of type `real[]`, of one dimension.
    pub fn reals(&self, column: usize) -> Result<Option<Reals>, VectorError> {
        if self.type_oid(column) != pg_sys::FLOAT4ARRAYOID {
            return Err(VectorError::ElementType);
        }
        // SAFETY: an array of that type, which lives as long as the row.
        self.any_datum(column).map(|datum| unsafe { Reals::of(datum) }).transpose()
    }

    /// A column's value as text, `None` for NULL.
    pub fn text(&self, column: usize) -> Option<String> {
        // SAFETY: as above; SPI gives NULL or a copy that ends with a NUL.
        unsafe {
            let text = pg_sys::SPI_getvalue(self.tuple, self.desc, column as c_int);
            (!text.is_null()).then(|| std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    }

    /// The value of a column that has the type of `kind`, `None` for NULL.
    pub fn scalar(&self, column: usize, kind: Kind) -> Option<Value> {
        // SAFETY: the caller has made the kind for the column's type.
        self.any_datum(column).map(|datum| unsafe { kind.read(datum) })
    }

    /// The type of a column.
    pub fn type_oid(&self, column: usize) -> pg_sys::Oid {
        // SAFETY: as above.
        unsafe { pg_sys::SPI_gettypeid(self.desc, column as c_int) }
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        // SAFETY: the descriptor belongs to the current SPI result; SPI_fname gives a palloc'd name for each of its columns.
        unsafe {
            let name = |column| CStr::from_ptr(pg_sys::SPI_fname(self.desc, column)).to_string_lossy().into_owned();
            (1..=(*self.desc).natts).map(name).collect()
        }
    }

    /// The text of a column that has the type of `label`, `None` for NULL.
    pub fn labelled(&self, column: usize, label: &Label) -> Option<String> {
        // SAFETY: the caller made the label for the column's type.
        self.any_datum(column).map(|datum| unsafe { label.with_bytes(datum, |bytes| String::from_utf8_lossy(bytes).into_owned()) })
    }

    /// The number in a column of that type, `None` for NULL.
    pub fn number(&self, column: usize, kind: NumberType) -> Option<f32> {
        // SAFETY: the caller has looked at the column's type.
        self.any_datum(column).map(|datum| unsafe { kind.read(datum) })
    }

    /// A column's value, `None` for NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<Option<T>, SpiError> {
        let found = self.type_oid(column);
        if !T::is_compatible_with(found) {
            return Err(SpiError::Type { column, found: super::relation::type_name(found) });
        }
        let datum = self.any_datum(column);
        // SAFETY: the type has just been checked.
        Ok(datum.and_then(|datum| unsafe { T::from_polymorphic_datum(datum, false, found) }))
    }

    /// A column's value, which is not NULL.
    pub fn value<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<T, SpiError> {
        self.get(column)?.ok_or(SpiError::Null { column })
    }
}

/// A way to read columns of the rows of one result.
pub struct Features {
    columns: Vec<(usize, Kind)>,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Features {
    /// The values of a row of that result, in the order in which the columns were given.
    pub fn read(&mut self, row: &Row) -> impl Iterator<Item = Option<Value>> + '_ {
        let width = row.width();
        self.values.resize(width, pg_sys::Datum::from(0));
        self.nulls.resize(width, true);
        // SAFETY: tuple and descriptor belong together; both arrays have a place for each column. That is cheaper than one by one.
        unsafe { pg_sys::heap_deform_tuple(row.tuple, row.desc, self.values.as_mut_ptr(), self.nulls.as_mut_ptr()) };
        // SAFETY: of the column's type, by `Row::features`.
        self.columns.iter().map(|&(column, kind)| (!self.nulls[column]).then(|| unsafe { kind.read(self.values[column]) }))
    }
}

/// An SPI connection, closed on drop. An error unwinding through it is cleaned up by Postgres.
struct Connection;

impl Connection {
    fn open() -> Self {
        // SAFETY: always succeeds or raises an ERROR.
        unsafe { pg_sys::SPI_connect() };
        Self
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by this value.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

type PlanKey = (String, Vec<pg_sys::Oid>);

thread_local! {
    static PLANS: RefCell<HashMap<PlanKey, pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

fn statement_text(sql: &str) -> Result<CString, SpiError> {
    CString::new(sql).map_err(|_| SpiError::Nul)
}

fn kept_plan(sql: &str, types: &mut Vec<pg_sys::Oid>) -> Result<pg_sys::SPIPlanPtr, SpiError> {
    let key = (sql.to_owned(), types.clone());
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
        return Ok(plan);
    }
    let text = statement_text(sql)?;
    // SAFETY: inside an SPI connection; the arrays outlive the calls; a kept plan lives until it is freed.
    let plan = unsafe {
        let plan = pg_sys::SPI_prepare(text.as_ptr(), types.len() as c_int, types.as_mut_ptr());
        if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
            return Err(SpiError::Status { status: pg_sys::SPI_result, sql: sql.to_owned() });
        }
        plan
    };
    PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
    Ok(plan)
}

/// Free the kept plans whose text satisfies `stale`: those of a dropped recommender.
pub fn forget_plans(stale: impl Fn(&str) -> bool) {
    PLANS.with_borrow_mut(|plans| {
        plans.retain(|(sql, _), plan| {
            let keep = !stale(sql);
            if !keep {
                // SAFETY: a kept plan that leaves the map here; plans in use hold their own reference.
                unsafe { pg_sys::SPI_freeplan(*plan) };
            }
            keep
        });
    });
}

/// Run a statement of the extension's own inside an open connection; `limit` 0 is no limit.
fn run(sql: &str, args: &[Arg], read_only: bool, keep: bool, limit: c_long) -> Result<(), SpiError> {
    with_own_names(|| run_as_written(sql, args, read_only, keep, limit))
}

/// Run a statement whose names mean what they mean to the session: one that the caller has written.
fn run_as_written(sql: &str, args: &[Arg], read_only: bool, keep: bool, limit: c_long) -> Result<(), SpiError> {
    let mut args = Args::new(args);
    let status = if keep {
        let plan = kept_plan(sql, &mut args.types)?;
        // SAFETY: the arrays have as many entries as the plan has parameters.
        unsafe { pg_sys::SPI_execute_plan(plan, args.values.as_mut_ptr(), args.nulls.as_ptr(), read_only, limit) }
    } else {
        let text = statement_text(sql)?;
        // SAFETY: the three arrays have the same length.
        unsafe {
            pg_sys::SPI_execute_with_args(
                text.as_ptr(),
                args.types.len() as c_int,
                args.types.as_mut_ptr(),
                args.values.as_mut_ptr(),
                args.nulls.as_ptr(),
                read_only,
                limit,
            )
        }
    };
    if status < 0 { Err(SpiError::Status { status, sql: sql.to_owned() }) } else { Ok(()) }
}

/// Hand each row of the last result to `each`.
fn rows<T, E>(mut each: impl FnMut(&Row) -> Result<T, E>) -> Result<Vec<T>, E> {
    // SAFETY: set by the statement just run; NULL when it gives no rows.
    let table = unsafe { pg_sys::SPI_tuptable };
    if table.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: a live result: SPI_processed counts its rows.
    let (count, values, desc) = unsafe { (pg_sys::SPI_processed as usize, (*table).vals, (*table).tupdesc) };
    let mut out = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: below the number of rows.
        out.push(each(&Row { tuple: unsafe { *values.add(index) }, desc })?);
    }
    // SAFETY: the rows are not used after this.
    unsafe { pg_sys::SPI_freetuptable(table) };
    Ok(out)
}

/// Read under the active snapshot: no transaction id, no new snapshot, fine on a standby. `each` turns a row into
/// a value of its own; borrowed datums die with the call.
pub fn read<T, E: From<SpiError>>(sql: &str, args: &[Arg], each: impl FnMut(&Row) -> Result<T, E>) -> Result<Vec<T>, E> {
    let _connection = Connection::open();
    run(sql, args, true, false, 0)?;
    rows(each)
}

/// The names of the columns that a query gives; it is planned, and not run.
pub fn columns_of(query: &str) -> Result<Vec<String>, SpiError> {
    let _connection = Connection::open();
    run_as_written(&format!("SELECT * FROM (\n{query}\n) AS rows LIMIT 0"), &[], true, false, 0)?;
    // SAFETY: set by the statement just run; NULL when it gives no rows.
    let Some(table) = (unsafe { pg_sys::SPI_tuptable.as_ref() }) else { return Ok(Vec::new()) };
    Ok(Row { tuple: std::ptr::null_mut(), desc: table.tupdesc }.columns())
}

/// [`read`] with a kept plan.
pub fn read_prepared<T, E: From<SpiError>>(sql: &str, args: &[Arg], each: impl FnMut(&Row) -> Result<T, E>) -> Result<Vec<T>, E> {
    let _connection = Connection::open();
    run(sql, args, true, true, 0)?;
    rows(each)
}

/// Write, and give the number of rows written.
pub fn write(sql: &str, args: &[Arg]) -> Result<u64, SpiError> {
    let _connection = Connection::open();
    run(sql, args, false, false, 0)?;
    // SAFETY: set by the statement just run.
    Ok(unsafe { pg_sys::SPI_processed })
}

/// [`write`] with a kept plan.
pub fn write_prepared(sql: &str, args: &[Arg]) -> Result<u64, SpiError> {
    let _connection = Connection::open();
    run(sql, args, false, true, 0)?;
    // SAFETY: set by the statement just run.
    Ok(unsafe { pg_sys::SPI_processed })
}

/// Write with RETURNING.
pub fn write_returning<T, E: From<SpiError>>(sql: &str, args: &[Arg], each: impl FnMut(&Row) -> Result<T, E>) -> Result<Vec<T>, E> {
    let _connection = Connection::open();
    run(sql, args, false, false, 0)?;
    rows(each)
}

/// Read a result too large for memory, `chunk` rows at a time, all under the active snapshot. The statement is one of the caller's own, or runs
/// within `owner::as_user`: names in it mean what they mean there.
pub fn stream<E: From<SpiError>>(sql: &str, args: &[Arg], chunk: usize, mut each: impl FnMut(&Row) -> Result<(), E>) -> Result<(), E> {
    stream_chunks(sql, args, chunk, |rows| rows.iter().try_for_each(&mut each))
}

/// [`stream`], where `each` gets the rows of a chunk together.
pub fn stream_chunks<E: From<SpiError>>(
    sql: &str,
    args: &[Arg],
    chunk: usize,
    mut each: impl FnMut(&[Row]) -> Result<(), E>,
) -> Result<(), E> {
    let _connection = Connection::open();
    let mut args = Args::new(args);
    let text = statement_text(sql)?;
    // SAFETY: the three arrays have the same length; a cursor that cannot be opened raises an ERROR.
    let portal = unsafe {
        pg_sys::SPI_cursor_open_with_args(
            std::ptr::null(),
            text.as_ptr(),
            args.types.len() as c_int,
            args.types.as_mut_ptr(),
            args.values.as_mut_ptr(),
            args.nulls.as_ptr(),
            true,
            0,
        )
    };
    // What is taken out of the rows of a chunk is freed with it.
    let scratch = Scratch::enter();
    let mut chunk_rows = Vec::with_capacity(chunk);
    let mut result = Ok(());
    while result.is_ok() {
        super::interrupt::check();
        // SAFETY: the portal opened above.
        unsafe { pg_sys::SPI_cursor_fetch(portal, true, chunk as c_long) };
        // SAFETY: set by the fetch.
        let (count, table) = unsafe { (pg_sys::SPI_processed as usize, pg_sys::SPI_tuptable) };
        if count == 0 || table.is_null() {
            break;
        }
        // SAFETY: a live result of so many rows.
        let (values, desc) = unsafe { ((*table).vals, (*table).tupdesc) };
        // SAFETY: below the number of rows.
        chunk_rows.extend((0..count).map(|index| Row { tuple: unsafe { *values.add(index) }, desc }));
        result = each(&chunk_rows);
        chunk_rows.clear();
        // SAFETY: the rows are not used after this, and `each` gives no datum away.
        unsafe {
            pg_sys::SPI_freetuptable(table);
            scratch.reset();
        }
    }
    // SAFETY: as above. An open portal would keep the table in use.
    unsafe { pg_sys::SPI_cursor_close(portal) };
    result
}
