//! Interest aggregates: the sums are those of the formula in any order, in parts and after taking rows out; hostile bytes are
//! refused.
use pg_recommend_engine::Micros;
use pg_recommend_engine::interest::{
    Decayed, END_TIME, Grid, InterestError, InterestMut, InterestView, MAX_DIMENSIONS, MIN_TIME, Running, direction, drift, ewma_add,
    ewma_begin, ewma_bytes, ewma_vector, interest_bytes, similarity,
};
use proptest::prelude::*;

const HOUR: Micros = 3_600_000_000;
const NOW: Micros = 800_000_000_000_000;

fn grid() -> Grid {
    Grid::new(24 * HOUR).expect("a day")
}

/// What is left at `as_of` of a weight of 1, by the formula itself.
fn left(at: Micros, as_of: Micros, grid: Grid) -> f64 {
    (-((as_of - at) as f64) / grid.half_life() as f64).exp2()
}

/// Equal up to a bound, and to what doubles lose where they end.
fn close(found: f64, naive: f64, bound: f64) -> Result<(), TestCaseError> {
    prop_assert!((found - naive).abs() <= bound + f64::MIN_POSITIVE, "{found} {naive} {bound}");
    Ok(())
}

type Event = (f64, Micros);

/// Events within some `half_lives` before and after [`NOW`].
fn events(half_lives: i64) -> impl Strategy<Value = Vec<Event>> {
    let reach = half_lives * 24 * HOUR;
    prop::collection::vec((prop_oneof![-10.0f64..10.0, Just(0.0), -1e9f64..1e9], NOW - reach..NOW + reach), 1..60)
}

fn running(events: &[Event]) -> Running {
    let mut state = Running::EMPTY;
    events.iter().for_each(|(value, at)| state.add(*value, *at, grid(), None).expect("adds"));
    state
}

fn decayed(events: &[Event]) -> Decayed {
    running(events).decayed.expect("events")
}

/// Count, sum and sum of sizes.
fn naive(events: &[Event], as_of: Micros) -> [f64; 3] {
    events.iter().fold([0.0; 3], |[count, sum, size], (value, at)| {
        let weight = left(*at, as_of, grid());
        [count + weight, sum + value * weight, size + value.abs() * weight]
    })
}

type VectorEvent = (Vec<f32>, Micros, f64);

fn vector_events(half_lives: i64, dimensions: usize) -> impl Strategy<Value = Vec<VectorEvent>> {
    let reach = half_lives * 24 * HOUR;
    let vector = prop::collection::vec(-2.0f32..2.0, dimensions);
    prop::collection::vec((vector, NOW - reach..NOW + reach, prop_oneof![Just(1.0), -3.0f64..8.0]), 1..40)
}

fn interest(events: &[VectorEvent]) -> Vec<u8> {
    let mut bytes = vec![0; interest_bytes(events[0].0.len()).expect("few dimensions")];
    InterestMut::begin(&mut bytes, grid()).expect("fits");
    for (vector, at, weight) in events {
        InterestMut::parse(&mut bytes).expect("parses").add(vector, *at, *weight, grid()).expect("adds");
    }
    bytes
}

/// The decayed sum, and the sums of the terms' sizes, by the formula.
fn naive_vector(events: &[VectorEvent], as_of: Micros) -> (Vec<f64>, Vec<f64>, f64) {
    let dimensions = events[0].0.len();
    let (mut sums, mut sizes, mut strength) = (vec![0.0; dimensions], vec![0.0; dimensions], 0.0);
    for (vector, at, weight) in events {
        let gain = weight * left(*at, as_of, grid());
        strength += gain.abs();
        for (place, value) in vector.iter().enumerate() {
            sums[place] += f64::from(*value) * gain;
            sizes[place] += (f64::from(*value) * gain).abs();
        }
    }
    (sums, sizes, strength)
}

