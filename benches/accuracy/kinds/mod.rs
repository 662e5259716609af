//! Generated logs of six kinds, and questions to them while they go on.

mod catalogue;
mod export;
mod logs;
mod run;

pub use export::export;

use crate::data::Line;
use crate::log::{Log, Question, Random};
use crate::ours;
use crate::retail::groups;
use crate::rivals::pairs::Set;
use crate::settings::Settings;
use pg_recommend_engine::{ItemId, Micros, Result};
use run::Run;
use rustc_hash::{FxHashMap, FxHashSet};

/// The length of the lists.
pub const LENGTH: usize = 20;
/// The part of a log that questions are asked in begins here; with `--development` that before it is asked about.
const ASKED: [f64; 2] = [0.6, 0.8];
/// The most items of a history that the rivals take into account, the newest.
const HISTORY: usize = 50;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A known user, just before the next event.
    User,
    /// The same, where only items count that the user has not met yet.
    New,
    /// A visitor in the middle of a session, told apart by a column, that the log does not hold.
    Session,
    /// A basket that the log does not hold, of which three items are given.
    Basket,
}

/// A kind of log.
pub struct Kind {
    pub name: &'static str,
    log: fn(u64) -> Log,
    pub session_column: bool,
    /// What counts as met together, besides a user's history.
    sets: &'static [(&'static str, Set)],
    heads: &'static [Head],
}

impl Kind {
    /// What is set: nothing but how sessions are told apart.
    fn given(&self) -> ours::Settings {
        ours::Settings { session_column: self.session_column, ..ours::Settings::default() }
    }
}

const USERS: &[(&str, Set)] = &[("users", Set::User)];

/// The six kinds.
pub const KINDS: [Kind; 6] = [
    Kind { name: "never repeats", log: logs::never_repeats, session_column: false, sets: USERS, heads: &[Head::User, Head::New] },
    Kind {
        name: "repeats the current item",
        log: logs::repeats_current,
        session_column: true,
        sets: &[("sessions", Set::Session)],
        heads: &[Head::Session],
    },
    Kind { name: "returns after days", log: logs::returns_after_days, session_column: false, sets: USERS, heads: &[Head::User] },
    Kind {
        name: "baskets",
        log: logs::baskets,
        session_column: false,
        sets: &[("baskets", Set::Basket), ("users", Set::User)],
        heads: &[Head::Basket, Head::New],
    },
    Kind { name: "news", log: logs::news, session_column: false, sets: USERS, heads: &[Head::User] },
    Kind { name: "one-event sessions", log: logs::one_event_sessions, session_column: false, sets: USERS, heads: &[Head::User] },
];

/// What happens to a recommender, in order.
pub enum Step {
    /// These lines are committed, `lines` of the log that is kept.
    Learn(std::ops::Range<usize>),
    Ask(Question),
}

/// A log without what is held out, and what is asked when.
pub struct Plan {
    pub log: Log,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Events are learnt user by user and instant by instant. Questions of [`Head::User`] and [`Head::New`] come before a sample of these
    /// groups; [`Head::Session`] and [`Head::Basket`] hold out a sample of them and ask after each prefix, or once.
    pub fn new(kind: &Kind, head: Head, settings: &Settings) -> Self {
        let Log { lines, items, titles } = (kind.log)(settings.seed);
        let place = |share: f64| (share * lines.len() as f64) as usize;
        let (first, end) = if settings.development { (place(ASKED[0]), place(ASKED[1])) } else { (place(ASKED[1]), lines.len()) };
        let (from, to) = (lines[first].event.at, lines[end - 1].event.at);
        let groups: Vec<_> = groups(&lines[..end]).collect();
        let asked = groups.iter().filter(|group| group[0].event.at >= from).count();
        let mut random = Random::new(settings.seed + 1);
        let share = (settings.questions.saturating_mul(2) as f64 / asked as f64).min(1.0);
        let (mut plan, mut pending) = (Self { log: Log { lines: Vec::new(), items, titles }, steps: Vec::new() }, 0);
        let mut histories: FxHashMap<u32, Vec<ItemId>> = FxHashMap::default();
        let mut held: FxHashMap<i64, Vec<ItemId>> = FxHashMap::default();
        let mut ask = |plan: &mut Self, question: Question| {
            let known = plan.log.lines.len();
            if known > pending {
                plan.steps.push(Step::Learn(pending..known));
                pending = known;
            }
            plan.steps.push(Step::Ask(question));
        };
        let held_out = if head == Head::Session { held_out(&groups, from, share, &mut random) } else { FxHashSet::default() };
        for group in groups {
            let (user, at, session) = (group[0].user, group[0].event.at, group[0].event.session);
            let inside = (from..=to).contains(&at);
            let items: Vec<ItemId> = group.iter().map(|line| line.event.item).collect();
            match head {
                Head::User | Head::New if inside && random.chance(share) => {
                    let given = newest(histories.get(&user).map_or(&[], Vec::as_slice));
                    let targets = match head {
                        Head::User => items.clone(),
                        _ => items.iter().copied().filter(|item| !histories.get(&user).is_some_and(|known| known.contains(item))).collect(),
                    };
                    if !targets.is_empty() && !given.is_empty() {
                        ask(&mut plan, Question { user: Some(user), given, at, seen: head == Head::User, targets });
                    }
                }
                Head::Basket if inside && items.len() >= 6 && random.chance(share) => {
                    let mut given = items;
                    let all = given.len();
                    random.sample(&mut given, all);
                    let targets = given.split_off(3);
                    ask(&mut plan, Question { user: None, given, at, seen: false, targets });
                    continue;
                }
                Head::Session if session.is_some_and(|session| held_out.contains(&session)) => {
                    let clicked = held.entry(session.unwrap_or_default()).or_default();
                    if inside && !clicked.is_empty() {
                        ask(&mut plan, Question { user: None, given: clicked.clone(), at, seen: true, targets: items.clone() });
                    }
                    clicked.extend(items);
                    continue;
                }
                _ => {}
            }
            histories.entry(user).or_default().extend(items);
            plan.log.lines.extend(group);
        }
        plan
    }

    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.steps.iter().filter_map(|step| match step {
            Step::Ask(question) => Some(question),
            Step::Learn(_) => None,
        })
    }
}

