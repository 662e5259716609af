//! The queries: recommend, rank, explain.

use super::candidates::{Candidate, Candidates, Nearest, Reach, leading};
use super::features::features;
use super::{Features, Profile, Source, Weights};
use crate::decay::HalfLife;
use crate::error::Result;
use crate::store::Store;
use crate::{ContextId, ItemId, Micros, SessionId};
use rustc_hash::FxHashSet;

/// What is asked, and of whom.
pub struct Query<'a> {
    /// The time of the question.
    pub now: Micros,
    /// Edges older than this do not count.
    pub since: Micros,
    /// The recommender's half-life.
    pub half_life: HalfLife,
    /// Whom to answer.
    pub profile: &'a Profile,
    /// The contexts that match the caller's.
    pub contexts: &'a [ContextId],
    /// What the user is interested in, where items have vectors.
    pub interest: Option<&'a dyn Nearest>,
    /// The model.
    pub weights: &'a Weights,
    /// What of the question is in the store although its asker is to be a stranger.
    pub own: Option<Own<'a>>,
}

/// A session that asks as if the store did not have it yet.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// Its row, if it has one.
    pub session: Option<SessionId>,
    /// Those of its items that are stored.
    pub items: &'a [ItemId],
}

impl Own<'_> {
    /// What it has added to the sums of two items: one event each, of which nothing has faded.
    pub(super) fn of(&self, one: ItemId, other: ItemId) -> f64 {
        f64::from(self.items.contains(&one) && self.items.contains(&other))
    }
}

/// Which candidates may be shown.
pub struct Filter<'a> {
    /// How many to show.
    pub n: usize,
    /// Whether items of the profile may be shown.
    pub include_seen: bool,
    /// Items that the caller excludes.
    pub exclude: &'a FxHashSet<ItemId>,
    /// The least score to show.
    pub min_score: Option<f32>,
    /// Says which of some items are eligible.
    pub eligible: &'a dyn Fn(&[ItemId]) -> Result<FxHashSet<ItemId>>,
    /// Stops the query by its error.
    pub interrupt: &'a dyn Fn() -> Result<()>,
}

/// One row of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recommendation {
    /// The item.
    pub item: ItemId,
    /// Its score: a log-odds, comparable within one answer.
    pub score: f32,
    sources: u8,
}

impl Recommendation {
    /// The sources that brought it.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        let bits = self.sources;
        Source::ALL.into_iter().filter(move |source| bits & *source as u8 != 0)
    }
}

/// Why an item has its score.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The answer's row.
    pub recommendation: Recommendation,
    /// The features.
    pub features: Features,
    /// The items of the list that what followed, what sessions and what users met with the item owe most to.
    pub(super) leading: [Option<ItemId>; 3],
}

/// How many items of each order of popularity become candidates.
const LEADERS: usize = 75;

/// How many of the best items of each other source a query looks up: each costs a row.
const BEST: usize = 100;

/// The `filter.n` best items, best first; fewer only where fewer may be shown.
pub fn recommend(store: &dyn Store, query: &Query<'_>, filter: &Filter<'_>) -> Result<Vec<Recommendation>> {
    ask(store, query, filter, |_, row| row.recommendation)
}

/// [`recommend`] with the features of each item, for a second phase to rank them by.
pub fn recommend_with_features(store: &dyn Store, query: &Query<'_>, filter: &Filter<'_>) -> Result<Vec<(Recommendation, Features)>> {
    ask(store, query, filter, |candidates, row| row.with_features(candidates, query))
}

fn ask<T>(store: &dyn Store, query: &Query<'_>, filter: &Filter<'_>, show: impl Fn(&Candidates, &Scored) -> T) -> Result<Vec<T>> {
    if filter.n == 0 {
        return Ok(Vec::new());
    }
    let hidden = hidden(query.profile, filter);
    let mut reach = Reach { hidden: &hidden, leaders: LEADERS.max(filter.n), popular: 0, best: BEST.max(filter.n) };
    loop {
        (filter.interrupt)()?;
        let candidates = Candidates::collect(store, query, &reach)?;
        let shown = cut(&scored(&candidates, query), filter)?;
        if shown.len() >= filter.n || candidates.exhausted {
            return Ok(shown.iter().map(|row| show(&candidates, row)).collect());
        }
        reach.popular = reach.popular.max(filter.n.saturating_add(LEADERS)).saturating_mul(8);
        reach.best = reach.best.saturating_mul(8);
    }
}

