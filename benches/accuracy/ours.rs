//! The engine as the protocols ask it: what `recommend()`, `recommend_session()`, `rank_items()` and `similar_items()` answer from rows.
//! All that the benches know of the scorer is here.

use super::data::{Line, SECOND};
use super::log::Question;
use pg_recommend_engine::decay::HalfLife;
use pg_recommend_engine::event::{DEFAULT_MAX_VISITS, Event, Rules, SessionRule};
use pg_recommend_engine::learn::{self, Learnt};
use pg_recommend_engine::recommend::{Filter, Head, Nearest, Profile, Query, Weights, rank, recommend, similar_items};
use pg_recommend_engine::store::Store;
use pg_recommend_engine::store::memory::MemoryStore;
use pg_recommend_engine::{Error, ItemId, Micros, Result, UserId};
use rustc_hash::{FxHashMap, FxHashSet};

/// What a user sets when making a recommender; the default is to set nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// In microseconds.
    pub half_life: Option<i64>,
    /// Whether sessions are told apart by a column, and not by a pause.
    pub session_column: bool,
}

const DAY: i64 = 86_400 * SECOND;

/// The pace of a log, as sql/pace.sql has it: half of the events came within this time after the first event of their item; from 1 to 365 days.
fn pace(lines: &[Line]) -> Option<i64> {
    let mut first: FxHashMap<ItemId, Micros> = FxHashMap::default();
    for line in lines {
        first.entry(line.event.item).and_modify(|at| *at = line.event.at.min(*at)).or_insert(line.event.at);
    }
    let mut ages: Vec<i64> = lines.iter().map(|line| line.event.at - first[&line.event.item]).collect();
    ages.sort_unstable();
    (ages.len() >= 1000).then(|| ages[(ages.len() - 1) / 2].clamp(DAY, 365 * DAY))
}

/// A recommender in memory.
pub struct Ours {
    store: MemoryStore,
    learnt: Learnt,
}

impl Ours {
    pub fn new(settings: Settings) -> Result<Self> {
        let half_life = settings.half_life.unwrap_or(30 * DAY);
        let half_life = HalfLife::from_micros(half_life).ok_or_else(|| Error::Store("a half-life is positive".into()))?;
        let session = if settings.session_column { SessionRule::Column } else { SessionRule::Gap(1800 * SECOND) };
        let rules = Rules { half_life, session, max_edges: 128, max_visits: DEFAULT_MAX_VISITS };
        Ok(Self { store: MemoryStore::new(rules), learnt: Learnt::default() })
    }

    /// A recommender that has followed these lines.
    pub fn of(settings: Settings, lines: &[Line]) -> Result<Self> {
        let mut ours = Self::new(Settings { half_life: settings.half_life.or_else(|| pace(lines)), ..settings })?;
        ours.append(lines)?;
        Ok(ours)
    }

    /// Takes in lines that come after all before.
    pub fn append(&mut self, lines: &[Line]) -> Result<()> {
        let lines: Vec<(UserId, Event)> = lines.iter().map(|line| (line.user, line.event)).collect();
        learn::append_log(&mut self.store, &lines, &mut self.learnt, &|| Ok(()))
    }

    /// The same, committed one by one: the lines of a user and an instant together.
    pub fn append_groups(&mut self, lines: &[Line]) -> Result<()> {
        let groups = lines.chunk_by(|a, b| (a.user, a.event.at) == (b.user, b.event.at));
        groups.into_iter().try_for_each(|group| self.append(group))
    }

    /// The rules that it follows.
    pub fn rules(&self) -> &Rules {
        self.store.rules()
    }

    /// The `n` best answers to a question, best first.
    pub fn answer(&self, question: &Question, n: usize) -> Result<Vec<ItemId>> {
        self.answer_near(question, n, None)
    }

    /// The same of a recommender that knows vectors of the items.
    pub fn answer_near(&self, question: &Question, n: usize, interest: Option<&dyn Nearest>) -> Result<Vec<ItemId>> {
        let (profile, head) = match question.user {
            Some(user) => {
                let profile = self.profile(user, question.at)?;
                let head = if question.seen && !profile.items.is_empty() { Head::User } else { Head::New };
                (profile, head)
            }
            None => (Profile::of_session(&question.given), Head::List),
        };
        let weights = self.learnt.weights(head);
        let filter = Filter {
            n,
            include_seen: question.seen,
            exclude: &FxHashSet::default(),
            min_score: None,
            eligible: &|items| Ok(items.iter().copied().collect()),
            interrupt: &|| Ok(()),
        };
        let query = Query { interest, ..self.query(&profile, &weights, question.at) };
        Ok(recommend(&self.store, &query, &filter)?.iter().map(|row| row.item).collect())
    }

    /// A score for each of `items`, for a user, in any order.
    pub fn scores(&self, user: UserId, now: Micros, items: &[ItemId]) -> Result<Vec<(ItemId, f32)>> {
        let profile = self.profile(user, now)?;
        let weights = self.learnt.weights(if profile.items.is_empty() { Head::New } else { Head::User });
        let ranked = rank(&self.store, &self.query(&profile, &weights, now), items)?;
        Ok(ranked.iter().map(|row| (row.item, row.score)).collect())
    }

    /// The `n` items most like one, best first.
    pub fn similar(&self, item: ItemId, now: Micros, n: usize) -> Result<Vec<ItemId>> {
        let list = similar_items(&self.store, item, n, i64::MIN, now, self.store.rules().half_life)?;
        Ok(list.iter().map(|row| row.item).collect())
    }

    fn profile(&self, user: UserId, now: Micros) -> Result<Profile> {
        let weighed_at = self.store.totals()?.weighed_at(now);
        let history = self.store.history(user);
        Ok(history.map_or_else(Profile::default, |history| {
            Profile::of_history(history, now, weighed_at, i64::MIN, self.store.rules().session_gap())
        }))
    }

    fn query<'a>(&'a self, profile: &'a Profile, weights: &'a Weights, now: Micros) -> Query<'a> {
        Query { now, since: i64::MIN, half_life: self.store.rules().half_life, profile, contexts: &[], interest: None, weights, own: None }
    }
}
