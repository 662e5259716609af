//! Session neighbours: VMIS-kNN's index (Kersbergen et al., SIGMOD 2022) with VSTAN's weights (Ludewig et al.,
//! "Empirical analysis of session-based recommendation algorithms", 2021).

use super::profile::Listed;
use crate::error::Result;
use crate::store::{Store, Totals};
use crate::{ItemId, Micros, SessionId};
use rustc_hash::FxHashMap;

/// How many neighbours are kept (k): each costs a row. In clicks of a shop 48 said as much as 500; baskets are less alike, and there 500 found an
/// eighth more of what was bought with three lines than 100 did.
const NEIGHBORS: usize = 64;
const BASKETS: usize = 500;
/// How many of the newest items are matched.
const MATCHED: usize = 10;
/// Decay of a matched item's weight with its place (l1), and of a candidate's with its distance from the match (l3), in places.
const PLACE_DECAY: f64 = 3.0;
/// What a candidate counts that the neighbour met before the matched item.
const BEFORE_MATCH: f64 = 0.5;

/// What a neighbour adds to an item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share {
    /// By how near it is to the match, in the order of the session.
    pub ordered: f64,
    /// By the neighbour's similarity alone.
    pub unordered: f64,
}

impl Share {
    pub(super) fn add(&mut self, other: &Share) {
        self.ordered += other.ordered;
        self.unordered += other.unordered;
    }
}

struct Neighbor {
    session: SessionId,
    similarity: f64,
    /// When it met what it has in common.
    at: Micros,
    /// The newest matched item, and its place.
    matched: (usize, ItemId),
}

/// The place's weight.
fn nearness(place: usize) -> f64 {
    (-(place as f64) / PLACE_DECAY).exp()
}

/// Scores items by the sessions that met those of `list`; calls `each` with an item and what one neighbour adds to it. The session `own` is none.
/// Gives how many neighbours there were. Neighbours are alike by their matched items' nearness to the end of the list, then the newer the better.
pub(super) fn score(
    store: &dyn Store,
    list: &[Listed],
    totals: &Totals,
    own: Option<SessionId>,
    since: Micros,
    each: &mut dyn FnMut(ItemId, Share),
) -> Result<usize> {
    let orderless = totals.is_orderless();
    let neighbors = nearest(store, &list[..list.len().min(MATCHED)], totals, own, since)?;
    let by_id: FxHashMap<SessionId, &Neighbor> = neighbors.iter().map(|neighbor| (neighbor.session, neighbor)).collect();
    let ids: Vec<SessionId> = neighbors.iter().map(|neighbor| neighbor.session).collect();
    store.sessions(&ids, &mut |id, session| {
        let Some(neighbor) = by_id.get(&id) else { return };
        let (place, item) = neighbor.matched;
        // A match beyond the session's kept items counts as its oldest item.
        let matched = session.items.iter().position(|other| other.get() == item).unwrap_or(0);
        let similarity = neighbor.similarity / (session.items.len() as f64).sqrt();
        let near_end = similarity * nearness(place);
        for (place, item) in session.items.iter().enumerate().filter(|(place, _)| *place != matched) {
            let mut ordered = if orderless { similarity } else { near_end * nearness(place.abs_diff(matched)) };
            if !orderless && place < matched {
                ordered *= BEFORE_MATCH;
            }
            each(item.get(), Share { ordered, unordered: similarity });
        }
    })?;
    Ok(neighbors.len())
}

fn nearest(store: &dyn Store, list: &[Listed], totals: &Totals, own: Option<SessionId>, since: Micros) -> Result<Vec<Neighbor>> {
    let items: Vec<ItemId> = list.iter().map(|listed| listed.item).collect();
    let mut found: FxHashMap<SessionId, Neighbor> = FxHashMap::default();
    store.visits(&items, &mut |item, visits| {
        let Some(listed) = list.iter().find(|listed| listed.item == item) else { return };
        let end = visits.sessions.partition_point(|visit| visit.at() >= since);
        // An item of few sessions says more: the idf of VSKNN, over the sessions that the row keeps. Events are counted, for numbers of sessions
        // have gaps where some were taken back.
        let weight = nearness(listed.place) * (totals.events as f64 / visits.sessions.len() as f64).ln_1p();
        for visit in visits.sessions[..end].iter().filter(|visit| !visit.is_alone() && Some(visit.session.get()) != own) {
            let session = visit.session.get();
            let neighbor =
                found.entry(session).or_insert(Neighbor { session, similarity: 0.0, at: visit.at(), matched: (listed.place, item) });
            neighbor.similarity += weight;
            neighbor.at = neighbor.at.max(visit.at());
            if listed.place < neighbor.matched.0 {
                neighbor.matched = (listed.place, item);
            }
        }
    })?;
    let mut nearest: Vec<Neighbor> = found.into_values().collect();
    let order = |a: &Neighbor, b: &Neighbor| b.similarity.total_cmp(&a.similarity).then(b.at.cmp(&a.at)).then(b.session.cmp(&a.session));
    let most = if totals.is_orderless() { BASKETS } else { NEIGHBORS };
    if nearest.len() > most {
        nearest.select_nth_unstable_by(most, order);
        nearest.truncate(most);
    }
    nearest.sort_unstable_by(order);
    Ok(nearest)
}
