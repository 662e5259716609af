//! All that was learnt of one recommender, and its packed row.

use ndarray::{Array1, Array2};
use zerocopy::byteorder::little_endian::{F64, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Sums;
use crate::error::{Error, Result};
use crate::packed::{Kind, VERSION};
use crate::recommend::{FEATURE_COUNT, Head, Weights};

/// The numbers of the upper half of a symmetric matrix.
const HALF: usize = FEATURE_COUNT * (FEATURE_COUNT + 1) / 2;

/// How often answers were what, over recent questions of known users.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Habits {
    /// Questions, decayed.
    pub questions: f64,
    /// Answers that were the user's last item.
    pub last: f64,
    /// ... an item that the user had met, the last one too.
    pub seen: f64,
    /// Answers that were among the candidates.
    pub found: f64,
}

/// The half-life of [`Habits`], in questions.
const HABIT_MEMORY: f64 = 2000.0;

impl Habits {
    pub(super) fn count(&mut self, last: bool, seen: bool, found: bool) {
        let decay = (-1.0 / HABIT_MEMORY).exp2();
        let add = |sum: &mut f64, holds: bool| *sum = *sum * decay + f64::from(holds);
        add(&mut self.questions, true);
        add(&mut self.last, last);
        add(&mut self.seen, seen);
        add(&mut self.found, found);
    }
}

/// What the questions of each head have taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    pub(super) heads: [Sums; Head::ALL.len()],
    pub(super) habits: Habits,
}

impl Default for Learnt {
    fn default() -> Self {
        Self { heads: Head::ALL.map(|head| Sums::new(head.prior())), habits: Habits::default() }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Row {
    version: u8,
    kind: u8,
    features: u8,
    reserved: u8,
    habits: [F64; 4],
    heads: [HeadRow; Head::ALL.len()],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HeadRow {
    asked: U64,
    sums: [F64; 3],
    weights: [F64; FEATURE_COUNT],
    target: [F64; FEATURE_COUNT],
    curvature: [F64; HALF],
}

fn upper() -> impl Iterator<Item = (usize, usize)> {
    (0..FEATURE_COUNT).flat_map(|row| (row..FEATURE_COUNT).map(move |column| (row, column)))
}

impl HeadRow {
    fn of(sums: &Sums) -> Self {
        let mut half = upper();
        Self {
            asked: sums.asked.into(),
            sums: [sums.count, sums.loss, sums.prior_loss].map(F64::new),
            weights: std::array::from_fn(|place| sums.weights[place].into()),
            target: std::array::from_fn(|place| sums.target[place].into()),
            curvature: std::array::from_fn(|_| half.next().map_or(0.0, |place| sums.curvature[place]).into()),
        }
    }

    fn sums(&self) -> Sums {
        let mut curvature = Array2::zeros((FEATURE_COUNT, FEATURE_COUNT));
        for ((row, column), value) in upper().zip(&self.curvature) {
            curvature[[row, column]] = value.get();
            curvature[[column, row]] = value.get();
        }
        let vector = |values: &[F64; FEATURE_COUNT]| Array1::from_iter(values.iter().map(|value| value.get()));
        Sums::stored(curvature, vector(&self.target), vector(&self.weights), self.asked.get(), self.sums.map(F64::get))
    }

    fn is_finite(&self) -> bool {
        let numbers = self.sums.iter().chain(&self.weights).chain(&self.target).chain(&self.curvature);
        numbers.into_iter().all(|number| number.get().is_finite())
    }
}

impl Learnt {
    /// Reads a row; [`Error::Corrupt`] unless all of it is well-formed, and [`Error::Corrupt`] for one of other features.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let row = Row::ref_from_bytes(bytes).map_err(|_| Error::Corrupt(format!("{} bytes are no learnt weights", bytes.len())))?;
        if (row.version, row.kind, row.features) != (VERSION, Kind::Learnt as u8, FEATURE_COUNT as u8) {
            return Err(Error::Corrupt(format!("version {}, kind {}, {} features", row.version, row.kind, row.features)));
        }
        if !row.heads.iter().all(HeadRow::is_finite) || row.habits.iter().any(|number| !number.get().is_finite()) {
            return Err(Error::Corrupt("learnt weights are not finite".into()));
        }
        let [questions, last, seen, found] = row.habits.map(F64::get);
        let mut heads = row.heads.iter().map(HeadRow::sums);
        Ok(Self {
            heads: std::array::from_fn(|place| heads.next().unwrap_or_else(|| Sums::new(Head::ALL[place].prior()))),
            habits: Habits { questions, last, seen, found },
        })
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut heads = self.heads.iter().map(HeadRow::of);
        let habits = [self.habits.questions, self.habits.last, self.habits.seen, self.habits.found].map(F64::new);
        let row = Row {
            version: VERSION,
            kind: Kind::Learnt as u8,
            features: FEATURE_COUNT as u8,
            reserved: 0,
            habits,
            heads: std::array::from_fn(|place| heads.next().unwrap_or_else(|| HeadRow::of(&Sums::new(Head::ALL[place].prior())))),
        };
        row.as_bytes().to_vec()
    }

    /// What was learnt for one kind of question.
    pub fn sums(&self, head: Head) -> &Sums {
        &self.heads[head as usize]
    }

    /// The weights that serve: the learnt ones once they are proven, till then the prior.
    pub fn weights(&self, head: Head) -> Weights {
        let sums = self.sums(head);
        if sums.is_proven() { sums.learnt() } else { *head.prior() }
    }

    /// What the log's users do.
    pub fn habits(&self) -> &Habits {
        &self.habits
    }
}
