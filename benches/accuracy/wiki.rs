//! tgbl_wiki (Temporal Graph Benchmark): each test edit's page is ranked among all pages for its user.

use super::data::{self, Keys, Line};
use super::figures::Figure;
use super::ours::{self, Ours};
use super::rivals::popularity::DAY;
use super::rivals::recency::Recency;
use super::rivals::{Knowledge, Scores};
use pg_recommend_engine::{ItemId, Result, UserId};

/// What is set. It hardly matters: on the validation window half-lives of 6 hours to 4 days are within 0.003 of each other.
pub const SETTINGS: ours::Settings = ours::Settings { half_life: Some(DAY), session_column: false };

/// The log and where it is split.
pub struct Log {
    pub lines: Vec<Line>,
    pub pages: Vec<ItemId>,
    /// The first line of validation, and of test.
    pub splits: [usize; 2],
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

/// The rank of each line's page, from line `first` to before line `end`; the state takes events in batches of `batch`.
pub fn ours(log: &Log, settings: ours::Settings, [first, end]: [usize; 2], batch: usize) -> Result<Vec<f64>> {
    let mut ours = Ours::of(settings, &log.lines[..first])?;
    let mut ranks = Vec::with_capacity(end - first);
    for lines in log.lines[first..end].chunks(batch) {
        for line in lines {
            let scores = ours.scores(line.user, line.event.at, &log.pages)?;
            let scores: Vec<f64> = dense(scores.into_iter().map(|(item, score)| (item, f64::from(score))), log.pages.len());
            ranks.push(rank(&scores, line.event.item));
        }
        ours.append(lines)?;
    }
    Ok(ranks)
}

/// A rival: what it scores a user's items by.
type Rule = fn(&Recency, UserId) -> Scores;

/// The rivals that need no weights.
pub const RIVALS: [(&str, Rule); 2] = [
    ("EdgeBank, unlimited memory", |recency, user| recency.edge_bank(Some(user))),
    ("LocalGlobal recency", |recency, user| recency.local_global(Some(user))),
];

/// The ranks of a rival, as [`ours`].
pub fn rival(log: &Log, rule: Rule, [first, end]: [usize; 2], batch: usize) -> Vec<f64> {
    let mut recency = Recency::default();
    log.lines[..first].iter().for_each(|line| recency.learn(line));
    let mut ranks = Vec::with_capacity(end - first);
    for lines in log.lines[first..end].chunks(batch) {
        for line in lines {
            ranks.push(rank(&dense(rule(&recency, line.user), log.pages.len()), line.event.item));
        }
        lines.iter().for_each(|line| recency.learn(line));
    }
    ranks
}

/// One over each rank.
pub fn reciprocal(ranks: &[f64]) -> Figure {
    Figure(ranks.iter().map(|rank| 1.0 / rank).collect())
}

fn dense(scores: impl IntoIterator<Item = (ItemId, f64)>, pages: usize) -> Vec<f64> {
    let mut dense = vec![f64::NEG_INFINITY; pages];
    scores.into_iter().for_each(|(item, score)| dense[item as usize] = score);
    dense
}

/// The rank of a page among all, ties at their average rank.
fn rank(scores: &[f64], page: ItemId) -> f64 {
    let own = scores[page as usize];
    let better = scores.iter().filter(|score| **score > own).count();
    let equal = scores.iter().filter(|score| **score == own).count();
    better as f64 + (equal as f64 + 1.0) / 2.0
}
