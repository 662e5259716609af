//! A device that is none: the CPU's own search over segments that are kept in memory, for tests of all that lies around a device.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use engine::topk::{Bitmap, Buffer, Kernel, Part, Query, Question, Rows, Segment as Packed, Settings, TopkError, search_batch};

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

    fn answer(&mut self, asked: &Search) -> Result<Vec<Vec<Hit>>, String> {
        let mut answers = vec![Vec::new(); asked.queries.len()];
        for (number, segment) in asked.segments.iter().enumerate() {
            self.load(segment)?;
            let Some((buffer, _)) = self.kept.get(&segment.path) else { continue };
            let found = best(buffer, segment, asked).map_err(|error| error.to_string())?;
            for (answer, hits) in answers.iter_mut().zip(found) {
                answer.extend(hits.iter().map(|hit| Hit { segment: number as u32, row: hit.row, score: hit.score }));
            }
        }
        Ok(answers)
    }
}

/// The best rows of a segment for each query.
fn best(buffer: &Buffer, segment: &Segment, asked: &Search) -> Result<Vec<Vec<engine::topk::Hit>>, TopkError> {
    let bytes = buffer.bytes().get(..segment.length as usize).unwrap_or_default();
    let parts = [Part { rows: Rows::Segment(Packed::parse(bytes)?), dead: None }];
    let allowed = [(!segment.allowed.is_empty()).then(|| Bitmap::new(&segment.allowed))];
    let queries = asked.queries.iter().map(|query| Query::new(query)).collect::<Result<Vec<_>, _>>()?;
    let question = |query| Question { query, k: asked.k as usize, allowed: &allowed, ties: false };
    let questions: Vec<Question<'_>> = queries.iter().map(question).collect();
    search_batch(&parts, &questions, &Settings { kernel: Kernel::best(), pool: None, interrupt: &|| Ok(()) })
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
