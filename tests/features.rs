//! Windowed features against a recount of all events: any order, late events, rolled up and packed at any time; hostile bytes.

use pg_recommend_engine::Micros;
use pg_recommend_engine::features::{
    Declaration, Entity, EntityKind, Moment, NEVER, Occurrence, Plan, Question, Rate, Replay, Spec, Tally, TypeTotal, Window,
};
use pg_recommend_engine::interest::Grid;
use pg_recommend_engine::packed::{FeaturesView, Kind, validate};
use proptest::prelude::*;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;
const TYPES: usize = 3;

fn spec() -> Spec {
    let windows = [30 * DAY, 300 * SECOND, 3600 * SECOND, 7 * DAY, DAY, 7 * SECOND].map(|length| Window::new(length).unwrap());
    let half_lives = [3600 * SECOND, 7 * DAY].map(|micros| Grid::new(micros).unwrap());
    Spec::new(TYPES, windows.to_vec(), half_lives.to_vec()).unwrap()
}

/// The hops as the documentation has them, written anew.
fn window_start(length: Micros, at: Micros) -> Micros {
    let hop = [86_400, 14_400, 3600, 900, 300, 60, 15, 5, 1].into_iter().find(|hop| hop * SECOND * 60 <= length).unwrap_or(1) * SECOND;
    (at - length).div_euclid(hop) * hop
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    at: Micros,
    kind: usize,
    other: u64,
}

/// An event with its user, its item, and how late it was recorded.
type Logged = (Event, usize, usize, Micros);

