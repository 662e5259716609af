//! The list that answers a user or a session: the first phase's candidates, and the second phase over them.

use engine::recommend::{self, FEATURE_COUNT, Features, Filter, Head, Nearest, Profile, Query, Recommendation, Weights};
use engine::{ContextId, ItemId};
use rustc_hash::{FxHashMap, FxHashSet};

use super::arguments::Arguments;
use super::interest::Near;
use super::second_phase::{Candidate, Place, SecondPhase};
use super::{Result, eligible};
use crate::key::Key;
use crate::pg::{guc, interrupt};
use crate::reader::Reader;

/// What the fixed weights alone have ordered.
const FIRST_PHASE: &str = "default";

/// The source of items that are eligible but never met an event.
const ELIGIBLE: &str = "eligible";

/// An item that the recommender has no number for. Several of them are numbered up to here in the order in which they are given.
pub const UNKNOWN_ITEM: ItemId = ItemId::MAX;

/// What the caller wants to see.
pub struct Wish {
    /// How many rows.
    pub n: usize,
    /// Whether items that the user has seen may be shown.
    pub include_seen: bool,
    /// What is not to be shown.
    pub exclude: Vec<Key>,
    /// The least score.
    pub min_score: Option<f32>,
}

/// One row of an answer, in terms of keys.
pub struct Shown {
    /// The item.
    pub item: Key,
    /// The first phase's score.
    pub first_phase: f32,
    /// Its features, where there is a second phase.
    features: Features,
    /// The model's score.
    pub probability: Option<f32>,
    /// What brought it.
    pub sources: Vec<&'static str>,
}

impl Shown {
    /// A row of the first phase.
    pub fn new(item: Key, row: &Recommendation, features: Features) -> Self {
        Self { item, first_phase: row.score, features, probability: None, sources: row.sources().map(recommend::Source::name).collect() }
    }

    /// What it is ordered by.
    pub fn score(&self) -> f32 {
        self.probability.unwrap_or(self.first_phase)
    }
}

impl Candidate for Shown {
    fn key(&self) -> &Key {
        &self.item
    }

    fn first_phase(&self) -> (f32, &Features) {
        (self.first_phase, &self.features)
    }
}

/// The kind of a question about a user. Where nothing is known of the user, everything is new.
pub fn head_of(profile: &Profile, include_seen: bool) -> Head {
    if include_seen && !profile.items.is_empty() { Head::User } else { Head::New }
}

/// Whom to answer, and where.
pub struct Asker<'a> {
    /// What is known of them.
    pub profile: &'a Profile,
    /// The contexts that match the caller's.
    pub contexts: &'a [ContextId],
    /// What they are interested in.
    pub near: Option<&'a Near<'a>>,
    /// The weights of the first phase.
    pub weights: &'a Weights,
}

