//! States of aggregates that come from elsewhere: what is taken is what an aggregate writes, to the byte.

use pg_recommend_engine::interest::{Grid, RUNNING_BYTES, Running, ewma_add, ewma_begin, ewma_bytes, ewma_check, ewma_numbers, ewma_of};
use proptest::prelude::*;

const DAY: i64 = 86_400_000_000;

fn running(rows: &[(f64, i64)]) -> Running {
    let grid = Grid::new(7 * DAY).expect("positive");
    let mut running = Running::EMPTY;
    for (value, at) in rows {
        running.add(*value, *at, grid, Some(*at)).expect("small");
    }
    running
}

proptest! {
    #[test]
    fn what_is_written_is_taken(rows in prop::collection::vec((-1e6f64..1e6, 0..DAY * 1000), 0..50)) {
        let bytes = running(&rows).to_bytes();
        prop_assert_eq!(Running::parse_unknown(&bytes).expect("sound").to_bytes(), bytes);
    }

    #[test]
    fn hostile_running_states_are_refused_or_taken_whole(
        rows in prop::collection::vec((-1e6f64..1e6, 0..DAY * 1000), 0..5),
        place in 0..RUNNING_BYTES,
        byte in any::<u8>(),
    ) {
        let mut bytes = running(&rows).to_bytes();
        bytes[place] = byte;
        if let Ok(mut running) = Running::parse_unknown(&bytes) {
            prop_assert_eq!(running.to_bytes(), bytes);
            let grid = Grid::new(7 * DAY).expect("positive");
            let _ = running.add(1.0, 0, grid, None);
            let _ = running.take(1.0, 0, grid, None);
            let _ = running.merge(running);
        }
        prop_assert!(Running::parse_unknown(&bytes[..place]).is_err());
    }

    #[test]
    fn averages_are_checked(vector in prop::collection::vec(-1e3f32..1e3, 1..20), place in 0usize..200, byte in any::<u8>()) {
        let mut bytes = vec![0; ewma_bytes(vector.len()).expect("short")];
        ewma_begin(&mut bytes, &vector, 0.9).expect("finite");
        ewma_add(&mut bytes, &vector, 0.9).expect("finite");
        ewma_check(&bytes).expect("sound");
        prop_assert_eq!(&ewma_of(&ewma_numbers(&bytes).expect("sound")).expect("sound"), &bytes);
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(numbers) = ewma_numbers(&bytes) {
            prop_assert_eq!(&ewma_of(&numbers).expect("checked"), &bytes);
        }
        prop_assert!(ewma_check(&bytes[..bytes.len() - 1]).is_err());
    }
}

#[test]
fn states_that_no_aggregate_gives_are_refused() {
    assert!(ewma_of(&[]).is_err() && ewma_of(&[f64::NAN]).is_err() && ewma_of(&[f64::INFINITY]).is_err());
    assert!(ewma_check(&[]).is_err() && Running::parse_unknown(&[]).is_err());
}
