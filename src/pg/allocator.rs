//! The allocator of this library: where there is no memory, the statement fails, and the server goes on.
//!
//! Rust ends the process where an allocation fails, and the server answers the end of one process by ending all sessions. Postgres raises ERROR 53200.
//! Rust has no stable way to have an error in its place, so two ways stand in for it:
//!
//! - A small request is served from a reserve that is set aside from the start, and the next check for interrupts raises the ERROR, where it unwinds as
//!   any other. This is what happens as a rule, for most requests are small.
//! - A large one, or one when the reserve is used up, panics here, with that ERROR as its payload. The contract of `GlobalAlloc` forbids to unwind. What
//!   the compiler makes of it is that the function which asked, and those inlined into it, drop nothing on the way: they leak. The growth of vectors,
//!   maps and texts asks from within functions of the standard library that own nothing, so that all of ours are cleaned up. timescaledb-toolkit goes
//!   the same way for all requests. The alternative is the end of every session.
//!
//! While a thread unwinds already, a second panic would end the process: then what can be served is served, and the rest is as it was.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// The reserve: it takes up no memory until it is used.
const RESERVE: usize = 4 << 20;
/// The largest request that is served from it.
const SMALL: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

static USED: Reserve = Reserve { bytes: UnsafeCell::new([0; RESERVE]), state: AtomicU64::new(0) };
/// Whether a request was served from the reserve and nobody has been told.
static SHORT: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread is making the report of a failure, which takes memory too.
    static REPORTING: Cell<bool> = const { Cell::new(false) };
}

struct Allocator;

#[repr(align(64))]
struct Reserve {
    bytes: UnsafeCell<[u8; RESERVE]>,
    /// How many pieces are out, in the upper half, and where the next one begins. Without any that is the start again.
    state: AtomicU64,
}

// SAFETY: each piece is handed out once until it is given back, and nobody else touches it.
unsafe impl Sync for Reserve {}

impl Reserve {
    fn start(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    fn holds(&self, piece: *mut u8) -> bool {
        (self.start().addr()..self.start().addr() + RESERVE).contains(&piece.addr())
    }

    /// A piece of zeros or of what was there; NULL where there is no room.
    fn take(&self, layout: Layout) -> *mut u8 {
        let mut begin = 0;
        let taken = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let (out, next) = (state >> 32, state as u32 as usize);
            begin = next.checked_next_multiple_of(layout.align())?;
            let end = begin.checked_add(layout.size()).filter(|end| *end <= RESERVE && layout.align() <= 64)?;
            Some((out + 1) << 32 | end as u64)
        });
        // SAFETY: the piece lies within the reserve.
        if taken.is_ok() { unsafe { self.start().add(begin) } } else { ptr::null_mut() }
    }

    fn give_back(&self) {
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state >> 32 {
            0 | 1 => Some(0),
            out => Some((out - 1) << 32 | u64::from(state as u32)),
        });
    }
}

impl Allocator {
    /// What a request gets that the system has refused.
    #[cold]
    fn refused(layout: Layout) -> *mut u8 {
        let reporting = REPORTING.try_with(Cell::get).unwrap_or(true);
        if layout.size() <= SMALL || reporting || std::thread::panicking() {
            let piece = USED.take(layout);
            if !piece.is_null() || reporting || std::thread::panicking() {
                SHORT.store(!reporting && !std::thread::panicking(), Ordering::Relaxed);
                return piece;
            }
        }
        raise(layout.size())
    }
}

/// Raises the ERROR that Postgres raises.
#[cold]
fn raise(size: usize) -> ! {
    struct Reporting;
    impl Drop for Reporting {
        fn drop(&mut self) {
            let _ = REPORTING.try_with(|reporting| reporting.set(false));
        }
    }
    let _ = REPORTING.try_with(|reporting| reporting.set(true));
    let _reporting = Reporting;
    let detail =
        if size > 0 { format!("Failed on request of size {size}.") } else { "What was left is set aside for this message.".into() };
    ErrorReport::new(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY, "out of memory", "pg_recommend")
        .set_detail(detail)
        .set_hint("docs/architecture.md says what takes how much memory.")
        .report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// An ERROR if a request had to be served from the reserve since the last time.
#[inline]
pub fn check() {
    if SHORT.load(Ordering::Relaxed) && SHORT.swap(false, Ordering::Relaxed) {
        raise(0);
    }
}

// SAFETY: the system's allocator, and pieces of the reserve, which are told apart by where they lie. What is said at the head of this file of unwinding.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() { Self::refused(layout) } else { memory }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if USED.holds(memory) {
            return USED.give_back();
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            return memory;
        }
        let memory = Self::refused(layout);
        if !memory.is_null() {
            // SAFETY: a piece of that size.
            unsafe { ptr::write_bytes(memory, 0, layout.size()) };
        }
        memory
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !USED.holds(memory) {
            // SAFETY: the caller's contract.
            let moved = unsafe { System.realloc(memory, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the alignment of a valid layout, and a size that the caller has checked.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller's contract.
        let fresh = unsafe { self.alloc(wanted) };
        if !fresh.is_null() {
            // SAFETY: two pieces of at least so many bytes, of which the old one is not used any more.
            unsafe {
                ptr::copy_nonoverlapping(memory, fresh, layout.size().min(size));
                self.dealloc(memory, layout);
            }
        }
        fresh
    }
}
