//! The text of a column's value, as `value::text` gives it in SQL.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::pg_sys;

use super::relation;
use super::varlena::{self, Bytes};

/// How to get the text of values of one type.
pub enum Label {
    /// text and varchar: the value itself.
    Text,
    /// A cast function to text.
    Cast(Box<pg_sys::FmgrInfo>),
    /// The type's output function.
    Output(Box<pg_sys::FmgrInfo>),
}

impl Label {
    /// For values of type `type_oid`, the cast that the parser would choose. Lives as long as the backend.
    pub fn of(type_oid: pg_sys::Oid) -> Self {
        let base = relation::base_type(type_oid);
        let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
        // SAFETY: catalog lookups; the out pointers are to live locals.
        let path =
            unsafe { pg_sys::find_coercion_pathway(pg_sys::TEXTOID, base, pg_sys::CoercionContext::COERCION_EXPLICIT, &mut function) };
        if base == pg_sys::TEXTOID || path == pg_sys::CoercionPathType::COERCION_PATH_RELABELTYPE {
            return Self::Text;
        }
        let is_cast = path == pg_sys::CoercionPathType::COERCION_PATH_FUNC;
        let mut info = Box::<pg_sys::FmgrInfo>::default();
        // SAFETY: what the function keeps between calls it keeps in a context that is never reset.
        unsafe {
            if !is_cast {
                pg_sys::getTypeOutputInfo(base, &mut function, &mut is_varlena);
            }
            pg_sys::fmgr_info_cxt(function, &mut *info, pg_sys::TopMemoryContext);
        }
        if is_cast { Self::Cast(info) } else { Self::Output(info) }
    }

    /// The text of a value as a datum of type text, in the current memory context.
    ///
    /// # Safety
    /// `value` is of the type that the label was made for.
    pub unsafe fn datum(&self, value: pg_sys::Datum) -> pg_sys::Datum {
        // SAFETY: by the contract above. Postgres writes to the FmgrInfo while it calls, on this one thread.
        unsafe {
            match self {
                Self::Text => value,
                Self::Cast(info) => {
                    let (function, collation) = ((&raw const **info).cast_mut(), pg_sys::DEFAULT_COLLATION_OID);
                    // A cast may take a type modifier, and whether it was asked for: it finds what was passed, and no more.
                    let (none, explicit) = (pg_sys::Datum::from(-1i32), pg_sys::Datum::from(true));
                    match info.fn_nargs {
                        1 => pg_sys::FunctionCall1Coll(function, collation, value),
                        2 => pg_sys::FunctionCall2Coll(function, collation, value, none),
                        _ => pg_sys::FunctionCall3Coll(function, collation, value, none, explicit),
                    }
                }
                Self::Output(info) => {
                    let text = pg_sys::OutputFunctionCall((&raw const **info).cast_mut(), value);
                    varlena::from_bytes(CStr::from_ptr(text).to_bytes())
                }
            }
        }
    }

    /// Look at the bytes of a value's text.
    ///
    /// # Safety
    /// As for [`Label::datum`].
    pub unsafe fn with_bytes<T>(&self, value: pg_sys::Datum, look: impl FnOnce(&[u8]) -> T) -> T {
        // SAFETY: a text datum made from the value.
        unsafe { look(&Bytes::of(self.datum(value))) }
    }
}

/// `hashtextextended(text, 0)` of text with these bytes.
pub fn hash(text: &[u8]) -> i64 {
    super::hash::bytes(text) as i64
}
