//! Generated logs, and what a store says, in a form that two stores can be compared by.
#![allow(dead_code)]

use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Event, Rules, SessionRule};
use pg_recommend_engine::fold::{Past, UserBatch};
use pg_recommend_engine::packed::Session;
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::store::{Store, WINDOW_HALF_LIVES};
use pg_recommend_engine::{ItemId, Micros, NO_CONTEXT, Result, SessionId, UserId};
use proptest::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

pub const ITEMS: ItemId = 12;
pub const USERS: UserId = 5;
pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3600 * SECOND;
pub const START: Micros = 800_000_000 * SECOND;
pub const END: Micros = START + 800 * HOUR;

pub fn half_life() -> HalfLife {
    HalfLife::from_micros(168 * HOUR).expect("positive")
}

pub fn rules(by_column: bool) -> Rules {
    let session = if by_column { SessionRule::Column } else { SessionRule::Gap(20 * HOUR) };
    Rules { half_life: half_life(), session, max_edges: 128, max_visits: DEFAULT_MAX_VISITS }
}

/// A user's event; times are few, so that some events are equal. Those of one user, item and time are equal in all.
pub fn event() -> impl Strategy<Value = (UserId, Event)> {
    (0..USERS, 0..ITEMS, 0..600i64).prop_map(|(user, item, hour)| {
        let chance = (i64::from(user) * 31 + i64::from(item) * 7 + hour * 5) % 60;
        let weight = [1.0, 1.0, 4.0, 1.0, -1.0][chance as usize % 5];
        let session = (chance % 4 > 0).then_some(chance % 3);
        let context = if chance % 3 == 0 { NO_CONTEXT } else { chance as u32 % 2 };
        (user, Event { item, at: START + hour * HOUR, tie: u64::from(item), weight, session, context })
    })
}

pub fn log(most: usize) -> impl Strategy<Value = Vec<(UserId, Event)>> {
    prop::collection::vec(event(), 1..most)
}

pub fn in_order(mut log: Vec<(UserId, Event)>) -> Vec<(UserId, Event)> {
    log.sort_by(|a, b| a.1.order(&b.1));
    log
}

pub fn packed(log: &[(UserId, Event)], rules: Rules) -> MemoryStore {
    let mut store = MemoryStore::new(rules);
    store.append(in_order(log.to_vec())).expect("appending works");
    store
}

/// What a fold reads: a store, and the event table.
pub struct Table<'a> {
    pub store: &'a MemoryStore,
    pub events: &'a [(UserId, Event)],
}

impl Past for Table<'_> {
    fn sessions(&self, ids: &[SessionId]) -> Result<FxHashMap<SessionId, Session>> {
        Past::sessions(self.store, ids)
    }

    fn sessions_of(&self, user: UserId) -> Result<Vec<(SessionId, Session)>> {
        self.store.sessions_of(user)
    }

    fn events_of(&self, batches: &[&UserBatch]) -> Result<FxHashMap<UserId, Vec<Event>>> {
        let of = |user| self.events.iter().filter(|(other, _)| *other == user).map(|(_, event)| *event).collect();
        Ok(batches.iter().map(|batch| (batch.user, of(batch.user))).collect())
    }
}

/// A log in two parts: what is packed, and what came and went since.
#[derive(Debug, Clone)]
pub struct Change {
    pub before: Vec<(UserId, Event)>,
    pub added: Vec<(UserId, Event)>,
    pub removed: Vec<(UserId, Event)>,
}

impl Change {
    pub fn after(&self) -> Vec<(UserId, Event)> {
        let mut left = self.before.clone();
        for gone in &self.removed {
            let place = left.iter().position(|event| event == gone).expect("what goes was there");
            left.remove(place);
        }
        left.extend(&self.added);
        left
    }

    pub fn batches(&self, store: &MemoryStore) -> Vec<UserBatch> {
        let of = |list: &[(UserId, Event)], user| list.iter().filter(|(other, _)| *other == user).map(|(_, event)| *event).collect();
        (0..USERS).map(|user| store.batch(user, of(&self.added, user), of(&self.removed, user))).collect()
    }
}

