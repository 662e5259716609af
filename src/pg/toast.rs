//! Values out of line, fetched one after another with their TOAST table kept open.
//!
//! The server opens the TOAST table and its index for each value, and descends the index. A reader opens them once, and looks for a value first right
//! behind the one before it: the chunks of values that were stored one after another lie so. What is found there is taken where it says itself that it is
//! that value's chunk, and where it was made by this transaction or a committed one and never deleted, for only such a chunk is the one that the index
//! leads to. Whatever is not as expected is left to the index, and then to the server, which reports it.
//!
//! Relations, locks and pins last until the memory of the aggregate is reset, as those of a scan do that feeds it. After an error nothing is closed here:
//! the resource owner has done so.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

use pgrx::memcxt::PgMemoryContexts;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{PgList, pg_sys};

/// How many TOAST tables are kept open: of partitions, those read last.
const MOST_OPEN: usize = 8;
/// The longest value that is fetched here, in bytes: beyond it, opening a table costs next to nothing, and the server reports where memory ends.
const LONGEST: usize = 1 << 20;
/// What stands before a pointer: the header and the tag.
const POINTER_HEADER: usize = 2;
/// The length of each chunk but the last, `TOAST_MAX_CHUNK_SIZE` of heaptoast.h: four tuples fill a page.
const CHUNK: usize = {
    let tuple = (pg_sys::BLCKSZ as usize - (24usize + 4 * size_of::<pg_sys::ItemIdData>()).next_multiple_of(8)) / 4;
    tuple / 8 * 8 - 24 - 2 * size_of::<u32>() - pg_sys::VARHDRSZ
};
const LOCK: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

unsafe extern "C-unwind" {
    #[cfg(not(feature = "pg18"))]
    fn init_toast_snapshot(snapshot: pg_sys::Snapshot);
    #[cfg(feature = "pg18")]
    fn get_toast_snapshot() -> pg_sys::Snapshot;
}

/// The readers of one aggregate's calls, and the value that was read last.
#[derive(Default)]
pub struct Toasted {
    // In a place of its own: the callback that closes readers holds its address.
    open: Box<Open>,
    value: Vec<u64>,
}

#[derive(Default)]
struct Open {
    readers: Vec<Reader>,
    /// Whether a value has been met since the last time that all was closed. One value alone is not worth the opening.
    met: bool,
    registered: bool,
}

impl Toasted {
    /// A plain copy of a value that lies out of line and is not compressed, until the next call; `None` for others, and where the server is to fetch.
    ///
    /// # Safety
    /// `fcinfo` is the call information of the running call, always of the same place of a statement, and `datum` a varlena. This value lives as long as
    /// the memory of the executor, or until an error.
    pub unsafe fn plain(&mut self, fcinfo: pg_sys::FunctionCallInfo, datum: pg_sys::Datum) -> Option<pg_sys::Datum> {
        // SAFETY: by the contract above.
        unsafe {
            let pointer = pointer(datum.cast_mut_ptr())?;
            let length = usize::try_from(pointer.va_rawsize).ok()?.checked_sub(pg_sys::VARHDRSZ)?;
            if (pointer.va_extinfo & pg_sys::VARLENA_EXTSIZE_MASK) as usize != length || length > LONGEST {
                return None;
            }
            let context = (*fcinfo).context;
            if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_AggState || !std::mem::replace(&mut self.open.met, true) {
                return None;
            }
            let reader = self.open.reader(fcinfo, pointer.va_toastrelid)?;
            self.value.resize((pg_sys::VARHDRSZ + length).div_ceil(size_of::<u64>()), 0);
            let start = self.value.as_mut_ptr().cast::<u8>();
            let bytes = std::slice::from_raw_parts_mut(start.add(pg_sys::VARHDRSZ), length);
            if !reader.read(pointer.va_valueid, bytes) {
                return None;
            }
            pgrx::varlena::set_varsize_4b(start.cast(), (pg_sys::VARHDRSZ + length) as i32);
            Some(pg_sys::Datum::from(start))
        }
    }
}

