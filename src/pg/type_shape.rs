//! What the values of a type are made of, where that can change while the type stays the same.
//!
//! A row type's columns can be altered, and a row without a declared type is known to one session alone. Bytes that were kept of such values must not be
//! read when their type is made of something else.
#![allow(unsafe_code)]

use pgrx::pg_sys;

use super::{clock, hash, relation};

/// Another number for each way in which the values of a type can be laid out in memory; 0 for types that cannot be altered.
pub fn of(type_oid: pg_sys::Oid) -> u64 {
    // SAFETY: raises an ERROR where the stack is used up: types may be nested as deep as somebody likes.
    unsafe { pg_sys::check_stack_depth() };
    let base = relation::base_type(type_oid);
    if base == pg_sys::RECORDOID {
        return of_records();
    }
    // SAFETY: catalog lookups that give InvalidOid, or another type than asked for, where a type is not of that kind.
    let (element, subtype, range) =
        unsafe { (pg_sys::get_element_type(base), pg_sys::get_range_subtype(base), pg_sys::get_multirange_range(base)) };
    match [element, subtype, range].into_iter().find(|inner| *inner != pg_sys::InvalidOid) {
        Some(inner) => of(inner),
        // SAFETY: a catalog lookup.
        None if unsafe { pg_sys::get_typtype(base) } as u8 == pg_sys::TYPTYPE_COMPOSITE => of_row_type(base),
        None => 0,
    }
}

/// Rows without a declared type have numbers that one session gives, with its parallel workers, which share its transaction.
fn of_records() -> u64 {
    // SAFETY: variables of the backend; a parallel worker has an entry that names the process that started it.
    let session = unsafe {
        if pg_sys::ParallelWorkerNumber >= 0 && !pg_sys::MyBgworkerEntry.is_null() {
            (*pg_sys::MyBgworkerEntry).bgw_notify_pid
        } else {
            pg_sys::MyProcPid
        }
    };
    hash::seeded(&clock::transaction_start().to_ne_bytes(), u64::from(session.unsigned_abs())) | 1
}

fn of_row_type(type_oid: pg_sys::Oid) -> u64 {
    let mut columns = Vec::new();
    // SAFETY: the descriptor of a row type, which is held while it is read.
    unsafe {
        let desc = pg_sys::lookup_rowtype_tupdesc(type_oid, -1);
        for place in 0..(*desc).natts {
            // A column that was dropped has no type.
            let column = pg_sys::SPI_gettypeid(desc, place + 1);
            let inner = if column == pg_sys::InvalidOid { 0 } else { of(column) };
            columns.extend_from_slice(&column.to_u32().to_ne_bytes());
            columns.extend_from_slice(&inner.to_ne_bytes());
        }
        if (*desc).tdrefcount >= 0 {
            pg_sys::DecrTupleDescRefCount(desc);
        }
    }
    hash::bytes(&columns) | 1
}
