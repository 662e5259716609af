//! The logs, read from `PG_RECOMMEND_DATA` (default: `shared/data` beside the project).

use flate2::read::GzDecoder;
use pg_recommend_engine::event::Event;
use pg_recommend_engine::{ItemId, Micros, NO_CONTEXT};
use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::path::PathBuf;

/// A second in the engine's microseconds.
pub const SECOND: i64 = 1_000_000;
/// Unix time of 2000-01-01, where the engine's clock starts.
const UNIX_2000: i64 = 946_684_800;

/// One event of a log, with the number of its user or session.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub user: u32,
    pub event: Event,
}

/// Gives keys dense numbers in the order in which they are first seen.
#[derive(Default)]
pub struct Keys(HashMap<String, u32>);

impl Keys {
    pub fn number(&mut self, key: &str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key.to_owned()).or_insert(next)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys by their numbers.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![String::new(); self.0.len()];
        self.0.iter().for_each(|(key, number)| names[*number as usize].clone_from(key));
        names
    }
}

/// Where the logs are.
pub fn directory() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    std::env::var_os("PG_RECOMMEND_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// The rows of a log; `None`, with a word on it, where the file is missing.
pub fn rows(name: &str) -> Result<Option<Vec<csv::StringRecord>>, Box<dyn Error>> {
    let path = directory().join(name);
    if !path.exists() {
        println!("Skipped: there is no {} (set PG_RECOMMEND_DATA to the directory of the logs).\n", path.display());
        return Ok(None);
    }
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path)?));
    Ok(Some(reader.records().collect::<Result<_, _>>()?))
}

/// Reads `2010-12-01 08:26:00` as seconds from 1970 (days from the civil date: Hinnant, "chrono-compatible low-level date algorithms").
pub fn unix_seconds(text: &str) -> Result<i64, Box<dyn Error>> {
    let numbers: Vec<i64> = text.split(['-', ' ', ':']).map(str::parse).collect::<Result<_, _>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else { return Err(format!("no time: {text}").into()) };
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The start of a day such as `2011-11-15` on the engine's clock.
pub fn day(text: &str) -> Result<Micros, Box<dyn Error>> {
    Ok((unix_seconds(&format!("{text} 00:00:00"))? - UNIX_2000) * SECOND)
}

/// An event of weight 1 at exactly its second: what is bought together happens at one instant.
pub fn instant(item: ItemId, unix_seconds: i64) -> Event {
    Event { item, at: (unix_seconds - UNIX_2000) * SECOND, tie: tie(item), weight: 1.0, session: None, context: NO_CONTEXT }
}

/// What orders the events of one instant: the item alone, as through SQL. Neighbours in a file are often alike, so its order would tell.
pub fn tie(item: ItemId) -> u64 {
    (u64::from(item) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// An event of weight 1. Its row, counted from 0, adds microseconds: the log's order is that of its times, here and through SQL.
pub fn event(item: ItemId, unix_seconds: i64, row: usize, session: Option<i64>) -> Event {
    let at = (unix_seconds - UNIX_2000) * SECOND + row as i64 + 1;
    Event { item, at, tie: row as u64, weight: 1.0, session, context: NO_CONTEXT }
}
