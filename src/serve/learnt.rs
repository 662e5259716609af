//! What the log has taught a recommender: the weights of its score, in numbers and in words.

use engine::learn::Learnt;
use engine::recommend::{FEATURES, Head};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::Datum;

use super::Result;
use super::arguments::Arguments;
use crate::catalog::{CatalogError, Recommender};
use crate::pg::function::Call;
use crate::rows::PackedRows;
use crate::{sql_function, totals};

sql_function!(recommend_learnt, pg_finfo_recommend_learnt, learnt);

/// recommend.learnt(recommender): a row for each kind of question and feature.
fn learnt(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 0)?;
    let mut rows = call.rows()?;
    let recommender = &arguments.recommender;
    let learnt = of(recommender).map_err(|source| arguments.failure(source))?.ok_or(CatalogError::UnknownId(recommender.id))?;
    for head in Head::ALL {
        let (sums, prior) = (learnt.sums(head), head.prior());
        let (loss, prior_loss) = sums.losses().unzip();
        let serves = recommender.learn && sums.is_proven();
        let weights = sums.learnt();
        for (feature, name) in FEATURES {
            rows.push(&[
                head.name().into_datum(),
                (sums.asked() as i64).into_datum(),
                loss.and_then(IntoDatum::into_datum),
                prior_loss.and_then(IntoDatum::into_datum),
                serves.into_datum(),
                name.into_datum(),
                weights.0[feature as usize].into_datum(),
                prior.0[feature as usize].into_datum(),
            ]);
        }
    }
    Ok(rows.finish(call))
}

/// What is stored of it; `None` where the recommender is gone.
fn of(recommender: &Recommender) -> engine::Result<Option<Learnt>> {
    totals::read(recommender.id).map(|state| PackedRows::new(recommender, state).learnt()).transpose()
}

/// The same in one sentence or two, for `recommend.status`.
pub fn in_words(recommender: &Recommender) -> engine::Result<String> {
    if !recommender.learn {
        return Ok("learn is off: the prior weights serve".into());
    }
    let learnt = of(recommender)?.unwrap_or_default();
    let habits = learnt.habits();
    let asked: u64 = Head::ALL.iter().map(|head| learnt.sums(*head).asked()).sum();
    if habits.questions < 1.0 {
        return Ok(format!("{asked} questions asked: the prior weights serve"));
    }
    let share = |part: f64| (100.0 * part / habits.questions).round();
    let habit = format!(
        "{}% of a user's next items are the current one, {}% were met before, {}% are among the candidates",
        share(habits.last),
        share(habits.seen),
        share(habits.found)
    );
    let serving: Vec<&str> = Head::ALL.iter().filter(|head| learnt.sums(**head).is_proven()).map(|head| head.name()).collect();
    let serving =
        if serving.is_empty() { "the prior weights serve".into() } else { format!("learnt weights serve for: {}", serving.join(", ")) };
    Ok(format!("{habit}; {asked} questions asked, {serving}"))
}
