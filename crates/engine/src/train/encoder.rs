//! Rows as they come, to rows of fixed width, and what is to be known of all of them.

use super::column::{self, Cell, Column, Kind};
use super::dictionary::{Dictionary, MISSING, UNKNOWN, Vocabulary};
use super::error::{Result, TrainError};
use super::hash;
use super::log::RowLog;
use super::numbers::{Numbers, Scale};
use super::spec::Spec;

/// The integer that stands for a missing one.
pub const MISSING_INTEGER: i64 = i64::MIN;
/// The text that stands for a missing one.
pub const MISSING_TEXT: &str = "";
/// Longer texts are unknown.
const MAX_TEXT: usize = 1024;
/// Values of a column are counted up to so many times the vocabulary.
const COUNTED: usize = 4;
/// Bytes that are appended to the log at a time.
const BUFFER: usize = 1 << 16;

enum State {
    Number(Numbers),
    Integer(Dictionary<i64>),
    Text(Dictionary<Box<str>>),
}

/// Takes rows one after the other, once.
pub struct Encoder {
    columns: Vec<Column>,
    crosses: Vec<Vec<usize>>,
    spec: Spec,
    states: Vec<State>,
    buffer: Vec<u8>,
    rows: u64,
    positives: u64,
    skipped: u64,
}

/// What is known of a column when all rows have been seen.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// One word a row: the number, NaN where missing.
    Number(Scale),
    /// Two words a row: the number of the value, and its hash.
    Integer(Vocabulary<i64>),
    /// One word a row: the number of the value.
    Text(Vocabulary<Box<str>>),
}

impl Known {
    /// 32-bit words in the log.
    pub(super) fn words(&self) -> usize {
        if matches!(self, Self::Integer(_)) { 2 } else { 1 }
    }
}

/// The log's rows: what they hold, how many they are.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(super) columns: Vec<Column>,
    pub(super) crosses: Vec<Vec<usize>>,
    pub(super) spec: Spec,
    pub(super) known: Vec<Known>,
    pub(super) rows: u64,
    pub(super) positives: u64,
    pub(super) skipped: u64,
}

impl Encoder {
    /// For rows of those columns, in that order.
    pub fn new(columns: Vec<Column>, spec: Spec) -> Result<Self> {
        column::check(&columns)?;
        spec.check()?;
        let crosses = column::crosses(&spec.crosses, &columns)?;
        let counted = COUNTED * spec.vocabulary;
        let state = |(place, column): (usize, &Column)| match column.kind {
            Kind::Number => State::Number(Numbers::new(spec.seed.wrapping_add(place as u64))),
            Kind::Integer => State::Integer(Dictionary::new(counted)),
            Kind::Text => State::Text(Dictionary::new(counted)),
        };
        let states = columns.iter().enumerate().map(state).collect();
        Ok(Self { columns, crosses, spec, states, buffer: Vec::with_capacity(2 * BUFFER), rows: 0, positives: 0, skipped: 0 })
    }

    /// Takes a row: a value for each column, and its label, 0 or 1. A row without a label is counted and left out. A row that is refused ends the
    /// training: the log then holds a part of it.
    pub fn push(&mut self, log: &mut dyn RowLog, row: &[Cell], label: Option<f64>) -> Result<()> {
        let number = self.rows + self.skipped + 1;
        if row.len() != self.columns.len() {
            return Err(TrainError::Width { row: number, given: row.len(), expected: self.columns.len() });
        }
        let Some(label) = label else {
            self.skipped += 1;
            return Ok(());
        };
        if label != 0.0 && label != 1.0 {
            return Err(TrainError::Label { row: number, value: label });
        }
        self.word(label as u32);
        for (place, cell) in row.iter().enumerate() {
            match (&mut self.states[place], *cell) {
                (State::Number(_), Cell::Missing) => self.word(f32::NAN.to_bits()),
                (State::Number(numbers), Cell::Number(_) | Cell::Integer(_)) => {
                    let value = match *cell {
                        Cell::Number(value) => value,
                        Cell::Integer(value) => value as f64,
                        _ => f64::NAN,
                    };
                    // Not -0, which would be another bit pattern of the same number.
                    let single = value as f32 + 0.0;
                    if single.is_infinite() {
                        return Err(TrainError::Infinite { column: self.columns[place].name.clone(), row: number, value });
                    }
                    if !single.is_nan() {
                        numbers.push(single);
                    }
                    self.word(single.to_bits());
                }
                (State::Integer(_), Cell::Missing | Cell::Integer(MISSING_INTEGER)) => {
                    self.word(MISSING);
                    self.word(0);
                }
                (State::Integer(values), Cell::Integer(value)) => {
                    let given = values.number(&value, || value);
                    self.word(given);
                    self.word(hash::fold(value));
                }
                (State::Text(_), Cell::Missing | Cell::Text(MISSING_TEXT)) => self.word(MISSING),
                (State::Text(values), Cell::Text(value)) => {
                    let given = if value.len() > MAX_TEXT { UNKNOWN } else { values.number(value, || Box::from(value)) };
                    self.word(given);
                }
                _ => {
                    let column = &self.columns[place];
                    return Err(TrainError::Kind { column: column.name.clone(), row: number, expected: column.kind.noun() });
                }
            }
        }
        self.rows += 1;
        self.positives += u64::from(label == 1.0);
        if self.buffer.len() >= BUFFER {
            self.flush(log)?;
        }
        Ok(())
    }

    /// The log is complete.
    pub fn finish(mut self, log: &mut dyn RowLog) -> Result<Encoded> {
        self.flush(log)?;
        let (spec, columns) = (self.spec, self.columns);
        let known = self.states.into_iter().map(|state| match state {
            State::Number(numbers) => Known::Number(numbers.scale(spec.bins)),
            State::Integer(values) => Known::Integer(values.vocabulary(spec.vocabulary, spec.min_count)),
            State::Text(values) => Known::Text(values.vocabulary(spec.vocabulary, spec.min_count)),
        });
        let known = known.collect();
        Ok(Encoded { columns, crosses: self.crosses, spec, known, rows: self.rows, positives: self.positives, skipped: self.skipped })
    }

    fn word(&mut self, word: u32) {
        self.buffer.extend_from_slice(&word.to_le_bytes());
    }

    fn flush(&mut self, log: &mut dyn RowLog) -> Result<()> {
        log.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl Encoded {
    /// 32-bit words of a row in the log: the label, and those of the columns.
    pub(super) fn words(&self) -> usize {
        1 + self.known.iter().map(Known::words).sum::<usize>()
    }
}
