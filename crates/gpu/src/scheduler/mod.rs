//! Which sets are on the device, and batches of what waits.
//!
//! Whoever owns the device calls [`Scheduler::step`] as long as questions wait, and [`Scheduler::load`] when none does: a step answers from
//! the sets that are on the device, all that wait for a set in one batch, and tells the others to ask the CPU; loading takes seconds, and
//! happens between steps. Each question gets one answer: rows, or a [`Fallback`]. A lost device is opened again after a while.

mod fallback;
mod sets;

pub use fallback::Fallback;
pub use sets::{SetId, Status};

use crate::GpuError;
use crate::device::{Device, Hit, Interrupt, Query};
use crate::layout::Layout;
use crate::machine::Info;
use crate::source::Source;
use sets::Sets;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// The number of a question, which the asker chooses.
pub type Ticket = u64;

/// The time since some moment that is always the same.
pub type Clock<'a> = &'a dyn Fn() -> Duration;

/// What opens the device, again after it was lost.
pub type Open<D> = Box<dyn Fn() -> crate::Result<D>>;

/// The bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many bytes of the device's memory sets may take.
    pub memory: u64,
    /// How long a device that failed, or a set that did not fit, is left alone.
    pub retry: Duration,
    /// The most questions of a batch.
    pub batch: usize,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which set.
    pub set: SetId,
    /// Which version of it: the asker knows what has changed since that one.
    pub version: u64,
    /// A vector of length 1.
    pub unit: Vec<f32>,
    /// How many rows.
    pub k: u32,
    /// The rows that may be found, as [`Query::allowed`].
    pub allowed: Option<Vec<u64>>,
    /// From when on nobody waits any more.
    pub deadline: Option<Duration>,
}

/// What a question got.
pub type Reply = Result<Vec<Hit>, Fallback>;

/// The sets and the questions of a device.
pub struct Scheduler<D: Device> {
    open: Open<D>,
    device: Option<D>,
    /// Why there is none.
    failure: GpuError,
    retry_at: Duration,
    settings: Settings,
    sets: Sets<D>,
    waiting: VecDeque<(Ticket, Request)>,
    status: Status,
}

impl<D: Device> fmt::Debug for Scheduler<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scheduler({} waiting, {:?})", self.waiting.len(), self.status)
    }
}

impl<D: Device> Scheduler<D> {
    /// Without sets and questions. The device is opened by the first step or load.
    pub fn new(settings: Settings, open: Open<D>) -> Self {
        Self {
            open,
            device: None,
            failure: GpuError::NoDevice("it was not opened yet".to_owned()),
            retry_at: Duration::ZERO,
            settings,
            sets: Sets::new(),
            waiting: VecDeque::new(),
            status: Status::default(),
        }
    }

    /// Makes a version of a set known, in the place of the one before.
    pub fn publish(&mut self, set: SetId, version: u64, source: Rc<dyn Source>, layout: Layout) {
        self.sets.publish(set, version, source, layout);
    }

    /// Forgets a set.
    pub fn forget(&mut self, set: SetId) {
        self.sets.forget(set);
    }

    /// Puts a question in the queue.
    pub fn ask(&mut self, ticket: Ticket, request: Request) {
        self.status.queries += 1;
        self.waiting.push_back((ticket, request));
    }

