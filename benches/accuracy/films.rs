//! movietweetings: which films a user will rate, from three films.

use super::data::{self, Keys, Line};
use super::log::{Log, Question, Random};
use super::retail::histories;
use super::settings::Settings;
use pg_recommend_engine::{ItemId, Micros, UserId};
use std::error::Error;

const GIVEN: usize = 3;
/// How many films there must be to find.
const LEAST: usize = 3;

/// Ratings, whatever the rating.
pub fn load() -> Result<Option<Log>, Box<dyn Error>> {
    let Some(rows) = data::rows("movietweetings_ratings.csv.gz")? else { return Ok(None) };
    let (mut users, mut items, mut log) = (Keys::default(), Keys::default(), Log::default());
    for row in &rows {
        let event = data::instant(items.number(&row[1]), row[3].parse()?);
        log.lines.push(Line { user: users.number(&row[0]), event });
    }
    log.lines.sort_by_key(|line| line.event.position());
    log.titles = items.names();
    for film in data::rows("movietweetings_movies.csv.gz")?.unwrap_or_default() {
        if let Some(title) = log.titles.get_mut(items.number(&film[0]) as usize) {
            film[1].clone_into(title);
        }
    }
    log.items = log.titles.len();
    Ok(Some(log))
}

/// Where the log is split, and where its last part ends.
pub fn split(settings: &Settings) -> Result<(Micros, Micros), Box<dyn Error>> {
    Ok(if settings.development { (data::day("2013-07-01")?, data::day("2013-08-01")?) } else { (data::day("2013-08-01")?, Micros::MAX) })
}

/// Users with at least six films from the split on: the first three are given, the others to be found.
pub fn first(log: &Log, (split, end): (Micros, Micros), settings: &Settings) -> Vec<Question> {
    let ask = |(_, mut films): (UserId, Vec<ItemId>)| {
        (films.len() >= GIVEN + LEAST).then(|| {
            let targets = films.split_off(GIVEN);
            Question { user: None, given: films, at: split, seen: false, targets }
        })
    };
    sampled(by_user(log.between(split, end)).into_iter().filter_map(ask).collect(), settings)
}

/// Users with at least three films before the split and three from then on: three random ones from before are given, the later ones to
/// be found.
pub fn earlier(log: &Log, (split, end): (Micros, Micros), settings: &Settings) -> Vec<Question> {
    let before = histories(log.split(split).0);
    let mut random = Random::new(settings.seed);
    let mut ask = |(user, targets): (UserId, Vec<ItemId>)| {
        let mut given = before.get(&user).filter(|films| films.len() >= GIVEN && targets.len() >= LEAST)?.clone();
        random.sample(&mut given, GIVEN);
        Some(Question { user: None, given, at: split, seen: false, targets })
    };
    sampled(by_user(log.between(split, end)).into_iter().filter_map(&mut ask).collect(), settings)
}

/// The distinct films of each user, oldest first, users by their numbers.
pub fn by_user(lines: &[Line]) -> Vec<(UserId, Vec<ItemId>)> {
    let mut users: Vec<_> = histories(lines).into_iter().collect();
    users.sort_unstable_by_key(|(user, _)| *user);
    users
}

fn sampled(mut questions: Vec<Question>, settings: &Settings) -> Vec<Question> {
    Random::new(settings.seed).sample(&mut questions, settings.questions);
    questions
}
