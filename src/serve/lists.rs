//! Lists without a profile: similar_items, trending_items.

use engine::ItemId;
use engine::decay::LogSum;
use engine::recommend::{similar_items, trending_in_contexts};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::arguments::Arguments;
use super::{Result, ServeError, eligible};
use crate::key::Key;
use crate::pg::function::{Call, RowSet};
use crate::pg::owner;
use crate::pg::spi::{self, Arg};
use crate::reader::Reader;
use crate::sql_function;

/// Asks `list` for ever more items until `n` of them are eligible or there are no more.
fn eligible_of<S: Copy>(
    reader: &Reader<'_>,
    n: usize,
    list: impl Fn(usize) -> engine::Result<Vec<(ItemId, S)>>,
) -> engine::Result<Vec<(ItemId, S)>> {
    let mut depth = n;
    loop {
        let found = list(depth)?;
        let exhausted = found.len() < depth;
        let items: Vec<ItemId> = found.iter().map(|(item, _)| *item).collect();
        let eligible = eligible::eligible(reader.recommender(), &items, &|items| reader.keys(items))?;
        let mut shown: Vec<(ItemId, S)> = found.into_iter().filter(|(item, _)| eligible.contains(item)).collect();
        if shown.len() >= n || exhausted {
            shown.truncate(n);
            return Ok(shown);
        }
        depth = depth.saturating_mul(4);
    }
}

/// similar_items(item, n, recommender, as_of)
fn similar(call: &Call) -> Result<Datum> {
    let arguments = Arguments::open(call, 2)?;
    let mut rows = call.rows()?;
    let item_type = rows.column_type(0);
    let (item, n) = (arguments.item(0)?, arguments.count(1)?);
    let reader = arguments.reader(3)?;
    let failed = |source| arguments.failure(source);
    let Some(item) = reader.items(&[item]).map_err(failed)?.pop().flatten() else { return Ok(rows.finish(call)) };
    let half_life = reader.rules().half_life;
    let list = eligible_of(&reader, n, |depth| {
        let list = reader.with_store(|store| similar_items(store, item, depth, reader.since(), reader.now, half_life))?;
        Ok(list.into_iter().map(|similar| (similar.item, similar)).collect())
    });
    let list = list.map_err(failed)?;
    let keys = reader.keys(&list.iter().map(|(item, _)| *item).collect::<Vec<_>>()).map_err(failed)?;
    for (place, (key, (_, similar))) in keys.into_iter().zip(&list).enumerate() {
        let item = key.map(|key| key.to_datum(item_type)).transpose()?;
        let together = [similar.sessions.into_datum(), similar.users.into_datum()];
        rows.push(&[item, similar.score.into_datum(), (place as i32 + 1).into_datum(), together[0], together[1]]);
    }
    Ok(rows.finish(call))
}

/// trending_items([item_type,] n, recommender, half_life, context, as_of); `first` is the place of n.
fn trending_from(call: &Call, first: usize, key: impl Fn(&RowSet, &Key) -> Result<Datum>) -> Result<Datum> {
    let arguments = Arguments::open(call, first + 1)?;
    let mut rows = call.rows()?;
    if first > 0 {
        arguments.type_only(0)?;
        arguments.check_item_type(rows.column_type(0))?;
    }
    let n = arguments.count(first)?;
    let asked = arguments.context(first + 3)?;
    let reader = arguments.reader(first + 4)?;
    let list = match arguments.half_life(first + 2)? {
        Some(half_life) if half_life != reader.recommender().half_life_us => from_events(&arguments, &reader, n, half_life, &asked)?,
        _ => from_rows(&arguments, &reader, n, &asked)?,
    };
    for (place, (item, score)) in list.iter().enumerate() {
        rows.push(&[Some(key(&rows, item)?), score.into_datum(), (place as i32 + 1).into_datum()]);
    }
    Ok(rows.finish(call))
}

fn from_rows(arguments: &Arguments<'_>, reader: &Reader<'_>, n: usize, asked: &[(usize, String)]) -> Result<Vec<(Key, f64)>> {
    let failed = |source| arguments.failure(source);
    let contexts = reader.contexts(asked).map_err(failed)?;
    let list: Vec<(ItemId, LogSum)> = eligible_of(reader, n, |depth| {
        reader.with_store(|store| if asked.is_empty() { store.trending(depth) } else { trending_in_contexts(store, &contexts, depth) })
    })
    .map_err(failed)?;
    let keys = reader.keys(&list.iter().map(|(item, _)| *item).collect::<Vec<_>>()).map_err(failed)?;
    let half_life = reader.rules().half_life;
    Ok(keys.into_iter().zip(list).filter_map(|(key, (_, score))| key.map(|key| (key, score.at(reader.now, half_life)))).collect())
}

/// Another half-life than the recommender's own: summed up from the events of the last 60 half-lives; what is older weighs less than 1e-18.
fn from_events(
    arguments: &Arguments<'_>,
    reader: &Reader<'_>,
    n: usize,
    half_life: i64,
    asked: &[(usize, String)],
) -> Result<Vec<(Key, f64)>> {
    let recommender = reader.recommender();
    let conditions: String = (0..asked.len()).map(|place| format!(" AND context[{}] = ${}", asked[place].0 + 1, place + 4)).collect();
    let sql = format!(
        "SELECT item_key, sum(weight * power(2::float8, -extract(epoch FROM greatest($1 - at, '0'::interval))::float8 * 1e6 / $3)) \
         FROM recommend.events_{} WHERE at <= $1 AND at > $2 AND weight > 0{conditions} \
         GROUP BY item_key ORDER BY 2 DESC, 1",
        recommender.id
    );
    let now = reader.now;
    let timestamp = |at: i64| Arg::datum(Some(Datum::from(at)), pg_sys::TIMESTAMPTZOID);
    let mut args = vec![timestamp(now), timestamp(now.saturating_sub(half_life.saturating_mul(60))), Arg::of(half_life as f64)];
    args.extend(asked.iter().map(|(_, value)| Arg::of(value.clone())));
    let read = || {
        spi::read_prepared(&sql, &args, |row| match row.datum(1, recommender.item.oid)? {
            Some(key) => Ok::<_, ServeError>(Some((Key::read(key, recommender.item.key)?, row.value::<f64>(2)?))),
            None => Ok(None),
        })
    };
    let list: Vec<(Key, f64)> = owner::as_user(recommender.owner, read)?.into_iter().flatten().collect();
    let items = reader.items(&list.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()).map_err(|source| arguments.failure(source))?;
    let known: Vec<ItemId> = items.iter().flatten().copied().collect();
    let shown =
        eligible::eligible(reader.recommender(), &known, &|items| reader.keys(items)).map_err(|source| arguments.failure(source))?;
    let visible = list.into_iter().zip(items).filter(|(_, item)| item.is_some_and(|item| shown.contains(&item)));
    Ok(visible.map(|(row, _)| row).take(n).collect())
}

fn trending_text(call: &Call) -> Result<Datum> {
    trending_from(call, 0, |_, key| Ok(crate::pg::varlena::from_bytes(key.to_string().as_bytes())))
}

fn trending_typed(call: &Call) -> Result<Datum> {
    trending_from(call, 1, |rows, key| Ok(key.to_datum(rows.column_type(0))?))
}

sql_function!(similar_to_item, pg_finfo_similar_to_item, similar);
sql_function!(trending_items_text, pg_finfo_trending_items_text, trending_text);
sql_function!(trending_items_typed, pg_finfo_trending_items_typed, trending_typed);
