//! The accuracy protocols, printed as Markdown beside published figures: `cargo bench --bench accuracy`.
// The engine takes the time as an argument; a bench measures it.
#![allow(clippy::disallowed_methods)]

mod coupon;
mod data;
mod generated;
mod interests;
mod serenade;
mod unseen;
mod wiki;

use pg_recommend_engine::metrics::Metrics;
use pg_recommend_engine::train::{Method, Spec};
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    wiki_table()?;
    serenade_table()?;
    unseen_table()?;
    coupon_table()?;
    generated_table()
}

fn wiki_table() -> Result<(), Box<dyn Error>> {
    let Some(log) = wiki::load()? else { return Ok(()) };
    let test = log.splits[1];
    let started = Instant::now();
    let ranks = wiki::ranks(&log, test, 1)?;
    let seconds = started.elapsed().as_secs_f64();
    let (event_wise, batch) = (wiki::mrr(&ranks), wiki::mrr(&wiki::ranks(&log, test, 200)?));
    keep_ranks("wiki", (test + 1..).zip(&ranks).map(|(line, rank)| format!("{line},{rank}")))?;
    println!("## Next page: tgbl_wiki, {} test edits, {} pages\n", log.lines.len() - test, log.pages.len());
    println!("| method | MRR event-wise | MRR batch-200 |\n|---|---|---|");
    println!("| EdgeBank, unlimited memory | 0.644 | 0.495 |\n| LocalGlobal recency | 0.821 | 0.729 |");
    println!("| smoothed counts | 0.828 | 0.741 |\n| Base3 | | 0.743 |\n| DyGFormer | | 0.798 |\n| TPNet | | 0.827 |");
    println!("| **pg_recommend**, fixed weights, half-life 1 day | **{event_wise:.4}** | **{batch:.4}** |\n");
    println!(
        "{:.2} ms for one edit: ranking all pages, then taking the edit into the state.\n",
        seconds * 1e3 / (log.lines.len() - test) as f64
    );
    Ok(())
}

fn serenade_table() -> Result<(), Box<dyn Error>> {
    let Some(log) = serenade::load()? else { return Ok(()) };
    let store = serenade::store(&log)?;
    let started = Instant::now();
    let ranks = serenade::ranks(&store, &log.test)?;
    let (predictions, (hits, reciprocal)) = (ranks.len(), serenade::figures(&ranks));
    let millis = started.elapsed().as_secs_f64() * 1e3 / predictions as f64;
    let (valid_hits, valid_reciprocal) = serenade::figures(&serenade::ranks(&store, &log.valid)?);
    let row = |(line, rank): &(u64, Option<usize>)| format!("{line},{}", rank.map(|rank| rank.to_string()).unwrap_or_default());
    keep_ranks("serenade", ranks.iter().map(row))?;
    println!("## Next item of a session: serenade, {predictions} predictions\n");
    println!("| method | HR@20 | MRR@20 |\n|---|---|---|");
    println!("| co-visits of the last item | 0.466 | 0.261 |\n| VMIS-kNN, m 500, k 50, last 2 | 0.642 | 0.327 |");
    println!("| VMIS-kNN, m 500, k 500, last 10 | 0.665 | 0.341 |\n| VMIS-kNN, m 1500, k 500, last 5 | 0.666 | 0.340 |");
    println!("| **pg_recommend**, fixed weights, half-life 7 days | **{hits:.4}** | **{reciprocal:.4}** |");
    println!("| the same on the validation sessions | {valid_hits:.4} | {valid_reciprocal:.4} |\n");
    println!("{millis:.3} ms for one prediction.\n");
    keep("serenade_engine_millis", &format!("{millis}\n"))?;
    Ok(())
}

/// Leaves a file in target/accuracy, where `scripts/accuracy` compares it with what SQL gives.
fn keep(name: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target").into();
    let directory = std::env::var_os("CARGO_TARGET_DIR").map_or_else(beside, PathBuf::from).join("accuracy");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join(name), text)?;
    Ok(())
}

