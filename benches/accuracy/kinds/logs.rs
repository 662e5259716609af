//! Six kinds of logs, drawn from users with tastes. Their constants are round numbers, chosen once; nothing was fitted to any method.

use super::catalogue::Catalogue;
use crate::data::{Line, SECOND, tie};
use crate::log::{Log, Random};
use crate::rivals::popularity::DAY;
use pg_recommend_engine::event::Event;
use pg_recommend_engine::{ItemId, Micros, NO_CONTEXT, UserId};

/// 2024-01-01.
const START: Micros = 8_766 * DAY;
const ITEMS: usize = 1_500;
const MINUTE: f64 = 60.0 * SECOND as f64;

/// Collects lines.
struct Writer(Vec<Line>);

impl Writer {
    fn push(&mut self, user: usize, item: ItemId, after: f64, session: Option<i64>) {
        // Whole milliseconds.
        let at = START + (after / 1e3) as i64 * 1_000;
        self.0.push(Line { user: user as UserId, event: Event { item, at, tie: tie(item), weight: 1.0, session, context: NO_CONTEXT } });
    }

    fn finish(mut self, days: f64, items: usize) -> Log {
        let end = START + days as i64 * DAY;
        self.0.retain(|line| line.event.at < end);
        self.0.sort_by_key(|line| line.event.position());
        Log { lines: self.0, items, titles: Vec::new() }
    }
}

/// Films: nothing twice, new ones most, and those of a series after each other.
pub fn never_repeats(seed: u64) -> Log {
    const DAYS: f64 = 180.0;
    let mut random = Random::new(seed);
    let catalogue = Catalogue::new(&mut random, ITEMS, 20, 0.9);
    let born: Vec<f64> = (0..ITEMS).map(|_| if random.chance(0.7) { -60.0 } else { DAYS * random.even() }).collect();
    let mut writer = Writer(Vec::new());
    for user in 0..2_500 {
        let (tastes, mut known, mut now) = (catalogue.tastes(&mut random), Vec::<ItemId>::new(), 0.85 * DAYS * random.even());
        while now < DAYS {
            let mut within = 0.0;
            for _ in 0..1 + random.below(4) {
                let chosen = (0..30).find_map(|_| {
                    let series = known.last().filter(|_| random.chance(0.25)).map(|last| catalogue.series(*last, 4));
                    let topic = catalogue.turn(&mut random, &tastes);
                    let item = match series {
                        Some(series) => series[random.below(series.len())],
                        None => catalogue.item(&mut random, topic),
                    };
                    let age = now - born[item as usize];
                    let fresh = age >= 0.0 && random.chance((1.0 + 4.0 * (-age / 20.0).exp2()) / 5.0);
                    (fresh && !known.contains(&item)).then_some(item)
                });
                let Some(item) = chosen else { break };
                known.push(item);
                writer.push(user, item, now * DAY as f64 + within, None);
                within += random.exponential(2.0 * MINUTE);
            }
            now += random.exponential(14.0);
        }
    }
    writer.finish(DAYS, ITEMS)
}

/// A shop's clicks, session by session: three in ten are the item just clicked.
pub fn repeats_current(seed: u64) -> Log {
    const DAYS: f64 = 45.0;
    let mut random = Random::new(seed);
    let catalogue = Catalogue::new(&mut random, ITEMS, 40, 0.8);
    let successors: Vec<Vec<ItemId>> =
        (0..ITEMS as ItemId).map(|item| (0..4).map(|_| catalogue.item(&mut random, catalogue.topic_of(item))).collect()).collect();
    let mut writer = Writer(Vec::new());
    for session in 0..8_000 {
        let (topic, mut now) = (catalogue.topic(&mut random), DAYS * DAY as f64 * random.even());
        let mut clicked = vec![catalogue.item(&mut random, topic)];
        writer.push(session, clicked[0], now, Some(session as i64));
        while random.chance(0.8) {
            let (last, kind) = (clicked[clicked.len() - 1], random.even());
            let next = match kind {
                _ if kind < 0.30 => last,
                _ if kind < 0.38 => clicked[random.below(clicked.len())],
                _ if kind < 0.75 => successors[last as usize][random.below(4).min(random.below(4))],
                _ => catalogue.item(&mut random, topic),
            };
            clicked.push(next);
            now += 1e3 + random.exponential(MINUTE);
            writer.push(session, next, now, Some(session as i64));
        }
    }
    writer.finish(DAYS, ITEMS)
}

/// Things that run out: users come back to their own items, to each after its own number of days.
pub fn returns_after_days(seed: u64) -> Log {
    const DAYS: f64 = 90.0;
    let mut random = Random::new(seed);
    let catalogue = Catalogue::new(&mut random, ITEMS, 25, 1.0);
    let mut writer = Writer(Vec::new());
    for user in 0..700 {
        let (tastes, mut now) = (catalogue.tastes(&mut random), 0.3 * DAYS * random.even());
        // Items in use: when each was last taken, and how many days it lasts.
        let mut own: Vec<(ItemId, f64, f64)> = Vec::new();
        while now < DAYS {
            let mut within = 0.0;
            for _ in 0..1 + random.below(2) {
                let due = |(_, last, lasts): &(ItemId, f64, f64)| (now - last) / lasts;
                let most = (0..own.len()).max_by(|a, b| due(&own[*a]).total_cmp(&due(&own[*b])));
                match most.filter(|place| due(&own[*place]) > 0.7 + 0.3 * random.even()) {
                    Some(place) => {
                        own[place].1 = now;
                        writer.push(user, own[place].0, now * DAY as f64 + within, None);
                        if random.chance(0.08) {
                            own.swap_remove(place);
                        }
                    }
                    None => {
                        let topic = catalogue.turn(&mut random, &tastes);
                        let item = catalogue.item(&mut random, topic);
                        own.retain(|known| known.0 != item);
                        own.push((item, now, 7.0 * (0.6 * random.normal()).exp()));
                        writer.push(user, item, now * DAY as f64 + within, None);
                    }
                }
                within += 1e3 + random.exponential(2.0 * MINUTE);
            }
            now += random.exponential(2.0);
        }
    }
    writer.finish(DAYS, ITEMS)
}

