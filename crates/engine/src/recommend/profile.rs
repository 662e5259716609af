//! What a query knows of the one it answers.

use crate::packed::History;
use crate::{ItemId, Micros};

/// One item of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfileItem {
    /// The item.
    pub item: ItemId,
    /// Its decayed weight.
    pub weight: f64,
    /// Microseconds since its newest event.
    pub age: i64,
    /// True when the newest word on it was a dislike.
    pub disliked: bool,
}

/// A user's or an anonymous session's items, newest first.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The items.
    pub items: Vec<ProfileItem>,
    /// The number of events, those of cut items too.
    pub events: u32,
}

impl Profile {
    /// A user's history at `now`, its weights decayed to `weighed_at` ([`crate::store::Totals::weighed_at`]); items whose newest
    /// event lies before `since` are left out.
    pub fn of_history(history: &History, now: Micros, weighed_at: Micros, since: Micros) -> Self {
        let loss = history.landmark().loss(weighed_at);
        let end = history.edges.partition_point(|edge| edge.last_at.get() >= since);
        let items = history.edges[..end].iter().map(|edge| ProfileItem {
            item: edge.item.get(),
            weight: f64::from(edge.weight.get()) * loss,
            age: now.saturating_sub(edge.last_at.get()).max(0),
            disliked: edge.disliked(),
        });
        Self { items: items.collect(), events: history.events() }
    }

    /// An anonymous session's items, given oldest first; the last occurrence of an item counts.
    pub fn of_session(items: &[ItemId]) -> Self {
        let mut profile = Profile { items: Vec::with_capacity(items.len()), events: items.len() as u32 };
        for &item in items.iter().rev() {
            match profile.items.iter_mut().find(|known| known.item == item) {
                Some(known) => known.weight += 1.0,
                None => profile.items.push(ProfileItem { item, weight: 1.0, age: 0, disliked: false }),
            }
        }
        profile
    }

    /// The log-odds that an event is a repeat, with half an event added on both sides.
    pub fn repeats(&self) -> f64 {
        let distinct = self.items.len() as f64;
        ((f64::from(self.events) - distinct).max(0.0) + 0.5).ln() - (distinct + 0.5).ln()
    }

    /// The newest `n` items that are not disliked.
    pub fn recent(&self, n: usize) -> Vec<ItemId> {
        self.items.iter().filter(|item| !item.disliked).take(n).map(|item| item.item).collect()
    }
}
