//! Rows of heap tables, below SQL: no executor, no privilege check, no snapshot of the session.
#![allow(unsafe_code)]

use std::ffi::c_int;

use pgrx::{PgMemoryContexts, pg_sys};

use super::relation::Relation;
use super::{interrupt, shape, snapshot};

unsafe extern "C-unwind" {
    fn datumIsEqual(left: pg_sys::Datum, right: pg_sys::Datum, by_value: bool, length: c_int) -> bool;
}

/// The columns of a row in a slot.
#[derive(Clone, Copy)]
pub struct Columns(*mut pg_sys::TupleTableSlot);

impl Columns {
    /// Unpack a slot up to column `last`.
    ///
    /// # Safety
    /// `slot` holds a row with at least `last` columns, and keeps it while the value is used.
    #[inline]
    pub unsafe fn of(slot: *mut pg_sys::TupleTableSlot, last: i16) -> Self {
        // SAFETY: by the contract above.
        unsafe {
            if (*slot).tts_nvalid < last {
                pg_sys::slot_getsomeattrs_int(slot, i32::from(last));
            }
        }
        Self(slot)
    }

    /// The value of a column, counted from 1 and not beyond what was unpacked; `None` for NULL.
    #[inline]
    pub fn get(&self, number: i16) -> Option<pg_sys::Datum> {
        let index = number as usize - 1;
        // SAFETY: the slot has unpacked at least so many columns.
        unsafe { (!*(*self.0).tts_isnull.add(index)).then(|| *(*self.0).tts_values.add(index)) }
    }
}

/// Whether two varlenas of rows are stored alike, to the byte: what lies out of line is the same only if it lies in the same place. Nothing
/// is fetched or decompressed.
pub fn same_varlena(left: Option<pg_sys::Datum>, right: Option<pg_sys::Datum>) -> bool {
    match (left, right) {
        // SAFETY: both are varlenas of rows, compared as they are stored.
        (Some(left), Some(right)) => unsafe { datumIsEqual(left, right, false, -1) },
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// Append a row. No index is looked after, so there must be none. The table's columns were compared with those of the row.
pub fn append<const N: usize>(table: &Relation, row: [Option<pg_sys::Datum>; N]) {
    let mut values = row.map(|value| value.unwrap_or(pg_sys::Datum::from(0)));
    let mut nulls = row.map(|value| value.is_none());
    // SAFETY: the row has the table's columns, in number and type; the tuple is freed once it is stored.
    unsafe {
        let tuple = pg_sys::heap_form_tuple(table.tuple_desc(), values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::simple_heap_insert(table.as_ptr(), tuple);
        pg_sys::heap_freetuple(tuple);
    }
}

/// Read all rows of a table that the latest snapshot shows. What `each` allocates is freed after its row.
pub fn scan(table: &Relation, last: i16, mut each: impl FnMut(Columns)) {
    snapshot::with_latest(|| {
        let mut per_row = PgMemoryContexts::new("pg_recommend row");
        // SAFETY: the active snapshot was pushed just now and outlives the scan; slot and scan are closed below, or by
        // Postgres when an error unwinds.
        unsafe {
            let slot = pg_sys::table_slot_create(table.as_ptr(), std::ptr::null_mut());
            let scan = pg_sys::table_beginscan(table.as_ptr(), pg_sys::GetActiveSnapshot(), 0, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                interrupt::check();
                per_row.switch_to(|_| each(Columns::of(slot, last)));
                per_row.reset();
            }
            pg_sys::table_endscan(scan);
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    });
}

/// Add 1 to an integer column of the row whose first column, an indexed integer, is `key`: at once and whatever
/// the isolation level, so the caller holds a lock that keeps others from the row. False when there is no such row.
pub fn increment(table: &Relation, primary_key: pg_sys::Oid, key: i32, column: i16) -> bool {
    shape::check(table);
    // SAFETY: a scan of an open table by its index, and an update that maintains the index; both columns are int4.
    unsafe {
        let mut condition = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut condition,
            1,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::Oid::from(pg_sys::F_INT4EQ),
            pg_sys::Datum::from(key),
        );
        let scan = pg_sys::systable_beginscan(table.as_ptr(), primary_key, true, std::ptr::null_mut(), 1, &mut condition);
        let found = pg_sys::systable_getnext(scan);
        let exists = !found.is_null();
        if exists {
            let (mut null, mut unchanged) = (false, false);
            let value = pg_sys::heap_getattr(found, i32::from(column), table.tuple_desc(), &mut null);
            let mut next = pg_sys::Datum::from((value.value() as i32).wrapping_add(1));
            let tuple = pg_sys::heap_modify_tuple_by_cols(found, table.tuple_desc(), 1, &mut i32::from(column), &mut next, &mut unchanged);
            pg_sys::CatalogTupleUpdate(table.as_ptr(), &mut (*tuple).t_self, tuple);
        }
        pg_sys::systable_endscan(scan);
        if exists {
            pg_sys::CommandCounterIncrement();
        }
        exists
    }
}
