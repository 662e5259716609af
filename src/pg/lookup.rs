//! Rows of a heap table by the keys of a unique index, page by page.
//!
//! An index scan goes to the heap key by key, and prunes each page that it meets, which right after an update is every one. Here the index is asked for all keys
//! first, and then each page is read once, in the order in which pages lie, and left as it is.
//!
//! Reads use the active snapshot and check no privileges: the callers have done so. After an error nothing is released here: the resource owner has done so.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

use pgrx::{PgList, pg_sys};

use super::fetch::Version;
use super::interrupt;
use super::relation::Relation;

const LOCK: c_int = pg_sys::AccessShareLock as c_int;
/// How many keys are looked up between two checks for interrupts.
const KEYS: usize = 1000;

/// A heap table and its index on one column.
pub struct Lookup {
    // Closed in this order.
    index: Relation,
    table: Relation,
    key: pg_sys::ScanKeyData,
    /// The column of the keys, and the other one that is read.
    columns: [i16; 2],
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Lookup {
    /// Opens a table with a unique index on the first of two columns, whose equality is that of `key_type`. `None` where there is no such thing, as for
    /// a partitioned table, where a column is computed when it is read, and where policies hold for the owner too.
    pub fn open(table: pg_sys::Oid, columns: [i16; 2], key_type: pg_sys::Oid) -> Option<Self> {
        let table = Relation::try_open(table, LOCK)?;
        let class = table.class();
        if class.relkind as u8 != pg_sys::RELKIND_RELATION || class.relam != pg_sys::HEAP_TABLE_AM_OID || class.relforcerowsecurity {
            return None;
        }
        // SAFETY: the list is a copy of ours, of the indexes of an open table.
        let indexes: PgList<pg_sys::Oid> = unsafe { PgList::from_pg(pg_sys::RelationGetIndexList(table.as_ptr())) };
        let found = |oid| {
            let index = Relation::try_open(oid, LOCK)?;
            // SAFETY: an index, which is open.
            unsafe { key(&index, columns[0], key_type) }.map(|key| (index, key))
        };
        let (index, key) = indexes.iter_oid().find_map(found)?;
        // SAFETY: an open relation's descriptor.
        let count = unsafe { (*table.tuple_desc()).natts } as usize;
        if columns.iter().any(|column| !is_stored(&table, *column)) {
            return None;
        }
        Some(Self { index, table, key, columns, values: vec![pg_sys::Datum::from(0); count], nulls: vec![true; count] })
    }

    /// Calls `each` with both columns of the rows that have one of the keys, in the order in which they lie, until it gives false. The values live until the
    /// next row.
    pub fn rows(&mut self, keys: &[pg_sys::Datum], mut each: impl FnMut([Option<pg_sys::Datum>; 2]) -> bool) {
        let mut places = self.places(keys);
        places.sort_unstable();
        // Keys that the index holds for equal lead to the same row.
        places.dedup();
        let mut found: Vec<pg_sys::HeapTupleData> = Vec::new();
        for page in places.chunk_by(|a, b| a >> 16 == b >> 16) {
            interrupt::check();
            // SAFETY: the table is open, and has the page: the index knows it. The page stays pinned while its rows are read, and no row that the
            // snapshot shows leaves a pinned page. A line that was freed since the index was asked holds a row that the snapshot does not show.
            unsafe {
                let buffer = pg_sys::ReadBuffer(self.table.as_ptr(), (page[0] >> 16) as u32);
                pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as c_int);
                found.extend(page.iter().filter_map(|place| self.visible(buffer, *place)));
                pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_UNLOCK as c_int);
                let more = found.iter_mut().all(|row| each(self.columns(row)));
                pg_sys::ReleaseBuffer(buffer);
                found.clear();
                if !more {
                    return;
                }
            }
        }
    }

    /// Where the index says that rows of the keys may lie: a page and a line, as [`Version::place`] has them.
    fn places(&mut self, keys: &[pg_sys::Datum]) -> Vec<u64> {
        let mut places = Vec::with_capacity(keys.len());
        // SAFETY: both relations are open longer than the scan; the key is copied into it. The index is asked alone.
        unsafe {
            let (table, index, snapshot) = (self.table.as_ptr(), self.index.as_ptr(), pg_sys::GetActiveSnapshot());
            #[cfg(not(feature = "pg18"))]
            let scan = pg_sys::index_beginscan(table, index, snapshot, 1, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(table, index, snapshot, ptr::null_mut(), 1, 0);
            for (number, value) in keys.iter().enumerate() {
                if number % KEYS == 0 {
                    interrupt::check();
                }
                self.key.sk_argument = *value;
                pg_sys::index_rescan(scan, &mut self.key, 1, ptr::null_mut(), 0);
                loop {
                    let tid = pg_sys::index_getnext_tid(scan, pg_sys::ScanDirection::ForwardScanDirection);
                    if tid.is_null() {
                        break;
                    }
                    let block = (*tid).ip_blkid;
                    places.push((u64::from(block.bi_hi) << 16 | u64::from(block.bi_lo)) << 16 | u64::from((*tid).ip_posid));
                }
            }
            pg_sys::index_endscan(scan);
        }
        places
    }

    /// The row at a place, or behind it on its page, that the snapshot shows.
    ///
    /// # Safety
    /// `buffer` is the page of `place`, pinned and locked to be read.
    unsafe fn visible(&self, buffer: pg_sys::Buffer, place: u64) -> Option<pg_sys::HeapTupleData> {
        let mut tid = Version { place, inserted_by: 0 }.tid();
        let mut row = pg_sys::HeapTupleData::default();
        // SAFETY: by the contract; the row is filled in where one is found.
        let found = unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            pg_sys::heap_hot_search_buffer(&mut tid, self.table.as_ptr(), buffer, snapshot, &mut row, ptr::null_mut(), true)
        };
        found.then_some(row)
    }

    /// Both columns of a row.
    ///
    /// # Safety
    /// The row is one of the table, whose page is pinned.
    unsafe fn columns(&mut self, row: &mut pg_sys::HeapTupleData) -> [Option<pg_sys::Datum>; 2] {
        // SAFETY: by the contract; both arrays have a place for each column.
        unsafe { pg_sys::heap_deform_tuple(row, self.table.tuple_desc(), self.values.as_mut_ptr(), self.nulls.as_mut_ptr()) };
        self.columns.map(|column| usize::from(column.unsigned_abs()) - 1).map(|place| (!self.nulls[place]).then(|| self.values[place]))
    }
}

