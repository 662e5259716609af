//! TRUNCATE of event tables.
//!
//! Emptying a whole event table raises the epoch: whatever was counted before is gone at a stroke. Emptying one
//! partition takes its rows out one by one, before they are gone. Where a statement names both, BEFORE triggers write
//! those rows under the old epoch, and AFTER triggers raise it: the rows are gone once, not twice.

use std::cell::RefCell;

use pgrx::pg_sys;

use crate::catalog;
use crate::pg::function::Call;
use crate::pg::heap;
use crate::pg::relation::{self, Relation};
use crate::pg::trigger;
use crate::sql_function;
use crate::track::{self, TrackError, standing};

sql_function!(recommend_track_truncate, pg_finfo_recommend_track_truncate, track_truncate);
sql_function!(recommend_track_truncate_partition, pg_finfo_recommend_track_truncate_partition, track_truncate_partition);

thread_local! {
    /// Recommenders whose whole event table is being emptied: the rows of its partitions need not be written.
    static EMPTYING: RefCell<Vec<i32>> = const { RefCell::new(Vec::new()) };
}

/// Nothing is being emptied any more: the statement has failed.
pub fn forget() {
    EMPTYING.with_borrow_mut(Vec::clear);
}

/// On the event table: BEFORE TRUNCATE of a partitioned one, AFTER TRUNCATE of any.
fn track_truncate(call: &Call) -> Result<pg_sys::Datum, TrackError> {
    let standing = if call.trigger().is_some_and(trigger::is_before) { standing::BEGIN } else { standing::TRUNCATE };
    let trigger = standing.of(call)?;
    let Some(id) = tracked(trigger) else { return Ok(call.void()) };
    standing.check_name(trigger)?;
    if standing.is_before {
        EMPTYING.with_borrow_mut(|emptying| emptying.push(id));
    } else {
        EMPTYING.with_borrow_mut(|emptying| emptying.retain(|other| *other != id));
        raise_epoch(id);
        catalog::announce_change()?;
    }
    Ok(call.void())
}

/// On a leaf partition: BEFORE TRUNCATE.
fn track_truncate_partition(call: &Call) -> Result<pg_sys::Datum, TrackError> {
    let trigger = standing::LEAF.of(call)?;
    if let Some(id) = tracked(trigger)
        && standing::LEAF.check_name(trigger).map(|()| true)?
        && !EMPTYING.with_borrow(|emptying| emptying.contains(&id))
    {
        track::append_table(id, track::trigger_relation(trigger), -1)?;
    }
    Ok(call.void())
}

/// The recommender that the trigger belongs to, if the trigger's table is one of its own.
fn tracked(trigger: &pg_sys::TriggerData) -> Option<i32> {
    let id = track::trigger_argument(trigger)?;
    track::tracks(id, track::trigger_relation(trigger)).then_some(id)
}

/// Below SQL, because a REPEATABLE READ transaction may empty a table whose epoch moved after its snapshot. The lock that
/// TRUNCATE holds on the event table keeps others from the row.
fn raise_epoch(id: i32) {
    if let (Some(epochs), Some(primary_key)) = (relation::state_relation("epochs"), relation::state_relation("epochs_pkey")) {
        let epochs = Relation::open(epochs, pg_sys::RowExclusiveLock as i32);
        heap::increment(&epochs, primary_key, id, 2);
    }
}