/// The pointer to a value out of line; `None` for other varlenas.
///
/// # Safety
/// `value` is a varlena.
unsafe fn pointer(value: *const pg_sys::varlena) -> Option<pg_sys::varatt_external> {
    // SAFETY: by the contract; a pointer stands behind its header and tag, not aligned.
    unsafe {
        let is_pointer =
            pgrx::varlena::varatt_is_1b_e(value) && u32::from(pgrx::varlena::vartag_1b_e(value)) == pg_sys::vartag_external::VARTAG_ONDISK;
        is_pointer.then(|| value.cast::<u8>().add(POINTER_HEADER).cast::<pg_sys::varatt_external>().read_unaligned())
    }
}

impl Open {
    /// The reader of a TOAST table; `None` where it cannot be read in this way.
    ///
    /// # Safety
    /// As for [`Toasted::plain`].
    unsafe fn reader(&mut self, fcinfo: pg_sys::FunctionCallInfo, table: pg_sys::Oid) -> Option<&mut Reader> {
        if self.readers.first().is_none_or(|reader| reader.oid != table) {
            match self.readers.iter().position(|reader| reader.oid == table) {
                Some(place) => self.readers[..=place].rotate_right(1),
                // SAFETY: the callback gets the address of this value, which stays until the executor's memory is freed, and is called before, or
                // not at all after an error. The memory of the function outlives all readers.
                None => unsafe {
                    if !std::mem::replace(&mut self.registered, true) {
                        pg_sys::AggRegisterCallback(fcinfo, Some(close_all), pg_sys::Datum::from(ptr::from_mut(self)));
                    }
                    if self.readers.len() == MOST_OPEN
                        && let Some(oldest) = self.readers.pop()
                    {
                        oldest.close();
                    }
                    let opened = PgMemoryContexts::For((*(*fcinfo).flinfo).fn_mcxt).switch_to(|_| Reader::open(table))?;
                    self.readers.insert(0, opened);
                },
            }
        }
        self.readers.first_mut()
    }
}

/// Closes all readers of the [`Open`] at that address.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn close_all(open: pg_sys::Datum) {
    // SAFETY: registered with such an address above.
    let open = unsafe { &mut *open.cast_mut_ptr::<Open>() };
    (open.met, open.registered) = (false, false);
    for reader in open.readers.drain(..) {
        reader.close();
    }
}

/// A valid index of an open TOAST table, opened.
///
/// # Safety
/// `table` is open and locked.
unsafe fn valid_index(table: pg_sys::Relation) -> Option<pg_sys::Relation> {
    // SAFETY: by the contract; the list is a copy of ours.
    unsafe {
        let list = pg_sys::RelationGetIndexList(table);
        let oids: Vec<pg_sys::Oid> = PgList::<pg_sys::Oid>::from_pg(list).iter_oid().collect();
        pg_sys::list_free(list);
        oids.into_iter().find_map(|oid| {
            let index = pg_sys::index_open(oid, LOCK);
            if (*(*index).rd_index).indisvalid {
                return Some(index);
            }
            pg_sys::index_close(index, LOCK);
            None
        })
    }
}

/// An open TOAST table. Closed by [`Reader::close`] alone.
struct Reader {
    oid: pg_sys::Oid,
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    scan: pg_sys::IndexScanDesc,
    slot: *mut pg_sys::TupleTableSlot,
    /// What sees chunks. In a place of its own: the scan holds its address.
    #[cfg(not(feature = "pg18"))]
    snapshot: Box<pg_sys::SnapshotData>,
    #[cfg(feature = "pg18")]
    snapshot: pg_sys::Snapshot,
    /// How many pages there were at the start.
    pages: u32,
    is_heap: bool,
    /// Page and line of the last chunk read.
    last: (u32, u16),
    /// Whether the last value began behind the one before it.
    in_order: bool,
    /// The line behind which the last page had no chunk that was looked for.
    end: u16,
    /// A transaction that is known to have committed, or to be this one.
    committed: pg_sys::TransactionId,
}

