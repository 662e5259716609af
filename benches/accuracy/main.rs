//! The accuracy protocols, printed as Markdown beside published figures: `cargo bench --bench accuracy`.
// The engine takes the time as an argument; a bench measures it.
#![allow(clippy::disallowed_methods)]

mod coupon;
mod data;
mod figures;
mod films;
mod frozen;
mod generated;
mod interests;
mod kinds;
mod log;
mod ours;
mod retail;
mod rivals;
mod serenade;
mod serenade_log;
mod settings;
mod similar;
mod unseen;
mod wiki;

use figures::Table;
use frozen::Frozen;
use log::Question;
use ours::Ours;
use pg_recommend_engine::metrics::Metrics;
use pg_recommend_engine::train::{Method, Spec};
use rivals::pairs::Set;
use settings::Settings;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

/// Prints the tables of one part.
type Part<'a> = &'a dyn Fn() -> Result<(), Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::read(std::env::args().skip(1))?;
    if let Some(directory) = &settings.export {
        return kinds::export(&settings, directory);
    }
    let tables: [(&str, Part<'_>); 8] = [
        ("retail", &|| retail_tables(&settings)),
        ("films", &|| films_tables(&settings)),
        ("wiki", &|| wiki_table(&settings)),
        ("serenade", &|| serenade_table(&settings)),
        ("kinds", &|| Ok(kinds::tables(&settings)?)),
        ("unseen", &unseen_table),
        ("coupon", &coupon_table),
        ("clicks", &generated_table),
    ];
    tables.iter().filter(|(part, _)| settings.wants(part)).try_for_each(|(_, table)| table())
}

fn retail_tables(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let split = retail::split(settings)?;
    for (anonymous, which) in [(false, "known customers"), (true, "all invoices")] {
        let Some(log) = retail::load(anonymous)? else { return Ok(()) };
        let frozen = Frozen::new(&log, split.0, &[("baskets", Set::Basket), ("customers", Set::User)], usize::MAX)?;
        let questions = retail::baskets(&log, split, settings);
        let heading = format!("What else is in the basket: online_retail, {which}, {} baskets{}", questions.len(), settings.part());
        frozen.ask(&questions)?.print(&heading);
        if !anonymous {
            let questions = retail::new_items(&log, split, settings);
            let heading = format!("What returning customers newly buy: online_retail, {} customers{}", questions.len(), settings.part());
            frozen.ask(&questions)?.print(&heading);
            let later: Vec<_> = retail::groups(log.between(split.0, split.1)).map(items).collect();
            let table = similar::table(&frozen, split.0, &later, settings)?;
            table.print(&format!("Items like an item: online_retail{}", settings.part()));
            similar::titles(&frozen, &log.titles, &similar::ARTICLES, split.0)?;
        }
    }
    Ok(())
}

fn films_tables(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Some(log) = films::load()? else { return Ok(()) };
    let split = films::split(settings)?;
    let frozen = Frozen::new(&log, split.0, &[("users", Set::User)], 3_000)?;
    for (given, questions) in [
        ("the first three films after the split given", films::first(&log, split, settings)),
        ("three random earlier films given", films::earlier(&log, split, settings)),
    ] {
        frozen.ask(&questions)?.print(&format!("Later films: movietweetings, {given}, {} users{}", questions.len(), settings.part()));
    }
    let later: Vec<_> = films::by_user(log.between(split.0, split.1)).into_iter().map(|(_, films)| films).collect();
    similar::table(&frozen, split.0, &later, settings)?.print(&format!("Items like an item: movietweetings{}", settings.part()));
    similar::titles(&frozen, &log.titles, &similar::FILMS, split.0)?;
    Ok(())
}

fn items(group: Vec<data::Line>) -> Vec<u32> {
    log::distinct(group.iter().map(|line| line.event.item), false)
}

