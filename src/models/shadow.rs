//! A version in shadow: scored on the rows that another version answers, and compared with it.
//!
//! Reads write no tables, on a standby they could not. The comparison is counted in a small file beside the weights, which all sessions of the server
//! map: it outlives sessions and restarts, and begins anew when the shadow is set again or the file is deleted.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::catalog::Version;
use super::error::{ModelsError, Result};
use super::session::Rows;
use super::{predict, weights};
use crate::catalog as definitions;
use crate::pg::counters::Counters;
use crate::pg::function::Call;
use crate::pg::spi;
use crate::pg::{clock, privilege, relation};
use crate::sql_function;

sql_function!(model_shadows, pg_finfo_model_shadows, rows);

/// What is counted, in the order of the file.
#[derive(Clone, Copy)]
enum Count {
    Rows,
    Failed,
    Score,
    Shadow,
    Difference,
    Largest,
    Since,
}

type Counts = Counters<7>;

thread_local! {
    static OPEN: RefCell<HashMap<PathBuf, Counts>> = RefCell::new(HashMap::new());
}

fn path(model: &str, version: i32, shadow: i32) -> PathBuf {
    let hash = weights::hash(format!("{version} {shadow} {model}").as_bytes());
    weights::directory().join(format!("{}.{}.shadow", relation::database().to_u32(), weights::hex(&hash)))
}

/// Does `work` with the counts of a pair of versions; nothing where there can be no file.
fn with<T>(path: PathBuf, work: impl FnOnce(&Counts) -> T) -> Option<T> {
    OPEN.with_borrow_mut(|open| {
        // A file that was deleted is another one.
        if !path.exists() {
            open.remove(&path);
        }
        if !open.contains_key(&path) {
            weights::make_directory().ok()?;
            open.insert(path.clone(), Counts::open(&path).ok()?);
        }
        open.get(&path).map(work)
    })
}

fn add(counter: &AtomicU64, update: impl Fn(f64) -> f64) {
    // It always gives a number.
    let _ = counter.fetch_update(Relaxed, Relaxed, |bits| Some(update(f64::from_bits(bits)).to_bits()));
}

/// Scores rows by the version in shadow and counts how far that is from `scores`. What goes wrong with it harms nobody: it is counted.
pub fn compare(version: &Version, shadow: &Version, rows: Rows, scores: &[f32]) {
    let mut others = Vec::with_capacity(scores.len());
    let scored = version.signature == shadow.signature && predict::score(shadow, rows, &mut others).is_ok();
    with(path(&version.model, version.number, shadow.number), |counts| {
        let of = |count: Count| &counts[count as usize];
        // Who comes first says since when.
        let _ = of(Count::Since).compare_exchange(0, clock::now().cast_unsigned(), Relaxed, Relaxed);
        if !scored {
            of(Count::Failed).fetch_add(scores.len() as u64, Relaxed);
            return;
        }
        let sum = |numbers: &[f32]| numbers.iter().map(|number| f64::from(*number)).sum::<f64>();
        let differences: Vec<f64> = scores.iter().zip(&others).map(|(score, other)| f64::from((score - other).abs())).collect();
        let largest = differences.iter().copied().fold(0.0, f64::max);
        of(Count::Rows).fetch_add(scores.len() as u64, Relaxed);
        add(of(Count::Score), |total| total + sum(scores));
        add(of(Count::Shadow), |total| total + sum(&others));
        add(of(Count::Difference), |total| total + differences.iter().sum::<f64>());
        add(of(Count::Largest), |before| before.max(largest));
    });
}

/// Begins to count anew.
pub fn forget(model: &str, version: i32, shadow: i32) {
    // It may not be there.
    let _ = fs::remove_file(path(model, version, shadow));
}

/// (name, version, shadow, rows, failed, mean score, mean score of the shadow, mean difference, largest difference, since) of each model with a shadow.
fn rows(call: &Call) -> Result<pg_sys::Datum> {
    let mut out = call.rows()?;
    let sql = "SELECT m.name, v.version, m.shadow FROM recommend.models m JOIN recommend.model_versions v ON v.model = m.name AND v.version <> m.shadow \
               WHERE v.version = m.active OR m.traffic ? v.version::text ORDER BY 1, 2";
    let pairs = definitions::as_owner(|| {
        spi::read(sql, &[], |row| Ok::<_, ModelsError>((row.value::<String>(1)?, row.value::<i32>(2)?, row.value::<i32>(3)?)))
    })??;
    for (name, version, shadow) in pairs {
        if super::catalog::usable(&name).is_err() && !privilege::may_monitor() {
            continue;
        }
        let path = path(&name, version, shadow);
        let values = if path.exists() { with(path, |counts| counts.each_ref().map(|count| count.load(Relaxed))) } else { None };
        let values = values.unwrap_or_default();
        let of = |count: Count| values[count as usize];
        let number = |count: Count| f64::from_bits(of(count));
        let rows = of(Count::Rows);
        let mean = |count: Count| (rows > 0).then(|| number(count) / rows as f64);
        let since = (of(Count::Since) > 0).then(|| pg_sys::Datum::from(of(Count::Since).cast_signed()));
        out.push(&[
            name.into_datum(),
            version.into_datum(),
            shadow.into_datum(),
            rows.cast_signed().into_datum(),
            of(Count::Failed).cast_signed().into_datum(),
            mean(Count::Score).and_then(IntoDatum::into_datum),
            mean(Count::Shadow).and_then(IntoDatum::into_datum),
            mean(Count::Difference).and_then(IntoDatum::into_datum),
            (rows > 0).then(|| number(Count::Largest)).and_then(IntoDatum::into_datum),
            since,
        ]);
    }
    Ok(out.finish(call))
}
