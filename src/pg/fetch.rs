//! Rows straight from index and heap, without executor or plan: about a microsecond a row where SPI takes four.
//!
//! Reads use the active snapshot and check no privileges: the callers have done so.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

use pgrx::pg_sys;

use super::relation::Relation;
use super::shape;

/// A key column's equality: `=` of its type, as a procedure, and its collation.
#[derive(Debug, Clone, Copy)]
pub struct Equality {
    /// The function, e.g. `int4eq`.
    pub procedure: pg_sys::Oid,
    /// The collation of the key column; `InvalidOid` where its type has none.
    pub collation: pg_sys::Oid,
}

/// Equality of `integer`, the type of dense ids.
pub const INTEGER: Equality = Equality { procedure: pg_sys::Oid::from_u32(pg_sys::F_INT4EQ), collation: pg_sys::Oid::INVALID };

/// An open index scan over one table; the current row's columns are read in place.
pub struct Scan {
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    keys: Vec<pg_sys::ScanKeyData>,
    // Closed after the scan: fields drop in this order.
    _index: Relation,
    _table: Relation,
}

impl Scan {
    /// Opens a scan whose first columns are compared with keys.
    pub fn open(table: pg_sys::Oid, index: pg_sys::Oid, equalities: &[Equality]) -> Self {
        let lock = pg_sys::AccessShareLock as c_int;
        let (table, index) = (Relation::open(table, lock), Relation::open(index, lock));
        shape::check(&table);
        shape::check_index(&index, &table);
        let count = equalities.len() as c_int;
        // SAFETY: both relations are open and stay so as long as the scan; the snapshot is the statement's own.
        let (scan, slot) = unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            #[cfg(not(feature = "pg18"))]
            let scan = pg_sys::index_beginscan(table.as_ptr(), index.as_ptr(), snapshot, count, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(table.as_ptr(), index.as_ptr(), snapshot, ptr::null_mut(), count, 0);
            (scan, pg_sys::table_slot_create(table.as_ptr(), ptr::null_mut()))
        };
        let keys = equalities.iter().enumerate().map(|(column, equality)| key(column, equality)).collect();
        Self { scan, slot, keys, _index: index, _table: table }
    }

    /// Goes to the start of the rows that equal `values`, in the order of the key columns.
    pub fn seek(&mut self, values: &[pg_sys::Datum]) {
        debug_assert_eq!(values.len(), self.keys.len());
        // As many rows may be asked for as a caller likes.
        super::interrupt::check();
        for (key, value) in self.keys.iter_mut().zip(values) {
            key.sk_argument = *value;
        }
        // SAFETY: the scan is open; the keys are copied into it.
        unsafe { pg_sys::index_rescan(self.scan, self.keys.as_mut_ptr(), self.keys.len() as c_int, ptr::null_mut(), 0) }
    }

    /// The next visible row in index order.
    pub fn next_row(&mut self) -> Option<Columns<'_>> {
        super::interrupt::check();
        // SAFETY: the scan and its slot are open.
        let found = unsafe { pg_sys::index_getnext_slot(self.scan, pg_sys::ScanDirection::ForwardScanDirection, self.slot) };
        found.then_some(Columns { slot: self.slot, _scan: std::marker::PhantomData })
    }

    /// The first visible row that equals `values`.
    pub fn get(&mut self, values: &[pg_sys::Datum]) -> Option<Columns<'_>> {
        self.seek(values);
        self.next_row()
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // After an error the resource owner has let go of pins and relations already.
        if !std::thread::panicking() {
            // SAFETY: opened by this value and closed once.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            }
        }
    }
}

fn key(column: usize, equality: &Equality) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: fills the key in; looks the procedure up.
    unsafe {
        pg_sys::ScanKeyEntryInitialize(
            &mut key,
            0,
            (column + 1) as pg_sys::AttrNumber,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            pg_sys::InvalidOid,
            equality.collation,
            equality.procedure,
            pg_sys::Datum::from(0),
        );
    }
    key
}

/// The columns of the current row. Varlenas point into the buffer: they live until the scan moves.
pub struct Columns<'a> {
    slot: *mut pg_sys::TupleTableSlot,
    _scan: std::marker::PhantomData<&'a mut Scan>,
}

impl Columns<'_> {
    /// A column's value, counted from 1; `None` for NULL.
    pub fn datum(&self, column: i16) -> Option<pg_sys::Datum> {
        // SAFETY: the slot holds a row of the table, whose columns were compared with those that are known of it when it was opened.
        unsafe {
            if (*self.slot).tts_nvalid < column {
                pg_sys::slot_getsomeattrs_int(self.slot, c_int::from(column));
            }
            let place = usize::from(column.unsigned_abs()) - 1;
            (!*(*self.slot).tts_isnull.add(place)).then(|| *(*self.slot).tts_values.add(place))
        }
    }
}

