//! Questions about a user or a session: recommend, recommend_session, recommend_batch, rank_items,
//! explain_recommendation.

use engine::recommend::{self, Filter, Nearest, Profile, Query, Recommendation, SESSION_WEIGHTS, USER_WEIGHTS, Weights};
use engine::{ContextId, ItemId};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use rustc_hash::FxHashSet;

use super::arguments::Arguments;
use super::interest::Near;
use super::{Result, eligible};
use crate::key::Key;
use crate::pg::function::{Call, RowSet};
use crate::pg::interrupt;
use crate::reader::Reader;
use crate::sql_function;

/// The only variant so far: the fixed weights.
const VARIANT: &str = "default";

/// The source of items that are eligible but never met an event.
const ELIGIBLE: &str = "eligible";

/// An item that the recommender has no number for. Several of them are numbered up to here in the order in which they are given.
const UNKNOWN_ITEM: ItemId = ItemId::MAX;

/// What the caller wants to see.
struct Wish {
    n: usize,
    include_seen: bool,
    exclude: Vec<Key>,
    min_score: Option<f32>,
}

/// One row of an answer, in terms of keys.
struct Shown {
    item: Key,
    score: f32,
    sources: Vec<&'static str>,
}

/// Whom to answer, and where.
struct Asker<'a> {
    profile: &'a Profile,
    contexts: &'a [ContextId],
    near: Option<&'a Near<'a>>,
    weights: &'a Weights,
}

