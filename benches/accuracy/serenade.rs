//! serenade (bol.com's example sessions): from every prefix of every test session, the next item among 20.

use super::data::{self, Keys, Line, SECOND};
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Rules, SessionRule};
use pg_recommend_engine::recommend::{Filter, Profile, Query, SESSION_WEIGHTS, recommend};
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::{Error, ItemId, Micros, Result};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// The half-life of the recommender; the log is one month.
const HALF_LIFE: i64 = 7 * 86_400 * SECOND;
/// The length of the lists.
const LENGTH: usize = 20;

/// A click: its item, its time and its line in the file, counted from 1.
pub struct Click {
    pub item: ItemId,
    pub at: Micros,
    pub line: u64,
}

/// A session: its clicks in order.
pub type Clicks = Vec<Click>;

/// The train log in time order, and sessions to predict.
pub struct Log {
    pub train: Vec<Line>,
    pub valid: Vec<Clicks>,
    pub test: Vec<Clicks>,
}

pub fn rules() -> Result<Rules> {
    let half_life = HalfLife::from_micros(HALF_LIFE).ok_or_else(|| Error::Store("a half-life is positive".into()))?;
    Ok(Rules { half_life, session: SessionRule::Column, max_edges: 128, max_visits: DEFAULT_MAX_VISITS })
}

pub fn load() -> std::result::Result<Option<Log>, Box<dyn std::error::Error>> {
    let mut items = Keys::default();
    let (Some(mut train), Some(valid), Some(test)) = (
        clicks("serenade_train.csv.gz", &mut items)?,
        clicks("serenade_valid.csv.gz", &mut items)?,
        clicks("serenade_test.csv.gz", &mut items)?,
    ) else {
        return Ok(None);
    };
    train.sort_by_key(|line| line.event.at);
    Ok(Some(Log { train, valid: sessions(valid), test: sessions(test) }))
}

fn clicks(name: &str, items: &mut Keys) -> std::result::Result<Option<Vec<Line>>, Box<dyn std::error::Error>> {
    let Some(rows) = data::rows(name)? else { return Ok(None) };
    let mut lines = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let session: u32 = row[0].parse()?;
        let event = data::event(items.number(&row[1]), row[2].parse()?, number, Some(i64::from(session)));
        lines.push(Line { user: session, event });
    }
    Ok(Some(lines))
}

fn sessions(mut lines: Vec<Line>) -> Vec<Clicks> {
    lines.sort_by_key(|line| line.event.at);
    let mut sessions: BTreeMap<u32, Clicks> = BTreeMap::new();
    for line in lines {
        let click = Click { item: line.event.item, at: line.event.at, line: line.event.tie + 1 };
        sessions.entry(line.user).or_default().push(click);
    }
    sessions.into_values().collect()
}

/// The state that the predictions are made from.
pub fn store(log: &Log) -> Result<MemoryStore> {
    let mut store = MemoryStore::new(rules()?);
    store.append(log.train.iter().map(|line| (line.user, line.event)))?;
    Ok(store)
}

/// For each prefix of the sessions the line of its last click, and the place of the next item among 20, if it is there.
pub fn ranks(store: &MemoryStore, sessions: &[Clicks]) -> Result<Vec<(u64, Option<usize>)>> {
    let mut ranks = Vec::new();
    for session in sessions {
        for known in 1..session.len() {
            let place = predict(store, &session[..known])?.iter().position(|&item| item == session[known].item);
            ranks.push((session[known - 1].line, place.map(|place| place + 1)));
        }
    }
    Ok(ranks)
}

/// Hit rate and mean reciprocal rank at 20.
pub fn figures(ranks: &[(u64, Option<usize>)]) -> (f64, f64) {
    let hits = ranks.iter().filter_map(|(_, rank)| *rank);
    (hits.clone().count() as f64 / ranks.len() as f64, hits.map(|rank| 1.0 / rank as f64).sum::<f64>() / ranks.len() as f64)
}

fn predict(store: &MemoryStore, known: &[Click]) -> Result<Vec<ItemId>> {
    let items: Vec<ItemId> = known.iter().map(|click| click.item).collect();
    let profile = Profile::of_session(&items);
    let now = known.last().map_or(0, |click| click.at);
    let query = Query {
        now,
        since: i64::MIN,
        half_life: store.rules().half_life,
        profile: &profile,
        contexts: &[],
        interest: None,
        weights: &SESSION_WEIGHTS,
    };
    let filter = Filter {
        n: LENGTH,
        include_seen: true,
        exclude: &FxHashSet::default(),
        min_score: None,
        eligible: &|items| Ok(items.iter().copied().collect()),
        interrupt: &|| Ok(()),
    };
    Ok(recommend(store, &query, &filter)?.iter().map(|row| row.item).collect())
}
