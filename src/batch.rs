//! A batch of delta rows on its way into packed rows.

use std::collections::HashMap;

use engine::fold::{Changes, Moments, fold};
use engine::learn::{Learnt, lessons};
use engine::packed::{Leaders, Neighbors, UserInterest, Visits};
use engine::store::{ItemStats, Order, Store, Totals};
use engine::{ItemId, Micros, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::catalog::{Recommender, catalog_owner};
use crate::compact::{Result, failure, save};
use crate::delta::{PastEvents, UserChange, UserEvent, user_batch};
use crate::delta_rows::Batch as Rows;
use crate::key::Key;
use crate::numbers::{Known, Numbers, rules};
use crate::pg::fetch::delete_rows;
use crate::pg::{interrupt, owner, snapshot};
use crate::progress::{Phase, Progress};
use crate::rows::PackedRows;
use crate::totals::State;
use crate::user_interest;
use crate::write::Writer;

/// Delta rows on their way into packed rows.
pub struct Batch<'a> {
    recommender: &'a Recommender,
    state: State,
    horizon: Micros,
    rows: Rows<UserEvent>,
}

impl<'a> Batch<'a> {
    /// Reads up to `limit` rows, and all further ones of the users that they belong to: the fold wants a user's rows together.
    pub fn read(recommender: &'a Recommender, state: State, horizon: Micros, limit: u64) -> Result<Self> {
        let mut users: FxHashSet<Key> = FxHashSet::default();
        let take = |event: &UserEvent, done: usize| {
            let taken = (done as u64) < limit || users.contains(&event.user);
            if taken && !users.contains(&event.user) {
                users.insert(event.user.clone());
            }
            taken
        };
        let mut rows = Rows::read(recommender, state.epoch, horizon, take).map_err(|source| failure(recommender, source))?;
        // In order of time, so that new items get their numbers in the order in which they were first seen.
        rows.events.sort_by_cached_key(|row| (row.event.event.at, row.event.event.tie(), row.event.user.tie()));
        Ok(Self { recommender, state, horizon, rows })
    }

    /// How many delta rows it would take out.
    pub fn len(&self) -> u64 {
        self.rows.done.rows.len() as u64
    }

    /// Writes the rows that it changes and deletes the delta rows. Gives how many.
    pub fn write(self) -> Result<u64> {
        if self.rows.done.rows.is_empty() && !self.state.is_void() {
            return Ok(0);
        }
        let recommender = self.recommender;
        let mut progress = Progress::start(recommender.id, Phase::Compacting, self.rows.events.len() as u64);
        let rows = PackedRows::new(recommender, self.state);
        let state = if self.state.is_void() { emptied(self.state) } else { self.state };
        let numbers = Numbers::new(&rows, Known::starting(state.totals.items, state.next_context));
        let Folded { changes, interests, users, next_user, learnt } =
            self.fold(&rows, &numbers, state).map_err(|source| failure(recommender, source))?;
        let merged = Merged::read(&rows, &changes).map_err(|source| failure(recommender, source))?;
        let known = numbers.into_known();
        progress.advance(self.rows.events.len() as u64);
        progress.phase(Phase::WritingRows);
        owner::as_user(catalog_owner()?, || -> Result<()> {
            let writer = Writer::new(recommender);
            if self.state.is_void() {
                writer.clear()?;
                snapshot::count_command();
            }
            writer.contexts(state.next_context, &known.new_contexts)?;
            merged.write(&writer, &changes, &known)?;
            writer.histories(changes.histories.iter().map(|(user, history)| (&users[user], *user, history.as_ref())))?;
            writer.sessions(changes.sessions.iter().map(|(&id, session)| (id, session.as_ref())))?;
            writer.interests(interests.into_iter())?;
            if let Some(learnt) = &learnt {
                writer.learnt(learnt)?;
            }
            Ok(())
        })?;
        delete_rows(recommender.tables.delta, &self.rows.done.rows);
        let totals = state.totals.merged(&changes.total, changes.landmark.at, changes.grouped, changes.newest);
        save(
            recommender,
            &State {
                packed_epoch: self.state.epoch,
                totals: Totals { items: totals.items + known.new_items.len() as u32, sessions: changes.next_session, ..totals },
                next_user,
                next_context: state.next_context + known.new_contexts.len() as u32,
                skipped: state.skipped + self.rows.done.skipped,
                ..state
            },
        )?;
        Ok(self.rows.done.rows.len() as u64)
    }

