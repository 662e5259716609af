//! Long stretches of work that a check can stop.
//!
//! A check may stop the work by an error, or by unwinding.

use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::hash::Hash;

/// What says whether to go on.
pub type Check<'a, E> = dyn Fn() -> Result<(), E> + 'a;

/// Up to how many elements sorting and selecting go without checks, and how many comparisons pass between two of them beyond.
const COMPARISONS: usize = 50_000;

/// How many steps of a loop pass between two checks.
const STEPS: usize = 8192;

/// Counts the steps of loops.
pub struct Pace<'a, E> {
    check: &'a Check<'a, E>,
    left: usize,
}

impl<'a, E> Pace<'a, E> {
    /// Calls `check` every [`STEPS`] steps.
    pub fn new(check: &'a Check<'a, E>) -> Self {
        Self { check, left: STEPS }
    }

    /// Counts a step.
    #[inline]
    pub fn step(&mut self) -> Result<(), E> {
        self.left -= 1;
        if self.left > 0 {
            return Ok(());
        }
        self.left = STEPS;
        (self.check)()
    }
}

/// Orders elements; equal ones in any order. After an error they are all there, in any order.
pub fn sort_unstable_by<T, E>(slice: &mut [T], check: &Check<'_, E>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Result<(), E> {
    if slice.len() < COMPARISONS {
        slice.sort_unstable_by(compare);
        return Ok(());
    }
    let mut comparisons = Comparisons::new(check);
    slice.sort_unstable_by(|a, b| comparisons.count(compare(a, b)));
    comparisons.failure
}

/// Orders elements; equal ones stay in their order. Fast on what is mostly in order. After an error they are all there, in any order.
pub fn sort_by<T, E>(slice: &mut [T], check: &Check<'_, E>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Result<(), E> {
    if slice.len() < COMPARISONS {
        slice.sort_by(compare);
        return Ok(());
    }
    let mut comparisons = Comparisons::new(check);
    slice.sort_by(|a, b| comparisons.count(compare(a, b)));
    comparisons.failure
}

/// Keeps the first `n` elements and puts them in order.
pub fn keep_first<T, E>(vec: &mut Vec<T>, n: usize, check: &Check<'_, E>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Result<(), E> {
    if n < vec.len() {
        if vec.len() < COMPARISONS {
            vec.select_nth_unstable_by(n, &mut compare);
        } else {
            let mut comparisons = Comparisons::new(check);
            vec.select_nth_unstable_by(n, |a, b| comparisons.count(compare(a, b)));
            comparisons.failure?;
        }
        vec.truncate(n);
    }
    sort_unstable_by(vec, check, compare)
}

/// Keeps the elements that `keep` wants, in their order. After an error there may be others too.
pub fn retain<T, E>(vec: &mut Vec<T>, check: &Check<'_, E>, mut keep: impl FnMut(&T) -> bool) -> Result<(), E> {
    let mut pace = Pace::new(check);
    let mut failure = Ok(());
    vec.retain(|element| {
        if failure.is_ok() {
            failure = pace.step();
        }
        failure.is_err() || keep(element)
    });
    failure
}

/// Makes room for one more entry in a map. A large one would else move to a larger place in one go; an error on the way loses its entries.
pub fn make_room<K: Hash + Eq, V, E>(map: &mut FxHashMap<K, V>, check: &Check<'_, E>) -> Result<(), E> {
    if map.len() < map.capacity() || map.len() < COMPARISONS {
        return Ok(());
    }
    let mut larger = FxHashMap::with_capacity_and_hasher(map.len() * 2, Default::default());
    let mut pace = Pace::new(check);
    for (key, value) in map.drain() {
        pace.step()?;
        larger.insert(key, value);
    }
    *map = larger;
    Ok(())
}

/// Counts comparisons. After an error they go on, so that the order stays a sound one.
struct Comparisons<'a, E> {
    check: &'a Check<'a, E>,
    left: usize,
    failure: Result<(), E>,
}

impl<'a, E> Comparisons<'a, E> {
    fn new(check: &'a Check<'a, E>) -> Self {
        Self { check, left: COMPARISONS, failure: Ok(()) }
    }

    /// Counts a comparison and passes its result on.
    #[inline]
    fn count(&mut self, result: Ordering) -> Ordering {
        self.left -= 1;
        if self.left == 0 {
            self.left = COMPARISONS;
            if self.failure.is_ok() {
                self.failure = (self.check)();
            }
        }
        result
    }
}