/// Times that crowd, that lie on the borders of hops, and that are years apart.
fn at() -> impl Strategy<Value = Micros> {
    prop_oneof![
        3 => 0..4000 * SECOND,
        2 => (-400_000i64..400_000).prop_map(|seconds| seconds * SECOND),
        2 => (-60i64..60, -1i64..2).prop_map(|(hops, off)| hops * 14_400 * SECOND + off),
        1 => (-20_000i64..20_000).prop_map(|days| days * DAY + 17),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (at(), 0..TYPES, 0..20u64).prop_map(|(at, kind, other)| Event { at, kind, other: other.wrapping_mul(0x9E37_79B9_7F4A_7C15) })
}

fn naive(spec: &Spec, events: &[Event], at: Micros) -> Tally {
    let mut tally = Tally::empty(spec);
    for event in events {
        for (window, length) in spec.windows().iter().enumerate() {
            tally.counts[event.kind * spec.windows().len() + window] += u64::from(event.at >= window_start(length.length(), at));
        }
        let TypeTotal { count, last_at } = tally.totals[event.kind];
        tally.totals[event.kind] = TypeTotal { count: count + 1, last_at: last_at.max(event.at) };
        for (place, half_life) in spec.half_lives().iter().enumerate() {
            let age = (at - event.at) as f64 / half_life.half_life() as f64;
            tally.decayed[event.kind * spec.half_lives().len() + place] += (-age).exp2();
        }
    }
    let mut others: Vec<u64> = events.iter().map(|event| event.other).collect();
    others.sort_unstable();
    others.dedup();
    tally.distinct = others.len() as f64;
    tally
}

fn add(entity: &mut Entity, spec: &Spec, event: &Event) {
    let moment = Moment::new(spec, event.at);
    entity.add(spec, Occurrence { moment: &moment, kind: event.kind, other: event.other });
}

fn said(entity: &Entity, spec: &Spec, at: Micros) -> Tally {
    let mut tally = Tally::default();
    entity.tally(spec, &Question::new(spec, at), &mut tally);
    tally
}

fn same(ours: &Tally, naive: &Tally) -> Result<(), TestCaseError> {
    prop_assert_eq!(&ours.counts, &naive.counts);
    prop_assert_eq!(&ours.totals, &naive.totals);
    prop_assert_eq!(ours.distinct, naive.distinct);
    for (ours, naive) in ours.decayed.iter().zip(&naive.decayed) {
        prop_assert!((ours - naive).abs() <= 1e-9 * naive.max(1e-300), "{} {}", ours, naive);
    }
    Ok(())
}

fn newest(events: &[Event]) -> Micros {
    events.iter().map(|event| event.at).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_order_and_any_packing_is_a_recount(
        events in prop::collection::vec((event(), 0u8..6), 1..120),
        later in prop_oneof![Just(0), 0..4000 * SECOND, 0..40 * DAY],
    ) {
        let spec = spec();
        let mut entity = Entity::new(&spec, true);
        for (event, what) in &events {
            add(&mut entity, &spec, event);
            match what {
                0 => entity.roll_up(&spec),
                1 => entity = FeaturesView::parse(&entity.to_bytes(&spec)).unwrap().entity(&spec).unwrap(),
                _ => {}
            }
        }
        let events: Vec<Event> = events.into_iter().map(|(event, _)| event).collect();
        let asked = newest(&events) + later;
        let naive = naive(&spec, &events, asked);
        same(&said(&entity, &spec, asked), &naive)?;
        let bytes = entity.to_bytes(&spec);
        let mut read = Tally::default();
        FeaturesView::check(&bytes).unwrap().tally(&spec, &Question::new(&spec, asked), &mut read).unwrap();
        same(&read, &naive)?;
        prop_assert_eq!(validate(&bytes).unwrap(), Kind::Features);
        // The same bytes as fed at once in order of time, but for the rounding of sums.
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| event.at);
        let mut other = Entity::new(&spec, true);
        sorted.iter().for_each(|event| add(&mut other, &spec, event));
        let other = other.to_bytes(&spec);
        let (head, sums) = (40 + 16 * TYPES + 16, 16 * TYPES);
        prop_assert_eq!(&bytes[..head], &other[..head]);
        prop_assert_eq!(&bytes[head + sums..], &other[head + sums..]);
    }

    #[test]
    fn what_was_removed_was_never_there(
        events in prop::collection::vec((event(), any::<bool>()), 1..80),
        later in 0..10 * DAY,
        packed: bool,
    ) {
        let spec = spec();
        let mut entity = Entity::new(&spec, false);
        events.iter().for_each(|(event, _)| add(&mut entity, &spec, event));
        if packed {
            entity = FeaturesView::parse(&entity.to_bytes(&spec)).unwrap().entity(&spec).unwrap();
        }
        let mut left: Vec<Event> = events.iter().map(|(event, _)| *event).collect();
        let asked = newest(&left) + later;
        for (event, goes) in &events {
            let moment = Moment::new(&spec, event.at);
            if *goes && entity.remove(&spec, Occurrence { moment: &moment, kind: event.kind, other: 0 }) {
                let place = left.iter().position(|other| other == event).unwrap();
                left.remove(place);
            } else if *goes {
                // Only the newest of a type cannot be taken out.
                let last = left.iter().filter(|other| other.kind == event.kind).map(|other| other.at).max();
                prop_assert_eq!(last, Some(event.at));
            }
        }
        let (ours, mut naive) = (said(&entity, &spec, asked), naive(&spec, &left, asked));
        naive.distinct = 0.0;
        prop_assert_eq!(&ours.counts, &naive.counts);
        prop_assert_eq!(&ours.totals, &naive.totals);
        for (ours, naive) in ours.decayed.iter().zip(&naive.decayed) {
            // What was taken out leaves rounding behind.
            prop_assert!((ours - naive).abs() <= 1e-12, "{} {}", ours, naive);
        }
    }

    #[test]
    fn a_replay_says_what_a_recount_says(
        events in prop::collection::vec((event(), 0..3usize, 0..3usize, prop_oneof![3 => Just(0), 1 => 0..2 * DAY]), 0..200),
        asked in prop::collection::vec((at(), 0..3usize, 0..3usize), 1..40),
    ) {
        let declaration = Declaration {
            spec: spec(),
            types: ["view", "click", "buy"].map(String::from).to_vec(),
            entities: vec![EntityKind::User, EntityKind::Item, EntityKind::Context(0)],
            context_columns: vec!["device".into()],
            rates: vec![Rate { name: "ctr".into(), numerator: 1, denominator: 0 }],
            smoothing: 4.0,
        };
        let plan = Plan::new(declaration, None);
        let mut replay = Replay::new(&plan);
        let all = replay.follow(EntityKind::All);
        let users = [(); 3].map(|()| replay.follow(EntityKind::User));
        let items = [(); 3].map(|()| replay.follow(EntityKind::Item));
        let (mut events, mut asked) = (events, asked);
        // Some were recorded late.
        events.sort_by_key(|(event, _, _, delay)| event.at + delay);
        asked.sort_by_key(|(at, ..)| *at);
        let mut fed = 0;
        for (at, user, item) in asked {
            while fed < events.len() && events[fed].0.at + events[fed].3 < at {
                let (event, user, item, _) = events[fed];
                replay.event(event.at, event.kind, [(all, 0), (users[user], (item as u64) << 40), (items[item], (user as u64) << 40)]);
                fed += 1;
            }
            let mut values = Vec::new();
            replay.ask(at, &[Some(all), Some(users[user]), Some(items[item]), None, None, None], &mut values);
            let recount = |kept: &dyn Fn(&Logged) -> bool| {
                let kept: Vec<Event> = events[..fed].iter().filter(|event| kept(event)).map(|(event, ..)| *event).collect();
                naive(plan.spec(), &kept, at)
            };
            let (everything, of_user, of_item) = (recount(&|_| true), recount(&|event| event.1 == user), recount(&|event| event.2 == item));
            let mut items_met: Vec<usize> = events[..fed].iter().filter(|event| event.1 == user).map(|event| event.2).collect();
            items_met.sort_unstable();
            items_met.dedup();
            let value = |name: &str| f64::from(values[plan.features().iter().position(|feature| feature.name == name).expect(name)]);
            let windows = plan.spec().windows().len();
            let close = |ours: f64, naive: f64| (ours - naive).abs() <= 1e-6 * naive.abs().max(1e-30) || naive < 1e-37;
            prop_assert!(close(value("user_click_count_1h"), of_user.counts[windows + 2] as f64));
            prop_assert!(close(value("item_view_rate_24h"), of_item.counts[3] as f64 / 24.0));
            prop_assert!(close(value("item_buy_decayed_7d"), of_item.decayed[5]));
            prop_assert_eq!(value("user_distinct_items"), items_met.len() as f64);
            let last = of_user.totals[2].last_at;
            let since = value("user_buy_seconds_since");
            let right = if last == NEVER { since.is_nan() } else { close(since, (at - last) as f64 / 1e6) };
            prop_assert!(right, "{} since {}", since, last);
            let (views, clicks) = (everything.totals[0].count as f64, everything.totals[1].count as f64);
            let prior = if views == 0.0 { 0.0 } else { clicks / views };
            let rate = (of_item.counts[windows + 4] as f64 + 4.0 * prior) / (of_item.counts[4] as f64 + 4.0);
            prop_assert!(close(value("item_ctr_7d"), rate));
            prop_assert_eq!(value("context_device_view_count_30d"), 0.0);
        }
    }

    #[test]
    fn hostile_rows_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), shape in 0u8..3, count in 0u32..4) {
        if shape > 0 && bytes.len() > 48 {
            bytes[..4].copy_from_slice(&[1, 6, TYPES as u8, 2]);
            let sketch = bytes.len().saturating_sub(40 + 16 * TYPES + 16 + 16 * TYPES + 8 * count as usize) as u32;
            bytes[4..8].copy_from_slice(&count.to_le_bytes());
            bytes[8..12].copy_from_slice(&sketch.to_le_bytes());
            bytes[12..16].copy_from_slice(&[shape - 1, 0, 0, 0]);
        }
        let spec = spec();
        prop_assert_eq!(validate(&bytes).is_ok_and(|kind| kind == Kind::Features), FeaturesView::check(&bytes).is_ok());
        if let Ok(view) = FeaturesView::parse(&bytes) {
            let mut tally = Tally::default();
            if view.tally(&spec, &Question::new(&spec, 0), &mut tally).is_ok() && let Ok(mut entity) = view.entity(&spec) {
                add(&mut entity, &spec, &Event { at: 5, kind: 1, other: 9 });
                let moment = Moment::new(&spec, 3);
                let _ = entity.remove(&spec, Occurrence { moment: &moment, kind: 1, other: 9 });
                FeaturesView::parse(&entity.to_bytes(&spec)).unwrap();
            }
        }
    }
}

