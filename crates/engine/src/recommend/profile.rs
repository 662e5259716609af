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
    /// Its events.
    pub count: u32,
    /// Microseconds since its newest event.
    pub age: i64,
    /// True when the newest word on it was a dislike.
    pub disliked: bool,
    /// True when the running session met it.
    pub in_session: bool,
}

/// A user's or an anonymous session's items, newest first.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The items.
    pub items: Vec<ProfileItem>,
    /// The number of events, those of cut items too.
    pub events: u32,
    /// The decayed weight of all events, those of cut items too.
    pub total: f64,
    /// True for a list that somebody gave: nothing is known of its maker.
    pub given: bool,
}

/// How many of a user's newest items the sources are asked with, and how many of a given list.
const LIST: usize = 10;
const GIVEN_LIST: usize = 20;

/// An item that the sources are asked with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Listed {
    pub item: ItemId,
    /// Its place, counted from the newest; items of one instant share one.
    pub place: usize,
    /// Microseconds since its newest event.
    pub age: i64,
}

impl Profile {
    /// A user's history at `now`, its weights decayed to `weighed_at` ([`crate::store::Totals::weighed_at`]); items whose newest
    /// event lies before `since` are left out. A pause of more than `session_gap` ends a session.
    pub fn of_history(history: &History, now: Micros, weighed_at: Micros, since: Micros, session_gap: Micros) -> Self {
        let loss = history.landmark().loss(weighed_at);
        let end = history.edges.partition_point(|edge| edge.last_at.get() >= since);
        let mut next = now;
        let items = history.edges[..end].iter().map(|edge| {
            let at = edge.last_at.get();
            let in_session = next.saturating_sub(at) <= session_gap;
            next = if in_session { at } else { i64::MAX };
            ProfileItem {
                item: edge.item.get(),
                weight: f64::from(edge.weight.get()) * loss,
                count: edge.count.get(),
                age: now.saturating_sub(at).max(0),
                disliked: edge.disliked(),
                in_session,
            }
        });
        Self { items: items.collect(), events: history.events(), total: history.total(weighed_at), given: false }
    }

    /// An anonymous session's items, given oldest first; the last occurrence of an item counts.
    pub fn of_session(items: &[ItemId]) -> Self {
        let mut profile =
            Profile { items: Vec::with_capacity(items.len()), events: items.len() as u32, total: items.len() as f64, given: true };
        for &item in items.iter().rev() {
            match profile.items.iter_mut().find(|known| known.item == item) {
                Some(known) => {
                    known.weight += 1.0;
                    known.count += 1;
                }
                None => profile.items.push(ProfileItem { item, weight: 1.0, count: 1, age: 0, disliked: false, in_session: false }),
            }
        }
        profile
    }

    /// The newest items that are not disliked, by which the sources are asked. In a log without order all places are 0.
    pub(super) fn list(&self, orderless: bool) -> Vec<Listed> {
        let most = if self.given { GIVEN_LIST } else { LIST };
        let mut list: Vec<Listed> = Vec::with_capacity(most);
        for known in self.items.iter().filter(|known| !known.disliked).take(most) {
            let place = match list.last() {
                _ if orderless => 0,
                None => 0,
                Some(last) if !self.given && last.age == known.age => last.place,
                Some(_) => list.len(),
            };
            list.push(Listed { item: known.item, place, age: known.age });
        }
        list
    }
}