impl Columns<'_> {
    /// The elements of a column of type int[] that are not NULL.
    pub fn integers(&self, column: i16) -> Option<Vec<i32>> {
        // SAFETY: the caller names a column of that type.
        let elements = |array| unsafe { super::array::elements(array, pg_sys::INT4OID) };
        self.datum(column).map(|array| elements(array).into_iter().flatten().map(|element| element.value() as i32).collect())
    }
}

/// Where a heap row version lies, and what made it: tells row versions apart within one snapshot and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// Page and line, packed.
    pub place: u64,
    /// The transaction that inserted it.
    pub inserted_by: u32,
}

impl Version {
    /// The tuple identifier.
    pub fn tid(&self) -> pg_sys::ItemPointerData {
        let mut tid = pg_sys::ItemPointerData::default();
        let block = (self.place >> 16) as u32;
        tid.ip_blkid = pg_sys::BlockIdData { bi_hi: (block >> 16) as u16, bi_lo: block as u16 };
        tid.ip_posid = self.place as u16;
        tid
    }
}

/// One row of [`scan_heap`]. Its columns are taken apart when the first one is asked for.
pub struct HeapRow<'a> {
    /// Its version.
    pub version: Version,
    tuple: pg_sys::HeapTuple,
    columns: &'a mut HeapColumns,
    taken_apart: bool,
}

struct HeapColumns {
    desc: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl HeapRow<'_> {
    /// A column's value, counted from 1; `None` for NULL. Varlenas live until the next row.
    pub fn datum(&mut self, column: usize) -> Option<pg_sys::Datum> {
        let HeapColumns { desc, values, nulls } = &mut *self.columns;
        if !self.taken_apart {
            // SAFETY: the tuple is the scan's current one, of this descriptor; both arrays have a place for each column.
            unsafe { pg_sys::heap_deform_tuple(self.tuple, *desc, values.as_mut_ptr(), nulls.as_mut_ptr()) };
            self.taken_apart = true;
        }
        (!nulls[column - 1]).then(|| values[column - 1])
    }
}

/// Calls `each` with every row of a heap table that the active snapshot sees, until it gives false.
pub fn scan_heap(table: pg_sys::Oid, mut each: impl FnMut(&mut HeapRow<'_>) -> bool) {
    let table = Relation::open(table, pg_sys::AccessShareLock as c_int);
    shape::check(&table);
    let desc = table.tuple_desc();
    // SAFETY: an open relation's descriptor.
    let count = unsafe { (*desc).natts } as usize;
    let mut columns = HeapColumns { desc, values: vec![pg_sys::Datum::from(0); count], nulls: vec![false; count] };
    let flags = pg_sys::ScanOptions::SO_TYPE_SEQSCAN | pg_sys::ScanOptions::SO_ALLOW_STRAT | pg_sys::ScanOptions::SO_ALLOW_PAGEMODE;
    // SAFETY: the relation is open until the scan has ended; a tuple lives until the next one is fetched.
    unsafe {
        let scan = pg_sys::heap_beginscan(table.as_ptr(), pg_sys::GetActiveSnapshot(), 0, ptr::null_mut(), ptr::null_mut(), flags);
        let mut rows = 0u32;
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            rows = rows.wrapping_add(1);
            if rows.is_multiple_of(1024) {
                super::interrupt::check();
            }
            let tid = (*tuple).t_self;
            let block = u64::from(tid.ip_blkid.bi_hi) << 16 | u64::from(tid.ip_blkid.bi_lo);
            let version = Version {
                place: block << 16 | u64::from(tid.ip_posid),
                inserted_by: (*(*tuple).t_data).t_choice.t_heap.t_xmin.into_inner(),
            };
            if !each(&mut HeapRow { version, tuple, columns: &mut columns, taken_apart: false }) {
                break;
            }
        }
        pg_sys::heap_endscan(scan);
    }
}

/// Deletes row versions that this transaction has seen and no other one touches.
pub fn delete_rows(table: pg_sys::Oid, versions: &[Version]) {
    let table = Relation::open(table, pg_sys::RowExclusiveLock as c_int);
    shape::check(&table);
    for version in versions {
        let mut tid = version.tid();
        // SAFETY: the relation is open and locked for writing; a row that is gone raises an ERROR.
        unsafe { pg_sys::simple_heap_delete(table.as_ptr(), &mut tid) };
    }
    // SAFETY: makes the deletions visible to this transaction's next statement.
    unsafe { pg_sys::CommandCounterIncrement() };
}
