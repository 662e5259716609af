//! What the first phase of a recommender says of items, as features: of a user's candidates at one time, and of many labels at theirs.

use engine::learn::Learnt;
use engine::recommend::{self, FEATURE_COUNT, Profile, Query, first_phase_values};
use engine::{ContextId, ItemId, Micros};
use rustc_hash::FxHashMap;

use super::error::Result;
use super::reader::Ask;
use super::replay::Labels;
use crate::catalog::Recommender;
use crate::key::Key;
use crate::numbers::{context_matches, rules};
use crate::past::PastStore;
use crate::pg::interrupt;
use crate::rows::PackedRows;
use crate::serve::arguments::Arguments;
use crate::serve::interest::Near;
use crate::serve::list::{Asker, UNKNOWN_ITEM, head_of};
use crate::totals;

/// The numbers of [`recommend::first_phase_names`] for one item.
pub type Values = [f32; FEATURE_COUNT + 1];

/// What the first phase says of each item for a user. Before the transaction's time only events count that happened before `ask.as_of`.
pub fn of_items(arguments: &Arguments<'_>, ask: &Ask<'_>) -> Result<Vec<Values>> {
    let failed = |source| arguments.failure(source);
    let reader = arguments.reader_before(ask.as_of)?;
    let contexts = reader.contexts(ask.context).map_err(failed)?;
    let profile = reader.profile(ask.user).map_err(failed)?;
    let near = Near::user(&reader, ask.user).map_err(failed)?;
    let weights = reader.weights(head_of(&profile, true)).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
    Ok(asker.first_phase_values(&reader, ask.items).map_err(failed)?)
}

/// The `wanted` ones of [`Values`] for each label, one row after the other, as [`of_items`] gives them at the label's time: from one pass over the
/// log. The recommender has no vectors.
pub fn of_labels(recommender: &Recommender, labels: &Labels, wanted: &[usize]) -> engine::Result<Vec<f32>> {
    let mut values = vec![0.0; wanted.len() * labels.len()];
    if values.is_empty() {
        return Ok(values);
    }
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|label| labels.question(*label));
    // Items of one user at one time are asked about at once.
    let questions: Vec<&[usize]> = order.chunk_by(|a, b| labels.question(*a) == labels.question(*b)).collect();
    let times: Vec<Micros> = questions.iter().map(|asked| labels.question(asked[0]).0).collect();
    let (users, items) = labels.keys();
    let contexts = labels.contexts_in_order();
    let learnt = match totals::read(recommender.id) {
        Some(state) if recommender.learn => PackedRows::new(recommender, state).learnt()?,
        _ => Learnt::default(),
    };
    PastStore::walk(recommender, rules(recommender), learnt, &times, |place, past| {
        interrupt::check();
        let (at, _, context) = labels.question(questions[place][0]);
        let user = labels.of(questions[place][0]).0.map(|user| users[user]);
        let context = context.iter().zip(&contexts).map(|(value, values)| values.get(*value as usize).map(|value| value.as_str()));
        let number = |label: &usize| labels.of(*label).1.and_then(|item| past.item(items[item])).unwrap_or(UNKNOWN_ITEM);
        let numbers: Vec<ItemId> = questions[place].iter().map(number).collect();
        let known = ask(recommender, past, at, user, &context.collect::<Vec<_>>(), &numbers)?;
        for (label, number) in questions[place].iter().zip(&numbers) {
            let row = &mut values[label * wanted.len()..][..wanted.len()];
            row.iter_mut().zip(wanted).for_each(|(value, place)| *value = known[number][*place]);
        }
        Ok(())
    })?;
    Ok(values)
}

/// What a store of the past says of items.
fn ask(
    recommender: &Recommender,
    past: &PastStore,
    now: Micros,
    user: Option<&Key>,
    context: &[Option<&str>],
    items: &[ItemId],
) -> engine::Result<FxHashMap<ItemId, Values>> {
    let asked: Vec<(usize, &str)> = context.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?))).collect();
    let contexts: Vec<ContextId> = if asked.is_empty() { Vec::new() } else { past.contexts_that(|values| context_matches(values, &asked)) };
    let store = past.store();
    let since = recommender.time_window_us.map_or(i64::MIN, |window| now.saturating_sub(window));
    let weighed_at = store.totals()?.weighed_at(now);
    let profile = user
        .and_then(|user| past.history(user))
        .map(|history| Profile::of_history(history, now, weighed_at, since, past.rules().session_gap()));
    let profile = profile.unwrap_or_default();
    let query = Query {
        now,
        since,
        half_life: past.rules().half_life,
        profile: &profile,
        contexts: &contexts,
        interest: None,
        weights: &past.weights(head_of(&profile, true)),
        own: None,
    };
    let rows = recommend::rank_with_features(store, &query, items)?;
    Ok(rows.iter().map(|(row, features)| (row.item, first_phase_values(row.score, features))).collect())
}
