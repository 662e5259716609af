//! What a trigger function is told of its trigger.
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::CStr;

use pgrx::pg_sys;

/// Whether it fires for each row.
#[inline]
pub fn is_row(trigger: &pg_sys::TriggerData) -> bool {
    trigger.tg_event & pg_sys::TRIGGER_EVENT_ROW != 0
}

/// Whether it fires before what it is for.
#[inline]
pub fn is_before(trigger: &pg_sys::TriggerData) -> bool {
    trigger.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_BEFORE
}

/// Whether it fires after what it is for.
#[inline]
pub fn is_after(trigger: &pg_sys::TriggerData) -> bool {
    trigger.tg_event & pg_sys::TRIGGER_EVENT_TIMINGMASK == pg_sys::TRIGGER_EVENT_AFTER
}

/// Whether it fires for TRUNCATE.
#[inline]
pub fn is_truncate(trigger: &pg_sys::TriggerData) -> bool {
    trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_TRUNCATE
}

/// Its name.
pub fn name(trigger: &pg_sys::TriggerData) -> Cow<'_, str> {
    // SAFETY: a trigger call has its trigger, whose name ends with a NUL.
    unsafe { CStr::from_ptr((*trigger.tg_trigger).tgname) }.to_string_lossy()
}
