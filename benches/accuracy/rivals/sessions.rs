//! Session neighbours: VMIS-kNN (Kersbergen, Sprangers, Schelter 2022) and VSTAN (Ludewig, Latifi, Jannach 2020), both by an index from
//! items to their most recent sessions.

use super::{Knowledge, Scores};
use crate::data::Line;
use crate::rivals::popularity::DAY;
use pg_recommend_engine::{ItemId, Micros};
use rustc_hash::{FxHashMap, FxHashSet};

/// Which sessions are searched, and how many are used.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The most recent sessions of every item, and in all.
    pub recent: usize,
    /// The best of them.
    pub neighbors: usize,
    /// The newest items of the list.
    pub items: usize,
}

/// VSTAN's l1 (places in the list), l2 (days), l3 (places in the session), l4 (idf) and l5 (places of the match): in the middle of the
/// usual ranges.
const VSTAN: [f64; 5] = [2.0, 40.0, 2.0, 1.0, 2.0];

/// The sessions so far, in the order of their beginnings.
#[derive(Default)]
pub struct Sessions {
    numbers: FxHashMap<(u32, Option<i64>), usize>,
    sessions: Vec<Session>,
    by_item: FxHashMap<ItemId, Vec<usize>>,
    /// A pause in a user's events that begins a new session, where there is no session column.
    gap: i64,
}

struct Session {
    /// In order; an item once, at its last place.
    items: Vec<ItemId>,
    newest: Micros,
}

impl Sessions {
    pub fn new(gap: i64) -> Self {
        Self { gap, ..Self::default() }
    }

    /// The sessions that share an item with the list, with their similarities: the sums of `weight` by the place from the end; of these
    /// the most recent, then the most similar ones.
    fn neighbors(&self, list: &[ItemId], search: Search, weight: &dyn Fn(usize) -> f64, of: &dyn Fn(&Session) -> f64) -> Vec<(usize, f64)> {
        let mut similar: FxHashMap<usize, f64> = FxHashMap::default();
        for (place, item) in list.iter().rev().enumerate() {
            let sessions = self.by_item.get(item).into_iter().flatten().rev().take(search.recent);
            sessions.for_each(|session| *similar.entry(*session).or_default() += weight(place));
        }
        let mut list: Vec<(usize, f64)> = similar.into_iter().collect();
        list.sort_unstable_by_key(|(session, _)| std::cmp::Reverse((self.sessions[*session].newest, *session)));
        list.truncate(search.recent);
        list.iter_mut().for_each(|(session, similarity)| *similarity *= of(&self.sessions[*session]));
        list.sort_by(|a, b| b.1.total_cmp(&a.1));
        list.truncate(search.neighbors);
        list
    }

    /// ln(sessions / sessions with the item).
    fn idf(&self, item: ItemId) -> f64 {
        let with = self.by_item.get(&item).map_or(1, Vec::len);
        (self.sessions.len() as f64 / with as f64).ln()
    }

    /// VMIS-kNN as its authors run it. They leave out the item last clicked, which `current` keeps.
    pub fn vmis(&self, given: &[ItemId], search: Search, current: bool) -> Scores {
        let list = newest(given, search.items);
        let distinct = list.iter().collect::<FxHashSet<_>>().len() as f64;
        let mut scores = Scores::default();
        for (session, similarity) in self.neighbors(&unique(list), search, &|place| (list.len() - place) as f64 / distinct, &|_| 1.0) {
            let session = &self.sessions[session];
            let Some(matched) = list.iter().rev().position(|item| session.items.contains(item)) else { continue };
            let weight = similarity * (1.0 - 0.1 * (matched + 1) as f64);
            session.items.iter().for_each(|item| *scores.entry(*item).or_default() += weight * self.idf(*item));
        }
        if !current && let Some(last) = given.last() {
            scores.remove(last);
        }
        scores
    }

    /// VSTAN: similarity by the places in the list, by the session's length and age; items by their distance from the match. `current` as
    /// in [`Self::vmis`].
    pub fn vstan(&self, given: &[ItemId], search: Search, current: bool, now: Micros) -> Scores {
        let [by_place, by_days, by_distance, by_idf, by_match] = VSTAN;
        let list = unique(newest(given, search.items));
        let length = list.iter().enumerate().map(|(place, _)| (-(place as f64) / by_place).exp().powi(2)).sum::<f64>().sqrt();
        let of = |session: &Session| {
            let age = now.saturating_sub(session.newest).max(0) as f64 / DAY as f64;
            (-age / by_days).exp() / (length * (session.items.len() as f64).sqrt())
        };
        let mut scores = Scores::default();
        for (session, similarity) in self.neighbors(&list, search, &|place| (-(place as f64) / by_place).exp(), &of) {
            let items = &self.sessions[session].items;
            let found = list.iter().rev().enumerate().find_map(|(place, item)| Some((place, items.iter().position(|own| own == item)?)));
            let Some((place, matched)) = found else { continue };
            let weight = similarity * (-(place as f64) / by_match).exp();
            for (position, item) in items.iter().enumerate() {
                let near = (-(position.abs_diff(matched) as f64) / by_distance).exp();
                *scores.entry(*item).or_default() += weight * near * (1.0 + by_idf * self.idf(*item));
            }
        }
        if !current && let Some(last) = given.last() {
            scores.remove(last);
        }
        scores
    }
}

impl Knowledge for Sessions {
    fn learn(&mut self, line: &Line) {
        let key = if line.event.session.is_some() { (0, line.event.session) } else { (line.user, None) };
        let running = self.numbers.get(&key).copied();
        let running = running.filter(|number| line.event.session.is_some() || line.event.at - self.sessions[*number].newest <= self.gap);
        let number = running.unwrap_or_else(|| {
            self.sessions.push(Session { items: Vec::new(), newest: line.event.at });
            self.sessions.len() - 1
        });
        self.numbers.insert(key, number);
        let (item, session) = (line.event.item, &mut self.sessions[number]);
        session.newest = line.event.at;
        if let Some(place) = session.items.iter().position(|known| *known == item) {
            session.items.remove(place);
        } else {
            self.by_item.entry(item).or_default().push(number);
        }
        session.items.push(item);
    }
}

fn newest(given: &[ItemId], items: usize) -> &[ItemId] {
    &given[given.len().saturating_sub(items)..]
}

/// Each item once, at its last place.
fn unique(list: &[ItemId]) -> Vec<ItemId> {
    crate::log::distinct(list.iter().copied(), true)
}
