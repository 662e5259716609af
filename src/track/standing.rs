//! Whether a trigger stands as the extension has made it: who may create triggers on a table may put our functions behind any.

use pgrx::pg_sys;

use super::{TrackError, trigger_argument};
use crate::pg::function::{Call, CallError};
use crate::pg::trigger as at;
use crate::state::trigger_name;

/// How a trigger of ours is made.
#[derive(Clone, Copy)]
pub struct Standing {
    /// Its function.
    pub function: &'static str,
    /// What its name ends with, behind that of the row trigger.
    pub suffix: &'static str,
    /// For each row, or for a statement.
    pub is_row: bool,
    /// Before or after it.
    pub is_before: bool,
    /// For TRUNCATE, or for what changes rows.
    pub is_truncate: bool,
}

/// AFTER INSERT, UPDATE, DELETE of each row.
pub const ROW: Standing = Standing { function: "recommend.track_row", suffix: "", is_row: true, is_before: false, is_truncate: false };
/// AFTER TRUNCATE of the table.
pub const TRUNCATE: Standing =
    Standing { function: "recommend.track_truncate", suffix: "_truncate", is_row: false, is_before: false, is_truncate: true };
/// BEFORE TRUNCATE of a partitioned table.
pub const BEGIN: Standing = Standing { suffix: "_begin", is_before: true, ..TRUNCATE };
/// BEFORE TRUNCATE of a leaf.
pub const LEAF: Standing =
    Standing { function: "recommend.track_truncate_partition", suffix: "_leaf", is_row: false, is_before: true, is_truncate: true };

impl Standing {
    /// The trigger that calls, if it stands like this in level, timing and event: before a row of it is looked at.
    pub fn of<'a>(&self, call: &'a Call) -> Result<&'a pg_sys::TriggerData, TrackError> {
        let trigger = call.trigger().ok_or(CallError::NotTrigger(self.function))?;
        let fits = at::is_row(trigger) == self.is_row
            && at::is_before(trigger) == self.is_before
            && at::is_after(trigger) != self.is_before
            && at::is_truncate(trigger) == self.is_truncate;
        if fits { Ok(trigger) } else { Err(self.refused(trigger)) }
    }

    /// Whether the trigger has the name that ours has: a second one would count everything twice.
    pub fn check_name(&self, trigger: &pg_sys::TriggerData) -> Result<(), TrackError> {
        let expected = trigger_argument(trigger).map(|id| format!("{}{}", trigger_name(id), self.suffix));
        if expected.is_some_and(|expected| at::name(trigger) == expected) { Ok(()) } else { Err(self.refused(trigger)) }
    }

    fn refused(&self, trigger: &pg_sys::TriggerData) -> TrackError {
        TrackError::Misplaced {
            trigger: at::name(trigger).into_owned(),
            table: crate::pg::relation::name(super::trigger_relation(trigger)).unwrap_or_default(),
            function: self.function,
        }
    }
}
