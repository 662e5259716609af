//! What the planner is told: how many rows a function that takes a number of rows will give.
#![allow(unsafe_code)]

use std::ffi::CStr;

use pgrx::pg_sys;

use super::function::{Call, CallError};
use crate::sql_function;

sql_function!(recommend_rows_support, pg_finfo_recommend_rows_support, support);

/// The planner support function of all functions with an argument called `n` or `k`: they give about that many rows. NULL for what it does not
/// know, so that the declared ROWS count.
fn support(call: &Call) -> Result<pg_sys::Datum, CallError> {
    let request = call.datum(0).ok_or(CallError::Null("request"))?;
    // SAFETY: the planner passes a request node, which lives as long as the call; `node` is the call's expression.
    let rows = unsafe {
        let node = request.cast_mut_ptr::<pg_sys::Node>();
        if (*node).type_ != pg_sys::NodeTag::T_SupportRequestRows {
            return Ok(pg_sys::Datum::from(0));
        }
        let request = node.cast::<pg_sys::SupportRequestRows>();
        let rows = rows_asked((*request).funcid, (*request).node);
        if let Some(rows) = rows {
            (*request).rows = rows;
        }
        rows.map(|_| pg_sys::Datum::from(request))
    };
    Ok(rows.unwrap_or(pg_sys::Datum::from(0)))
}

/// The constant that a call gives for its argument `n` or `k`.
///
/// # Safety
/// `node` is the expression of a call of `function`.
unsafe fn rows_asked(function: pg_sys::Oid, node: *mut pg_sys::Node) -> Option<f64> {
    // SAFETY: by the contract above; the argument names are as many as the function says, and the expression's arguments are nodes.
    unsafe {
        if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
            return None;
        }
        let place = argument_place(function, c"n").or_else(|| argument_place(function, c"k"))?;
        let arguments = (*node.cast::<pg_sys::FuncExpr>()).args;
        let argument = pg_sys::list_nth(arguments, place).cast::<pg_sys::Node>();
        if argument.is_null() || (*argument).type_ != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = argument.cast::<pg_sys::Const>();
        let asked = (!(*constant).constisnull).then(|| (*constant).constvalue.value() as i32)?;
        Some(f64::from(asked.max(1)))
    }
}

/// The place of a function's argument of that name.
///
/// # Safety
/// `function` exists.
unsafe fn argument_place(function: pg_sys::Oid, name: &CStr) -> Option<i32> {
    // SAFETY: by the contract above; a syscache tuple is let go of below, and the three arrays have `count` entries.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, pg_sys::Datum::from(function));
        if tuple.is_null() {
            return None;
        }
        let (mut types, mut names, mut modes) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
        let count = pg_sys::get_func_arg_info(tuple, &mut types, &mut names, &mut modes);
        let place = (0..count as usize).find(|&place| !names.is_null() && CStr::from_ptr(*names.add(place)) == name);
        pg_sys::ReleaseSysCache(tuple);
        place.and_then(|place| i32::try_from(place).ok())
    }
}
