//! serenade's files: clicks to learn from, and sessions to predict.

use super::data::{self, Keys, Line};
use pg_recommend_engine::{ItemId, Micros};
use std::collections::BTreeMap;

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
