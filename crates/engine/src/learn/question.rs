//! What is asked about an instant, and what the answer teaches.

use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::Learnt;
use super::normal::Question;
use crate::error::Result;
use crate::event::{Event, Rules};
use crate::fold::{Moment, Moments};
use crate::recommend::{Choice, FEATURE_COUNT, Head, Own, Profile, Query};
use crate::store::memory::MemoryStore;
use crate::store::{Store, Totals};
use crate::{ItemId, NO_CONTEXT, UserId};

/// The most candidates beside the answers that one question learns from, drawn evenly.
const NEGATIVES: usize = 100;

/// The most lines of a basket that are given, and the most items of a history, which are drawn of so many newest ones.
const GIVEN_LINES: usize = 10;
const GIVEN_ITEMS: usize = 5;
const DRAWN_FROM: usize = 50;

/// Asks about instants, in the order of time, and learns from the answers. `store` has none of their events.
pub fn lessons(
    moments: &mut [Moment],
    rules: &Rules,
    store: &dyn Store,
    learnt: &mut Learnt,
    interrupt: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let totals = store.totals()?;
    if totals.events == 0 {
        return Ok(());
    }
    moments.sort_by_key(|moment| (moment.at, moment.hash));
    // An earlier instant would be asked about with what came after it.
    for moment in moments.iter().filter(|moment| totals.newest.saturating_sub(moment.at) <= SLACK) {
        interrupt()?;
        Lesson { moment, rules, store, totals: &totals, random: Xoshiro256PlusPlus::seed_from_u64(moment.hash) }.teach(learnt)?;
    }
    Ok(())
}

/// Adds events that come after all that a store has, after it was asked about some of them.
pub fn append(
    store: &mut MemoryStore,
    events: impl IntoIterator<Item = (UserId, Event)>,
    learnt: &mut Learnt,
    interrupt: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let mut changes = store.fold(events, Some(&Moments::of(&store.totals()?)))?;
    lessons(&mut changes.moments, &store.rules().clone(), store, learnt, interrupt)?;
    store.apply(&changes);
    Ok(())
}

/// The shortest and the longest part of a log that is folded at once while it is learnt from, and the share of what came before it.
const SHORTEST_PART: usize = 64;
const LONGEST_PART: usize = 4096;
const PART_SHARE: i64 = 50;

/// Adds a log in the order of time, in parts so short that each question sees nearly all that was before it.
pub fn append_log(store: &mut MemoryStore, log: &[(UserId, Event)], learnt: &mut Learnt, interrupt: &dyn Fn() -> Result<()>) -> Result<()> {
    let mut left = log;
    while !left.is_empty() {
        interrupt()?;
        let before = store.totals()?.events;
        let part = usize::try_from(before / PART_SHARE).unwrap_or(0).clamp(SHORTEST_PART, LONGEST_PART).min(left.len());
        // What happens at one instant stays together.
        let more = left[part..].iter().take_while(|(_, event)| event.at == left[part - 1].1.at).count();
        let (now, rest) = left.split_at(part + more);
        append(store, now.iter().copied(), learnt, interrupt)?;
        left = rest;
    }
    Ok(())
}

/// How much earlier than the newest event an instant may lie that is asked about: events of different sessions commit in any order.
const SLACK: i64 = 3_600_000_000;

struct Lesson<'a> {
    moment: &'a Moment,
    rules: &'a Rules,
    store: &'a dyn Store,
    totals: &'a Totals,
    random: Xoshiro256PlusPlus,
}

