//! tgbl_wiki (Temporal Graph Benchmark): each test edit's page is ranked among all pages for its user.

use super::data::{self, Keys, Line, SECOND};
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Rules, SessionRule};
use pg_recommend_engine::recommend::{Profile, Query, USER_WEIGHTS, rank};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::{Error, ItemId, Result};

/// The half-life of the recommender. It hardly matters: on the validation window 6 hours to 4 days are within 0.003 of each other.
const HALF_LIFE: i64 = 86_400 * SECOND;

/// The log and where it is split.
pub struct Log {
    pub lines: Vec<Line>,
    pub pages: Vec<ItemId>,
    /// The first line of validation, and of test.
    pub splits: [usize; 2],
}

pub fn rules() -> Result<Rules> {
    let half_life = HalfLife::from_micros(HALF_LIFE).ok_or_else(|| Error::Store("a half-life is positive".into()))?;
    Ok(Rules { half_life, session: SessionRule::Gap(1800 * SECOND), max_edges: 128, max_visits: DEFAULT_MAX_VISITS })
}

pub fn load() -> std::result::Result<Option<Log>, Box<dyn std::error::Error>> {
    let Some(rows) = data::rows("tgbl_wiki.csv.gz")? else { return Ok(None) };
    let (mut users, mut pages) = (Keys::default(), Keys::default());
    let mut lines = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        // The log counts from its start; any start will do, and this one is that of the protocol through SQL: 2020-01-01.
        let at = 1_577_836_800 + row[2].parse::<f64>()? as i64;
        lines.push(Line { user: users.number(&row[0]), event: data::event(pages.number(&row[1]), at, number, None) });
    }
    let splits = [0.70, 0.85].map(|share| {
        let cut = quantile(&lines, share);
        lines.partition_point(|line| (line.event.at as f64) <= cut)
    });
    Ok(Some(Log { lines, pages: (0..pages.len() as u32).collect(), splits }))
}

/// numpy's `quantile` of the times, which are in order.
fn quantile(lines: &[Line], share: f64) -> f64 {
    let place = share * (lines.len() - 1) as f64;
    let (low, high) = (lines[place.floor() as usize].event.at as f64, lines[place.ceil() as usize].event.at as f64);
    low + (high - low) * place.fract()
}

/// The rank of each line's page, from line `first` on; the state takes events in batches of `batch`.
pub fn ranks(log: &Log, first: usize, batch: usize) -> Result<Vec<f64>> {
    let mut store = MemoryStore::new(rules()?);
    store.append(log.lines[..first].iter().map(|line| (line.user, line.event)))?;
    let mut ranks = Vec::with_capacity(log.lines.len() - first);
    for lines in log.lines[first..].chunks(batch) {
        for line in lines {
            ranks.push(rank_of(&store, line, &log.pages)?);
        }
        store.append(lines.iter().map(|line| (line.user, line.event)))?;
    }
    Ok(ranks)
}

/// Mean reciprocal rank.
pub fn mrr(ranks: &[f64]) -> f64 {
    ranks.iter().map(|rank| 1.0 / rank).sum::<f64>() / ranks.len() as f64
}

/// The rank of the line's page among all, ties at their average rank.
fn rank_of(store: &MemoryStore, line: &Line, pages: &[ItemId]) -> Result<f64> {
    let now = line.event.at;
    let weighed_at = store.totals()?.weighed_at(now);
    let profile = store.history(line.user).map_or_else(Profile::default, |history| Profile::of_history(history, now, weighed_at, i64::MIN));
    let query = Query {
        now,
        since: i64::MIN,
        half_life: store.rules().half_life,
        profile: &profile,
        contexts: &[],
        interest: None,
        weights: &USER_WEIGHTS,
    };
    let ranked = rank(store, &query, pages)?;
    let Some(place) = ranked.iter().position(|row| row.item == line.event.item) else { return Ok(f64::INFINITY) };
    let score = ranked[place].score;
    let better = ranked.iter().filter(|row| row.score > score).count();
    let equal = ranked.iter().filter(|row| row.score == score).count();
    Ok(better as f64 + (equal as f64 + 1.0) / 2.0)
}
