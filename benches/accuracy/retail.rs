//! online_retail (UCI): what else goes into a basket, and what returning customers newly buy.

use super::data::{self, Keys, Line};
use super::log::{Log, Question, Random, distinct};
use super::settings::Settings;
use pg_recommend_engine::{ItemId, Micros, UserId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::error::Error;

/// The sizes of baskets that are asked about, in distinct items, and how many of them are given.
const SIZES: std::ops::RangeInclusive<usize> = 6..=60;
const GIVEN: usize = 3;
/// How many new items a customer must have bought to be asked about.
const LEAST_NEW: usize = 5;

/// Purchases: lines of a positive quantity with a description, which is the item. All lines of a customer and a minute are one instant.
/// With `anonymous`, lines without a customer count too: neighbours in the file of one minute and country are a customer of their own.
pub fn load(anonymous: bool) -> Result<Option<Log>, Box<dyn Error>> {
    let Some(rows) = data::rows("online_retail.csv.gz")? else { return Ok(None) };
    let (mut users, mut items, mut log) = (Keys::default(), Keys::default(), Log::default());
    let mut invoice = (String::new(), 0);
    for (number, row) in rows.iter().enumerate() {
        let (customer, key) = (&row[4], format!("{} {}", &row[2], &row[5]));
        if !customer.is_empty() {
            invoice.0.clear();
        } else if invoice.0 != key {
            invoice = (key, number);
        }
        if row[0].is_empty() || row[1].starts_with('-') || &row[1] == "0" || (customer.is_empty() && !anonymous) {
            continue;
        }
        let user = if customer.is_empty() { users.number(&format!("invoice at {}", invoice.1)) } else { users.number(customer) };
        log.lines.push(Line { user, event: data::instant(items.number(&row[0]), data::unix_seconds(&row[2])?) });
    }
    log.lines.sort_by_key(|line| line.event.position());
    (log.items, log.titles) = (items.len(), items.names());
    Ok(Some(log))
}

/// Where the log is split, and where its last part ends.
pub fn split(settings: &Settings) -> Result<(Micros, Micros), Box<dyn Error>> {
    Ok(if settings.development { (data::day("2011-10-15")?, data::day("2011-11-15")?) } else { (data::day("2011-11-15")?, Micros::MAX) })
}

/// Baskets from the split on: three random items are given, without a name, the others are to be found.
pub fn baskets(log: &Log, (split, end): (Micros, Micros), settings: &Settings) -> Vec<Question> {
    let mut baskets: Vec<Vec<ItemId>> =
        groups(log.between(split, end)).map(|group| distinct(group.iter().map(|line| line.event.item), false)).collect();
    baskets.retain(|basket| SIZES.contains(&basket.len()));
    let mut random = Random::new(settings.seed);
    random.sample(&mut baskets, settings.questions);
    let question = |mut basket: Vec<ItemId>| {
        let all = basket.len();
        random.sample(&mut basket, all);
        let targets = basket.split_off(GIVEN);
        Question { user: None, given: basket, at: split, seen: false, targets }
    };
    baskets.into_iter().map(question).collect()
}

/// Customers from before the split who bought at least five new items after it: those are to be found.
pub fn new_items(log: &Log, (split, end): (Micros, Micros), settings: &Settings) -> Vec<Question> {
    let before = histories(log.split(split).0);
    let mut later: Vec<(UserId, Vec<ItemId>)> = histories(log.between(split, end)).into_iter().collect();
    later.sort_unstable_by_key(|(user, _)| *user);
    let question = |(user, bought): (UserId, Vec<ItemId>)| {
        let given = before.get(&user)?.clone();
        let known: FxHashSet<ItemId> = given.iter().copied().collect();
        let targets: Vec<ItemId> = distinct(bought.into_iter().filter(|item| !known.contains(item)), false);
        (targets.len() >= LEAST_NEW).then_some(Question { user: Some(user), given, at: split, seen: false, targets })
    };
    let mut questions: Vec<Question> = later.into_iter().filter_map(question).collect();
    Random::new(settings.seed).sample(&mut questions, settings.questions);
    questions
}

/// The distinct items of each user, oldest first.
pub fn histories(lines: &[Line]) -> FxHashMap<UserId, Vec<ItemId>> {
    let mut histories: FxHashMap<UserId, Vec<ItemId>> = FxHashMap::default();
    lines.iter().for_each(|line| histories.entry(line.user).or_default().push(line.event.item));
    histories.into_iter().map(|(user, items)| (user, distinct(items.into_iter(), true))).collect()
}

/// The lines of one user at one instant, in the order of the log; lines of several users at one instant may alternate.
pub fn groups(lines: &[Line]) -> impl Iterator<Item = Vec<Line>> + '_ {
    lines.chunk_by(|a, b| a.event.at == b.event.at).flat_map(|instant| {
        let mut instant = instant.to_vec();
        instant.sort_by_key(|line| line.user);
        instant.chunk_by(|a, b| a.user == b.user).map(<[Line]>::to_vec).collect::<Vec<_>>()
    })
}