fn wiki_table(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Some(log) = wiki::load()? else { return Ok(()) };
    let part = if settings.development { [log.splits[0], log.splits[1]] } else { [log.splits[1], log.lines.len()] };
    let mut table = Table::new(&["MRR event-wise", "MRR batch-200"]);
    for (name, rule) in wiki::RIVALS {
        table.rival(name, [1, 200].map(|batch| wiki::reciprocal(&wiki::rival(&log, rule, part, batch))).into());
    }
    let started = Instant::now();
    let ranks = wiki::ours(&log, wiki::SETTINGS, part, 1)?;
    let seconds = started.elapsed().as_secs_f64();
    table.ours(
        "pg_recommend, half-life 1 day",
        vec![wiki::reciprocal(&ranks), wiki::reciprocal(&wiki::ours(&log, wiki::SETTINGS, part, 200)?)],
    );
    let unset = [1, 200].map(|batch| wiki::ours(&log, ours::Settings::default(), part, batch).map(|ranks| wiki::reciprocal(&ranks)));
    table.ours("pg_recommend, no setting", unset.into_iter().collect::<Result<_, _>>()?);
    if !settings.development {
        keep_ranks("wiki", (part[0] + 1..).zip(&ranks).map(|(line, rank)| format!("{line},{rank}")))?;
    }
    table.print(&format!("Next page: tgbl_wiki, {} edits, {} pages{}", ranks.len(), log.pages.len(), settings.part()));
    println!("Published: smoothed counts 0.828 and 0.741, Base3 batch-200 0.743, DyGFormer and TPNet event-wise 0.798 and 0.827.\n");
    println!("{:.2} ms for one edit: ranking all pages, then taking the edit into the state.\n", seconds * 1e3 / ranks.len() as f64);
    Ok(())
}

fn serenade_table(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Some(log) = serenade_log::load()? else { return Ok(()) };
    let (lines, questions) = serenade::questions(if settings.development { &log.valid } else { &log.test });
    let mut table = Table::new(&["HR@20", "MRR@20"]);
    serenade::rivals(&log, &questions, &mut table);
    let ours = Ours::of(serenade::SETTINGS, &log.train)?;
    let started = Instant::now();
    let answers: Vec<_> = questions.iter().map(|question| ours.answer(question, serenade::LENGTH)).collect::<Result<_, _>>()?;
    let millis = started.elapsed().as_secs_f64() * 1e3 / questions.len() as f64;
    table.ours("pg_recommend, half-life 7 days", serenade::figures(&questions, &answers));
    let unset = Ours::of(ours::Settings { session_column: true, ..ours::Settings::default() }, &log.train)?;
    let unset: Vec<_> = questions.iter().map(|question| unset.answer(question, serenade::LENGTH)).collect::<Result<_, _>>()?;
    table.ours("pg_recommend, no setting", serenade::figures(&questions, &unset));
    if !settings.development {
        let rank = |(question, answer): (&Question, &Vec<_>)| answer.iter().position(|item| *item == question.targets[0]);
        let ranks = questions.iter().zip(&answers).map(rank);
        keep_ranks("serenade", lines.iter().zip(ranks).map(|(line, rank)| format!("{line},{}", rank.map_or(0, |rank| rank + 1))))?;
        keep("serenade_engine_millis", &format!("{millis}\n"))?;
    }
    table.print(&format!("Next item of a session: serenade, {} predictions{}", questions.len(), settings.part()));
    println!("Published, by the authors' VMIS-kNN: m 500, k 50, last 2: 0.642 and 0.327; m 500, k 500, last 10: 0.665 and 0.341.\n");
    println!("{millis:.3} ms for one prediction.\n");
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
    for (name, log) in [("movietweetings", unseen::films()?), ("online_retail, by baskets", unseen::baskets()?)] {
        let Some(log) = log else { continue };
        unseen::mrr(&log)?.print(&format!("Next item that is new to its user: {name}, last fifth of the log"));
    }
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