/// The caller's items, each once, best first.
pub fn rank(store: &dyn Store, query: &Query<'_>, items: &[ItemId]) -> Result<Vec<Recommendation>> {
    let candidates = Candidates::given(store, query, items)?;
    Ok(scored(&candidates, query).iter().map(|row| row.recommendation).collect())
}

/// [`rank`] with the features of each item.
pub fn rank_with_features(store: &dyn Store, query: &Query<'_>, items: &[ItemId]) -> Result<Vec<(Recommendation, Features)>> {
    let candidates = Candidates::given(store, query, items)?;
    Ok(scored(&candidates, query).iter().map(|row| row.with_features(&candidates, query)).collect())
}

/// The candidates of a question from which nothing is hidden.
pub struct Choice<'a> {
    candidates: Candidates,
    query: &'a Query<'a>,
}

impl<'a> Choice<'a> {
    /// Collects them.
    pub fn of(store: &dyn Store, query: &'a Query<'a>) -> Result<Self> {
        let reach = Reach { hidden: &FxHashSet::default(), leaders: LEADERS, popular: 0, best: BEST };
        Ok(Self { candidates: Candidates::collect(store, query, &reach)?, query })
    }

    /// The items, and whether the asker has met them.
    pub fn items(&self) -> impl Iterator<Item = (ItemId, bool)> {
        self.candidates.list.iter().map(|candidate| (candidate.found.item, candidate.found.place.is_some()))
    }

    /// The features of the item at a place.
    pub fn features(&self, place: usize) -> Features {
        features(&self.candidates.list[place], &self.candidates, self.query)
    }
}

/// Why an item has the score that [`rank`] gives it.
pub fn explain(store: &dyn Store, query: &Query<'_>, item: ItemId) -> Result<Explanation> {
    let candidates = Candidates::given(store, query, &[item])?;
    let candidate = &candidates.list[0];
    let features = features(candidate, &candidates, query);
    Ok(Explanation { recommendation: recommendation(candidate, &features, query), features, leading: leading(store, query, item)? })
}

fn recommendation(candidate: &Candidate, features: &Features, query: &Query<'_>) -> Recommendation {
    Recommendation { item: candidate.found.item, score: query.weights.score(features) as f32, sources: candidate.found.sources }
}

/// A candidate's row of the answer.
#[derive(Clone, Copy)]
struct Scored {
    recommendation: Recommendation,
    /// The candidate's place in the list.
    place: usize,
}

impl Scored {
    fn with_features(&self, candidates: &Candidates, query: &Query<'_>) -> (Recommendation, Features) {
        (self.recommendation, features(&candidates.list[self.place], candidates, query))
    }
}

fn scored(candidates: &Candidates, query: &Query<'_>) -> Vec<Scored> {
    let score = |(place, candidate): (usize, &Candidate)| Scored {
        recommendation: recommendation(candidate, &features(candidate, candidates, query), query),
        place,
    };
    let mut list: Vec<Scored> = candidates.list.iter().enumerate().map(score).collect();
    list.sort_unstable_by(|Scored { recommendation: a, .. }, Scored { recommendation: b, .. }| {
        b.score.total_cmp(&a.score).then(a.item.cmp(&b.item))
    });
    list
}

fn hidden(profile: &Profile, filter: &Filter<'_>) -> FxHashSet<ItemId> {
    let known = profile.items.iter().filter(|known| known.disliked || !filter.include_seen).map(|known| known.item);
    known.chain(filter.exclude.iter().copied()).collect()
}

fn cut(ranked: &[Scored], filter: &Filter<'_>) -> Result<Vec<Scored>> {
    let mut left = ranked.iter().take_while(|row| filter.min_score.is_none_or(|least| row.recommendation.score >= least));
    let mut shown = Vec::with_capacity(filter.n.min(ranked.len()));
    // Doubled, so that where few items are eligible the question is not asked once for every few.
    let mut asked = filter.n.saturating_add(16);
    while shown.len() < filter.n {
        (filter.interrupt)()?;
        let batch: Vec<Scored> = left.by_ref().take(asked).copied().collect();
        asked = asked.saturating_mul(2);
        if batch.is_empty() {
            break;
        }
        let items: Vec<ItemId> = batch.iter().map(|row| row.recommendation.item).collect();
        let eligible = (filter.eligible)(&items)?;
        shown.extend(batch.into_iter().filter(|row| eligible.contains(&row.recommendation.item)));
    }
    shown.truncate(filter.n);
    Ok(shown)
}
