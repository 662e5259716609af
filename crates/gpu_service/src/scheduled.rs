//! The searcher of a device: what is asked goes to the scheduler, segment by segment.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gpu::device::Device;
use gpu::layout::{Dtype, Layout};
use gpu::scheduler::{Fallback, Open, Request, Scheduler, SetId, Settings};
use gpu::source::Source;

use crate::protocol::{Answer, Hit, Search, Segment, Status};
use crate::segment::MappedSegment;
use crate::server::{MAX_BATCH, Searcher};

/// How long a segment that does not fit, or a device that failed, is left alone.
const RETRY: Duration = Duration::from_secs(10);

/// How many segments are known beyond those that were asked for last: each keeps its file mapped.
const KNOWN: usize = 4096;

/// A device behind its scheduler.
pub struct Scheduled<D: Device> {
    scheduler: Scheduler<D>,
    memory: u64,
    /// The sets of the scheduler by the files of their segments.
    sets: HashMap<String, SetId>,
    next_set: SetId,
    started: Instant,
}

impl<D: Device> Scheduled<D> {
    /// A device of which sets may take so many bytes.
    pub fn new(memory: u64, open: Open<D>) -> Self {
        let settings = Settings { memory, retry: RETRY, batch: MAX_BATCH };
        Self { scheduler: Scheduler::new(settings, open), memory, sets: HashMap::new(), next_set: 0, started: Instant::now() }
    }

    /// The scheduler's number of a segment, which is made known where it is new.
    fn set(&mut self, segment: &Segment) -> Result<SetId, String> {
        if let Some(set) = self.sets.get(&segment.path) {
            return Ok(*set);
        }
        if self.sets.len() >= KNOWN {
            self.sets.drain().for_each(|(_, set)| self.scheduler.forget(set));
        }
        let source = MappedSegment::open(segment).map_err(|error| format!("{}: {error}", segment.path))?;
        let layout = layout(&source, self.memory);
        let set = self.next_set;
        self.next_set += 1;
        self.scheduler.publish(set, 0, Rc::new(source), layout);
        self.sets.insert(segment.path.clone(), set);
        Ok(set)
    }

    /// Forgets segments whose files are gone: newer ones have taken their place.
    fn forget_deleted(&mut self) {
        let gone: Vec<String> = self.sets.keys().filter(|path| !std::path::Path::new(path).exists()).cloned().collect();
        for path in gone {
            if let Some(set) = self.sets.remove(&path) {
                self.scheduler.forget(set);
            }
        }
    }
}

/// f16 with exact vectors beside it where all of it takes at most half of the memory, else int8, whose candidates are scored here.
fn layout(source: &impl Source, memory: u64) -> Layout {
    let fast = Layout { dtype: Dtype::F16, units: true };
    let fits = fast.bytes(source.rows(), source.dimensions()) <= memory / 2;
    if fits { fast } else { Layout { dtype: Dtype::I8, units: false } }
}

/// The answers of a search in the making.
struct Pending {
    answers: Vec<Vec<Hit>>,
    failure: Option<Fallback>,
}

impl<D: Device> Searcher for Scheduled<D> {
    fn search(&mut self, batch: &[Search]) -> Result<Vec<Answer>, String> {
        let mut pending: Vec<Result<Pending, String>> = Vec::with_capacity(batch.len());
        // By ticket: the search, the segment and the query that a reply is for.
        let mut asked: Vec<(usize, u32, usize)> = Vec::new();
        for (number, search) in batch.iter().enumerate() {
            let sets: Result<Vec<SetId>, String> = search.segments.iter().map(|segment| self.set(segment)).collect();
            let sets = match sets {
                Ok(sets) => sets,
                Err(reason) => {
                    pending.push(Err(reason));
                    continue;
                }
            };
            pending.push(Ok(Pending { answers: vec![Vec::new(); search.queries.len()], failure: None }));
            for (place, (set, segment)) in sets.into_iter().zip(&search.segments).enumerate() {
                for (query, unit) in search.queries.iter().enumerate() {
                    let allowed = (!segment.allowed.is_empty()).then(|| segment.allowed.clone());
                    let request = Request { set, version: 0, unit: unit.clone(), k: search.k, allowed, deadline: None };
                    self.scheduler.ask(asked.len() as u64, request);
                    asked.push((number, place as u32, query));
                }
            }
        }
        let started = self.started;
        for (ticket, reply) in self.scheduler.step(&|| started.elapsed(), &|| false) {
            let Some((number, segment, query)) = usize::try_from(ticket).ok().and_then(|ticket| asked.get(ticket).copied()) else {
                continue;
            };
            let Ok(pending) = &mut pending[number] else { continue };
            match reply {
                Ok(hits) => pending.answers[query].extend(hits.iter().map(|hit| Hit { segment, row: hit.row, score: hit.score })),
                Err(failure) => pending.failure = Some(failure),
            }
        }
        let answer = |pending: Result<Pending, String>| match pending {
            Ok(Pending { failure: Some(Fallback::Warming), .. }) => Answer::NotYet,
            Ok(Pending { failure: Some(failure), .. }) => Answer::Refused(failure.to_string()),
            Ok(Pending { answers, .. }) => Answer::Found(answers),
            Err(reason) => Answer::Refused(reason),
        };
        Ok(pending.into_iter().map(answer).collect())
    }

    fn idle(&mut self) -> bool {
        self.forget_deleted();
        let started = self.started;
        match self.scheduler.load(&|| started.elapsed(), &|| false) {
            Ok(loaded) => loaded.is_some(),
            Err(fallback) => {
                eprintln!("pg_recommend_gpu: {fallback}");
                false
            }
        }
    }

    fn status(&mut self) -> Status {
        let status = self.scheduler.status();
        let device = self.scheduler.info().map_or_else(|error| error.to_string(), |info| info.name);
        Status { device, memory: self.memory, used: status.bytes, segments: status.sets as u32, ..Status::default() }
    }
}