#[test]
fn a_plan_knows_its_features_by_name() {
    let declaration = Declaration {
        spec: spec(),
        types: vec!["view".into(), "click".into(), "buy".into()],
        entities: vec![EntityKind::All, EntityKind::UserCategory],
        context_columns: Vec::new(),
        rates: Vec::new(),
        smoothing: 20.0,
    };
    let plan = Plan::new(declaration, Some(&["all_click%".into(), "%distinct%".into()]));
    let names: Vec<&str> = plan.features().iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names.len(), 6 + 6 + 2 + 1 + 1);
    assert_eq!(
        [names[0], names[6], names[13], names[14], names[15]],
        ["all_click_count_7s", "all_click_rate_7s", "all_click_decayed_7d", "all_click_seconds_since", "user_category_distinct_items"]
    );
    assert_eq!(plan.named(&["all_click_seconds_since".into()]).unwrap().features().len(), 1);
    assert_eq!(plan.named(&["all_click".into()]), Err("all_click".into()));
}

#[test]
fn rows_stay_small_however_many_events() {
    let spec = spec();
    let mut entity = Entity::new(&spec, false);
    for step in 0..520_000 {
        add(&mut entity, &spec, &Event { at: step * 10 * SECOND, kind: 0, other: 0 });
    }
    // Hops: 7 of a second, 60 of 5 s, 60 of a minute, 96 of 15 minutes, 168 of an hour, 180 of 4 hours, and those at the borders.
    let bytes = entity.to_bytes(&spec).len();
    assert!(bytes < 8 * 700, "{bytes} bytes");
    let asked = 520_000 * 10 * SECOND;
    assert_eq!(said(&entity, &spec, asked).counts[4] as i64, (asked - window_start(7 * DAY, asked)) / (10 * SECOND));
}
