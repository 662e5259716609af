//! Questions about a user or a session: recommend, recommend_session, recommend_batch, rank_items.

use engine::ItemId;
use engine::recommend::{Head, Profile};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};
use rustc_hash::FxHashSet;

use super::Result;
use super::arguments::Arguments;
use super::interest::Near;
use super::list::{Asker, Pending, Shown, Wish, answer, head_of};
use super::second_phase::SecondPhase;
use crate::arguments::time;
use crate::key::Key;
use crate::pg::function::{Call, RowSet};
use crate::pg::interrupt;
use crate::sql_function;

/// So many rows of several users are ranked together.
const ROWS_TOGETHER: usize = 2048;

fn text_array(texts: &[&'static str]) -> Option<Datum> {
    texts.to_vec().into_datum()
}

fn push(rows: &mut RowSet, (list, variant): &(Vec<Shown>, String)) -> Result<()> {
    let item_type = rows.column_type(0);
    let variant = variant.as_str().into_datum();
    for (place, row) in list.iter().enumerate() {
        let item = row.item.to_datum(item_type)?;
        rows.push(&[Some(item), row.score().into_datum(), (place as i32 + 1).into_datum(), text_array(&row.sources), variant]);
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
    let phase = SecondPhase::open(&arguments, &asked, time(call, first + 5)?)?;
    let reader = arguments.reader(first + 5)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let weights = reader.weights(head_of(&profile, wish.include_seen)).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
    let list = asker.first_phase(&arguments, &reader, &wish, phase.is_some())?;
    push(&mut rows, &answer(user.as_ref(), list, phase, &wish)?)?;
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
    let phase = SecondPhase::open(&arguments, &asked, time(call, 6)?)?;
    let reader = arguments.reader(6)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let known: Vec<ItemId> = reader.items(&items).map_err(failed)?.into_iter().flatten().collect();
    let profile = Profile::of_session(&known);
    let near = Near::session(&reader, &items).map_err(failed)?;
    let weights = reader.weights(Head::List).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
    let list = asker.first_phase(&arguments, &reader, &wish, phase.is_some())?;
    push(&mut rows, &answer(None, list, phase, &wish)?)?;
    Ok(rows.finish(call))
}

/// The users of a batch whose lists wait for the second phase.
struct Waiting<'a> {
    phase: Option<SecondPhase<'a>>,
    lists: Vec<(Datum, Pending)>,
    n: usize,
    item_type: pg_sys::Oid,
}

impl Waiting<'_> {
    fn add(&mut self, user: &Key, user_type: pg_sys::Oid, list: Vec<Shown>, rows: &mut RowSet) -> Result<()> {
        let pending = Pending::new(Some(user), list, &mut self.phase)?;
        self.lists.push((user.to_datum(user_type)?, pending));
        let waiting: usize = self.lists.iter().map(|(_, pending)| pending.len()).sum();
        if self.phase.is_none() || waiting >= ROWS_TOGETHER { self.answer(rows) } else { Ok(()) }
    }

    fn answer(&mut self, rows: &mut RowSet) -> Result<()> {
        if let Some(phase) = &mut self.phase {
            phase.run();
        }
        for (user, pending) in self.lists.drain(..) {
            for (place, row) in pending.finish(&self.phase, self.n, None).0.iter().enumerate() {
                let item = row.item.to_datum(self.item_type)?;
                rows.push(&[Some(user), Some(item), row.score().into_datum(), (place as i32 + 1).into_datum()]);
            }
        }
        if let Some(phase) = &mut self.phase {
            phase.clear();
        }
        Ok(())
    }
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
    let phase = SecondPhase::open(&arguments, &asked, time(call, first + 4)?)?;
    let for_model = phase.is_some();
    let mut waiting = Waiting { phase, lists: Vec::new(), n: wish.n, item_type };
    let reader = arguments.reader(first + 4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    for user in users {
        interrupt::check();
        let profile = reader.profile(Some(&user)).map_err(failed)?;
        let near = Near::user(&reader, Some(&user)).map_err(failed)?;
        let weights = reader.weights(head_of(&profile, wish.include_seen)).map_err(failed)?;
        let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
        let list = asker.first_phase(&arguments, &reader, &wish, for_model)?;
        waiting.add(&user, user_type, list, &mut rows)?;
    }
    waiting.answer(&mut rows)?;
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
    let phase = SecondPhase::open(&arguments, &asked, time(call, 4)?)?;
    let reader = arguments.reader(4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let weights = reader.weights(head_of(&profile, true)).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
    let list = asker.rank(&reader, &items, phase.is_some()).map_err(failed)?;
    let wish = Wish { n: list.len(), include_seen: true, exclude: Vec::new(), min_score: None };
    let (list, variant) = answer(user.as_ref(), list, phase, &wish)?;
    let variant = variant.into_datum();
    for (place, row) in list.iter().enumerate() {
        let item = row.item.to_datum(item_type)?;
        let (score, rank) = (row.score().into_datum(), (place as i32 + 1).into_datum());
        rows.push(&[Some(item), score, rank, text_array(&row.sources), row.first_phase.into_datum(), variant]);
    }
    Ok(rows.finish(call))
}

sql_function!(recommend_same_type, pg_finfo_recommend_same_type, recommend_same);
sql_function!(recommend_item_type, pg_finfo_recommend_item_type, recommend_typed);
sql_function!(recommend_session_items, pg_finfo_recommend_session_items, recommend_session);
sql_function!(recommend_batch_same_type, pg_finfo_recommend_batch_same_type, batch_same);
sql_function!(recommend_batch_item_type, pg_finfo_recommend_batch_item_type, batch_typed);
sql_function!(rank_given_items, pg_finfo_rank_given_items, rank_items);
