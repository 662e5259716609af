//! One recommender, opened for one question: its rows with the delta merged, as of one time.

use engine::event::Rules;
use engine::learn::Learnt;
use engine::packed::{CurrentInterest, History};
use engine::recommend::{Head, Profile, Weights};
use engine::store::Store;
use engine::store::overlay::Overlay;
use engine::{ContextId, ItemId, Micros, Result};

use crate::catalog::Recommender;
use crate::delta::Delta;
use crate::key::Key;
use crate::numbers::{ContextValues, context_matches, matching_contexts, rules};
use crate::past::PastStore;
use crate::pg::{clock, guc};
use crate::rows::PackedRows;
use crate::totals::State;
use crate::user_interest;

/// A recommender at one time.
pub struct Reader<'a> {
    recommender: &'a Recommender,
    rules: Rules,
    /// The time of the answer.
    pub now: Micros,
    /// In the past, the time of the last events that count.
    until: Micros,
    weighed_at: Micros,
    /// Events after it do not count.
    horizon: Micros,
    source: Source<'a>,
}

#[expect(clippy::large_enum_variant, reason = "one on the stack of a call; the large variant is the usual one")]
enum Source<'a> {
    /// Packed rows and the delta; the delta is given back to its cache on drop.
    Live { rows: PackedRows<'a>, delta: Option<Delta> },
    /// Rows made from the events up to a time before the newest one.
    Past(Box<PastStore>),
}

impl<'a> Reader<'a> {
    /// Opens `recommender` as of `as_of`.
    ///
    /// At or after the transaction's time all that is visible counts, and the time is the later of `as_of` and the newest event. Before it, and
    /// before the newest visible event, the answer is computed from the events up to `as_of`.
    pub fn open(recommender: &'a Recommender, state: State, as_of: Micros) -> Result<Self> {
        Self::open_until(recommender, state, as_of, as_of)
    }

    /// [`Reader::open`], but that before the transaction's time only events count that happened before `as_of`, as it is with features.
    pub fn open_before(recommender: &'a Recommender, state: State, as_of: Micros) -> Result<Self> {
        Self::open_until(recommender, state, as_of, as_of.saturating_sub(1))
    }

    fn open_until(recommender: &'a Recommender, state: State, as_of: Micros, until: Micros) -> Result<Self> {
        let rules = rules(recommender);
        let live = as_of >= clock::transaction_start();
        let horizon = as_of.max(clock::now()).saturating_add(guc::clock_skew_us());
        let rows = PackedRows::new(recommender, state);
        let delta = Delta::visible(&rows, &rules, horizon)?;
        let totals = Overlay { base: &rows, unpacked: delta.unpacked(), rules: &rules }.totals()?;
        let newest = totals.newest;
        if !live && until < newest {
            delta.keep(recommender.id);
            let past = PastStore::build(recommender, rules, until, if recommender.learn { rows.learnt()? } else { Learnt::default() })?;
            let weighed_at = past.store().totals()?.weighed_at(as_of);
            return Ok(Self { recommender, rules, now: as_of, until, weighed_at, horizon, source: Source::Past(Box::new(past)) });
        }
        let now = as_of.max(newest);
        Ok(Self {
            recommender,
            rules,
            now,
            until,
            weighed_at: totals.weighed_at(now),
            horizon,
            source: Source::Live { rows, delta: Some(delta) },
        })
    }