impl<'a> Asker<'a> {
    /// The question for the engine.
    pub fn query(&self, reader: &Reader<'_>) -> Query<'a> {
        Query {
            now: reader.now,
            since: reader.since(),
            half_life: reader.rules().half_life,
            profile: self.profile,
            contexts: self.contexts,
            interest: self.near.map(|near| near as &dyn Nearest),
            weights: self.weights,
            own: None,
        }
    }

    /// The keys of the items of an answer.
    fn keys(&self, reader: &Reader<'_>, items: &[ItemId]) -> engine::Result<Vec<Option<Key>>> {
        let mut keys = reader.keys(items)?;
        if let Some(near) = self.near {
            keys.iter_mut().zip(items).filter(|(key, _)| key.is_none()).for_each(|(key, item)| *key = near.unmet(*item));
        }
        Ok(keys)
    }

    /// The numbers of items, those that are not known too.
    pub fn numbers(&self, reader: &Reader<'_>, items: &[Key]) -> engine::Result<Vec<ItemId>> {
        let first_unknown = UNKNOWN_ITEM - items.len() as ItemId;
        let number = |(place, number): (usize, Option<ItemId>)| {
            number.unwrap_or_else(|| match self.near {
                Some(near) => near.number(&items[place]),
                None => first_unknown + place as ItemId,
            })
        };
        Ok(reader.items(items)?.into_iter().enumerate().map(number).collect())
    }

    /// Given items in the order of the first phase, each once; with features where a second phase wants them.
    pub fn rank(&self, reader: &Reader<'_>, items: &[Key], with_features: bool) -> engine::Result<Vec<Shown>> {
        let numbers = self.numbers(reader, items)?;
        let query = self.query(reader);
        let ranked = reader.with_store(|store| match with_features {
            true => recommend::rank_with_features(store, &query, &numbers),
            false => Ok(plain(recommend::rank(store, &query, &numbers)?)),
        })?;
        let keys: FxHashMap<ItemId, &Key> = numbers.into_iter().zip(items).collect();
        Ok(ranked.iter().map(|(row, features)| Shown::new(keys[&row.item].clone(), row, *features)).collect())
    }

    /// What the first phase says of each item, [`recommend::first_phase_names`]; `None` is an item of which nothing is known.
    pub fn first_phase_values(&self, reader: &Reader<'_>, items: &[Option<Key>]) -> engine::Result<Vec<[f32; FEATURE_COUNT + 1]>> {
        let given: Vec<Key> = items.iter().flatten().cloned().collect();
        let mut known = self.numbers(reader, &given)?.into_iter();
        let numbers: Vec<ItemId> = items.iter().map(|item| item.as_ref().and_then(|_| known.next()).unwrap_or(UNKNOWN_ITEM)).collect();
        let query = self.query(reader);
        let rows = reader.with_store(|store| recommend::rank_with_features(store, &query, &numbers))?;
        let values: FxHashMap<ItemId, _> =
            rows.iter().map(|(row, features)| (row.item, recommend::first_phase_values(row.score, features))).collect();
        Ok(numbers.iter().map(|number| values[number]).collect())
    }

    /// What the first phase has to show: `wish.n` rows, or where a second phase ranks them as many as it takes, of any score.
    pub fn first_phase(&self, arguments: &Arguments<'_>, reader: &Reader<'_>, wish: &Wish, for_model: bool) -> Result<Vec<Shown>> {
        let failed = |source| arguments.failure(source);
        let query = self.query(reader);
        let exclude: FxHashSet<ItemId> = reader.items(&wish.exclude).map_err(failed)?.into_iter().flatten().collect();
        let n = if for_model && wish.n > 0 { wish.n.max(guc::rank_candidates()) } else { wish.n };
        let min_score = wish.min_score.filter(|_| !for_model);
        let filter = Filter {
            n,
            include_seen: wish.include_seen,
            exclude: &exclude,
            min_score,
            eligible: &|items| eligible::eligible(reader.recommender(), items, &|items| self.keys(reader, items)),
            interrupt: &interrupt::checker(),
        };
        let rows = reader.with_store(|store| match for_model {
            true => recommend::recommend_with_features(store, &query, &filter),
            false => Ok(plain(recommend::recommend(store, &query, &filter)?)),
        });
        let rows = rows.map_err(failed)?;
        let items: Vec<ItemId> = rows.iter().map(|(row, _)| row.item).collect();
        let keys = self.keys(reader, &items).map_err(failed)?;
        let mut list: Vec<Shown> =
            keys.into_iter().zip(&rows).filter_map(|(key, (row, features))| key.map(|item| Shown::new(item, row, *features))).collect();
        if list.len() < n && min_score.is_none() && reader.recommender().eligible.is_some() {
            self.fill(arguments, reader, wish, (n, for_model), &mut list)?;
        }
        Ok(list)
    }

    /// Fills a list up to `n` rows with eligible items that no event has met.
    fn fill(
        &self,
        arguments: &Arguments<'_>,
        reader: &Reader<'_>,
        wish: &Wish,
        (n, for_model): (usize, bool),
        list: &mut Vec<Shown>,
    ) -> Result<()> {
        let failed = |source| arguments.failure(source);
        let hidden: Vec<ItemId> = self.profile.items.iter().map(|known| known.item).collect();
        let hidden = reader.keys(&hidden).map_err(failed)?.into_iter().flatten();
        let known: Vec<Key> = list.iter().map(|row| row.item.clone()).chain(hidden).chain(wish.exclude.iter().cloned()).collect();
        let others = eligible::others(reader.recommender(), &known, n - list.len())?;
        if for_model && self.near.is_some() {
            // They differ by their vectors, which a model may make more of than the first phase does.
            let ranked = self.rank(reader, &others, true).map_err(failed)?;
            list.extend(ranked.into_iter().map(|row| Shown { sources: vec![ELIGIBLE], ..row }));
        } else {
            let query = self.query(reader);
            let blank = reader.with_store(|store| recommend::rank_with_features(store, &query, &[UNKNOWN_ITEM])).map_err(failed)?;
            if let Some((row, features)) = blank.first() {
                list.extend(others.into_iter().map(|item| Shown { sources: vec![ELIGIBLE], ..Shown::new(item, row, *features) }));
            }
        }
        // What the user has seen may be worth less than what nobody has.
        list.sort_by(|a, b| b.first_phase.total_cmp(&a.first_phase));
        Ok(())
    }
}

/// Rows whose features nobody asks for.
fn plain(rows: Vec<Recommendation>) -> Vec<(Recommendation, Features)> {
    rows.into_iter().map(|row| (row, [0.0; recommend::FEATURE_COUNT])).collect()
}

/// A list on its way through the second phase.
pub struct Pending {
    list: Vec<Shown>,
    place: Option<Place>,
}

impl Pending {
    /// Hands a list to the second phase, if there is one.
    pub fn new(user: Option<&Key>, list: Vec<Shown>, phase: &mut Option<SecondPhase<'_>>) -> Result<Self> {
        let place = match phase {
            Some(phase) => phase.add(user, &list)?,
            None => None,
        };
        Ok(Self { list, place })
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The answer after the second phase has run: its best `n` rows, and what ordered them. Rows of equal score stay in the order of the first phase.
    pub fn finish(mut self, phase: &Option<SecondPhase<'_>>, n: usize, min_score: Option<f32>) -> (Vec<Shown>, String) {
        let scores = self.place.as_ref().zip(phase.as_ref()).and_then(|(place, phase)| phase.scores(place));
        let Some((variant, scores)) = scores else {
            self.list.truncate(n);
            return (self.list, FIRST_PHASE.to_owned());
        };
        self.list.iter_mut().zip(scores).for_each(|(row, score)| row.probability = Some(*score));
        self.list.sort_by(|a, b| b.score().total_cmp(&a.score()));
        self.list.retain(|row| min_score.is_none_or(|least| row.score() >= least));
        self.list.truncate(n);
        (self.list, variant)
    }
}

/// One list through the second phase.
pub fn answer(user: Option<&Key>, list: Vec<Shown>, mut phase: Option<SecondPhase<'_>>, wish: &Wish) -> Result<(Vec<Shown>, String)> {
    let pending = Pending::new(user, list, &mut phase)?;
    if let Some(phase) = &mut phase {
        phase.run();
    }
    Ok(pending.finish(&phase, wish.n, wish.min_score))
}
