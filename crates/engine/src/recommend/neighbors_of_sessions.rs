//! Session neighbours: VMIS-kNN's index (Kersbergen et al., SIGMOD 2022) with VSTAN's weights (Ludewig et al.,
//! "Empirical analysis of session-based recommendation algorithms", 2021).

use crate::decay::HalfLife;
use crate::error::Result;
use crate::event::MAX_SESSION_ITEMS;
use crate::store::Store;
use crate::{ItemId, Micros, SessionId};
use rustc_hash::FxHashMap;

/// The settings of the search; the letters are those of the papers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionNeighbors {
    /// How many neighbours are kept (k): each costs a row.
    pub neighbors: usize,
    /// How many of the newest items are matched.
    pub items: usize,
    /// Decay of a matched item's weight with its distance from the session's end, in places (l1).
    pub match_decay: f64,
    /// Decay of a neighbour's weight with its age, in half-lives (l2).
    pub age_decay: f64,
    /// Decay of a candidate's weight with its distance from the matched item, in places (l3).
    pub distance_decay: f64,
}

struct Neighbor {
    session: SessionId,
    similarity: f64,
    /// Place, counted from the newest, of the newest matched item.
    matched: usize,
}

impl SessionNeighbors {
    /// Scores items by the sessions that met `recent` (newest first); calls `each` with an item and what one neighbour
    /// adds to it.
    pub fn score(
        &self,
        store: &dyn Store,
        recent: &[ItemId],
        now: Micros,
        half_life: HalfLife,
        each: &mut dyn FnMut(ItemId, f64),
    ) -> Result<()> {
        let recent = &recent[..recent.len().min(self.items)];
        let neighbors = self.nearest(store, recent, now, half_life)?;
        let by_id: FxHashMap<SessionId, &Neighbor> = neighbors.iter().map(|neighbor| (neighbor.session, neighbor)).collect();
        let ids: Vec<SessionId> = neighbors.iter().map(|neighbor| neighbor.session).collect();
        let nearness: Vec<f64> = (0..=MAX_SESSION_ITEMS).map(|distance| (-(distance as f64) / self.distance_decay).exp()).collect();
        store.sessions(&ids, &mut |id, session| {
            let Some(neighbor) = by_id.get(&id) else { return };
            // A match beyond the session's kept items counts as its oldest item.
            let matched = session.items.iter().position(|item| item.get() == recent[neighbor.matched]).unwrap_or(0);
            let similarity = neighbor.similarity / (session.items.len() as f64).sqrt();
            for (place, item) in session.items.iter().enumerate().filter(|(place, _)| *place != matched) {
                each(item.get(), similarity * nearness[place.abs_diff(matched).min(MAX_SESSION_ITEMS)]);
            }
        })
    }

    fn nearest(&self, store: &dyn Store, recent: &[ItemId], now: Micros, half_life: HalfLife) -> Result<Vec<Neighbor>> {
        let places: Vec<f64> = (0..recent.len()).map(|place| (-(place as f64) / self.match_decay).exp()).collect();
        let mut found: FxHashMap<SessionId, Neighbor> = FxHashMap::default();
        store.visits(recent, &mut |item, visits| {
            let Some(place) = recent.iter().position(|&other| other == item) else { return };
            for visit in visits.sessions {
                let age = half_life.between(visit.at(), now).max(0.0);
                let similarity = places[place] * (-age / self.age_decay).exp();
                let neighbor =
                    found.entry(visit.session.get()).or_insert(Neighbor { session: visit.session.get(), similarity: 0.0, matched: place });
                neighbor.similarity += similarity;
                neighbor.matched = neighbor.matched.min(place);
            }
        })?;
        let mut nearest: Vec<Neighbor> = found.into_values().collect();
        let order = |a: &Neighbor, b: &Neighbor| b.similarity.total_cmp(&a.similarity).then(b.session.cmp(&a.session));
        if nearest.len() > self.neighbors {
            nearest.select_nth_unstable_by(self.neighbors, order);
            nearest.truncate(self.neighbors);
        }
        nearest.sort_unstable_by(order);
        Ok(nearest)
    }
}