/// Events that came late or in time, and the removal of some old ones.
pub fn change() -> impl Strategy<Value = Change> {
    (log(60), prop::collection::vec(event(), 0..15), prop::collection::vec(any::<prop::sample::Index>(), 0..5)).prop_map(
        |(before, added, places)| {
            let mut left = before.clone();
            let mut removed = Vec::new();
            for place in places {
                if !left.is_empty() {
                    removed.push(left.remove(place.index(left.len())));
                }
            }
            Change { before, added, removed }
        },
    )
}

/// Numbers by name, to be compared with a tolerance, and facts, to be equal.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub numbers: BTreeMap<String, f64>,
    pub facts: Vec<String>,
}

pub fn snapshot(store: &MemoryStore) -> Snapshot {
    let mut shot = Snapshot::default();
    let items: Vec<ItemId> = (0..ITEMS).collect();
    let read = "reading memory works";
    let totals = store.totals().expect(read);
    shot.numbers.insert("total".into(), totals.score.at(END, half_life()));
    shot.facts.push(format!("events {} repeats {} grouped {}", totals.events, totals.repeats, totals.grouped));
    store
        .items(&items, &mut |item, stats| {
            shot.numbers.insert(format!("popularity {item}"), stats.score.at(END, half_life()));
            for (sum, half_life, name) in [(stats.sessions, half_life(), "sessions"), (stats.users, half_life(), "users")] {
                shot.numbers.insert(format!("{name} of {item}"), sum.at(END, half_life));
            }
            for (place, half_life) in WINDOW_HALF_LIVES.into_iter().enumerate() {
                shot.numbers.insert(format!("window {place} of {item}"), stats.windows[place].at(END, half_life));
            }
            shot.facts.push(format!("item {item} events {} repeats {}", stats.events, stats.repeats));
        })
        .expect(read);
    store
        .neighbors(&items, &mut |item, row| {
            let loss = row.landmark(half_life()).loss(END);
            for edge in row.edges {
                let other = edge.item.get();
                shot.numbers.insert(format!("next {item} {other}"), f64::from(edge.next.get()) * loss);
                shot.numbers.insert(format!("session {item} {other}"), f64::from(edge.session.get()) * loss);
                shot.numbers.insert(format!("user {item} {other}"), f64::from(edge.user.get()) * loss);
                shot.facts.push(format!("pairs {item} {other} {}", edge.count));
            }
        })
        .expect(read);
    for user in 0..USERS {
        let Some(history) = store.history(user) else { continue };
        let loss = history.landmark().loss(END);
        shot.numbers.insert(format!("history {user}"), history.total(END));
        for edge in &history.edges {
            let item = edge.item.get();
            shot.numbers.insert(format!("history {user} {item}"), f64::from(edge.weight.get()) * loss);
            shot.facts.push(format!("user {user} {item} {} {} {} {}", edge.count, edge.last_at, edge.last_weight, edge.context));
        }
        let sessions: FxHashMap<SessionId, Session> = store.sessions_of(user).expect(read).into_iter().collect();
        let words = |session: &Session| format!("user {user} {} {:?}", session.last_at(), session.items().collect::<Vec<_>>());
        shot.facts.extend(sessions.values().map(&words));
        store
            .visits(&items, &mut |item, row| {
                let own = row.sessions.iter().filter_map(|visit| Some((visit, sessions.get(&visit.session.get())?)));
                shot.facts.extend(own.map(|(visit, session)| format!("visit {item} {} {}", visit.at(), words(session))));
            })
            .expect(read);
    }
    shot.facts.sort_unstable();
    shot
}

/// Fails unless both say the same, numbers to 1e-4.
pub fn assert_same(found: &Snapshot, expected: &Snapshot) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(&found.facts, &expected.facts);
    for name in found.numbers.keys().chain(expected.numbers.keys()) {
        let of = |shot: &Snapshot| shot.numbers.get(name).copied().unwrap_or(0.0);
        prop_assert!((of(found) - of(expected)).abs() <= 1e-4 * of(expected).abs().max(0.1), "{}: {} {}", name, of(found), of(expected));
    }
    Ok(())
}
