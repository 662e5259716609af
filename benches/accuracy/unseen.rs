//! Logs where only new items count: every few lines of the last fifth of a log, the next item that is new to its user.

use super::data::{self, Keys, Line};
use super::figures::{Figure, Table};
use super::interests::Interests;
use super::log::Question;
use super::ours::{self, Ours};
use super::retail::{self, groups};
use super::rivals::popularity::{DAY, WINDOWS, Window};
use super::rivals::{Knowledge, best};
use pg_recommend_engine::recommend::Nearest;
use pg_recommend_engine::{ItemId, Result, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

/// What is set: both logs are half a year or longer.
const SETTINGS: ours::Settings = ours::Settings { half_life: Some(30 * DAY), session_column: false };
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

/// Purchases of known customers, by baskets.
pub fn baskets() -> Loaded {
    Ok(retail::load(false)?.map(|log| Log { lines: log.lines, vectors: Vec::new() }))
}

/// MRR@20 of the bestsellers of three windows, of the engine, and of the engine that knows the items' vectors too. What a user meets at one
/// instant is one question, asked before it: its first item that is new to the user counts.
pub fn mrr(log: &Log) -> Result<Table> {
    let mut ours = Ours::new(SETTINGS)?;
    let mut interests = Interests::new(&log.vectors, *ours.rules());
    let mut windows = WINDOWS.map(|(name, length)| (name, Window::new(length), Figure::default()));
    let (mut plain, mut near, mut seen) = (Figure::default(), Figure::default(), FxHashMap::<UserId, FxHashSet<ItemId>>::default());
    let (first, mut asked) = (log.lines.len() / 5 * 4, 0);
    let mut position = 0;
    for group in groups(&log.lines) {
        let (user, at) = (group[0].user, group[0].event.at);
        let known = seen.entry(user).or_default();
        if position >= first && position >= asked && !known.is_empty() {
            asked = position + EVERY;
            let targets: Vec<ItemId> = group.iter().map(|line| line.event.item).filter(|item| !known.contains(item)).collect();
            let question = Question { user: Some(user), given: known.iter().copied().collect(), at, seen: false, targets };
            if !question.targets.is_empty() {
                for (_, window, figure) in &mut windows {
                    figure.0.push(question.reciprocal(&best(&window.scores(at), &question, LENGTH), LENGTH));
                }
                plain.0.push(question.reciprocal(&ours.answer(&question, LENGTH)?, LENGTH));
                if !log.vectors.is_empty() {
                    let interest = interests.of(user, at)?;
                    let interest = interest.as_ref().map(|interest| interest as &dyn Nearest);
                    near.0.push(question.reciprocal(&ours.answer_near(&question, LENGTH, interest)?, LENGTH));
                }
            }
        }
        known.extend(group.iter().map(|line| line.event.item));
        group.iter().for_each(|line| windows.iter_mut().for_each(|(_, window, _)| window.learn(line)));
        ours.append(&group)?;
        interests.append(&group)?;
        position += group.len();
    }
    let mut table = Table::new(&["MRR@20"]);
    for (name, _, figure) in windows {
        table.rival(format!("bestsellers of {name}"), vec![figure]);
    }
    table.ours("pg_recommend, half-life 30 days", vec![plain]);
    if !log.vectors.is_empty() {
        table.ours("the same with vectors of genres and years", vec![near]);
    }
    Ok(table)
}
