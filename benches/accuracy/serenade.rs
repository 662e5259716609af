//! serenade (bol.com's example sessions): from every prefix of every test session, the next item among 20.

use super::figures::{Figure, Table};
use super::log::Question;
use super::ours;
use super::rivals::pairs::{Formula, Pairs, Set};
use super::rivals::popularity::{DAY, WINDOWS, Window};
use super::rivals::recency::Markov;
use super::rivals::sessions::{Search, Sessions};
use super::rivals::{Knowledge, Scores, best};
use super::serenade_log::{Clicks, Log};
use pg_recommend_engine::ItemId;

/// What is set: the log is one month.
pub const SETTINGS: ours::Settings = ours::Settings { half_life: Some(7 * DAY), session_column: true };
/// The length of the lists.
pub const LENGTH: usize = 20;

/// Every prefix of every session, with the line of its last click: the next item is to be found.
pub fn questions(sessions: &[Clicks]) -> (Vec<u64>, Vec<Question>) {
    let ask = |(session, known): (&Clicks, usize)| {
        let last = &session[known - 1];
        let given = session[..known].iter().map(|click| click.item).collect();
        (last.line, Question { user: None, given, at: last.at, seen: true, targets: vec![session[known].item] })
    };
    sessions.iter().flat_map(|session| (1..session.len()).map(move |known| (session, known))).map(ask).unzip()
}

/// Whether the next item is among the first 20 answers, and one over its place.
pub fn figures(questions: &[Question], answers: &[Vec<ItemId>]) -> Vec<Figure> {
    let pairs = || questions.iter().zip(answers);
    let hits = pairs().map(|(question, answer)| question.recall(answer, LENGTH)).collect();
    let reciprocal = pairs().map(|(question, answer)| question.reciprocal(answer, LENGTH)).collect();
    vec![Figure(hits), Figure(reciprocal)]
}

/// What the rivals answer.
pub fn rivals(log: &Log, questions: &[Question], table: &mut Table) {
    let items = 1 + log.train.iter().map(|line| line.event.item as usize).max().unwrap_or(0);
    let (mut sessions, mut markov, mut pairs) = (Sessions::new(0), Markov::default(), Pairs::new(Set::Session, items));
    let mut windows = WINDOWS.map(|(name, length)| (name, Window::new(length)));
    for line in &log.train {
        windows.iter_mut().for_each(|(_, window)| window.learn(line));
        sessions.learn(line);
        markov.learn(line);
        pairs.learn(line);
    }
    let known = |question: &Question| question.given.iter().copied().filter(|item| (*item as usize) < items).collect::<Vec<_>>();
    let mut add = |name: String, scores: &dyn Fn(&Question) -> Scores| {
        let answers: Vec<Vec<ItemId>> = questions.iter().map(|question| best(&scores(question), question, LENGTH)).collect();
        table.rival(name, figures(questions, &answers));
    };
    for (name, window) in &windows {
        add(format!("bestsellers of {name}"), &|question| window.scores(question.at));
    }
    add("transitions from the last item".into(), &|question| markov.scores(&known(question)));
    let last = |question: &Question| known(question).last().copied().into_iter().collect::<Vec<_>>();
    add("sum of P(j given i), last item".into(), &|question| pairs.scores(Formula::Probability, &last(question)));
    add("cosine, sessions".into(), &|question| pairs.scores(Formula::Cosine(0.0), &known(question)));
    for (recent, neighbors, items) in [(500, 50, 2), (500, 500, 10), (1500, 500, 5)] {
        let search = Search { recent, neighbors, items };
        add(format!("VMIS-kNN, m {recent}, k {neighbors}, last {items}"), &|question| sessions.vmis(&question.given, search, false));
    }
    let search = Search { recent: 2500, neighbors: 500, items: 10 };
    add("VSTAN, m 2500, k 500".into(), &|question| sessions.vstan(&question.given, search, false, question.at));
}