impl Reader {
    /// Opens a TOAST table by its oid, in memory that outlives the reader; `None` for one without a valid index.
    fn open(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a pointer of a row that is read names a TOAST table, whose lock that of its table stands for; the snapshot stays where it is as long as
        // the scan.
        unsafe {
            let table = pg_sys::table_open(oid, LOCK);
            let Some(index) = valid_index(table) else {
                pg_sys::table_close(table, LOCK);
                return None;
            };
            #[cfg(not(feature = "pg18"))]
            let (snapshot, scan) = {
                let mut snapshot = Box::<pg_sys::SnapshotData>::default();
                pg_guard_ffi_boundary(|| init_toast_snapshot(&mut *snapshot));
                let scan = pg_sys::index_beginscan(table, index, &mut *snapshot, 1, 0);
                (snapshot, scan)
            };
            #[cfg(feature = "pg18")]
            let (snapshot, scan) = {
                let snapshot = pg_guard_ffi_boundary(|| get_toast_snapshot());
                (snapshot, pg_sys::index_beginscan(table, index, snapshot, ptr::null_mut(), 1, 0))
            };
            let slot = pg_sys::table_slot_create(table, ptr::null_mut());
            let pages = pg_sys::RelationGetNumberOfBlocksInFork(table, pg_sys::ForkNumber::MAIN_FORKNUM);
            let is_heap = ptr::eq((*slot).tts_ops, &raw const pg_sys::TTSOpsBufferHeapTuple);
            let committed = pg_sys::InvalidTransactionId;
            Some(Self { oid, table, index, scan, slot, snapshot, pages, is_heap, last: (0, 0), in_order: false, end: 0, committed })
        }
    }

    /// Closes scan and relations.
    fn close(self) {
        // SAFETY: opened by `open` under the same resource owner, and closed once.
        unsafe {
            pg_sys::index_endscan(self.scan);
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            pg_sys::index_close(self.index, LOCK);
            pg_sys::table_close(self.table, LOCK);
        }
    }

    /// Reads a value of that length; false where not all of it was found.
    fn read(&mut self, value: pg_sys::Oid, bytes: &mut [u8]) -> bool {
        (self.in_order && self.read_on(value, bytes)) || self.look_up(value, bytes)
    }

    /// Reads a value that lies behind the last one.
    fn read_on(&mut self, value: pg_sys::Oid, bytes: &mut [u8]) -> bool {
        bytes.chunks_mut(CHUNK).enumerate().all(|(number, chunk)| {
            let (page, line) = self.last;
            let (on, next) = ((page, line + 1), (page + 1, 1));
            if line == self.end {
                return self.take(next, value, number, chunk) || self.take(on, value, number, chunk);
            }
            let found = self.take(on, value, number, chunk);
            if !found {
                self.end = line;
            }
            found || self.take(next, value, number, chunk)
        })
    }

    /// Copies the chunk of that number from that page and line, if it lies there.
    fn take(&mut self, place: (u32, u16), value: pg_sys::Oid, number: usize, chunk: &mut [u8]) -> bool {
        if place.0 >= self.pages {
            return false;
        }
        let page = pg_sys::BlockIdData { bi_hi: (place.0 >> 16) as u16, bi_lo: place.0 as u16 };
        let mut tid = pg_sys::ItemPointerData { ip_blkid: page, ip_posid: place.1 };
        #[cfg(not(feature = "pg18"))]
        let snapshot: pg_sys::Snapshot = &mut *self.snapshot;
        #[cfg(feature = "pg18")]
        let snapshot = self.snapshot;
        // SAFETY: the table is open and has the page; a line that is not there is not found.
        let found = unsafe { pg_sys::table_tuple_fetch_row_version(self.table, &mut tid, snapshot, self.slot) };
        if found && self.is_settled() && self.copy(value, number, chunk) {
            self.last = place;
            return true;
        }
        false
    }