/// The sessions that the log does not hold: a sample of those that begin from a time on.
fn held_out(groups: &[Vec<Line>], from: Micros, share: f64, random: &mut Random) -> FxHashSet<i64> {
    let mut met = FxHashSet::default();
    let begun = groups.iter().filter_map(|group| Some((group[0].event.session?, group[0].event.at)));
    begun.filter(|(session, at)| met.insert(*session) && *at >= from && random.chance(share)).map(|(session, _)| session).collect()
}

fn newest(history: &[ItemId]) -> Vec<ItemId> {
    let mut list = crate::log::distinct(history.iter().copied(), true);
    list.drain(..list.len().saturating_sub(HISTORY));
    list
}

/// One row of the last table.
struct Share {
    kind: String,
    ours: f64,
    best: String,
    share: (f64, f64),
}

/// A table for each kind and head, and one of the shares of the best simple rival.
pub fn tables(settings: &Settings) -> Result<()> {
    let mut shares = Vec::new();
    for kind in &KINDS {
        for head in kind.heads {
            let plan = Plan::new(kind, *head, settings);
            let mut run = Run::new(kind, &plan)?;
            let (name, table) = (heading(kind, *head), run.table(&plan, *head)?);
            let (events, questions) = (plan.log.lines.len(), plan.questions().count());
            table.print(&format!("Generated: {name}, {events} events, {questions} questions{}", settings.part()));
            shares.extend(table.shares().into_iter().map(|(share, error, best)| Share {
                kind: name.clone(),
                ours: table.first_of_ours(0),
                best: best.to_owned(),
                share: (share, error),
            }));
        }
    }
    println!("## Generated logs: pg_recommend without any setting beside the best simple rival of each\n");
    println!("| log | pg_recommend | share of the best rival | which |\n|---|---|---|---|");
    for Share { kind, ours, best, share: (share, error) } in shares {
        println!("| {kind} | {ours:.4} | **{share:.3}** ± {error:.3} | {best} |");
    }
    println!();
    Ok(())
}

fn heading(kind: &Kind, head: Head) -> String {
    let asked = match head {
        Head::User => "the user's next item",
        Head::New => "the user's next new items",
        Head::Session => "the next item of a session that is not in the log",
        Head::Basket => "the rest of a basket, three items given",
    };
    format!("{}, {asked}", kind.name)
}

/// The figure of a head: precision of ten where several items are right, else the reciprocal place among twenty.
pub fn figure(head: Head, kind: &Kind, question: &Question, answer: &[ItemId]) -> f64 {
    if head == Head::Basket || kind.name == "baskets" { question.precision(answer, 10) } else { question.reciprocal(answer, LENGTH) }
}

/// The name of that figure.
pub fn figure_name(head: Head, kind: &Kind) -> &'static str {
    if head == Head::Basket || kind.name == "baskets" { "precision@10" } else { "MRR@20" }
}
