//! The columns of a value of a row type.
#![allow(unsafe_code)]

use std::ffi::CStr;

use engine::model::Value;
use pgrx::pg_sys;

use super::scalar::Kind;

/// A column of a row.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_oid: pg_sys::Oid,
    /// Its value, `None` for NULL; it lives as long as the row.
    datum: Option<pg_sys::Datum>,
}

impl Column {
    /// Its value, `Some(None)` for NULL; `None` where its type is neither number nor text.
    pub fn value(&self) -> Option<Option<Value>> {
        let kind = Kind::of(self.type_oid)?;
        // SAFETY: a value of that type.
        Some(self.datum.map(|datum| unsafe { kind.read(datum) }))
    }
}

/// The columns of a row that were not dropped.
///
/// # Safety
/// `row` is a value of a row type, which lives as long as what is done with the columns.
pub unsafe fn columns(row: pg_sys::Datum) -> Vec<Column> {
    // SAFETY: by the contract above. A row knows its type; the descriptor is held while it is used; both arrays have a place for each column.
    unsafe {
        let header = pg_sys::pg_detoast_datum(row.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
        let choice = (*header).t_choice.t_datum;
        let desc = pg_sys::lookup_rowtype_tupdesc(choice.datum_typeid, choice.datum_typmod);
        let mut tuple =
            pg_sys::HeapTupleData { t_len: pgrx::varlena::varsize_4b(header.cast()) as u32, t_data: header, ..Default::default() };
        let width = (*desc).natts as usize;
        let (mut values, mut nulls) = (vec![pg_sys::Datum::from(0); width], vec![false; width]);
        pg_sys::heap_deform_tuple(&mut tuple, desc, values.as_mut_ptr(), nulls.as_mut_ptr());
        let mut columns = Vec::with_capacity(width);
        for place in 0..width {
            // A column that was dropped has no type.
            let type_oid = pg_sys::SPI_gettypeid(desc, place as i32 + 1);
            let name = pg_sys::SPI_fname(desc, place as i32 + 1);
            if type_oid == pg_sys::InvalidOid || name.is_null() {
                continue;
            }
            let name = CStr::from_ptr(name).to_string_lossy().into_owned();
            columns.push(Column { name, type_oid, datum: (!nulls[place]).then_some(values[place]) });
        }
        if (*desc).tdrefcount >= 0 {
            pg_sys::DecrTupleDescRefCount(desc);
        }
        columns
    }
}
