//! What background workers leave alone for a while: a recommender, graph or set whose compaction failed rests, longer each time, while all others go on.
//!
//! A compaction may take the whole server with it. What was being compacted is therefore written down before it is begun, in a file, because nothing
//! else outlives a crash at once; a worker that finds such a note counts a failure. By hand, by `recommend.maintain()`, all is compacted at any time.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use engine::Micros;

use crate::pg::{clock, exit, relation};
use crate::vectors::files;

/// How long the first rest is; each following one is twice as long.
const FIRST: Micros = 5_000_000;
/// The longest rest.
const LONGEST: Micros = 3_600_000_000;

/// What rests, by its kind and number.
pub type Name = (char, i32);

/// What rests in this database. One worker at a time has it: the one that holds the compactor's lock.
#[derive(Debug, Default)]
pub struct Rests {
    resting: HashMap<Name, Rest>,
    trying: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rest {
    failures: u32,
    until: Micros,
}

impl Rests {
    /// Reads what was written down. What was being tried when a worker went without a word has failed.
    pub fn load() -> Self {
        let text = fs::read_to_string(path()).unwrap_or_default();
        let mut rests = Self::parse(&text);
        if let Some(tried) = rests.trying.take() {
            let pause = rests.failed(tried);
            pgrx::warning!("a worker ended while it compacted {} {}: the next try is in {} s", tried.0, tried.1, pause / 1_000_000);
        }
        exit::at_exit(no_longer_trying);
        rests
    }

    /// Lines of a kind, a number, failures, and a time; or of a kind and a number alone for what is being tried. Others are passed over: the file may
    /// hold anything.
    fn parse(text: &str) -> Self {
        let mut rests = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let name = |kind: &str, number: &str| Some((kind.chars().next()?, number.parse::<i32>().ok()?));
            match words[..] {
                [kind, number] => rests.trying = name(kind, number),
                [kind, number, failures, until] => {
                    if let (Some(name), Ok(failures), Ok(until)) = (name(kind, number), failures.parse(), until.parse()) {
                        rests.resting.insert(name, Rest { failures, until });
                    }
                }
                _ => {}
            }
        }
        rests
    }

    /// Whether something rests still.
    pub fn is_resting(&self, name: Name) -> bool {
        let now = clock::now();
        // A clock that was set back must not make a rest longer than any is.
        self.resting.get(&name).is_some_and(|rest| rest.until > now && rest.until.saturating_sub(now) <= LONGEST)
    }

    /// Something is about to be compacted.
    pub fn begin(&mut self, name: Name) {
        self.trying = Some(name);
        self.save();
    }

    /// It was compacted, or there was nothing to compact.
    pub fn done(&mut self, name: Name) {
        self.trying = None;
        self.resting.remove(&name);
        self.save();
    }

    /// It failed. Gives how long it rests.
    pub fn failed(&mut self, name: Name) -> Micros {
        let failures = self.resting.get(&name).map_or(0, |rest| rest.failures).saturating_add(1);
        let pause = FIRST.checked_shl(failures.min(20) - 1).unwrap_or(LONGEST).min(LONGEST);
        self.resting.insert(name, Rest { failures, until: clock::now().saturating_add(pause) });
        self.trying = None;
        self.save();
        pause
    }

    /// Where nothing can be written, nothing outlives a crash.
    fn save(&self) {
        if self.resting.is_empty() && self.trying.is_none() {
            let _ = fs::remove_file(path());
            return;
        }
        let mut text = String::new();
        for ((kind, number), Rest { failures, until }) in &self.resting {
            let _ = writeln!(text, "{kind} {number} {failures} {until}");
        }
        if let Some((kind, number)) = self.trying {
            let _ = writeln!(text, "{kind} {number}");
        }
        if files::make_directory().is_ok() {
            let _ = fs::write(path(), text);
        }
    }
}

fn path() -> PathBuf {
    Path::new(files::DIRECTORY).join(format!("resting_{}", relation::database().to_u32()))
}

/// A worker that is told to end has failed at nothing.
fn no_longer_trying() {
    let mut rests = Rests::parse(&fs::read_to_string(path()).unwrap_or_default());
    if rests.trying.take().is_some() {
        rests.save();
    }
}
