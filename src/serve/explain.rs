//! `explain_recommendation`: what each feature adds to a score, and what the model makes of them.

use engine::recommend;
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::Result;
use super::arguments::Arguments;
use super::interest::Near;
use super::list::{Asker, Shown, head_of};
use super::second_phase::SecondPhase;
use crate::arguments::time;
use crate::pg::function::Call;
use crate::sql_function;

sql_function!(explain_one_recommendation, pg_finfo_explain_one_recommendation, explain);

/// explain_recommendation(user, item, recommender, context, as_of)
fn explain(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 2)?;
    let mut rows = call.rows()?;
    let via_type: pg_sys::Oid = rows.column_type(2);
    let (user, item) = (arguments.user(0)?, arguments.item(1)?);
    let asked = arguments.context(3)?;
    let mut phase = SecondPhase::open(&arguments, &asked, time(call, 4)?)?;
    let reader = arguments.reader(4)?;
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(&asked).map_err(failed)?;
    let profile = reader.profile(user.as_ref()).map_err(failed)?;
    let near = Near::user(&reader, user.as_ref()).map_err(failed)?;
    let weights = reader.weights(head_of(&profile, arguments.recommender.include_seen)).map_err(failed)?;
    let asker = Asker { profile: &profile, contexts: &contexts, near: near.as_ref(), weights: &weights };
    let number = asker.numbers(&reader, std::slice::from_ref(&item)).map_err(failed)?[0];
    let query = asker.query(&reader);
    let explanation = reader.with_store(|store| recommend::explain(store, &query, number)).map_err(failed)?;
    let shown = Shown::new(item, &explanation.recommendation, explanation.features);
    if let Some(phase) = &mut phase
        && let Some(seen) = phase.explain(user.as_ref(), &shown)?
    {
        let source = seen.variant.into_datum();
        rows.push(&[source, "probability".into_datum(), None, f64::from(seen.probability).into_datum(), None, None]);
        for (name, value) in seen.features {
            rows.push(&[source, name.into_datum(), None, value.and_then(IntoDatum::into_datum), None, None]);
        }
    }
    for part in explanation.parts(&weights) {
        let via = match part.item {
            Some(item) => reader.keys(&[item]).map_err(failed)?.pop().flatten(),
            None => None,
        };
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
