//! Searches of the simulated device give what scoring every row gives, to the bit.

use crate::worlds::{Random, make, oracle};
use gpu::GpuError;
use gpu::device::{Device, MAX_K, Query};
use gpu::layout::{Dtype, Layout};
use gpu::source::{Source, Units};
use gpu_simulated::{Faults, Host, SimulatedDevice};
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;

const GO_ON: &dyn Fn() -> bool = &|| false;

fn device(capability: u32) -> SimulatedDevice {
    SimulatedDevice::new(Host::new(capability, Rc::new(Faults::default())).expect("present")).expect("sound")
}

/// Bitmaps: none, of some rows, of few, of none at all.
fn filter(kind: usize, rows: usize, random: &mut Random) -> Option<Vec<u64>> {
    let share = [100, 40, 2, 0][kind % 4];
    let mut words = vec![0u64; rows.div_ceil(64)];
    for row in 0..rows {
        words[row / 64] |= u64::from(random.below(100) < share) << (row % 64);
    }
    (share < 100).then_some(words)
}

/// Searches a set on a device, and compares.
fn compare(units: &Units, layout: Layout, queries: usize, k: u32, seed: u64) {
    let device = device(if seed.is_multiple_of(5) { 75 } else { 80 });
    let mut set = device.upload(Rc::new(units.clone()), layout, GO_ON).expect("room");
    let mut random = Random(seed | 1);
    let others = make(queries, units.dimensions(), random.below(6), seed);
    let filters: Vec<Option<Vec<u64>>> =
        (0..queries).map(|i| filter(if seed.is_multiple_of(2) { 0 } else { i }, units.rows(), &mut random)).collect();
    let asked: Vec<Query<'_>> = (0..queries)
        .map(|i| {
            // Some queries are rows of the set.
            let unit = if i % 2 == 0 && units.rows() > 0 { units.unit(random.below(units.rows()) as u32) } else { others.unit(i as u32) };
            let k = if i % 3 == 2 { random.below(k as usize + 1) as u32 } else { k };
            Query { unit, k, allowed: filters[i].as_deref() }
        })
        .collect();
    let answers = device.search(&mut set, &asked, GO_ON).expect("works");
    for (query, answer) in asked.iter().zip(answers) {
        assert_eq!(answer.expect("few ties"), oracle(units, query), "{layout:?} {} x {} k {}", units.rows(), units.dimensions(), query.k);
    }
}

/// Vectors of all kinds.
fn units(rows: std::ops::RangeInclusive<usize>, dimensions: impl Strategy<Value = usize>) -> impl Strategy<Value = Units> {
    let kinds = prop_oneof![Just(0usize), Just(1), Just(2), Just(3), Just(4), Just(5)];
    (rows, dimensions, kinds, any::<u64>()).prop_map(|(rows, dimensions, kind, seed)| make(rows, dimensions, kind, seed))
}

