//! From a segment's file to the kernels, run on the host, and back: the answers are those of the CPU engine to the bit.
#![allow(missing_docs)]

use std::path::PathBuf;
use std::rc::Rc;

use engine::topk::{Buffer, Kernel, Part, Query, Question, Rows, Segment as Packed, SegmentBuilder, Settings, bytes_needed, search};
use gpu::exact;
use gpu_simulated::{Faults, Host, SimulatedDevice};
use pg_recommend_gpu_service::protocol::{Answer, Search, Segment};
use pg_recommend_gpu_service::scheduled::Scheduled;
use pg_recommend_gpu_service::server::Searcher;
use proptest::prelude::*;

fn packed(vectors: &[Vec<f32>]) -> Buffer {
    let mut buffer = Buffer::zeroed(bytes_needed(vectors.len(), vectors[0].len()).expect("few dimensions"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), vectors[0].len(), vectors.len()).expect("fits");
    for vector in vectors {
        builder.push(vector).expect("finite");
    }
    builder.finish().expect("finishes");
    buffer
}

/// A segment in a file of its own, which begins at some offset, as in those of the server.
struct SegmentFile(PathBuf, Buffer);

impl SegmentFile {
    const OFFSET: usize = 192;

    fn new(name: &str, vectors: &[Vec<f32>]) -> Self {
        let path = std::env::temp_dir().join(format!("pg_recommend_segment.{}.{name}", std::process::id()));
        let buffer = packed(vectors);
        let mut bytes = vec![7; Self::OFFSET];
        bytes.extend_from_slice(buffer.bytes());
        std::fs::write(&path, bytes).expect("a temporary file");
        Self(path, buffer)
    }

    fn segment(&self, allowed: Vec<u64>) -> Segment {
        let (offset, length) = (Self::OFFSET as u64, self.1.bytes().len() as u64);
        Segment { path: self.0.to_string_lossy().into_owned(), offset, length, allowed }
    }

    fn expected(&self, query: &[f32], k: usize) -> Vec<(u32, f32)> {
        let query = Query::new(query).expect("a direction");
        let parts = [Part { rows: Rows::Segment(Packed::parse(self.1.bytes()).expect("sound")), dead: None }];
        let question = Question { query: &query, k, allowed: &[], ties: false };
        let settings = Settings { kernel: Kernel::best(), pool: None, interrupt: &|| Ok(()) };
        search(&parts, &question, &settings).expect("searches").iter().map(|hit| (hit.row, hit.score)).collect()
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn vectors(rows: usize, dimensions: usize, seed: u32) -> Vec<Vec<f32>> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..rows).map(|_| (0..dimensions).map(|_| next()).collect()).collect()
}

fn scheduled(memory: u64, faults: &Rc<Faults>) -> Scheduled<SimulatedDevice> {
    let faults = Rc::clone(faults);
    Scheduled::new(memory, Box::new(move || SimulatedDevice::new(Host::new(80, Rc::clone(&faults))?)))
}

#[test]
fn answers_are_those_of_the_engine() {
    let (rows, dimensions) = (1500, 24);
    let files = [SegmentFile::new("a", &vectors(rows, dimensions, 1)), SegmentFile::new("b", &vectors(100, dimensions, 2))];
    let queries: Vec<Vec<f32>> =
        vectors(5, dimensions, 3).iter().map(|vector| Query::new(vector).expect("a direction").unit().to_vec()).collect();
    // With and without exact vectors on the device.
    for memory in [1 << 30, 200_000] {
        let mut searcher = scheduled(memory, &Rc::new(Faults::default()));
        let segments = files.iter().map(|file| file.segment(Vec::new())).collect();
        let asked = [Search { segments, queries: queries.clone(), k: 10 }];
        assert_eq!(searcher.search(&asked).expect("there is a device"), [Answer::NotYet]);
        while searcher.idle() {}
        let answers = searcher.search(&asked).expect("there is a device");
        let [Answer::Found(found)] = &answers[..] else { panic!("{answers:?}") };
        for (query, hits) in queries.iter().zip(found) {
            for (place, file) in files.iter().enumerate() {
                let of_file: Vec<(u32, f32)> =
                    hits.iter().filter(|hit| hit.segment as usize == place).map(|hit| (hit.row, hit.score)).collect();
                assert_eq!(of_file, file.expected(query, 10));
            }
        }
        assert!(searcher.status().segments == 2 && searcher.status().used > 0);
    }
    // Filters, a segment whose file is gone, and one that never was.
    let mut searcher = scheduled(1 << 30, &Rc::new(Faults::default()));
    let mut allowed = vec![0u64; rows.div_ceil(64)];
    allowed[0] = 0b1010;
    let asked = [Search { segments: vec![files[0].segment(allowed)], queries: queries[..1].to_vec(), k: 10 }];
    searcher.search(&asked).expect("there is a device");
    while searcher.idle() {}
    let answers = searcher.search(&asked).expect("there is a device");
    let [Answer::Found(found)] = &answers[..] else { panic!("{answers:?}") };
    let mut rows: Vec<u32> = found[0].iter().map(|hit| hit.row).collect();
    rows.sort_unstable();
    assert_eq!(rows, [1, 3]);
    let missing = Segment { path: "/nowhere/at/all".into(), ..files[0].segment(Vec::new()) };
    let asked = [Search { segments: vec![missing], queries, k: 10 }];
    assert!(matches!(&searcher.search(&asked).expect("there is a device")[..], [Answer::Refused(_)]));
    drop(files);
    searcher.idle();
    assert_eq!(searcher.status().segments, 0, "segments whose files are gone are forgotten");
}

#[test]
fn a_lost_device_is_a_refusal_and_is_opened_again_later() {
    let file = SegmentFile::new("lost", &vectors(300, 16, 4));
    let faults = Rc::new(Faults::default());
    let mut searcher = scheduled(1 << 30, &faults);
    let asked =
        [Search { segments: vec![file.segment(Vec::new())], queries: vec![exact::normalize(&[1.0; 16]).expect("a direction")], k: 3 }];
    searcher.search(&asked).expect("there is a device");
    while searcher.idle() {}
    assert!(matches!(&searcher.search(&asked).expect("answers")[..], [Answer::Found(_)]));
    faults.lost_after.set(Some(0));
    assert!(matches!(&searcher.search(&asked).expect("answers")[..], [Answer::Refused(_)]));
    assert!(matches!(&searcher.search(&asked).expect("answers")[..], [Answer::Refused(_) | Answer::NotYet]));
}

proptest! {
    #[test]
    fn one_score(vector in prop::collection::vec(-1e3f32..1e3, 1..200), other in prop::collection::vec(-1e3f32..1e3, 200)) {
        let other = &other[..vector.len()];
        let (Ok(query), Some(unit)) = (Query::new(&vector), exact::normalize(other)) else { return Ok(()) };
        let score = Kernel::best().score(&query, &unit);
        prop_assert_eq!(score.to_bits(), exact::score(query.unit(), &unit).to_bits());
        prop_assert_eq!(Kernel::best().cosine(&query, other).expect("finite").map(f32::to_bits), Some(score.to_bits()));
    }
}
