//! Where packed rows come from.

pub mod memory;
pub mod overlay;

use crate::decay::LogSum;
use crate::error::Result;
use crate::fold::ItemDelta;
use crate::packed::{NeighborsView, SessionView, VisitsView};
use crate::{ContextId, ItemId, Micros, SessionId};

/// What is known of an item by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ItemStats {
    /// Its forward-decayed popularity.
    pub score: LogSum,
    /// Its events, dislikes left out.
    pub events: i64,
    /// Its newest event, to the second.
    pub last_at: Micros,
}

impl ItemStats {
    /// An item without events.
    pub const NONE: ItemStats = ItemStats { score: LogSum::EMPTY, events: 0, last_at: i64::MIN };

    /// The stats after a batch. `newest_visit` is what the item's visit row says after the batch; it replaces
    /// the newest event when events were removed.
    pub fn merged(&self, delta: &ItemDelta, newest_visit: Option<Micros>) -> ItemStats {
        let events = self.events + delta.events;
        if events <= 0 {
            return Self::NONE;
        }
        let last_at =
            if delta.removed.is_empty() { self.last_at.max(whole_second(delta.last_at)) } else { newest_visit.unwrap_or(i64::MIN) };
        ItemStats { score: self.score.plus(delta.added).minus(delta.removed), events, last_at }
    }
}

fn whole_second(at: Micros) -> Micros {
    at.saturating_sub(at.rem_euclid(1_000_000))
}

/// What is known of a recommender as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Totals {
    /// The forward-decayed popularity of all items together.
    pub score: LogSum,
    /// The newest event.
    pub newest: Micros,
    /// How many numbers of items are given.
    pub items: u32,
    /// How many numbers of sessions are given.
    pub sessions: u32,
}

impl Totals {
    /// The time that a question at `now` decays weights to: that of the newest event, if it is earlier. All weights decay alike, so
    /// a pause of the whole log changes nothing but their size; and size against a fixed smoothing is what evidence is. A log of last
    /// year answers as it did then.
    pub fn weighed_at(&self, now: Micros) -> Micros {
        if self.newest == i64::MIN { now } else { now.min(self.newest) }
    }
}

/// The packed rows of one recommender as one snapshot sees them.
///
/// Reads of many nodes call back once for each node that has a row, in any order.
pub trait Store {
    /// The totals.
    fn totals(&self) -> Result<Totals>;
    /// Transitions and co-visits of items.
    fn neighbors(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, NeighborsView<'_>)) -> Result<()>;
    /// The most recent sessions of items.
    fn visits(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, VisitsView<'_>)) -> Result<()>;
    /// Sessions.
    fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, SessionView<'_>)) -> Result<()>;
    /// Popularities of items.
    fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Result<()>;
    /// The `n` most popular items, best first, equal ones by number; fewer where fewer have events.
    fn trending(&self, n: usize) -> Result<Vec<(ItemId, LogSum)>>;
    /// Popularities of items within a context; items without events there are left out.
    fn context_items(&self, context: ContextId, items: &[ItemId], each: &mut dyn FnMut(ItemId, LogSum)) -> Result<()>;
    /// The `n` most popular items of a context, best first, equal ones by number.
    fn context_trending(&self, context: ContextId, n: usize) -> Result<Vec<(ItemId, LogSum)>>;
}

/// Orders a list of popularities best first, equal ones by number, and keeps `n`.
pub fn best_first(list: &mut Vec<(ItemId, LogSum)>, n: usize) {
    let order = |a: &(ItemId, LogSum), b: &(ItemId, LogSum)| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(&b.0));
    if n < list.len() {
        list.select_nth_unstable_by(n, order);
        list.truncate(n);
    }
    list.sort_unstable_by(order);
}
