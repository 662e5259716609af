//! Arrays as parameters of bulk statements.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// A one-dimensional array of `element`s; the datums are of that type.
pub fn of(element: pg_sys::Oid, datums: &mut [pg_sys::Datum]) -> pg_sys::Datum {
    let (mut length, mut by_value, mut align) = (0, false, 0);
    // SAFETY: a catalog lookup; construct_array copies the values.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        pg_sys::construct_array(datums.as_mut_ptr(), datums.len() as i32, element, i32::from(length), by_value, align).into()
    }
}

/// The type of arrays of `element`s.
pub fn type_of(element: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::get_array_type(element) }
}
