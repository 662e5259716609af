//! Answers bench.py, which measures the engine beside others: `topk_answer VECTORS DIMENSIONS KERNEL`, with a file of f32.
//!
//! Commands come line by line; each answer is a line that begins with the milliseconds taken, from commands to hits alone:
//! `read` reads the vectors as f32 once; `queries FILE` loads queries and answers nothing; `one K FIRST COUNT` asks that many queries one after the
//! other, `batch K THREADS` all of them at once, `filter K EIGHTHS` one query among that share of the rows.
#![allow(missing_docs)]

use pg_recommend_engine::topk::{
    Bitmap, Buffer, Hit, Kernel, Part, Query, Question, Rows, Segment, SegmentBuilder, Settings, bytes_needed, search, search_batch,
};
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::Instant;

fn floats(file: &str) -> Vec<f32> {
    let bytes = std::fs::read(file).expect("the file that bench.py wrote");
    bytes.as_chunks::<4>().0.iter().map(|number| f32::from_ne_bytes(*number)).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").collect();
    let [_, file, dimensions, kernel] = &arguments[..] else {
        eprintln!("topk_answer is run by scripts/bench-topk: topk_answer VECTORS DIMENSIONS KERNEL");
        return;
    };
    let dimensions: usize = dimensions.parse().expect("a number");
    let kernel = Kernel::all().find(|found| kernel == "best" || found.name() == kernel).expect("a kernel of this processor");
    let vectors = floats(file);
    let rows = vectors.len() / dimensions;
    let started = Instant::now();
    let mut buffer = Buffer::zeroed(bytes_needed(rows, dimensions).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), dimensions, rows).expect("room");
    for vector in vectors.chunks_exact(dimensions) {
        builder.push(vector).expect("finite");
    }
    builder.finish().expect("few");
    println!("{} {}", started.elapsed().as_secs_f64() * 1000.0, kernel.name());
    drop(vectors);
    let segment = Segment::parse(buffer.bytes()).expect("built");
    let parts = [Part { rows: Rows::Segment(segment), dead: None }];
    let settings = Settings { kernel, pool: None, interrupt: &|| Ok(()) };
    let mut queries: Vec<Query> = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let words: Vec<&str> = line.split(' ').collect();
        let number = |place: usize| words[place].parse::<usize>().expect("a number");
        let mut hits: Vec<Vec<Hit>> = Vec::new();
        let started;
        match words[0] {
            "read" => {
                started = Instant::now();
                let sum = |sum: u32, row| segment.unit(row).iter().fold(sum, |sum, x| sum.wrapping_add(x.to_bits()));
                black_box((0..rows as u32).fold(0, sum));
            }
            "queries" => {
                queries = floats(words[1]).chunks_exact(dimensions).map(|query| Query::new(query).expect("a direction")).collect();
                continue;
            }
            "one" => {
                started = Instant::now();
                for query in queries.iter().cycle().skip(number(2)).take(number(3)) {
                    let question = Question { query, k: number(1), allowed: &[], ties: false };
                    hits.push(search(&parts, &question, &settings).expect("sound"));
                }
            }
            "filter" => {
                let mut words = vec![0; Bitmap::words_needed(rows)];
                let allowed = |row: &u32| row.wrapping_mul(0x9e37_79b9) >> 16 & 1023 < 128 * number(2) as u32;
                (0..rows as u32).filter(allowed).for_each(|row| Bitmap::insert(&mut words, row));
                let filter = [Some(Bitmap::new(&words))];
                started = Instant::now();
                hits.push(
                    search(&parts, &Question { query: &queries[0], k: number(1), allowed: &filter, ties: false }, &settings)
                        .expect("sound"),
                );
            }
            _ => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(number(2)).build().expect("threads");
                let settings = Settings { pool: (number(2) > 1).then_some(&pool), ..settings };
                started = Instant::now();
                let questions: Vec<_> = queries.iter().map(|query| Question { query, k: number(1), allowed: &[], ties: false }).collect();
                hits = search_batch(&parts, &questions, &settings).expect("sound");
            }
        }
        let elapsed = started.elapsed().as_secs_f64() * 1000.0;
        let rows: Vec<String> = hits.iter().flatten().map(|hit| hit.row.to_string()).collect();
        println!("{elapsed} {}", rows.join(" "));
        std::io::stdout().flush().expect("a reader");
    }
}