    fn fold(&self, rows: &PackedRows<'_>, numbers: &Numbers<'_>, state: State) -> engine::Result<Folded> {
        let mut by_user: HashMap<&Key, Vec<UserChange>> = HashMap::new();
        let mut order = Vec::new();
        for row in &self.rows.events {
            // Looked up in order, so that numbers follow time.
            numbers.event(&row.event.event)?;
            let rows = by_user.entry(&row.event.user).or_default();
            if rows.is_empty() {
                order.push(&row.event.user);
            }
            rows.push(row.clone());
        }
        let mut stored = rows.users();
        let (mut users, mut batches, mut next_user) = (FxHashMap::default(), Vec::with_capacity(order.len()), state.next_user);
        for key in order {
            let (number, history) = match rows.user(&mut stored, key)? {
                Some((number, history)) => (number, Some(history)),
                None => {
                    next_user += 1;
                    (next_user - 1, None)
                }
            };
            users.insert(number, key.clone());
            batches.push(user_batch(numbers, number, history, &by_user[key])?);
        }
        let newest = self.rows.events.last().map_or(i64::MIN, |row| row.event.event.at).max(state.totals.newest);
        let landmark = if newest == i64::MIN { 0 } else { newest };
        let past = PastEvents { rows, numbers, users: &users, horizon: self.horizon };
        let interests = user_interest::after(&mut batches, &rules(self.recommender), &past)?;
        let (rules, interrupt) = (rules(self.recommender), interrupt::checker());
        let moments = Moments::of(&state.totals);
        let mut changes = fold(batches, &rules, landmark, state.totals.sessions, &past, self.recommender.learn.then_some(&moments), &interrupt)?;
        // An emptied store is not asked: its rows are those of events that are gone.
        let mut learnt = if state.totals.events > 0 { rows.learnt()? } else { Learnt::default() };
        let taught = self.recommender.learn && !changes.moments.is_empty() && state.totals.events > 0;
        if taught {
            lessons(&mut changes.moments, &rules, rows, &mut learnt, &interrupt)?;
        }
        Ok(Folded { changes, interests, users, next_user, learnt: taught.then_some(learnt) })
    }
}

/// What a batch changes.
struct Folded {
    changes: Changes,
    interests: FxHashMap<UserId, Option<UserInterest>>,
    users: FxHashMap<UserId, Key>,
    next_user: UserId,
    /// What is known of the weights now, if something was learnt.
    learnt: Option<Learnt>,
}

/// The state of a recommender without rows, as TRUNCATE leaves it. Numbers start anew, as in a rebuild: how many items there
/// are is a part of the scores.
fn emptied(state: State) -> State {
    State { totals: Totals::NONE, next_user: 0, next_context: 0, ..state }
}

/// Stored rows with a batch's changes merged.
struct Merged {
    neighbors: FxHashMap<ItemId, Neighbors>,
    visits: FxHashMap<ItemId, Visits>,
    items: FxHashMap<ItemId, ItemStats>,
    context_items: FxHashMap<(u32, ItemId), ItemStats>,
    leaders: Vec<(u32, Leaders)>,
}

impl Merged {
    fn read(rows: &PackedRows<'_>, changes: &Changes) -> engine::Result<Self> {
        let rules = rules(rows.recommender());
        let mut merged = Self {
            neighbors: FxHashMap::default(),
            visits: FxHashMap::default(),
            items: changes.items.keys().map(|&item| (item, ItemStats::NONE)).collect(),
            context_items: changes.context_items.keys().map(|&key| (key, ItemStats::NONE)).collect(),
            leaders: Vec::new(),
        };
        let paired: Vec<ItemId> = changes.pairs.keys().copied().collect();
        rows.neighbors(&paired, &mut |item, view| {
            merged.neighbors.insert(item, Neighbors::from_view(&view, rules.half_life));
        })?;
        for (&item, deltas) in &changes.pairs {
            let row = merged.neighbors.entry(item).or_insert_with(|| Neighbors::new(changes.landmark));
            row.merge(deltas, changes.landmark, rules.max_edges);
        }
        let visited: Vec<ItemId> = changes.visits.keys().copied().collect();
        rows.visits(&visited, &mut |item, view| {
            merged.visits.insert(item, Visits::from_view(&view));
        })?;
        for (&item, sessions) in &changes.visits {
            merged.visits.entry(item).or_default().merge(sessions, rules.max_visits);
        }
        let counted: Vec<ItemId> = changes.items.keys().copied().collect();
        rows.items(&counted, &mut |item, stats| {
            merged.items.insert(item, stats);
        })?;
        for (item, stats) in &mut merged.items {
            let newest = merged.visits.get(item).and_then(|visits| visits.view().sessions.first().map(|visit| visit.at()));
            *stats = stats.merged(&changes.items[item], changes.landmark.at, newest);
        }
        for order in Order::ALL {
            let changed: Vec<(ItemId, f64)> = merged.items.iter().map(|(item, stats)| (*item, order.rank(stats))).collect();
            let mut leaders = Leaders::default();
            rows.leaders(order, &mut |stored| leaders = stored.clone())?;
            if !leaders.merge(changed) {
                leaders = rows.leaders_anew(order, &merged.items)?;
            }
            merged.leaders.push((order as u32, leaders));
        }
        rows.context_stats(&mut merged.context_items)?;
        for (key, stats) in &mut merged.context_items {
            *stats = stats.merged(&changes.context_items[key], changes.landmark.at, None);
        }
        Ok(merged)
    }

    fn write(&self, writer: &Writer<'_>, changes: &Changes, known: &Known) -> Result<()> {
        // Items that were only disliked so far have a number but no event: they are written too, for their key.
        let items = known.items().filter_map(|(key, item)| {
            let stats = self.items.get(&item).copied();
            let new = known.new_item(item).is_some();
            stats.or(new.then_some(ItemStats::NONE)).map(|stats| (key, item, stats))
        });
        writer.items(items)?;
        writer.leaders(self.leaders.iter().map(|(order, leaders)| (*order, leaders)))?;
        writer.context_items(self.context_items.iter().map(|(&key, &stats)| (key, stats)))?;
        writer.neighbors(changes.pairs.keys().map(|item| (*item, &self.neighbors[item])))?;
        writer.visits(changes.visits.keys().map(|item| (*item, &self.visits[item])))?;
        Ok(())
    }
}
