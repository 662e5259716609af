//! Bytes as states of aggregates, and texts as patterns of names.
#![no_main]

use engine::features::is_like;
use engine::interest::{Grid, Running, ewma_add, ewma_check, ewma_numbers, ewma_of, ewma_vector};
use engine::ranking::Ranking;
use libfuzzer_sys::fuzz_target;
use zerocopy::IntoBytes;

fuzz_target!(|bytes: &[u8]| {
    // As aligned as the memory of Postgres is.
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    let copy = &mut words.as_mut_bytes()[..bytes.len()];
    copy.copy_from_slice(bytes);
    if let Ok(mut ranking) = Ranking::parse(copy) {
        let _ = (ranking.k(), ranking.kind(), ranking.least(), ranking.unit().len());
        if ranking.admits(0.5) {
            ranking.push(0.5, b"key");
            ranking.push(0.7, b"another key");
        }
        let _ = ranking.sorted();
    }
    let day = Grid::new(86_400_000_000).expect("positive");
    if let Ok(mut running) = Running::parse_unknown(bytes) {
        assert_eq!(running.to_bytes(), bytes, "every byte is checked");
        let _ = running.add(1.0, 0, day, Some(0));
        let _ = running.take(1.0, 0, day, Some(0));
        let _ = running.merge(running);
    }
    if let Ok(mut running) = Running::parse(bytes) {
        let _ = running.take(1.0, i64::MAX - 1, day, None);
        let _ = running.add(-1.0, i64::MIN + 1, day, None);
    }
    if ewma_check(bytes).is_ok() {
        let numbers = ewma_numbers(bytes).expect("checked");
        assert_eq!(ewma_of(&numbers).expect("checked"), bytes, "every byte is checked");
        let vector = ewma_vector(bytes).expect("checked");
        let _ = ewma_add(&mut bytes.to_vec(), &vector, 0.5);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some((name, pattern)) = text.split_once('\0')
        && name.len() < 200
    {
        let _ = is_like(name, pattern);
    }
});