/// A grocer: many lines at one instant, some bought before, some that belong together.
pub fn baskets(seed: u64) -> Log {
    const DAYS: f64 = 300.0;
    let mut random = Random::new(seed);
    let catalogue = Catalogue::new(&mut random, ITEMS, 25, 0.9);
    let mut writer = Writer(Vec::new());
    for user in 0..700 {
        let (tastes, mut known, mut now) = (catalogue.tastes(&mut random), Vec::<ItemId>::new(), 0.5 * DAYS * random.even());
        while now < DAYS {
            let size = ((12.0 * (0.7 * random.normal()).exp()) as usize).clamp(1, 80);
            let mut basket: Vec<ItemId> = Vec::new();
            for _ in 0..2 * size {
                if basket.len() >= size {
                    break;
                }
                if !known.is_empty() && random.chance(0.25) {
                    basket.push(known[random.below(known.len())]);
                    continue;
                }
                let topic = catalogue.turn(&mut random, &tastes);
                let item = catalogue.item(&mut random, topic);
                basket.push(item);
                basket.extend(catalogue.series(item, 5).iter().filter(|_| random.chance(0.3)));
            }
            let mut basket = crate::log::distinct(basket.into_iter(), false);
            let all = basket.len();
            random.sample(&mut basket, all);
            let instant = (now * 1440.0).floor() * MINUTE;
            basket.iter().for_each(|item| writer.push(user, *item, instant, None));
            known.extend(basket);
            now += 0.5 + random.exponential(24.0);
        }
    }
    writer.finish(DAYS, ITEMS)
}

/// News: forty articles a day, each read for a day or so, none twice.
pub fn news(seed: u64) -> Log {
    const DAYS: f64 = 35.0;
    const A_DAY: f64 = 40.0;
    let mut random = Random::new(seed);
    let items = (DAYS * A_DAY) as usize;
    let catalogue = Catalogue::new(&mut random, items, 12, 0.0);
    // When each is published, and how much it draws.
    let articles: Vec<(f64, f64)> = (0..items).map(|item| (item as f64 / A_DAY, random.normal().exp())).collect();
    let mut writer = Writer(Vec::new());
    for user in 0..900 {
        let (tastes, mut known, mut now) = (catalogue.tastes(&mut random), Vec::<ItemId>::new(), 2.0 * random.even());
        while now < DAYS {
            let mut within = 0.0;
            for _ in 0..2 + random.below(4) {
                let oldest = ((now - 2.0) * A_DAY).max(0.0) as ItemId;
                let alive = oldest..((now * A_DAY) as usize).min(items - 1) as ItemId + 1;
                let drawn = |item: ItemId| {
                    let (published, weight) = articles[item as usize];
                    let liked = if tastes.contains(&catalogue.topic_of(item)) { 6.0 } else { 1.0 };
                    if known.contains(&item) { 0.0 } else { liked * weight * (-(now - published).max(0.0) * 3.0).exp2() }
                };
                let total: f64 = alive.clone().map(drawn).sum();
                let mut left = total * random.even();
                let chosen = alive.clone().find(|item| {
                    left -= drawn(*item);
                    left < 0.0
                });
                let Some(item) = chosen else { break };
                known.push(item);
                writer.push(user, item, now * DAY as f64 + within, None);
                within += 1e3 + random.exponential(2.0 * MINUTE);
            }
            now += random.exponential(2.5);
        }
    }
    writer.finish(DAYS, items)
}

/// Visits of one event, days apart; taste stays a while.
pub fn one_event_sessions(seed: u64) -> Log {
    const DAYS: f64 = 90.0;
    let mut random = Random::new(seed);
    let catalogue = Catalogue::new(&mut random, ITEMS, 30, 0.9);
    let mut writer = Writer(Vec::new());
    for user in 0..1_500 {
        let (tastes, mut known, mut now) = (catalogue.tastes(&mut random), Vec::<ItemId>::new(), 0.5 * DAYS * random.even());
        while now < DAYS {
            let kind = random.even();
            let item = match known.last() {
                Some(_) if kind < 0.2 => known[random.below(known.len())],
                Some(last) if kind < 0.55 => catalogue.item(&mut random, catalogue.topic_of(*last)),
                _ => {
                    let topic = catalogue.turn(&mut random, &tastes);
                    catalogue.item(&mut random, topic)
                }
            };
            known.push(item);
            writer.push(user, item, now * DAY as f64, None);
            now += 0.1 + random.exponential(3.0);
        }
    }
    writer.finish(DAYS, ITEMS)
}
