//! Where a function is called as a part of an aggregate.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Whether a call comes from an aggregate, as its transition, inverse transition, combination or final function: only then
/// may it write to its first argument. The test that `AggCheckCallContext` makes, which is called for each row.
///
/// # Safety
/// `fcinfo` is the call information of the running call.
#[inline]
pub unsafe fn is_part(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: by the contract above; the context is NULL or a node.
    unsafe {
        let context = (*fcinfo).context;
        !context.is_null() && matches!((*context).type_, pg_sys::NodeTag::T_AggState | pg_sys::NodeTag::T_WindowAggState)
    }
}