    /// Takes a question out of the queue; whether it was there.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
        self.waiting.len() < before
    }

    /// How many questions wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What was done so far, and what is on the device.
    pub fn status(&self) -> Status {
        Status { sets: self.sets.resident(), bytes: self.sets.bytes(), ..self.status }
    }

    /// The device; why there is none where that is so.
    pub fn info(&self) -> crate::Result<Info> {
        self.device.as_ref().map_or(Err(self.failure.clone()), Device::info)
    }

    /// Answers all questions that wait.
    pub fn step(&mut self, clock: Clock<'_>, interrupt: Interrupt<'_>) -> Vec<(Ticket, Reply)> {
        let mut groups: Vec<(SetId, Vec<(Ticket, Request)>)> = Vec::new();
        for (ticket, request) in std::mem::take(&mut self.waiting) {
            match groups.iter_mut().find(|(set, _)| *set == request.set) {
                Some((_, group)) => group.push((ticket, request)),
                None => groups.push((request.set, vec![(ticket, request)])),
            }
        }
        let mut replies = Vec::new();
        for (set, group) in groups {
            for batch in group.chunks(self.settings.batch.max(1)) {
                self.answer(set, batch, (clock, interrupt), &mut replies);
            }
        }
        for (_, reply) in &replies {
            match reply {
                Ok(_) => self.status.answers += 1,
                Err(_) => self.status.fallbacks += 1,
            }
        }
        replies
    }

    /// Answers some questions to a set.
    fn answer(
        &mut self,
        set: SetId,
        batch: &[(Ticket, Request)],
        (clock, interrupt): (Clock<'_>, Interrupt<'_>),
        replies: &mut Vec<(Ticket, Reply)>,
    ) {
        let now = clock();
        let version = self.sets.version(set);
        let mut asked = Vec::new();
        for (ticket, request) in batch {
            if request.deadline.is_some_and(|deadline| deadline <= now) {
                replies.push((*ticket, Err(Fallback::Deadline)));
            } else if version.is_none() {
                replies.push((*ticket, Err(Fallback::UnknownSet)));
            } else if version != Some(request.version) {
                replies.push((*ticket, Err(Fallback::OtherVersion)));
            } else {
                asked.push((*ticket, request));
            }
        }
        if asked.is_empty() {
            return;
        }
        let queries: Vec<Query<'_>> =
            asked.iter().map(|(_, request)| Query { unit: &request.unit, k: request.k, allowed: request.allowed.as_deref() }).collect();
        match self.search(set, &queries, now, interrupt) {
            Ok(answers) => {
                let reply = |answer: crate::Result<Vec<Hit>>| answer.map_err(Fallback::Refused);
                replies.extend(asked.iter().zip(answers).map(|((ticket, _), answer)| (*ticket, reply(answer))));
            }
            Err(fallback) => replies.extend(asked.iter().map(|(ticket, _)| (*ticket, Err(fallback.clone())))),
        }
    }

    /// Searches a set, which exists, making room for what that takes.
    fn search(
        &mut self,
        set: SetId,
        queries: &[Query<'_>],
        now: Duration,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<crate::Result<Vec<Hit>>>, Fallback> {
        self.device(now)?;
        loop {
            let Some(device) = &self.device else { return Err(Fallback::Device(self.failure.clone())) };
            let resident = self.sets.ask(set, self.settings.memory, now)?;
            match device.search(resident, queries, interrupt) {
                Ok(answers) => {
                    self.status.batches += 1;
                    self.status.largest_batch = self.status.largest_batch.max(queries.len() as u64);
                    return Ok(answers);
                }
                Err(GpuError::Interrupted) => return Err(Fallback::Interrupted),
                Err(error @ GpuError::Memory { .. }) => self.evict(Some(set), error)?,
                Err(error) => return Err(self.fail(error, now)),
            }
        }
    }

    /// Puts the set on the device that was asked for first and is not there; which one, `None` if there is none.
    pub fn load(&mut self, clock: Clock<'_>, interrupt: Interrupt<'_>) -> Result<Option<SetId>, Fallback> {
        let now = clock();
        let Some(wanted) = self.sets.wanted(self.settings.memory, now) else { return Ok(None) };
        self.device(now)?;
        while self.sets.bytes() + wanted.bytes > self.settings.memory {
            // It fits alone.
            self.evict(None, GpuError::Memory { needed: wanted.bytes })?;
        }
        loop {
            let Some(device) = &self.device else { return Err(Fallback::Device(self.failure.clone())) };
            match device.upload(Rc::clone(&wanted.source), wanted.layout, interrupt) {
                Ok(resident) => {
                    self.sets.put(wanted.set, resident);
                    self.status.uploads += 1;
                    self.status.bytes_uploaded += wanted.bytes;
                    return Ok(Some(wanted.set));
                }
                Err(GpuError::Interrupted) => return Err(Fallback::Interrupted),
                Err(error @ GpuError::Memory { .. }) => {
                    if let Err(fallback) = self.evict(None, error) {
                        self.sets.refuse(wanted.set, fallback.clone(), clock() + self.settings.retry);
                        return Err(fallback);
                    }
                }
                Err(error @ (GpuError::Lost(_) | GpuError::NoDevice(_))) => return Err(self.fail(error, clock())),
                Err(error) => {
                    let fallback = Fallback::Refused(error);
                    self.sets.refuse(wanted.set, fallback.clone(), clock() + self.settings.retry);
                    return Err(fallback);
                }
            }
        }
    }

    /// Takes the set off the device that was asked for longest ago, but for one; an error if there is no other one.
    fn evict(&mut self, but: Option<SetId>, error: GpuError) -> Result<(), Fallback> {
        if !self.sets.evict(but) {
            return Err(Fallback::Refused(error));
        }
        self.status.evictions += 1;
        Ok(())
    }

    /// Opens the device if there is none and it is time.
    fn device(&mut self, now: Duration) -> Result<(), Fallback> {
        if self.device.is_some() {
            return Ok(());
        }
        if now < self.retry_at {
            return Err(Fallback::Device(self.failure.clone()));
        }
        match (self.open)() {
            Ok(device) => {
                self.device = Some(device);
                Ok(())
            }
            Err(error) => Err(self.fail(error, now)),
        }
    }

    /// Gives the device up for a while.
    fn fail(&mut self, error: GpuError, now: Duration) -> Fallback {
        if self.device.is_some() {
            self.status.losses += 1;
        }
        self.sets.clear();
        self.device = None;
        self.retry_at = now + self.settings.retry;
        self.failure = error.clone();
        Fallback::Device(error)
    }
}