fn layouts() -> impl Strategy<Value = Layout> {
    (prop::sample::select(Dtype::ALL.to_vec()), any::<bool>()).prop_map(|(dtype, units)| Layout { dtype, units })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn one_query(units in units(0..=700, 1usize..80), layout in layouts(), k in 0u32..50, seed in any::<u64>()) {
        compare(&units, layout, 1, k, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn some_queries(units in units(1..=400, 1usize..70), layout in layouts(), queries in 2usize..40, k in 1u32..500, seed in any::<u64>()) {
        compare(&units, layout, queries, k, seed);
    }

    #[test]
    fn several_phases(units in units(8000..=14000, 1usize..9), layout in layouts(), k in 1u32..30, seed in any::<u64>()) {
        compare(&units, layout, 1, k, seed);
    }
}

#[test]
fn many_dimensions() {
    for dtype in Dtype::ALL {
        for dimensions in [128, 129, 768, 1000, 4096] {
            let units = make(70, dimensions, 0, dimensions as u64);
            compare(&units, Layout { dtype, units: false }, 1, 10, 3);
            compare(&units, Layout { dtype, units: true }, 5, 10, 4);
        }
    }
}

#[test]
fn a_batch_of_many_queries() {
    let units = make(5000, 40, 0, 11);
    compare(&units, Layout { dtype: Dtype::F16, units: false }, 300, 20, 4);
    compare(&units, Layout { dtype: Dtype::F16, units: true }, 130, 20, 4);
}

#[test]
fn the_greatest_k() {
    let units = make(3000, 16, 0, 5);
    for dtype in Dtype::ALL {
        compare(&units, Layout { dtype, units: true }, 1, MAX_K, 6);
    }
}

#[test]
fn rows_in_the_order_of_their_scores_need_another_attempt() {
    // All rows look better than what the first phase has seen: more candidates than fit at once.
    let dimensions = 4;
    let rows = 1 << 18;
    let mut values = Vec::new();
    for row in 0..rows {
        let hot = row % 2048 >= 32;
        let angle = if hot { 0.2 - row as f32 * 1e-7 } else { 1.5 };
        values.extend([angle.cos(), angle.sin(), 0.0, 0.0]);
    }
    let units = Units::new(dimensions, values);
    let (faults, runs) = (Rc::new(Faults::default()), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&runs);
    *faults.on_run.borrow_mut() = Some(Box::new(move || counted.set(counted.get() + 1)));
    let device = SimulatedDevice::new(Host::new(80, faults).expect("present")).expect("sound");
    let mut set = device.upload(Rc::new(units.clone()), Layout { dtype: Dtype::F32, units: false }, GO_ON).expect("room");
    let query = Query { unit: &[1.0, 0.0, 0.0, 0.0], k: 10, allowed: None };
    let answers = device.search(&mut set, &[query], GO_ON).expect("works");
    assert_eq!(answers[0].as_ref().expect("a second attempt finds them"), &oracle(&units, &query));
    assert_eq!(runs.get(), 2);
}

#[test]
fn more_ties_than_there_is_room_for() {
    let units = make(1 << 17, 3, 0, 1);
    let same = Units::new(3, units.unit(0).repeat(1 << 17));
    let device = device(80);
    let mut set = device.upload(Rc::new(same), Layout { dtype: Dtype::F32, units: false }, GO_ON).expect("room");
    let query = Query { unit: units.unit(1), k: 10, allowed: None };
    let answers = device.search(&mut set, &[query], GO_ON).expect("works");
    assert_eq!(answers, [Err(GpuError::Ties { capacity: 1 << 16, k: 10 })]);
}

#[test]
fn questions_that_make_no_sense() {
    let units = make(100, 3, 0, 1);
    let device = device(80);
    let mut set = device.upload(Rc::new(units.clone()), Layout { dtype: Dtype::I8, units: false }, GO_ON).expect("room");
    let good = Query { unit: units.unit(1), k: 10, allowed: None };
    let asked = [
        Query { unit: &[1.0], ..good },
        Query { unit: &[0.0; 3], ..good },
        Query { unit: &[f32::NAN, 0.0, 1.0], ..good },
        Query { k: MAX_K + 1, ..good },
        Query { allowed: Some(&[0]), ..good },
        Query { k: 0, ..good },
        good,
    ];
    let answers = device.search(&mut set, &asked, GO_ON).expect("works");
    assert_eq!(answers[0], Err(GpuError::OtherDimensions { expected: 3, found: 1 }));
    assert_eq!(answers[1], Err(GpuError::Length { length: 0.0 }));
    assert!(matches!(answers[2], Err(GpuError::Length { length }) if length.is_nan()));
    assert_eq!(answers[3], Err(GpuError::TooMany { k: MAX_K + 1 }));
    assert_eq!(answers[4], Err(GpuError::Filter { expected: 2, found: 1 }));
    assert_eq!(answers[5], Ok(Vec::new()));
    assert_eq!(answers[6], Ok(oracle(&units, &good)));
    assert_eq!(device.search(&mut set, &asked, &|| true), Err(GpuError::Interrupted));
    let wide: Rc<dyn Source> = Rc::new(make(1, 5000, 0, 1));
    assert_eq!(device.upload(wide, Layout { dtype: Dtype::I8, units: false }, GO_ON).err(), Some(GpuError::Dimensions { found: 5000 }));
}