/// The decayed sum that an interest holds: its direction is scaled by what its strength has and the formula says.
fn sums(bytes: &[u8], as_of: Micros) -> (Vec<f64>, f64) {
    let view = InterestView::parse_unknown(bytes).expect("valid");
    let scale = view.grid().whole(view.last_at());
    let fields = view.fields();
    (fields.vector.iter().map(|value| view.grid().read(*value, scale, as_of)).collect(), view.strength(as_of).expect("in range"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn decayed_sums_are_those_of_the_formula(events in events(30), offset in -40i64..40) {
        let as_of = NOW + offset * 24 * HOUR;
        let [count, sum, size] = naive(&events, as_of);
        let state = decayed(&events);
        close(state.count_at(as_of).expect("in range"), count, 1e-13 * count)?;
        close(state.sum_at(as_of).expect("in range"), sum, 1e-13 * size)?;
        close(state.average(), sum / count, 1e-13 * size / count)?;
        prop_assert_eq!(Decayed::parse(&state.to_bytes()), Ok(state));
    }

    #[test]
    fn order_and_parts_show_in_the_last_bit_at_most(events in events(2000), parts in prop::collection::vec(0usize..4, 60), seed: u64) {
        let whole = decayed(&events);
        let mut shuffled = events.clone();
        let mut state = seed;
        for place in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(place, (state >> 33) as usize % (place + 1));
        }
        let mut merged = Running::EMPTY;
        for part in 0..4 {
            let mine: Vec<Event> = events.iter().zip(&parts).filter(|(_, of)| **of == part).map(|(event, _)| *event).collect();
            merged.merge(Running::parse(&running(&mine).to_bytes()).expect("parses")).expect("merges");
        }
        let newest = events.iter().map(|(_, at)| *at).max().expect("events");
        let size = naive(&events, newest)[2];
        for other in [decayed(&shuffled), merged.decayed.expect("events")] {
            prop_assert_eq!(other.scale, whole.scale);
            close(other.count.high, whole.count.high, f64::EPSILON * whole.count.high)?;
            close(other.sum_at(newest).expect("in range"), whole.sum_at(newest).expect("in range"), f64::EPSILON * size)?;
        }
    }

    /// Thousands of half-lives before and after: what is far in the past is nothing, what is newest counts.
    #[test]
    fn far_events_neither_overflow_nor_hide_others(near in events(3), far in 1100i64..100_000, early: bool) {
        let mut all = near.clone();
        let far_at = if early { NOW - far * 24 * HOUR } else { NOW + far * 24 * HOUR };
        all.push((7.0, far_at));
        let (late, as_of) = if early { (&near[..], NOW) } else { (&all[near.len()..], far_at) };
        let [count, sum, size] = naive(late, as_of);
        let state = decayed(&all);
        close(state.count_at(as_of).expect("in range"), count, 1e-13 * count)?;
        close(state.sum_at(as_of).expect("in range"), sum, 1e-13 * size)?;
        prop_assert_eq!(state.count_at(as_of + 2000 * 24 * HOUR), Ok(0.0));
        prop_assert_eq!(state.count_at(as_of - 2000 * 24 * HOUR), Err(InterestError::OutOfRange));
        prop_assert_eq!(Decayed::parse(&state.to_bytes()), Ok(state));
    }

    /// A window's frame that moves over events in any order: as exact as adding up the frame, or a restart.
    #[test]
    fn taking_rows_out_is_as_exact_as_leaving_them_out(events in events(40), width in 1usize..20, as_of_offset in 0i64..5) {
        let mut state = Running::EMPTY;
        for end in 0..events.len() {
            let as_of = |place: usize| Some(NOW + (place as i64 * 7 + as_of_offset) % 5);
            let start = (end + 1).saturating_sub(width);
            let frame = &events[start..=end];
            let mut exact = true;
            if start > 0 {
                let (value, at) = events[start - 1];
                exact = state.take(value, at, grid(), as_of(start - 1)).expect("takes");
            }
            if !exact {
                state = Running::EMPTY;
                (start..end).for_each(|place| state.add(events[place].0, events[place].1, grid(), as_of(place)).expect("adds"));
            }
            state.add(events[end].0, events[end].1, grid(), as_of(end)).expect("adds");
            let fresh = running(frame).decayed.expect("events");
            let moved = state.decayed.expect("events");
            let newest = frame.iter().map(|(_, at)| *at).max().expect("events");
            let size = naive(frame, newest)[2];
            close(moved.count_at(newest).expect("in range"), fresh.count_at(newest).expect("in range"), 2.0 * f64::EPSILON * naive(frame, newest)[0])?;
            close(moved.sum_at(newest).expect("in range"), fresh.sum_at(newest).expect("in range"), 2.0 * f64::EPSILON * size)?;
            let latest = (start..=end).filter_map(as_of).max();
            prop_assert_eq!(state.as_of.latest.map(|(at, _)| at), latest);
        }
    }

    #[test]
    fn interests_are_those_of_the_formula(events in vector_events(20, 9), offset in -20i64..20) {
        let as_of = NOW + offset * 24 * HOUR;
        let (naive, sizes, strength) = naive_vector(&events, as_of);
        let bytes = interest(&events);
        let (found, found_strength) = sums(&bytes, as_of);
        close(found_strength, strength, 1e-12 * strength)?;
        for place in 0..naive.len() {
            close(found[place], naive[place], 1e-12 * sizes[place])?;
        }
        let view = InterestView::parse_unknown(&bytes).expect("valid");
        prop_assert_eq!(view.count(), events.len() as i64);
        prop_assert_eq!(Some(view.first_at()), events.iter().map(|(_, at, _)| *at).min());
        prop_assert_eq!(Some(view.last_at()), events.iter().map(|(_, at, _)| *at).max());
        prop_assert_eq!(view.fields().to_bytes(), Ok(bytes.clone()));
        let length = naive.iter().map(|value| value * value).sum::<f64>().sqrt();
        let size = sizes.iter().map(|value| value * value).sum::<f64>().sqrt();
        if let Some(direction) = direction(&view) {
            for (found, value) in direction.iter().zip(&naive) {
                close(f64::from(*found), value / length, 1e-7 + 1e-12 * size / length)?;
            }
            let one: f64 = direction.iter().map(|value| f64::from(*value).powi(2)).sum();
            close(one, 1.0, 1e-6)?;
        }
    }

    #[test]
    fn parts_of_an_interest_merge(events in vector_events(1500, 5), cut in 0usize..40) {
        let cut = cut.min(events.len() - 1);
        let whole = interest(&events);
        if cut > 0 {
            let mut merged = interest(&events[cut..]);
            let other = interest(&events[..cut]);
            InterestMut::parse(&mut merged).expect("parses").merge(&InterestView::parse(&other).expect("parses")).expect("merges");
            let newest = events.iter().map(|(_, at, _)| *at).max().expect("events");
            let (_, sizes, strength) = naive_vector(&events, newest);
            let ((ours, our_strength), (theirs, their_strength)) = (sums(&merged, newest), sums(&whole, newest));
            close(our_strength, their_strength, 1e-13 * strength)?;
            for place in 0..ours.len() {
                close(ours[place], theirs[place], 1e-13 * sizes[place])?;
            }
            prop_assert_eq!(InterestView::parse(&merged).expect("parses").count(), events.len() as i64);
        }
    }

    #[test]
    fn cosines_are_those_of_the_formula(a in vector_events(3, 6), b in vector_events(3, 6), exponent in -35i32..38) {
        let (one, other) = (interest(&a), interest(&b));
        let (x, y) = (InterestView::parse(&one).expect("parses"), InterestView::parse(&other).expect("parses"));
        let vector: Vec<f32> = b[0].0.iter().map(|value| value * 10f32.powi(exponent)).collect();
        let cosine = |x: &[f64], y: &[f64]| {
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()
        };
        let (fa, fb) = (naive_vector(&a, NOW), naive_vector(&b, NOW));
        let condition = |(sums, sizes, _): &(Vec<f64>, Vec<f64>, f64)| {
            sizes.iter().map(|x| x * x).sum::<f64>().sqrt() / sums.iter().map(|x| x * x).sum::<f64>().sqrt()
        };
        let bound = 1e-11 * (condition(&fa) + condition(&fb));
        let as_f64: Vec<f64> = vector.iter().map(|value| f64::from(*value)).collect();
        close(similarity(&x, &vector).expect("same dimensions").expect("not zero"), cosine(&fa.0, &as_f64), bound)?;
        close(drift(&x, &y).expect("same dimensions").expect("not zero"), 1.0 - cosine(&fa.0, &fb.0), bound)?;
        close(drift(&x, &x).expect("same dimensions").expect("not zero"), 0.0, 1e-15)?;
    }

    #[test]
    fn averages_over_sessions_are_those_of_the_formula(sessions in prop::collection::vec(prop::collection::vec(-1e3f32..1e3, 4), 1..50), alpha in 0.0f64..=1.0) {
        let mut bytes = vec![0; ewma_bytes(4).expect("few")];
        let mut naive: Vec<f64> = sessions[0].iter().map(|value| f64::from(*value)).collect();
        ewma_begin(&mut bytes, &sessions[0], alpha).expect("begins");
        for session in &sessions[1..] {
            ewma_add(&mut bytes, session, alpha).expect("adds");
            naive.iter_mut().zip(session).for_each(|(long, value)| *long = alpha * *long + (1.0 - alpha) * f64::from(*value));
        }
        prop_assert_eq!(ewma_vector(&bytes).expect("reads"), naive.iter().map(|value| *value as f32).collect::<Vec<_>>());
    }

    #[test]
    fn hostile_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), tame: bool, length in 0usize..200, as_of in MIN_TIME..END_TIME) {
        if tame {
            bytes.resize(length, 0);
            bytes.iter_mut().take(4).enumerate().for_each(|(place, byte)| *byte = u8::from(place == 0));
        }
        if let Ok(summary) = Decayed::parse(&bytes) {
            let mut twice = summary;
            let _ = (twice.merge(summary), summary.count_at(as_of), summary.sum_at(as_of), summary.average());
        }
        if let Ok(mut state) = Running::parse(&bytes) {
            let _ = (state.add(1.0, as_of, grid(), Some(as_of)), state.take(1.0, as_of, grid(), Some(as_of)), state.merge(state));
        }
        if let Ok(view) = InterestView::parse_unknown(&bytes) {
            prop_assert_eq!(view.fields().to_bytes(), Ok(bytes.clone()));
        }
        let copy = bytes.clone();
        if let (Ok(view), Ok(mut sums)) = (InterestView::parse(&copy), InterestMut::parse(&mut bytes)) {
            let _ = (view.strength(as_of), direction(&view), drift(&view, &view), sums.merge(&view));
            let _ = sums.add(&vec![1.0; view.dimensions()], as_of, 1.0, view.grid());
        }
        let _ = (ewma_add(&mut bytes, &[1.0], 0.5), ewma_vector(&bytes));
    }
}

