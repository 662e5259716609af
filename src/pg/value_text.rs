//! Values of any type as text, by the functions of their types.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use pgrx::pg_sys;

/// A value as its type writes it. The datum must really be of that type.
pub fn write(type_oid: pg_sys::Oid, datum: pg_sys::Datum) -> String {
    let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: the caller has the value from a piece of memory that says its type; an output function gives a NUL-terminated string.
    unsafe {
        pg_sys::getTypeOutputInfo(type_oid, &mut output, &mut is_varlena);
        CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum)).to_string_lossy().into_owned()
    }
}

/// The value that a text stands for, in the current memory context; an ERROR of its type where it stands for none, `None` where it holds a NUL byte.
pub fn read(type_oid: pg_sys::Oid, text: &str) -> Option<pg_sys::Datum> {
    let text = CString::new(text).ok()?;
    let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: catalog lookups that raise an ERROR for a type without input; the function copies what it needs of the text.
    unsafe {
        pg_sys::getTypeInputInfo(type_oid, &mut input, &mut parameter);
        Some(pg_sys::OidInputFunctionCall(input, text.as_ptr().cast_mut(), parameter, -1))
    }
}

/// A type's name with its schema.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: a catalog lookup that gives a NUL-terminated string.
    unsafe { CStr::from_ptr(pg_sys::format_type_be_qualified(type_oid)) }.to_string_lossy().into_owned()
}

/// The type of that name; an ERROR where there is none, `None` where it is but declared.
pub fn type_named(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: the input function of regtype, which takes a NUL-terminated string.
    let found = unsafe { pgrx::direct_function_call_as_datum(pg_sys::regtypein, &[Some(pg_sys::Datum::from(name.as_ptr()))]) }?;
    let type_oid = pg_sys::Oid::from(found.value() as u32);
    // SAFETY: a catalog lookup that gives false for an unknown type.
    unsafe { pg_sys::get_typisdefined(type_oid) }.then_some(type_oid)
}
