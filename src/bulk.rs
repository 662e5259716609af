//! Bulk statements: many rows in one, with an array parameter for each column.

use pgrx::pg_sys::{self, Datum, Oid};

use crate::key::KeyError;
use crate::pg::memory::Scratch;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{array, interrupt, varlena};
use crate::totals::number_datum;

/// Rows of one statement, and the bytes after which it is sent anyway.
const ROWS: usize = 1000;
const BYTES: usize = 4 << 20;

/// What can go wrong below a bulk statement.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The module's result.
pub type Result<T> = std::result::Result<T, WriteError>;

/// One statement, sent for many rows at a time; a column is an array parameter.
struct Bulk {
    sql: String,
    types: Vec<Oid>,
    columns: Vec<Vec<Datum>>,
}

impl Bulk {
    fn send(&mut self) -> Result<()> {
        interrupt::check();
        if self.columns[0].is_empty() {
            return Ok(());
        }
        let columns = self.types.iter().zip(&mut self.columns);
        let args: Vec<Arg> =
            columns.map(|(&element, values)| Arg::datum(Some(array::of(element, values)), array::type_of(element))).collect();
        spi::write_prepared(&self.sql, &args)?;
        self.columns.iter_mut().for_each(Vec::clear);
        Ok(())
    }
}

/// Statements that are filled side by side. Datums of their rows are made while it lives, and freed when they are sent.
pub struct Bulks<const N: usize> {
    bulks: [Bulk; N],
    bytes: usize,
    scratch: Scratch,
}

impl<const N: usize> Bulks<N> {
    /// Statements with the types of their columns.
    pub fn new(statements: [(String, &[Oid]); N]) -> Self {
        let bulks = statements.map(|(sql, types)| Bulk { sql, types: types.to_vec(), columns: vec![Vec::new(); types.len()] });
        Self { bulks, bytes: 0, scratch: Scratch::enter() }
    }

    /// Adds a row to statement `place`; sends all of them when one is full.
    pub fn push(&mut self, place: usize, row: &[Datum], bytes: usize) -> Result<()> {
        for (column, value) in self.bulks[place].columns.iter_mut().zip(row) {
            column.push(*value);
        }
        self.bytes += bytes;
        if self.bulks[place].columns[0].len() >= ROWS || self.bytes >= BYTES { self.send() } else { Ok(()) }
    }

    #[allow(unsafe_code)]
    fn send(&mut self) -> Result<()> {
        for bulk in &mut self.bulks {
            bulk.send()?;
        }
        self.bytes = 0;
        // SAFETY: the datums have been sent, and the columns that held them are empty.
        unsafe { self.scratch.reset() };
        Ok(())
    }

    /// Sends what is left.
    pub fn finish(mut self) -> Result<()> {
        self.send()
    }
}

/// Writes packed rows by node into `table`, and deletes those of nodes that have none; `column` is the packed one.
pub fn write_packed(table: &str, column: &str, rows: impl Iterator<Item = (u32, Option<Vec<u8>>)>) -> Result<()> {
    let upsert = format!(
        "INSERT INTO {table} (node, {column}) SELECT n, recommend.packed(p) FROM unnest($1, $2) AS r (n, p) \
             ON CONFLICT (node) DO UPDATE SET {column} = excluded.{column}"
    );
    let upsert_types = [pg_sys::INT4OID, pg_sys::BYTEAOID];
    let delete = format!("DELETE FROM {table} WHERE node = ANY ($1)");
    let delete_types = [pg_sys::INT4OID];
    let mut statements = Bulks::new([(upsert, &upsert_types), (delete, &delete_types)]);
    for (node, bytes) in rows {
        match bytes {
            Some(bytes) => statements.push(0, &[number_datum(node), varlena::from_bytes(&bytes)], bytes.len())?,
            None => statements.push(1, &[number_datum(node)], 0)?,
        }
    }
    statements.finish()
}
