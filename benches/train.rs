//! How long training takes: a million rows of 15 numbers and 15 categories of 100 values, rows encoded and model made, `cargo bench --bench train`.
//! With a path as argument the rows are written there for others to learn from, as little-endian f32: the label, numbers, categories; the first
//! 900,000 rows are to be learnt from, and the others tell the AUC.
// The engine takes the time as an argument; a bench measures it.
#![allow(clippy::disallowed_methods)]

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use pg_recommend_engine::metrics::Evaluation;
use pg_recommend_engine::train::{Cell, Column, Encoder, Kind, MemoryLog, Method, Spec, train};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

const ROWS: usize = 1_000_000;
const LEARNT: usize = 900_000;
const NUMBERS: usize = 15;
const CATEGORIES: usize = 15;
const VALUES: usize = 100;

/// The label, the numbers and the categories.
type Row = [f32; 1 + NUMBERS + CATEGORIES];

fn rows() -> Vec<Row> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut even = move || (random.next_u64() >> 40) as f32 / (1u64 << 24) as f32;
    let effects: Vec<f32> = (0..CATEGORIES * VALUES).map(|_| even() - 0.5).collect();
    let slopes: Vec<f32> = (0..NUMBERS).map(|_| 0.5 * (even() - 0.5)).collect();
    let row = |_| {
        let mut row = [0.0; 1 + NUMBERS + CATEGORIES];
        let mut score = -1.5;
        for column in 0..NUMBERS {
            let number = even() + even() + even() + even() - 2.0;
            row[1 + column] = number;
            score += slopes[column] * number;
        }
        for column in 0..CATEGORIES {
            // The first of the values come most often.
            let value = (even() * even() * VALUES as f32).floor();
            row[1 + NUMBERS + column] = value;
            score += effects[column * VALUES + value as usize];
        }
        row[0] = f32::from(u8::from(even() < 1.0 / (1.0 + (-score).exp())));
        row
    };
    (0..ROWS).map(row).collect()
}

fn cells(row: &Row) -> Vec<Cell<'static>> {
    let numbers = row[1..=NUMBERS].iter().map(|number| Cell::Number(f64::from(*number)));
    numbers.chain(row[1 + NUMBERS..].iter().map(|value| Cell::Integer(*value as i64))).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let rows = rows();
    if let Some(path) = std::env::args().nth(1).filter(|argument| !argument.starts_with("--")) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for number in rows.iter().flatten() {
            file.write_all(&number.to_le_bytes())?;
        }
        file.flush()?;
    }
    let kinds = std::iter::repeat_n(Kind::Number, NUMBERS).chain(std::iter::repeat_n(Kind::Integer, CATEGORIES));
    let columns: Vec<Column> = kinds.enumerate().map(|(place, kind)| Column { name: format!("c{place}"), kind }).collect();
    println!("| method | threads | encoding, s | training, s | passes, best | AUC | log loss |\n|---|---|---|---|---|---|---|");
    for (method, threads) in [(Method::Logistic, 1), (Method::Logistic, 2), (Method::Fwfm, 1), (Method::Fwfm, 2)] {
        let spec = Spec { method, ..Spec::default() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let started = Instant::now();
        let (mut encoder, mut log) = (Encoder::new(columns.clone(), spec)?, MemoryLog::default());
        for row in &rows[..LEARNT] {
            encoder.push(&mut log, &cells(row), Some(f64::from(row[0])))?;
        }
        let encoded = encoder.finish(&mut log)?;
        let encoding = started.elapsed().as_secs_f64();
        let trained = train(&mut log, encoded, &pool, &|| Ok(()))?;
        let training = started.elapsed().as_secs_f64() - encoding;
        let mut evaluation = Evaluation::new();
        for row in &rows[LEARNT..] {
            evaluation.push(trained.predict(&cells(row))?, row[0] == 1.0)?;
        }
        let (metrics, report) = (evaluation.finish(1), trained.report());
        println!(
            "| {} | {threads} | {encoding:.2} | {training:.2} | {}, {} | {:.4} | {:.4} |",
            method.name(),
            report.passes,
            report.best_passes,
            metrics.auc.unwrap_or(f64::NAN),
            metrics.log_loss.unwrap_or(f64::NAN)
        );
    }
    Ok(())
}
