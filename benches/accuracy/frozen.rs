//! Questions to the state of one moment, the split: what came later is nowhere in it.

use super::data::Line;
use super::figures::{Figure, Table};
use super::log::{Log, Question};
use super::ours::{self, Ours};
use super::rivals::ease::Ease;
use super::rivals::pairs::{Formula, Pairs, Set};
use super::rivals::popularity::{Fading, WINDOWS, Window};
use super::rivals::{Knowledge, Scores, best};
use pg_recommend_engine::{ItemId, Micros, Result};

/// The length of the lists.
const LENGTH: usize = 10;
/// EASE takes so many items, the most frequent ones, and this lambda.
const EASE_ITEMS: usize = 8_000;
const EASE_LAMBDA: f32 = 500.0;

/// All methods, as of the split.
pub struct Frozen {
    pub ours: Ours,
    pub pairs: Vec<(&'static str, Pairs, Ease)>,
    windows: [(&'static str, Window); 3],
    fading: [(&'static str, Fading); 3],
}

impl Frozen {
    /// Reads the log up to the split. `ease_items` bounds the items that EASE takes.
    pub fn new(log: &Log, split: Micros, sets: &[(&'static str, Set)], ease_items: usize) -> Result<Self> {
        let lines = log.split(split).0;
        let pairs = |(name, set): &(&'static str, Set)| {
            let pairs = Pairs::of(*set, log.items, lines);
            let ease = Ease::fit(&pairs, log.items, EASE_LAMBDA, ease_items.min(EASE_ITEMS));
            (*name, pairs, ease)
        };
        Ok(Self {
            ours: Ours::of(ours::Settings::default(), lines)?,
            pairs: sets.iter().map(pairs).collect(),
            windows: WINDOWS.map(|(name, length)| (name, read(Window::new(length), lines))),
            fading: WINDOWS.map(|(name, length)| (name, read(Fading::new(length), lines))),
        })
    }

    /// Asks all methods the same questions.
    pub fn ask(&self, questions: &[Question]) -> Result<Table> {
        let mut table = Table::new(&["precision@10"]);
        let figure = |scores: &dyn Fn(&Question) -> Scores| {
            let one = |question: &Question| question.precision(&best(&scores(question), question, LENGTH), LENGTH);
            vec![Figure(questions.iter().map(one).collect())]
        };
        for (name, window) in &self.windows {
            table.rival(format!("bestsellers of {name}"), figure(&|question| window.scores(question.at)));
        }
        for (name, fading) in &self.fading {
            table.rival(format!("bestsellers, half-life {name}"), figure(&|_| fading.scores().clone()));
        }
        for (set, pairs, ease) in &self.pairs {
            for (formula, name) in [
                (Formula::Cosine(0.0), "cosine"),
                (Formula::Cosine(10.0), "cosine, shrunk by 10"),
                (Formula::Probability, "sum of P(j given i)"),
                (Formula::Shrunk, "shrunk P(j given i) / n_j^0.3"),
            ] {
                table.rival(format!("{name}, {set}"), figure(&|question| pairs.scores(formula, &question.given)));
            }
            table.rival(format!("EASE, {set}"), figure(&|question| ease.scores(&question.given)));
        }
        let answers: Vec<Vec<ItemId>> = questions.iter().map(|question| self.ours.answer(question, LENGTH)).collect::<Result<_>>()?;
        let precision = questions.iter().zip(&answers).map(|(question, answer)| question.precision(answer, LENGTH)).collect();
        table.ours("pg_recommend, no setting", vec![Figure(precision)]);
        Ok(table)
    }
}

fn read<T: Knowledge>(mut knowledge: T, lines: &[Line]) -> T {
    lines.iter().for_each(|line| knowledge.learn(line));
    knowledge
}