impl Lesson<'_> {
    fn teach(mut self, learnt: &mut Learnt) -> Result<()> {
        let moment = self.moment;
        if !moment.history.edges.is_empty() {
            let now = moment.at.max(self.totals.newest);
            let weighed_at = self.totals.weighed_at(now);
            let profile = Profile::of_history(&moment.history, now, weighed_at, i64::MIN, self.rules.session_gap());
            self.ask(&profile, Head::User, &moment.answers, None, learnt)?;
        }
        let Some((given, answers)) = self.list() else { return Ok(()) };
        let own = Own { session: moment.stored.row, items: &moment.stored.items };
        self.ask(&Profile::of_session(&given), Head::List, &answers, Some(own), learnt)
    }

    /// Items that are given, oldest first, and what goes with them: of a basket some lines and the others, of a session what was met so far
    /// and what is taken now, else some items of the history and what is taken now.
    fn list(&mut self) -> Option<(Vec<ItemId>, Vec<ItemId>)> {
        let moment = self.moment;
        if moment.answers.len() > 1 {
            let mut lines = moment.answers.clone();
            let given = 1 + self.below(GIVEN_LINES.min(lines.len() - 1));
            self.draw(&mut lines, given);
            let answers = lines.split_off(given);
            return Some((lines, answers));
        }
        if !moment.session.items.is_empty() {
            return Some((moment.session.items.clone(), moment.answers.clone()));
        }
        let known = moment.history.edges.iter().filter(|edge| !edge.disliked()).take(DRAWN_FROM);
        let mut known: Vec<ItemId> = known.map(|edge| edge.item.get()).filter(|item| !moment.answers.contains(item)).collect();
        if known.is_empty() {
            return None;
        }
        let given = 1 + self.below(GIVEN_ITEMS.min(known.len()));
        self.draw(&mut known, given);
        known.truncate(given);
        Some((known, moment.answers.clone()))
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end as u64) as usize
    }

    /// Draws the first `count` of a list by shuffling them in.
    fn draw<T>(&mut self, list: &mut [T], count: usize) {
        for place in 0..count.min(list.len()) {
            let other = place + self.below(list.len() - place);
            list.swap(place, other);
        }
    }

    /// Asks what somebody takes, and learns from what it was; from what a user takes, also what of it was new.
    fn ask(&mut self, profile: &Profile, head: Head, answers: &[ItemId], own: Option<Own<'_>>, learnt: &mut Learnt) -> Result<()> {
        let contexts = [self.moment.context];
        let query = Query {
            now: self.moment.at.max(self.totals.newest),
            since: i64::MIN,
            half_life: self.rules.half_life,
            profile,
            contexts: if self.moment.context == NO_CONTEXT { &[] } else { &contexts },
            interest: None,
            weights: head.prior(),
            own,
        };
        let choice = Choice::of(self.store, &query)?;
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for (place, (item, seen)) in choice.items().enumerate() {
            let side = if answers.contains(&item) { &mut found } else { &mut others };
            side.push((place, seen));
        }
        if head == Head::User {
            let last = profile.items.first().map(|known| known.item);
            for answer in answers {
                let seen = profile.items.iter().any(|known| known.item == *answer);
                learnt.habits.count(last == Some(*answer), seen, choice.items().any(|(item, _)| item == *answer));
            }
        }
        self.learn(&choice, &found, &mut others, head, learnt);
        if head == Head::User {
            found.retain(|(_, seen)| !seen);
            others.retain(|(_, seen)| !seen);
            self.learn(&choice, &found, &mut others, Head::New, learnt);
        }
        Ok(())
    }

    /// Learns that the places `found` were taken rather than the `others`, of which some are drawn.
    fn learn(&mut self, choice: &Choice<'_>, found: &[(usize, bool)], others: &mut [(usize, bool)], head: Head, learnt: &mut Learnt) {
        if found.is_empty() || others.is_empty() {
            return;
        }
        self.draw(others, NEGATIVES);
        let drawn = &others[..NEGATIVES.min(others.len())];
        let offset = (others.len() as f64 / drawn.len() as f64).ln();
        let numbers: Vec<f64> = found.iter().chain(drawn).flat_map(|(place, _)| choice.features(*place)).collect();
        let count = found.len() + drawn.len();
        let Ok(features) = Array2::from_shape_vec((count, FEATURE_COUNT), numbers) else { return };
        let offsets: Vec<f64> = (0..count).map(|row| if row < found.len() { 0.0 } else { offset }).collect();
        let answers: Vec<usize> = (0..found.len()).collect();
        learnt.heads[head as usize].learn(&Question { features: &features, offsets: &offsets, answers: &answers }, head.prior());
    }
}