/// Leaves the rank of each prediction, by the line that it was made at.
fn keep_ranks(protocol: &str, rows: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let text: String = std::iter::once("position,rank".to_owned()).chain(rows).flat_map(|row| [row, "\n".to_owned()]).collect();
    keep(&format!("{protocol}_engine_ranks.csv"), &text)
}

fn unseen_table() -> Result<(), Box<dyn Error>> {
    println!("## Next item that is new to its user, last fifth of the log, fixed weights, half-life 30 days\n");
    println!("| log | questions | MRR@20, popularity | MRR@20, **pg_recommend** | with vectors of the items |\n|---|---|---|---|---|");
    for (name, log) in [("movietweetings", unseen::films()?), ("online_retail", unseen::baskets()?)] {
        let Some(log) = log else { continue };
        let ([popular, ours, with_vectors], questions) = unseen::mrr(&log)?;
        let with_vectors = if log.vectors.is_empty() { String::new() } else { format!("**{with_vectors:.4}**") };
        println!("| {name} | {questions} | {popular:.4} | **{ours:.4}** | {with_vectors} |");
    }
    println!();
    Ok(())
}

/// The trainer's methods, with and without crosses of all pairs of columns.
fn methods() -> [(&'static str, Spec); 4] {
    let spec =
        |method, crosses: &[&str]| Spec { method, crosses: crosses.iter().map(|cross| (*cross).to_owned()).collect(), ..Spec::default() };
    [
        ("logistic", spec(Method::Logistic, &[])),
        ("logistic, all pairs crossed", spec(Method::Logistic, &["*"])),
        ("fwfm", spec(Method::Fwfm, &[])),
        ("fwfm, all pairs crossed", spec(Method::Fwfm, &["*"])),
    ]
}

fn coupon_table() -> Result<(), Box<dyn Error>> {
    let Some(offers) = coupon::Offers::load()? else { return Ok(()) };
    println!("## Click-through: coupon, {} offers, {} folds of shuffled rows\n", offers.len(), coupon::FOLDS);
    println!("| method | AUC | log loss | calibration | s a fold |\n|---|---|---|---|---|");
    println!("| scikit-learn's logistic regression | 0.739 | | | |\n| LightGBM | 0.835 | | | |");
    for (name, spec) in methods() {
        let started = Instant::now();
        let folds = offers.folds(&spec)?;
        let seconds = started.elapsed().as_secs_f64() / folds.len() as f64;
        let mean = |figure: &dyn Fn(&Metrics) -> Option<f64>| {
            folds.iter().map(|metrics| figure(metrics).unwrap_or(f64::NAN)).sum::<f64>() / folds.len() as f64
        };
        let (auc, loss, calibration) =
            (mean(&|metrics| metrics.auc), mean(&|metrics| metrics.log_loss), mean(&|metrics| metrics.calibration));
        println!("| **pg_recommend**, {name} | **{auc:.4}** | {loss:.4} | {calibration:.3} | {seconds:.2} |");
    }
    println!();
    Ok(())
}

fn generated_table() -> Result<(), Box<dyn Error>> {
    let (rows, test) = (1_000_000, 200_000);
    println!("## Click-through: a generated log of {rows} rows, {test} further ones predicted\n");
    println!("| method | log loss | over the truth's | AUC | calibration |\n|---|---|---|---|---|");
    for (place, (name, spec)) in methods().into_iter().enumerate() {
        let (truth, model) = generated::compare(&spec, rows, test)?;
        let row = |name: &str, metrics: &Metrics| {
            let [loss, best, auc, calibration] =
                [metrics.log_loss, truth.log_loss, metrics.auc, metrics.calibration].map(|figure| figure.unwrap_or(f64::NAN));
            println!("| {name} | {loss:.5} | {:.2} % | {auc:.4} | {calibration:.3} |", 100.0 * (loss / best - 1.0));
        };
        if place == 0 {
            row("the true probabilities", &truth);
        }
        row(&format!("**pg_recommend**, {name}"), &model);
    }
    println!();
    Ok(())
}