#[test]
fn errors_name_both_sides() {
    let bytes = interest(&[(vec![1.0, 2.0, 3.0], NOW, 1.0)]);
    let mut copy = bytes.clone();
    let mut sums = InterestMut::parse(&mut copy).expect("parses");
    let text = |result: Result<(), InterestError>| result.expect_err("an error").to_string();
    assert_eq!(text(sums.add(&[1.0; 4], NOW, 1.0, grid())), "different vector dimensions 3 and 4");
    assert_eq!(text(sums.add(&[1.0, f32::NAN, 2.0], NOW, 1.0, grid())), "vector element must be finite: NaN");
    assert_eq!(text(sums.add(&[1.0; 3], NOW, 1.0, Grid::new(HOUR).expect("an hour"))), "different half-lives 1 day and 01:00:00");
    assert_eq!(text(sums.add(&[1.0; 3], NOW, 1e300, grid())), "value out of range: overflow");
    assert_eq!(interest_bytes(0), Err(InterestError::DimensionCount(0)));
    assert_eq!(interest_bytes(MAX_DIMENSIONS + 1), Err(InterestError::DimensionCount(MAX_DIMENSIONS + 1)));
}

/// A million events of one group: what f64 loses, and what f32 would.
#[test]
fn doubles_lose_nothing_that_shows() {
    let half_life = Grid::new(30 * 24 * HOUR).expect("a month");
    let mut bytes = vec![0; interest_bytes(1).expect("one")];
    InterestMut::begin(&mut bytes, half_life).expect("fits");
    let mut exact = Running::EMPTY;
    let (mut single, mut state) = (0.0f32, 1u64);
    let start = half_life.whole(NOW);
    for event in 0..1_000_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = (state >> 40) as f32 / (1u32 << 24) as f32;
        let at = NOW + event * 2_000_000;
        InterestMut::parse(&mut bytes).expect("parses").add(&[value], at, 1.0, half_life).expect("adds");
        exact.add(f64::from(value), at, half_life, None).expect("adds");
        let place = half_life.place(at);
        single += value * (place.gain * ((place.whole - start) as f64).exp2()) as f32;
    }
    let as_of = NOW + 2_000_000_000_000;
    let exact = exact.decayed.expect("events").sum_at(as_of).expect("in range");
    let view = InterestView::parse(&bytes).expect("parses");
    let double = view.grid().read(view.fields().vector[0], half_life.whole(view.last_at()), as_of);
    let single = half_life.read(f64::from(single), start, as_of);
    let (double, single) = ((double / exact - 1.0).abs(), (single / exact - 1.0).abs());
    println!("relative error after a million events: f64 {double:.1e}, f32 {single:.1e}");
    assert!(double < 1e-12, "{double}");
    assert!(single > 1e-7, "{single}");
}