impl<'a> Asker<'a> {
    fn query(&self, reader: &Reader<'_>) -> Query<'a> {
        Query {
            now: reader.now,
            since: reader.since(),
            half_life: reader.rules().half_life,
            profile: self.profile,
            contexts: self.contexts,
            interest: self.near.map(|near| near as &dyn Nearest),
            weights: self.weights,
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
}

fn sources(row: &Recommendation) -> Vec<&'static str> {
    row.sources().map(recommend::Source::name).collect()
}

fn shown(arguments: &Arguments<'_>, reader: &Reader<'_>, asker: &Asker<'_>, wish: &Wish) -> Result<Vec<Shown>> {
    let failed = |source| arguments.failure(source);
    let query = asker.query(reader);
    let exclude: FxHashSet<ItemId> = reader.items(&wish.exclude).map_err(failed)?.into_iter().flatten().collect();
    let filter = Filter {
        n: wish.n,
        include_seen: wish.include_seen,
        exclude: &exclude,
        min_score: wish.min_score,
        eligible: &|items| eligible::eligible(reader.recommender(), items, &|items| asker.keys(reader, items)),
        interrupt: &interrupt::checker(),
    };
    let rows = reader.with_store(|store| recommend::recommend(store, &query, &filter)).map_err(failed)?;
    let items: Vec<ItemId> = rows.iter().map(|row| row.item).collect();
    let keys = asker.keys(reader, &items).map_err(failed)?;
    let mut list: Vec<Shown> = keys
        .into_iter()
        .zip(&rows)
        .filter_map(|(key, row)| key.map(|item| Shown { item, score: row.score, sources: sources(row) }))
        .collect();
    if list.len() < wish.n && wish.min_score.is_none() && reader.recommender().eligible.is_some() {
        let hidden: Vec<ItemId> = asker.profile.items.iter().map(|known| known.item).collect();
        let hidden = reader.keys(&hidden).map_err(failed)?.into_iter().flatten();
        let known: Vec<Key> = list.iter().map(|row| row.item.clone()).chain(hidden).chain(wish.exclude.iter().cloned()).collect();
        let others = eligible::others(reader.recommender(), &known, wish.n - list.len())?;
        let blank = reader.with_store(|store| recommend::rank(store, &query, &[UNKNOWN_ITEM])).map_err(failed)?;
        let score = blank.first().map_or(f32::MIN, |row| row.score);
        list.extend(others.into_iter().map(|item| Shown { item, score, sources: vec![ELIGIBLE] }));
        // What the user has seen may be worth less than what nobody has.
        list.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    Ok(list)
}

fn text_array(texts: &[&'static str]) -> Option<Datum> {
    texts.to_vec().into_datum()
}

fn push(rows: &mut RowSet, list: &[Shown]) -> Result<()> {
    let item_type = rows.column_type(0);
    for (place, row) in list.iter().enumerate() {
        rows.push(&[
            Some(row.item.to_datum(item_type)?),
            row.score.into_datum(),
            (place as i32 + 1).into_datum(),
            text_array(&row.sources),
            VARIANT.into_datum(),
        ]);
    }
    Ok(())
}

/// recommend(user, [item_type,] n, recommender, context, exclude_items, include_seen, as_of, min_score); `first` is the place of n.
fn recommend_from(call: &Call, first: usize) -> Result<Datum> {
    let arguments = Arguments::open_typed(call, first)?;
    let mut rows = call.rows()?;
    arguments.check_item_type(rows.column_type(0))?;
    let wish = Wish {
        n: arguments.count(first)?,
        exclude: arguments.items(first + 3)?,
        include_seen: call.arg(first + 4).unwrap_or(arguments.recommender.include_seen),
        min_score: call.arg(first + 6),
    };
    let user = arguments.user(0)?;
    let asked = arguments.context(first + 2)?;
    let reader = arguments.reader(first + 5)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &USER_WEIGHTS };
    push(&mut rows, &shown(&arguments, &reader, &asker, &wish)?)?;
    Ok(rows.finish(call))
}

fn recommend_same(call: &Call) -> Result<Datum> {
    recommend_from(call, 1)
}

fn recommend_typed(call: &Call) -> Result<Datum> {
    recommend_from(call, 2)
}

/// recommend_session(items, n, recommender, context, exclude_items, include_seen, as_of, min_score)
fn recommend_session(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 2)?;
    let mut rows = call.rows()?;
    arguments.check_item_type(rows.column_type(0))?;
    let wish = Wish {
        n: arguments.count(1)?,
        exclude: arguments.items(4)?,
        include_seen: call.arg(5).unwrap_or(arguments.recommender.include_seen),
        min_score: call.arg(7),
    };
    let items = arguments.items(0)?;
    let asked = arguments.context(3)?;
    let reader = arguments.reader(6)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let known: Vec<ItemId> = reader.items(&items).map_err(failed)?.into_iter().flatten().collect();
    let profile = Profile::of_session(&known);
    let near = Near::session(&reader, &items).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &SESSION_WEIGHTS };
    push(&mut rows, &shown(&arguments, &reader, &asker, &wish)?)?;
    Ok(rows.finish(call))
}

/// recommend_batch(users, [item_type,] n, recommender, context, include_seen, as_of); `first` is the place of n.
fn batch_from(call: &Call, first: usize) -> Result<Datum> {
    let arguments = Arguments::open_typed(call, first)?;
    let mut rows = call.rows()?;
    let (user_type, item_type) = (rows.column_type(0), rows.column_type(1));
    arguments.check_item_type(item_type)?;
    let wish = Wish {
        n: arguments.count(first)?,
        exclude: Vec::new(),
        include_seen: call.arg(first + 3).unwrap_or(arguments.recommender.include_seen),
        min_score: None,
    };
    let users = arguments.users(0)?;
    let asked = arguments.context(first + 2)?;
    let reader = arguments.reader(first + 4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    for user in users {
        interrupt::check();
        let profile = reader.profile(Some(&user)).map_err(failed)?;
        let near = Near::user(&reader, Some(&user)).map_err(failed)?;
        let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &USER_WEIGHTS };
        let user = user.to_datum(user_type)?;
        for (place, row) in shown(&arguments, &reader, &asker, &wish)?.iter().enumerate() {
            let item = row.item.to_datum(item_type)?;
            rows.push(&[Some(user), Some(item), row.score.into_datum(), (place as i32 + 1).into_datum()]);
        }
    }
    Ok(rows.finish(call))
}

fn batch_same(call: &Call) -> Result<Datum> {
    batch_from(call, 1)
}

fn batch_typed(call: &Call) -> Result<Datum> {
    batch_from(call, 2)
}

/// rank_items(user, items, recommender, context, as_of)
fn rank_items(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 2)?;
    let mut rows = call.rows()?;
    let item_type = rows.column_type(0);
    let (user, mut items) = (arguments.user(0)?, arguments.items(1)?);
    let mut given = FxHashSet::default();
    items.retain(|item| given.insert(item.clone()));
    let asked = arguments.context(3)?;
    let reader = arguments.reader(4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let first_unknown = UNKNOWN_ITEM - items.len() as ItemId;
    let numbers: Vec<ItemId> = reader
        .items(&items)
        .map_err(failed)?
        .into_iter()
        .enumerate()
        .map(|(place, number)| {
            number.unwrap_or_else(|| match &near {
                Some(near) => near.number(&items[place]),
                None => first_unknown + place as ItemId,
            })
        })
        .collect();
    let query = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &USER_WEIGHTS }.query(&reader);
    let ranked = reader.with_store(|store| recommend::rank(store, &query, &numbers)).map_err(failed)?;
    let keys: rustc_hash::FxHashMap<ItemId, &Key> = numbers.into_iter().zip(&items).collect();
    for (place, row) in ranked.iter().enumerate() {
        let item = keys[&row.item].to_datum(item_type)?;
        rows.push(&[Some(item), row.score.into_datum(), (place as i32 + 1).into_datum(), text_array(&sources(row))]);
    }
    Ok(rows.finish(call))
}

