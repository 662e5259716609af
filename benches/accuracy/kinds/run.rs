//! All methods through one plan, each question answered by all of them before the state goes on.

use super::{Head, Kind, LENGTH, Plan, Step, figure, figure_name};
use crate::data::SECOND;
use crate::figures::{Figure, Table};
use crate::log::Question;
use crate::ours::Ours;
use crate::rivals::pairs::{Formula, Pairs};
use crate::rivals::popularity::{DAY, Window};
use crate::rivals::recency::{Markov, Recency, last_items};
use crate::rivals::sessions::{Search, Sessions};
use crate::rivals::{Knowledge, Scores, best};
use pg_recommend_engine::{ItemId, Result};

/// Where the rivals' sessions are cut, as ours.
const GAP: i64 = 1_800 * SECOND;
const SEARCH: Search = Search { recent: 1_000, neighbors: 300, items: 10 };

/// The state of all methods.
pub struct Run<'a> {
    kind: &'a Kind,
    ours: Ours,
    windows: [(&'static str, Window); 4],
    recency: Recency,
    markov: Markov,
    sessions: Sessions,
    pairs: Vec<(&'static str, Pairs)>,
}

impl<'a> Run<'a> {
    pub fn new(kind: &'a Kind, plan: &Plan) -> Result<Self> {
        let window = |(name, length)| (name, Window::new(length));
        Ok(Self {
            kind,
            ours: Ours::new(kind.given())?,
            windows: [("1 hour", DAY / 24), ("1 day", DAY), ("7 days", 7 * DAY), ("30 days", 30 * DAY)].map(window),
            recency: Recency::default(),
            markov: Markov::default(),
            sessions: Sessions::new(GAP),
            pairs: kind.sets.iter().map(|(name, set)| (*name, Pairs::new(*set, plan.log.items))).collect(),
        })
    }

    /// Goes through the plan.
    pub fn table(&mut self, plan: &Plan, head: Head) -> Result<Table> {
        let mut figures: Vec<(String, Figure)> = Vec::new();
        let mut ours = Figure::default();
        for step in &plan.steps {
            match step {
                Step::Learn(lines) => self.learn(plan, lines.clone())?,
                Step::Ask(question) => {
                    for (place, (name, scores)) in self.rivals(question).into_iter().enumerate() {
                        if place == figures.len() {
                            figures.push((name, Figure::default()));
                        }
                        figures[place].1.0.push(figure(head, self.kind, question, &best(&scores, question, LENGTH)));
                    }
                    ours.0.push(figure(head, self.kind, question, &self.ours.answer(question, LENGTH)?));
                }
            }
        }
        let mut table = Table::new(&[figure_name(head, self.kind)]);
        figures.into_iter().for_each(|(name, figure)| table.rival(name, vec![figure]));
        table.ours("pg_recommend, no setting", vec![ours]);
        Ok(table)
    }

    /// What ours answers to every question of the plan.
    pub fn answers(kind: &Kind, plan: &Plan) -> Result<Vec<Vec<ItemId>>> {
        let (mut ours, mut answers) = (Ours::new(kind.given())?, Vec::new());
        for step in &plan.steps {
            match step {
                Step::Learn(lines) => ours.append_groups(&plan.log.lines[lines.clone()])?,
                Step::Ask(question) => answers.push(ours.answer(question, LENGTH)?),
            }
        }
        Ok(answers)
    }

    fn learn(&mut self, plan: &Plan, lines: std::ops::Range<usize>) -> Result<()> {
        let lines = &plan.log.lines[lines];
        self.ours.append_groups(lines)?;
        for line in lines {
            self.windows.iter_mut().for_each(|(_, window)| window.learn(line));
            self.recency.learn(line);
            self.markov.learn(line);
            self.sessions.learn(line);
            self.pairs.iter_mut().for_each(|(_, pairs)| pairs.learn(line));
        }
        Ok(())
    }

    fn rivals(&self, question: &Question) -> Vec<(String, Scores)> {
        let given = &question.given;
        let mut list: Vec<(String, Scores)> =
            self.windows.iter().map(|(name, window)| (format!("bestsellers of {name}"), window.scores(question.at))).collect();
        if question.user.is_some() && question.seen {
            for (name, window) in &self.windows {
                let mut scores = window.scores(question.at);
                scores.retain(|item, _| !given.contains(item));
                list.push((format!("bestsellers of {name}, the user's own left out"), scores));
            }
        }
        list.push(("LocalGlobal recency".into(), self.recency.local_global(question.user)));
        list.push(("the user's own items, most often first".into(), self.recency.most_often(question.user)));
        list.push(("the last items".into(), last_items(given)));
        list.push(("transitions from the last item".into(), self.markov.scores(given)));
        for (set, pairs) in &self.pairs {
            for (formula, name) in [
                (Formula::Cosine(0.0), "cosine"),
                (Formula::Cosine(10.0), "cosine, shrunk by 10"),
                (Formula::Probability, "sum of P(j given i)"),
                (Formula::Shrunk, "shrunk P(j given i) / n_j^0.3"),
            ] {
                list.push((format!("{name}, {set}"), pairs.scores(formula, given)));
            }
        }
        list.push(("VMIS-kNN, m 1000, k 300".into(), self.sessions.vmis(given, SEARCH, true)));
        list.push(("VSTAN, m 1000, k 300".into(), self.sessions.vstan(given, SEARCH, true, question.at)));
        list
    }
}