/// Why a window's frame is not moved by subtraction of doubles: what a large value leaves behind when it goes.
#[test]
fn moving_frames_forget_what_has_left() {
    let (mut state, mut plain, mut restarts) = (Running::EMPTY, 0.0f64, 0);
    let (mut worst, mut worst_plain) = (0.0f64, 0.0f64);
    let event = |place: i64| -> Event {
        let value = if place % 50 == 0 { 1e9 } else { 0.5 + (place * 7919 % 1000) as f64 / 1000.0 };
        (value, NOW + place * HOUR / 60)
    };
    for end in 0..20_000 {
        let (value, at) = event(end);
        state.add(value, at, grid(), None).expect("adds");
        plain += value * left(at, NOW, grid());
        if end >= 20 {
            let (value, at) = event(end - 20);
            plain -= value * left(at, NOW, grid());
            if !state.take(value, at, grid(), None).expect("takes") {
                restarts += 1;
                state = Running::EMPTY;
                (end - 19..=end).map(event).for_each(|(value, at)| state.add(value, at, grid(), None).expect("adds"));
            }
        }
        let frame: Vec<Event> = ((end - 19).max(0)..=end).map(event).collect();
        let fresh = decayed(&frame).sum_at(NOW).expect("in range");
        worst = worst.max((state.decayed.expect("events").sum_at(NOW).expect("in range") / fresh - 1.0).abs());
        worst_plain = worst_plain.max((plain / fresh - 1.0).abs());
    }
    println!("relative error of a moving frame: {worst:.1e} with {restarts} restarts, {worst_plain:.1e} by subtraction of doubles");
    assert!(worst <= 2.0 * f64::EPSILON && restarts < 200, "{worst} {restarts}");
    assert!(worst_plain > 1e-8, "{worst_plain}");
}
