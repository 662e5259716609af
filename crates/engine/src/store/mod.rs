//! Where packed rows come from.

pub mod memory;
pub mod overlay;

pub use crate::popularity::{ItemStats, Totals, WINDOW_HALF_LIVES, WINDOWS, Windows};

use crate::decay::LogSum;
use crate::error::Result;
use crate::packed::{Leaders, NeighborsView, SessionView, VisitsView};
use crate::{ContextId, ItemId, SessionId};

/// A list of items by one order, kept ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Order {
    /// By popularity with the first of [`WINDOW_HALF_LIVES`], ...
    Month = 0,
    /// ... the second,
    Week = 1,
    /// ... the third,
    Day = 2,
    /// ... and the fourth.
    Hour = 3,
    /// By the newest event.
    Newest = 4,
}

impl Order {
    /// All orders.
    pub const ALL: [Order; 5] = [Order::Month, Order::Week, Order::Day, Order::Hour, Order::Newest];

    /// Where an item of `stats` stands: the greater, the earlier; minus infinity without events.
    pub fn rank(self, stats: &ItemStats) -> f64 {
        match self {
            _ if stats.events <= 0 => f64::NEG_INFINITY,
            Order::Newest => stats.last_at as f64,
            window => stats.windows[window as usize].0,
        }
    }
}

/// The packed rows of one recommender as one snapshot sees them.
///
/// Reads of many nodes call back once for each node that has a row, in any order.
pub trait Store {
    /// The totals.
    fn totals(&self) -> Result<Totals>;
    /// What followed items and what was met with them.
    fn neighbors(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, NeighborsView<'_>)) -> Result<()>;
    /// The most recent sessions of items.
    fn visits(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, VisitsView<'_>)) -> Result<()>;
    /// Sessions.
    fn sessions(&self, ids: &[SessionId], each: &mut dyn FnMut(SessionId, SessionView<'_>)) -> Result<()>;
    /// Popularities of items.
    fn items(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, ItemStats)) -> Result<()>;
    /// The `n` most popular items, best first, equal ones by number; fewer where fewer have events.
    fn trending(&self, n: usize) -> Result<Vec<(ItemId, LogSum)>>;
    /// The first items of an order, as far as they are kept ready.
    fn leaders(&self, order: Order, each: &mut dyn FnMut(&Leaders)) -> Result<()>;
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