    /// Whether the row in the slot was made by this transaction or a committed one, and never deleted.
    fn is_settled(&mut self) -> bool {
        // SAFETY: a slot of a heap, which holds a row.
        let (mask, xmin) = unsafe {
            let header = (*(*self.slot.cast::<pg_sys::HeapTupleTableSlot>()).tuple).t_data;
            (u32::from((*header).t_infomask), (*header).t_choice.t_heap.t_xmin)
        };
        if mask & pg_sys::HEAP_XMAX_INVALID == 0 || mask & pg_sys::HEAP_MOVED != 0 {
            return false;
        }
        if mask & pg_sys::HEAP_XMIN_COMMITTED != 0 || xmin == self.committed {
            return true;
        }
        // SAFETY: looks a transaction up that is not frozen.
        let committed = mask & pg_sys::HEAP_XMIN_INVALID == 0
            && unsafe { pg_sys::TransactionIdIsCurrentTransactionId(xmin) || pg_sys::TransactionIdDidCommit(xmin) };
        if committed {
            self.committed = xmin;
        }
        committed
    }

    /// Reads a value by the index.
    fn look_up(&mut self, value: pg_sys::Oid, bytes: &mut [u8]) -> bool {
        let (page, line) = self.last;
        let mut key = pg_sys::ScanKeyData::default();
        // SAFETY: the scan and its slot are open; the key, on the index's first column, an oid, is copied into it. After it, no page stays pinned.
        unsafe {
            let equal = pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber;
            pg_sys::ScanKeyInit(&mut key, 1, equal, pg_sys::Oid::from(pg_sys::F_OIDEQ), pg_sys::Datum::from(value));
            pg_sys::index_rescan(self.scan, &mut key, 1, ptr::null_mut(), 0);
            let found = bytes.chunks_mut(CHUNK).enumerate().all(|(number, chunk)| {
                let found = pg_sys::index_getnext_slot(self.scan, pg_sys::ScanDirection::ForwardScanDirection, self.slot);
                if !found || !self.copy(value, number, chunk) {
                    return false;
                }
                let tid = (*self.slot).tts_tid;
                self.last = (u32::from(tid.ip_blkid.bi_hi) << 16 | u32::from(tid.ip_blkid.bi_lo), tid.ip_posid);
                if number == 0 {
                    self.in_order = self.is_heap && (self.last == (page, line + 1) || self.last == (page + 1, 1));
                }
                true
            });
            pg_sys::index_rescan(self.scan, ptr::null_mut(), 0 as c_int, ptr::null_mut(), 0);
            pg_sys::ExecClearTuple(self.slot);
            found
        }
    }

    /// Copies the row in the slot, if it is the chunk of that number and length.
    fn copy(&self, value: pg_sys::Oid, number: usize, chunk: &mut [u8]) -> bool {
        // SAFETY: the slot holds a row of a TOAST table: oid, number and bytes, which stay while the slot does.
        unsafe {
            pg_sys::slot_getsomeattrs_int(self.slot, 3);
            let (values, nulls) =
                (std::slice::from_raw_parts((*self.slot).tts_values, 3), std::slice::from_raw_parts((*self.slot).tts_isnull, 3));
            if nulls.contains(&true) || values[0].value() as u32 != value.to_u32() || values[1].value() as u32 as usize != number {
                return false;
            }
            let bytes = values[2].cast_mut_ptr::<pg_sys::varlena>();
            let is_plain =
                pgrx::varlena::varatt_is_4b_u(bytes) || (pgrx::varlena::varatt_is_1b(bytes) && !pgrx::varlena::varatt_is_1b_e(bytes));
            if !is_plain || pgrx::varlena::varsize_any_exhdr(bytes) != chunk.len() {
                return false;
            }
            chunk.copy_from_slice(std::slice::from_raw_parts(pgrx::varlena::vardata_any(bytes).cast(), chunk.len()));
            true
        }
    }
}
