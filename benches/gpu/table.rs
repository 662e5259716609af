//! The bench table: single queries and a batch, beside what the device copies and what torch takes for the same.

use crate::Options;
use crate::worlds::Random;
use gpu::cuda::CudaDevice;
use gpu::device::{Device, Hit, Query};
use gpu::exact;
use gpu::layout::{Dtype, Layout};
use gpu::source::{Source, Units};
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

/// Queries of a batch.
const BATCH: usize = 256;

/// Random vectors of length 1, made by all processors.
fn vectors(rows: usize, dimensions: usize, seed: u64) -> Units {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut values = vec![0.0f32; rows * dimensions];
    std::thread::scope(|scope| {
        for (number, part) in values.chunks_mut(rows.div_ceil(threads) * dimensions).enumerate() {
            scope.spawn(move || {
                let mut random = Random((seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
                for vector in part.chunks_mut(dimensions) {
                    vector.fill_with(|| random.normal());
                    // One of length 0 is next to impossible, and stays what it is.
                    if let Some(unit) = exact::normalize(vector) {
                        vector.copy_from_slice(&unit);
                    }
                }
            });
        }
    });
    Units::new(dimensions, values)
}

/// The answer by scoring every row, by all processors.
fn truth(units: &Units, query: &[f32], k: usize) -> Vec<Hit> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let step = units.rows().div_ceil(threads);
    let order = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row));
    let best = |from: usize| {
        let rows = from as u32..(from + step).min(units.rows()) as u32;
        let mut hits: Vec<Hit> = rows.map(|row| Hit { row, score: exact::score(query, units.unit(row)) }).collect();
        hits.sort_unstable_by(order);
        hits.truncate(k);
        hits
    };
    let mut hits = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..units.rows()).step_by(step).map(|from| scope.spawn(move || best(from))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("no panic")).collect::<Vec<_>>()
    });
    hits.sort_unstable_by(order);
    hits.truncate(k);
    hits
}

/// The median of a few measurements in milliseconds.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What torch takes for matmul and topk, in milliseconds; `None` where it is not installed.
fn torch(rows: usize, options: &Options, queries: usize, dtype: &str) -> Option<f64> {
    let script = std::env::var("GPU_CHECK_TORCH").unwrap_or_else(|_| "benches/gpu/torch_topk.py".to_owned());
    let numbers = [rows, options.dimensions, options.k as usize, queries].map(|number| number.to_string());
    let done = Command::new("python3").arg(script).args(numbers).arg(dtype).output().ok()?;
    if !done.status.success() {
        return None;
    }
    String::from_utf8(done.stdout).ok()?.trim().parse().ok()
}

/// Measures and prints.
pub fn print(device: &CudaDevice, options: &Options) -> Result<(), String> {
    let text = |error: gpu::GpuError| error.to_string();
    let start = Instant::now();
    let bytes = if options.quick { 1 << 22 } else { 4 << 30 };
    let copies = if options.quick { 2 } else { 20 };
    device.machine().copy(bytes, 2, &|| start.elapsed()).map_err(text)?;
    let copied = device.machine().copy(bytes, copies, &|| start.elapsed()).map_err(text)?;
    let rate = 2.0 * bytes as f64 / copied.as_secs_f64();
    println!("copying in the device's memory reads and writes {:.0} GB/s\n", rate / 1e9);
    println!("| rows | dtype | queries | ms | reading once, ms | share of that | torch, ms | torch / this |");
    println!("|---|---|---|---|---|---|---|---|");
    for rows in [options.rows / 10, options.rows] {
        let units = Rc::new(vectors(rows, options.dimensions, options.seed));
        let asked = vectors(BATCH, options.dimensions, !options.seed);
        let query = |row: usize| Query { unit: asked.unit(row as u32), k: options.k, allowed: None };
        let known: Vec<Vec<Hit>> = (0..3).map(|row| truth(&units, query(row).unit, options.k as usize)).collect();
        for dtype in Dtype::ALL {
            let layout = Layout { dtype, units: true };
            let mut set = device.upload(Rc::clone(&units) as Rc<dyn Source>, layout, &|| false).map_err(text)?;
            let read = Layout { dtype, units: false }.bytes(rows, options.dimensions) as f64;
            for count in [1, BATCH] {
                let repeats = if options.quick { 1 } else { 60 };
                let mut times = Vec::new();
                for repeat in 0..repeats + repeats / 10 + 1 {
                    let queries: Vec<Query<'_>> = (0..count).map(|i| query((repeat + i) % BATCH)).collect();
                    let begun = Instant::now();
                    let answers = device.search(&mut set, &queries, &|| false).map_err(text)?;
                    times.push(begun.elapsed().as_secs_f64() * 1e3);
                    for (i, answer) in answers.into_iter().enumerate() {
                        let hits = answer.map_err(text)?;
                        if known.get((repeat + i) % BATCH).is_some_and(|known| *known != hits) {
                            return Err(format!("wrong answer of {rows} rows in {}", dtype.name()));
                        }
                    }
                }
                // The first ones make the program and wake the device up.
                let milliseconds = median(times.split_off(repeats / 10 + 1));
                let once = read / rate * 1e3;
                let peer = match (dtype, count) {
                    (Dtype::F32, _) => torch(rows, options, count, "float32"),
                    (Dtype::F16, 1) => torch(rows, options, count, "float16"),
                    (Dtype::F16, _) => torch(rows, options, count, "bfloat16"),
                    (Dtype::I8, _) => None,
                };
                let (torch_ms, ratio) =
                    peer.map_or(("-".to_owned(), "-".to_owned()), |ms| (format!("{ms:.3}"), format!("{:.1}", ms / milliseconds)));
                let share = if count == 1 { format!("{:.0}%", 100.0 * once / milliseconds) } else { "-".to_owned() };
                println!("| {rows} | {} | {count} | {milliseconds:.3} | {once:.3} | {share} | {torch_ms} | {ratio} |", dtype.name());
            }
        }
    }
    println!(
        "\n{} dimensions, k = {}; times are those of a whole search, copies to and from the device included",
        options.dimensions, options.k
    );
    Ok(())
}
