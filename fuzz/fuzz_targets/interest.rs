//! Bytes as interests and summaries.
#![no_main]

use engine::interest::{Decayed, InterestMut, InterestView, direction, drift, similarity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut decayed) = Decayed::parse(bytes) {
        assert_eq!(decayed.to_bytes(), bytes, "every byte is checked");
        let _ = decayed.count_at(0);
        let _ = decayed.sum_at(i64::MAX);
        let _ = decayed.average();
        let _ = decayed.merge(decayed);
    }
    if let Ok(view) = InterestView::parse_unknown(bytes) {
        let _ = (view.strength(0), view.count(), view.first_at(), view.last_at());
        let _ = direction(&view);
        let _ = drift(&view, &view);
        let vector: Vec<f32> = view.vector().map(|value| value as f32).collect();
        let _ = similarity(&view, &vector);
        assert_eq!(view.fields().to_bytes().expect("sound"), bytes, "every byte is checked");
        let mut copy = bytes.to_vec();
        if let Ok(mut sum) = InterestMut::parse(&mut copy) {
            let _ = sum.add(&vector, 0, 1.0, view.grid());
            let _ = sum.merge(&view);
        }
    }
});
