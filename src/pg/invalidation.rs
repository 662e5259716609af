//! One relcache callback for all that a backend caches about relations.
//!
//! Callbacks arrive in the middle of other work, so this one only raises a counter; whoever caches something
//! notes the counter and starts afresh when it has moved. A relation that nobody watches does not move it.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};

use pgrx::pg_sys;

/// Bits of the filter of watched relations: a false hit costs a reload of a cache, nothing else.
const FILTER_BITS: u32 = 4096;

thread_local! {
    static GENERATION: Cell<u64> = const { Cell::new(0) };
    static WATCHED: RefCell<[u64; (FILTER_BITS / 64) as usize]> = const { RefCell::new([0; (FILTER_BITS / 64) as usize]) };
}

fn slot(relation: pg_sys::Oid) -> (usize, u64) {
    let bit = relation.to_u32() % FILTER_BITS;
    ((bit / 64) as usize, 1 << (bit % 64))
}

/// From now on a change of `relation` moves [`generation`].
pub fn watch(relation: pg_sys::Oid) {
    let (word, bit) = slot(relation);
    WATCHED.with(|watched| watched.borrow_mut()[word] |= bit);
}

/// What a cache compares: while it stays the same, no watched relation has changed.
#[inline]
pub fn generation() -> u64 {
    GENERATION.get()
}

/// Take in the changes that other sessions have committed.
pub fn accept() {
    // SAFETY: callable whenever a transaction is open; it runs callbacks such as the one below.
    unsafe { pg_sys::AcceptInvalidationMessages() }
}

/// Tell every backend, this one included, that `relation` has changed: at the next command here, at commit elsewhere.
pub fn announce(relation: pg_sys::Oid) {
    // SAFETY: looks the relation up in the catalog and raises an ERROR if there is none.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) }
}

extern "C-unwind" fn relation_changed(_arg: pg_sys::Datum, relation: pg_sys::Oid) {
    // InvalidOid stands for "every relation". A filter that is being written to is taken as a hit.
    let (word, bit) = slot(relation);
    let hit = relation == pg_sys::InvalidOid || WATCHED.with(|watched| watched.try_borrow().is_ok_and(|bits| bits[word] & bit != 0));
    if hit {
        GENERATION.set(GENERATION.get() + 1);
    }
}

/// Register the callback. Once per process.
pub fn register() {
    // SAFETY: called from _PG_init; the callback takes no lock, allocates nothing and cannot fail.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) }
}