/// How an index compares, where it is one of all rows on exactly that column, unique, and good for the active snapshot.
///
/// # Safety
/// `index` is an index.
unsafe fn key(index: &Relation, column: i16, key_type: pg_sys::Oid) -> Option<pg_sys::ScanKeyData> {
    // SAFETY: an open index has these, with an entry for each of its columns.
    unsafe {
        let relation = &*index.as_ptr();
        let form = &*relation.rd_index;
        let is_fit = index.class().relam == pg_sys::BTREE_AM_OID
            && form.indisunique
            && form.indisvalid
            && form.indimmediate
            && form.indnkeyatts == 1
            && *form.indkey.values.as_ptr() == column
            && *relation.rd_opcintype == key_type
            && pg_sys::RelationGetIndexPredicate(index.as_ptr()).is_null();
        // Rows on some pages were changed before the index was made in a way that it does not tell older snapshots.
        if !is_fit || form.indcheckxmin && !is_older((*relation.rd_indextuple).t_data) {
            return None;
        }
        let strategy = pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber;
        let equal = pg_sys::get_opfamily_member(*relation.rd_opfamily, key_type, key_type, strategy as i16);
        let procedure = pg_sys::get_opcode(equal);
        let mut key = pg_sys::ScanKeyData::default();
        let (collation, nothing) = (*relation.rd_indcollation, pg_sys::Datum::from(0));
        pg_sys::ScanKeyEntryInitialize(&mut key, 0, 1, strategy, pg_sys::InvalidOid, collation, procedure, nothing);
        Some(key)
    }
}

/// Whether what has written a row of the catalog ended before all snapshots of this session.
///
/// # Safety
/// A row of a catalog.
unsafe fn is_older(row: pg_sys::HeapTupleHeader) -> bool {
    // SAFETY: by the contract; reads a variable of the session. A frozen row is older than any.
    unsafe {
        let frozen = u32::from((*row).t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN;
        frozen || pg_sys::TransactionIdPrecedes((*row).t_choice.t_heap.t_xmin, pg_sys::TransactionXmin)
    }
}

/// Whether rows hold the values of a column.
fn is_stored(table: &Relation, column: i16) -> bool {
    #[cfg(not(feature = "pg18"))]
    const COMPUTED: u8 = b'v';
    #[cfg(feature = "pg18")]
    const COMPUTED: u8 = pg_sys::ATTRIBUTE_GENERATED_VIRTUAL;
    // SAFETY: a lookup of a column that the table has.
    let generated = unsafe { pg_sys::get_attgenerated(table.oid(), column) };
    generated as u8 != COMPUTED
}