/// explain_recommendation(user, item, recommender, context, as_of)
fn explain(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 2)?;
    let mut rows = call.rows()?;
    let via_type: pg_sys::Oid = rows.column_type(2);
    let (user, item) = (arguments.user(0)?, arguments.item(1)?);
    let asked = arguments.context(3)?;
    let reader = arguments.reader(4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let unmet = || near.as_ref().map_or(UNKNOWN_ITEM, |near| near.number(&item));
    let number = reader.items(std::slice::from_ref(&item)).map_err(failed)?.pop().flatten().unwrap_or_else(unmet);
    let query = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &USER_WEIGHTS }.query(&reader);
    let explanation = reader.with_store(|store| recommend::explain(store, &query, number)).map_err(failed)?;
    let recent = reader.keys(&profile.recent(engine::event::PAIR_WINDOW)).map_err(failed)?;
    for part in explanation.parts(&USER_WEIGHTS) {
        let via = part.place.and_then(|place| recent.get(place).cloned().flatten());
        let via = via.map(|key| key.to_datum(via_type)).transpose()?;
        rows.push(&[
            part.source.name().into_datum(),
            part.feature.into_datum(),
            via,
            part.value.into_datum(),
            part.weight.into_datum(),
            // A negative weight of nothing is nothing: no "-0".
            (part.contribution() + 0.0).into_datum(),
        ]);
    }
    Ok(rows.finish(call))
}

sql_function!(recommend_same_type, pg_finfo_recommend_same_type, recommend_same);
sql_function!(recommend_item_type, pg_finfo_recommend_item_type, recommend_typed);
sql_function!(recommend_session_items, pg_finfo_recommend_session_items, recommend_session);
sql_function!(recommend_batch_same_type, pg_finfo_recommend_batch_same_type, batch_same);
sql_function!(recommend_batch_item_type, pg_finfo_recommend_batch_item_type, batch_typed);
sql_function!(rank_given_items, pg_finfo_rank_given_items, rank_items);
sql_function!(explain_one_recommendation, pg_finfo_explain_one_recommendation, explain);
