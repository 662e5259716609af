//! A device that is none: the CPU's own search over segments that are kept in memory, for tests of all that lies around a device.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use engine::topk::{Bitmap, Buffer, Kernel, Part, Query, Question, Rows, Segment as Packed, Settings, search};

use crate::protocol::{Answer, Hit, Search, Segment, Status};
use crate::server::Searcher;

/// The device.
pub struct Simulated {
    /// What it can hold, in bytes; 0 for any amount.
    memory: u64,
    used: u64,
    /// By path: what is kept of a file, and when it was used last.
    kept: HashMap<String, (Buffer, u64)>,
    uses: u64,
}

impl Simulated {
    /// A device with so many bytes of memory; 0 for any amount.
    pub fn new(memory: u64) -> Self {
        Self { memory, used: 0, kept: HashMap::new(), uses: 0 }
    }

    /// Makes a segment resident; what was used longest ago makes room.
    fn load(&mut self, segment: &Segment) -> Result<(), String> {
        self.uses += 1;
        if let Some((_, used)) = self.kept.get_mut(&segment.path) {
            *used = self.uses;
            return Ok(());
        }
        if self.memory > 0 && segment.length > self.memory {
            return Err(format!("a segment of {} bytes does not fit into {} bytes of memory", segment.length, self.memory));
        }
        while self.memory > 0 && self.used + segment.length > self.memory {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(path, _)| path.clone()) else { break };
            self.used -= self.kept.remove(&oldest).map_or(0, |(buffer, _)| buffer.bytes().len() as u64);
        }
        let read = || -> std::io::Result<Buffer> {
            let mut file = File::open(&segment.path)?;
            file.seek(SeekFrom::Start(segment.offset))?;
            let mut buffer = Buffer::zeroed(segment.length as usize);
            let length = segment.length as usize;
            file.read_exact(&mut buffer.bytes_mut()[..length])?;
            Ok(buffer)
        };
        let buffer = read().map_err(|error| format!("{}: {error}", segment.path))?;
        self.used += buffer.bytes().len() as u64;
        self.kept.insert(segment.path.clone(), (buffer, self.uses));
        Ok(())
    }

    fn answer(&mut self, asked: &Search) -> Result<Vec<Hit>, String> {
        for segment in &asked.segments {
            self.load(segment)?;
        }
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let query = Query::new(&asked.query).map_err(|error| said(&error))?;
        let mut parts = Vec::with_capacity(asked.segments.len());
        for segment in &asked.segments {
            let Some((buffer, _)) = self.kept.get(&segment.path) else { return Err("the segments do not fit together".into()) };
            let bytes = buffer.bytes().get(..segment.length as usize).ok_or("a segment has changed its length")?;
            let packed = Packed::parse(bytes).map_err(|error| said(&error))?;
            let dead = (!segment.excluded.is_empty()).then(|| Bitmap::new(&segment.excluded));
            parts.push(Part { rows: Rows::Segment(packed), dead });
        }
        let question = Question { query: &query, k: asked.k as usize, allowed: &[], ties: false };
        let settings = Settings { kernel: Kernel::detect(), pool: None, interrupt: &|| Ok(()) };
        let hits = search(&parts, &question, &settings).map_err(|error| said(&error))?;
        Ok(hits.iter().map(|hit| Hit { segment: hit.part, row: hit.row, score: hit.score }).collect())
    }
}

impl Searcher for Simulated {
    fn search(&mut self, batch: &[Search]) -> Result<Vec<Answer>, String> {
        Ok(batch.iter().map(|search| self.answer(search).map_or_else(Answer::Refused, Answer::Found)).collect())
    }

    fn status(&mut self) -> Status {
        let segments = self.kept.len() as u32;
        Status { device: "simulated".into(), memory: self.memory, used: self.used, segments, ..Status::default() }
    }
}
