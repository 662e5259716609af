//! From events to changes of packed rows.
//!
//! The compactor writes these changes; a reader lays them over the rows that it reads
//! ([`crate::store::overlay`]). Both call [`fold`], so both see the same thing.

mod changes;
mod interest;
mod machine;
mod moment;

pub use changes::Changes;
pub use interest::{ItemVectors, fold_interests};
pub use moment::{Moment, Moments, Running};

use crate::error::Result;
use crate::event::{Event, Rules};
use crate::packed::{History, OpenSession, Session};
use crate::popularity::Sign;
use crate::{SessionId, UserId};
use machine::Machine;
use rustc_hash::FxHashMap;

/// What happened to one user's events since the user's row was written.
#[derive(Debug, Clone)]
pub struct UserBatch {
    /// The user.
    pub user: UserId,
    /// The stored row, if there is one.
    pub history: Option<History>,
    /// Events that came.
    pub added: Vec<Event>,
    /// Events that went.
    pub removed: Vec<Event>,
}

/// What [`fold`] reads beyond the batches; all as one snapshot sees it.
pub trait Past {
    /// Stored session rows; those that do not exist are left out.
    fn sessions(&self, ids: &[SessionId]) -> Result<FxHashMap<SessionId, Session>>;
    /// All stored sessions of a user.
    fn sessions_of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>>;
    /// All events that the event table shows of the batches' users now, in any order; users without events may be left out.
    fn events_of(&self, batches: &[&UserBatch]) -> Result<FxHashMap<UserId, Vec<Event>>>;
}

/// Folds batches, one for each user, into changes.
///
/// `first_session` is the number that the first new session gets. `landmark` is the time that pair weights are measured
/// from, ordinarily the newest event's. `moments` says which instants are noted to be asked about; those of users whose events are late or removed
/// are not. `interrupt` is called now and then and stops the fold by its error.
pub fn fold(
    mut batches: Vec<UserBatch>,
    rules: &Rules,
    landmark: crate::Micros,
    first_session: SessionId,
    past: &dyn Past,
    moments: Option<&Moments>,
    interrupt: &dyn Fn() -> Result<()>,
) -> Result<Changes> {
    let mut changes = Changes::new(rules.half_life, landmark, first_session);
    batches.iter_mut().for_each(UserBatch::settle);
    let open: Vec<SessionId> = batches
        .iter()
        .filter(|batch| batch.is_append())
        .flat_map(|batch| batch.history.iter().flat_map(|history| history.open.iter().filter_map(OpenSession::row)))
        .collect();
    let mut sessions = past.sessions(&open)?;
    in_chunks(&mut batches, past, interrupt, &mut |batch, late| {
        changes.count(&batch.added, &batch.removed);
        match late {
            Some(events) => replay(batch, events, rules, past, &mut changes),
            None => {
                let history = batch.history.take().unwrap_or_else(|| History::new(rules.half_life));
                let machine = Machine::new(batch.user, history, rules, Sign::Plus);
                machine.run(&batch.added, &mut sessions, moments, &mut changes);
                Ok(())
            }
        }
    })?;
    Ok(changes)
}

/// How many users' events are read from the event table at a time.
const CHUNK: usize = 1000;

/// Takes a settled batch, and all events of its user where it is late.
type EachBatch<'a> = &'a mut dyn FnMut(&mut UserBatch, Option<Vec<Event>>) -> Result<()>;

/// Hands settled batches on, one by one, without those in which nothing is left; those that a late or removed event calls back to the event table with all events of their
/// user, in order, which are read for many at a time: without an index, each reading is a scan.
fn in_chunks(batches: &mut [UserBatch], past: &dyn Past, interrupt: &dyn Fn() -> Result<()>, each: EachBatch<'_>) -> Result<()> {
    for chunk in batches.chunks_mut(CHUNK) {
        interrupt()?;
        let late: Vec<&UserBatch> = chunk.iter().filter(|batch| !batch.is_append()).collect();
        let mut events = if late.is_empty() { FxHashMap::default() } else { past.events_of(&late)? };
        for (number, batch) in chunk.iter_mut().enumerate() {
            if number % 256 == 0 {
                interrupt()?;
            }
            if batch.added.is_empty() && batch.removed.is_empty() {
                continue;
            }
            let late = (!batch.is_append()).then(|| {
                let mut now: Vec<Event> = events.remove(&batch.user).unwrap_or_default();
                now.sort_by(Event::order);
                now
            });
            each(batch, late)?;
        }
    }
    Ok(())
}

impl UserBatch {
    /// Takes out events that came and went within the batch, and puts those that came in order.
    fn settle(&mut self) {
        cancel(self);
        self.added.sort_by(Event::order);
    }

    /// True when the events simply follow those of the stored row.
    fn is_append(&self) -> bool {
        let follows = |history: &History| self.added.first().is_none_or(|first| first.position() >= history.position());
        self.removed.is_empty() && self.history.as_ref().is_none_or(follows)
    }
}

/// Takes out events that came and went within the batch.
fn cancel(batch: &mut UserBatch) {
    let UserBatch { added, removed, .. } = batch;
    removed.retain(|gone| match added.iter().position(|came| came == gone) {
        Some(place) => {
            added.swap_remove(place);
            false
        }
        None => true,
    });
}

/// Takes back everything that the user's old events had brought, and brings what the present ones, `now`, do.
fn replay(batch: &UserBatch, now: Vec<Event>, rules: &Rules, past: &dyn Past, changes: &mut Changes) -> Result<()> {
    let mut before = UserBatch { added: now.clone(), removed: batch.added.clone(), ..batch.clone() };
    cancel(&mut before);
    before.added.extend_from_slice(&batch.removed);
    before.added.sort_by(Event::order);

    let old = Machine::new(batch.user, History::new(rules.half_life), rules, Sign::Minus);
    old.run(&before.added, &mut FxHashMap::default(), None, changes);
    for (id, session) in past.sessions_of(batch.user)? {
        changes.remove_session(id, &session);
    }
    let new = Machine::new(batch.user, History::new(rules.half_life), rules, Sign::Plus);
    new.run(&now, &mut FxHashMap::default(), None, changes);
    if now.is_empty() {
        changes.histories.insert(batch.user, None);
    }
    Ok(())
}
