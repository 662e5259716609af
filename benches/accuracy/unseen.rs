//! Logs where only new items count: every few lines of the last fifth of a log, the next item that is new to its user.

use super::data::{self, Keys, Line, SECOND};
use super::interests::Interests;
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Rules, SessionRule};
use pg_recommend_engine::recommend::{Filter, Nearest, Profile, Query, USER_WEIGHTS, recommend};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::{Error, ItemId, Result};
use rustc_hash::FxHashSet;

/// The half-life of the recommender: both logs are a year or longer.
const HALF_LIFE: i64 = 30 * 86_400 * SECOND;
/// The length of the lists, and how many lines one question stands for.
const LENGTH: usize = 20;
const EVERY: usize = 20;
/// More genres than the film log has.
const GENRES: usize = 32;

/// A log, and what is known of its items.
pub struct Log {
    pub lines: Vec<Line>,
    /// By item; empty where nothing is known.
    pub vectors: Vec<Vec<f32>>,
}

type Loaded = std::result::Result<Option<Log>, Box<dyn std::error::Error>>;

/// Film ratings, whatever the rating; a film's vector says its genres and when it was made.
pub fn films() -> Loaded {
    let Some(rows) = data::rows("movietweetings_ratings.csv.gz")? else { return Ok(None) };
    let (mut users, mut items) = (Keys::default(), Keys::default());
    let mut lines = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        lines.push(Line { user: users.number(&row[0]), event: data::event(items.number(&row[1]), row[3].parse()?, number, None) });
    }
    lines.sort_by_key(|line| line.event.at);
    let mut vectors = vec![Vec::new(); items.len()];
    let (mut genres, films) = (Keys::default(), data::rows("movietweetings_movies.csv.gz")?.unwrap_or_default());
    for film in films.iter().filter(|film| !film[2].is_empty()) {
        if let Some(vector) = vectors.get_mut(items.number(&film[0]) as usize) {
            *vector = film_vector(&film[1], film[2].split('|').map(|genre| genres.number(genre) as usize));
        }
    }
    Ok(Some(Log { lines, vectors }))
}

/// A direction for each genre, and two for the year, so that films of 30 years apart are unlike: its share is that of one genre.
fn film_vector(title: &str, genres: impl Iterator<Item = usize>) -> Vec<f32> {
    let mut vector = vec![0.0; GENRES + 2];
    genres.for_each(|genre| vector[genre.min(GENRES - 1)] = 1.0);
    let length = vector.iter().sum::<f32>().sqrt().max(1.0);
    vector.iter_mut().for_each(|value| *value /= length);
    if let Some(year) = title.rsplit('(').next().and_then(|rest| rest.trim_end_matches(')').parse::<f32>().ok()) {
        let angle = (year - 2013.0) / 30.0;
        vector[GENRES] = angle.cos() / length;
        vector[GENRES + 1] = angle.sin() / length;
    }
    vector
}

/// Purchase lines of known customers, returns left out.
pub fn baskets() -> Loaded {
    let Some(rows) = data::rows("online_retail.csv.gz")? else { return Ok(None) };
    let (mut users, mut items) = (Keys::default(), Keys::default());
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate().filter(|(_, row)| !row[4].is_empty() && !row[1].starts_with('-')) {
        let event = data::event(items.number(&row[0]), unix_seconds(&row[2])?, number, None);
        lines.push(Line { user: users.number(&row[4]), event });
    }
    lines.sort_by_key(|line| line.event.at);
    Ok(Some(Log { lines, vectors: Vec::new() }))
}

/// Reads `2010-12-01 08:26:00` (days from the civil date: Hinnant, "chrono-compatible low-level date algorithms").
fn unix_seconds(text: &str) -> std::result::Result<i64, Box<dyn std::error::Error>> {
    let numbers: Vec<i64> = text.split(['-', ' ', ':']).map(str::parse).collect::<std::result::Result<_, _>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else { return Err(format!("no time: {text}").into()) };
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// MRR@20 of decayed popularity, of the engine, and of the engine that knows the items' vectors too; and the number of questions.
pub fn mrr(log: &Log) -> Result<([f64; 3], usize)> {
    let half_life = HalfLife::from_micros(HALF_LIFE).ok_or_else(|| Error::Store("a half-life is positive".into()))?;
    let rules = Rules { half_life, session: SessionRule::Gap(1800 * SECOND), max_edges: 128, max_visits: DEFAULT_MAX_VISITS };
    let (mut store, mut interests) = (MemoryStore::new(rules), Interests::new(&log.vectors, rules));
    let first = log.lines.len() / 5 * 4;
    store.append(log.lines[..first].iter().map(|line| (line.user, line.event)))?;
    interests.append(&log.lines[..first])?;
    let (mut sums, mut questions) = ([0.0; 3], 0usize);
    for part in log.lines[first..].chunks(EVERY) {
        let line = &part[0];
        if let Some(history) = store.history(line.user) {
            let profile = Profile::of_history(history, line.event.at, store.totals()?.weighed_at(line.event.at), i64::MIN);
            let seen: FxHashSet<ItemId> = profile.items.iter().map(|known| known.item).collect();
            if !seen.contains(&line.event.item) {
                let trending = store.trending(LENGTH + seen.len())?;
                sums[0] += reciprocal(trending.iter().map(|row| row.0).filter(|item| !seen.contains(item)), line.event.item);
                sums[1] += reciprocal(unseen(&store, &profile, line, None)?.into_iter(), line.event.item);
                let near = interests.of(line.user, line.event.at)?;
                let interest = near.as_ref().map(|near| near as &dyn Nearest);
                sums[2] += reciprocal(unseen(&store, &profile, line, interest)?.into_iter(), line.event.item);
                questions += 1;
            }
        }
        store.append(part.iter().map(|line| (line.user, line.event)))?;
        interests.append(part)?;
    }
    Ok((sums.map(|sum| sum / questions as f64), questions))
}

fn reciprocal(list: impl Iterator<Item = ItemId>, truth: ItemId) -> f64 {
    list.take(LENGTH).position(|item| item == truth).map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

fn unseen(store: &MemoryStore, profile: &Profile, line: &Line, interest: Option<&dyn Nearest>) -> Result<Vec<ItemId>> {
    let half_life = store.rules().half_life;
    let query = Query { now: line.event.at, since: i64::MIN, half_life, profile, contexts: &[], interest, weights: &USER_WEIGHTS };
    let filter = Filter {
        n: LENGTH,
        include_seen: false,
        exclude: &FxHashSet::default(),
        min_score: None,
        eligible: &|items| Ok(items.iter().copied().collect()),
        interrupt: &|| Ok(()),
    };
    Ok(recommend(store, &query, &filter)?.iter().map(|row| row.item).collect())
}
