//! What is counted of an entity: event types, windows, half-lives.

use super::window::{self, Window};
use crate::Micros;
use crate::interest::{Grid, Place};

/// The most event types.
pub const MAX_TYPES: usize = 64;

/// The most windows, and the most half-lives.
pub const MAX_SPANS: usize = 32;

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    types: usize,
    windows: Vec<Window>,
    half_lives: Vec<Grid>,
}

impl Spec {
    /// Windows and half-lives in any order; each is kept once. `None` with more than [`MAX_TYPES`] types, none, or more than [`MAX_SPANS`] spans.
    pub fn new(types: usize, mut windows: Vec<Window>, mut half_lives: Vec<Grid>) -> Option<Self> {
        windows.sort_by_key(Window::length);
        windows.dedup();
        half_lives.sort_by_key(Grid::half_life);
        half_lives.dedup();
        let fits = (1..=MAX_TYPES).contains(&types) && windows.len() <= MAX_SPANS && half_lives.len() <= MAX_SPANS;
        fits.then_some(Self { types, windows, half_lives })
    }

    /// The number of event types.
    pub fn types(&self) -> usize {
        self.types
    }

    /// The windows, shortest first.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The half-lives, shortest first.
    pub fn half_lives(&self) -> &[Grid] {
        &self.half_lives
    }

    /// The bucket that an event is kept in, see [`window::bucket`].
    pub fn bucket(&self, landmark: Micros, at: Micros) -> Option<Micros> {
        window::bucket(&self.windows, landmark, at)
    }
}

/// A time with what sums of all half-lives want to know of it; computed once for all entities that meet it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The time.
    pub at: Micros,
    /// Where it lies on the grid of each half-life.
    pub places: Vec<Place>,
}

impl Moment {
    /// A time.
    pub fn new(spec: &Spec, at: Micros) -> Self {
        Self { at, places: spec.half_lives.iter().map(|grid| grid.place(at)).collect() }
    }

    /// Another time, in the same memory.
    pub fn set(&mut self, spec: &Spec, at: Micros) {
        self.at = at;
        self.places.clear();
        self.places.extend(spec.half_lives.iter().map(|grid| grid.place(at)));
    }
}

/// A time that is asked for: no event that counts is later.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The time.
    pub moment: Moment,
    /// Where each window starts, the shortest window first: each start is not after the one before.
    pub starts: Vec<Micros>,
}

impl Question {
    /// A question about a time.
    pub fn new(spec: &Spec, at: Micros) -> Self {
        Self { moment: Moment::new(spec, at), starts: spec.windows.iter().map(|window| window.start(at)).collect() }
    }

    /// Another time, in the same memory.
    pub fn set(&mut self, spec: &Spec, at: Micros) {
        self.moment.set(spec, at);
        self.starts.clear();
        self.starts.extend(spec.windows.iter().map(|window| window.start(at)));
    }
}