    /// The recommender.
    pub fn recommender(&self) -> &'a Recommender {
        self.recommender
    }

    /// The rules of its rows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Edges older than this do not count.
    pub fn since(&self) -> Micros {
        self.recommender.time_window_us.map_or(i64::MIN, |window| self.now.saturating_sub(window))
    }

    /// Answers a question from the store.
    pub fn with_store<T>(&self, ask: impl FnOnce(&dyn Store) -> Result<T>) -> Result<T> {
        match &self.source {
            Source::Live { rows, delta: Some(delta) } => ask(&Overlay { base: rows, unpacked: delta.unpacked(), rules: &self.rules }),
            Source::Live { rows, delta: None } => ask(rows),
            Source::Past(past) => ask(past.store()),
        }
    }

    /// The user's profile; an empty one for an unknown user and for none.
    pub fn profile(&self, user: Option<&Key>) -> Result<Profile> {
        let Some(user) = user else { return Ok(Profile::default()) };
        let of = |history: Option<&History>| match history {
            Some(history) => Profile::of_history(history, self.now, self.weighed_at, self.since(), self.rules.session_gap()),
            None => Profile::default(),
        };
        Ok(match &self.source {
            Source::Live { rows, delta } => match delta.as_ref().and_then(|delta| delta.history(user)) {
                Some(history) => of(history),
                None => of(rows.user(&mut rows.users(), user)?.map(|(_, history)| history).as_ref()),
            },
            Source::Past(past) => of(past.history(user)),
        })
    }

    /// The weights of a kind of question: those of now, at an earlier time too.
    pub fn weights(&self, head: Head) -> Result<Weights> {
        match &self.source {
            Source::Live { rows, .. } => rows.weights(head),
            Source::Past(past) => Ok(past.weights(head)),
        }
    }

    /// What the user is interested in; `None` where no item that the user met has a vector.
    pub fn interest(&self, user: &Key) -> Result<Option<CurrentInterest>> {
        let interest = match &self.source {
            Source::Live { rows, delta: Some(delta) } if delta.knows(user) => delta.interest(rows, &self.rules, self.horizon, user)?,
            Source::Live { rows, .. } => match rows.user(&mut rows.users(), user)? {
                Some((number, _)) => rows.interests(&[number])?.remove(&number),
                None => None,
            },
            Source::Past(_) => user_interest::of_events(self.recommender, user, self.until)?,
        };
        interest.map(|interest| interest.at(self.now, &self.rules)).transpose()
    }

    /// The numbers of items; `None` for unknown ones.
    pub fn items(&self, keys: &[Key]) -> Result<Vec<Option<ItemId>>> {
        match &self.source {
            Source::Live { rows, delta } => {
                let mut scan = rows.items_by_key();
                let known = delta.as_ref().map(Delta::known);
                keys.iter()
                    .map(|key| match known.and_then(|known| known.item(key)) {
                        Some(item) => Ok(Some(item)),
                        None => rows.item(&mut scan, key),
                    })
                    .collect()
            }
            Source::Past(past) => Ok(keys.iter().map(|key| past.item(key)).collect()),
        }
    }

    /// The keys of items that this reader gave.
    pub fn keys(&self, items: &[ItemId]) -> Result<Vec<Option<Key>>> {
        match &self.source {
            Source::Live { rows, delta } => {
                let mut keys = rows.item_keys(items)?;
                if let Some(delta) = delta {
                    for (key, item) in keys.iter_mut().zip(items) {
                        if let Some(new) = delta.known().new_item(*item) {
                            *key = Some(new.clone());
                        }
                    }
                }
                Ok(keys)
            }
            Source::Past(past) => Ok(items.iter().map(|item| past.key(*item).cloned()).collect()),
        }
    }

    /// The contexts whose columns have the values asked for: (place of the column, value).
    pub fn contexts(&self, asked: &[(usize, String)]) -> Result<Vec<ContextId>> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let matches = |values: &ContextValues| context_matches(values, asked);
        match &self.source {
            Source::Live { rows, delta } => {
                let mut contexts = if rows.state().is_void() { Vec::new() } else { matching_contexts(self.recommender.id, asked)? };
                if let Some(delta) = delta {
                    contexts.extend(delta.known().contexts_that(matches));
                }
                Ok(contexts)
            }
            Source::Past(past) => Ok(past.contexts_that(matches)),
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // After an error the folded delta may be half done: it is dropped.
        if let (Source::Live { delta, .. }, false) = (&mut self.source, std::thread::panicking())
            && let Some(delta) = delta.take()
        {
            delta.keep(self.recommender.id);
        }
    }
}
