//! The logs, read from `PG_RECOMMEND_DATA` (default: `shared/data` beside the project).

use flate2::read::GzDecoder;
use pg_recommend_engine::event::Event;
use pg_recommend_engine::{ItemId, NO_CONTEXT};
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

/// An event of weight 1. Its row, counted from 0, adds microseconds: the log's order is that of its times, here and through SQL.
pub fn event(item: ItemId, unix_seconds: i64, row: usize, session: Option<i64>) -> Event {
    let at = (unix_seconds - UNIX_2000) * SECOND + row as i64 + 1;
    Event { item, at, tie: row as u64, weight: 1.0, session, context: NO_CONTEXT }
}
