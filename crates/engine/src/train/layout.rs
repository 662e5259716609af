//! Which weights a row meets: fields, and for each a slot.

use rustc_hash::FxHashMap;

use super::column::Cell;
use super::dictionary::{MISSING, UNKNOWN};
use super::encoder::{Encoded, Known, MISSING_INTEGER, MISSING_TEXT};
use super::error::{Result, TrainError};
use super::hash;
use super::numbers::Scale;
use super::spec::Method;

/// Weights that a model may have.
const MAX_WEIGHTS: u64 = 1 << 26;
/// Columns that a factorization machine takes: its work grows with their square.
const MAX_PAIRED: usize = 200;

/// How a value of a column becomes its slot. Slot 0 is that of a missing value.
#[derive(Clone, Debug)]
pub enum Place {
    /// By the bin of the number, from slot 1.
    Bin(Scale),
    /// By the number of the value in the log; slot 1 is that of unknown values.
    Integer {
        /// The values with slots of their own, from slot 2.
        values: Vec<i64>,
        /// For each number in the log, the slot.
        slots: Vec<u32>,
    },
    /// The same, of texts.
    Text {
        /// The values with slots of their own, from slot 2.
        values: Vec<Box<str>>,
        /// For each number in the log, the slot.
        slots: Vec<u32>,
    },
    /// By the hash of the integer, from slot 1.
    Hashed,
}

/// A cross of columns. Its key is the combination of their slots, and its slot that key, or the key's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cross {
    /// The columns.
    pub columns: Vec<usize>,
    /// Whether the key is hashed.
    pub hashed: bool,
}

/// The fields of a model: the columns, and then the crosses.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How the columns' values become slots.
    pub places: Vec<Place>,
    /// The crosses.
    pub crosses: Vec<Cross>,
    /// For each field, how many slots it has.
    pub sizes: Vec<u32>,
    /// Bits of a hash.
    pub bits: u32,
    /// 32-bit words of a row in the log.
    pub words: usize,
}

impl Layout {
    /// That of the rows in the log.
    pub fn new(encoded: &mut Encoded) -> Result<Self> {
        let words = encoded.words();
        let (spec, columns) = (&encoded.spec, encoded.columns.len());
        let bits = spec.table_bits;
        let places: Vec<Place> = std::mem::take(&mut encoded.known).into_iter().map(Place::of).collect();
        let mut sizes: Vec<u32> = places.iter().map(|place| place.size(bits)).collect();
        let mut crosses = Vec::with_capacity(encoded.crosses.len());
        for columns in &encoded.crosses {
            let keys = columns.iter().fold(1u64, |keys, column| keys.saturating_mul(u64::from(sizes[*column])));
            let hashed = keys > 1 << bits;
            sizes.push(if hashed { 1 << bits } else { keys as u32 });
            crosses.push(Cross { columns: columns.clone(), hashed });
        }
        let slots = |sizes: &[u32]| sizes.iter().map(|size| u64::from(*size)).sum::<u64>();
        let mut weights = slots(&sizes);
        if spec.method == Method::Fwfm {
            if columns > MAX_PAIRED {
                return Err(TrainError::TooMany { what: "features of method fwfm", given: columns, limit: MAX_PAIRED });
            }
            weights += slots(&sizes[..columns]) * spec.factors as u64;
        }
        if weights > MAX_WEIGHTS {
            return Err(TrainError::TooLarge { weights, limit: MAX_WEIGHTS });
        }
        Ok(Self { places, crosses, sizes, bits, words })
    }

    /// How many fields there are.
    pub fn fields(&self) -> usize {
        self.sizes.len()
    }

    /// How many columns are numbers.
    pub fn numbers(&self) -> usize {
        self.places.iter().filter(|place| matches!(place, Place::Bin(_))).count()
    }

    /// Reads a row of the log: the slot of each field to `slots`, the standardised numbers to `numbers`; gives the label.
    pub fn decode(&self, mut words: &[u32], slots: &mut [u32], numbers: &mut [f32]) -> f32 {
        let mut next = || words.split_off_first().copied().unwrap_or_default();
        let label = next() as f32;
        let mut number = numbers.iter_mut();
        for (slot, place) in slots.iter_mut().zip(&self.places) {
            *slot = match place {
                Place::Bin(scale) => {
                    let value = f32::from_bits(next());
                    if let Some(number) = number.next() {
                        *number = scale.standard(value);
                    }
                    scale.slot(value)
                }
                Place::Integer { slots, .. } => {
                    let slot = slots[next() as usize];
                    next();
                    slot
                }
                Place::Text { slots, .. } => slots[next() as usize],
                Place::Hashed => {
                    let (given, key) = (next(), next());
                    if given == MISSING { MISSING } else { 1 + hash::slot(key, self.bits) }
                }
            };
        }
        self.cross(slots);
        label
    }

    /// Fills in the slots of the crosses, from those of the columns.
    pub fn cross(&self, slots: &mut [u32]) {
        let (columns, crossed) = slots.split_at_mut(self.places.len());
        for (slot, cross) in crossed.iter_mut().zip(&self.crosses) {
            let key = cross.columns.iter().fold(0, |key, column| hash::combine(key, self.sizes[*column], columns[*column]));
            *slot = if cross.hashed { hash::slot(key, self.bits) } else { key };
        }
    }
}

impl Place {
    fn of(known: Known) -> Self {
        match known {
            Known::Number(scale) => Self::Bin(scale),
            Known::Integer(vocabulary) if vocabulary.cut => Self::Hashed,
            Known::Integer(vocabulary) => Self::Integer { values: vocabulary.values, slots: vocabulary.numbers },
            Known::Text(vocabulary) => Self::Text { values: vocabulary.values, slots: vocabulary.numbers },
        }
    }

    fn size(&self, bits: u32) -> u32 {
        match self {
            Self::Bin(scale) => scale.bounds.len() as u32 + 2,
            Self::Integer { values, .. } => values.len() as u32 + 2,
            Self::Text { values, .. } => values.len() as u32 + 2,
            Self::Hashed => (1 << bits) + 1,
        }
    }
}

/// The slots of values as they are given, not as they are in the log.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    integers: FxHashMap<i64, u32>,
    texts: FxHashMap<Box<str>, u32>,
}

impl Lookup {
    /// Of a column's values.
    pub fn new(place: &Place) -> Self {
        let mut lookup = Self::default();
        match place {
            Place::Integer { values, .. } => lookup.integers = values.iter().copied().zip(UNKNOWN + 1..).collect(),
            Place::Text { values, .. } => lookup.texts = values.iter().cloned().zip(UNKNOWN + 1..).collect(),
            Place::Bin(_) | Place::Hashed => {}
        }
        lookup
    }

    /// The slot of a value in its column, and the value as a standardised number where it is one; `None` for a value of another type.
    pub fn slot(&self, place: &Place, bits: u32, cell: Cell) -> Option<(u32, f32)> {
        let slot = match (place, cell) {
            (Place::Bin(scale), Cell::Missing) => (MISSING, scale.standard(f32::NAN)),
            (Place::Bin(scale), Cell::Number(value)) => (scale.slot(value as f32), scale.standard(value as f32)),
            (Place::Bin(scale), Cell::Integer(value)) => (scale.slot(value as f32), scale.standard(value as f32)),
            (Place::Integer { .. } | Place::Hashed, Cell::Missing | Cell::Integer(MISSING_INTEGER)) => (MISSING, 0.0),
            (Place::Integer { .. }, Cell::Integer(value)) => (self.integers.get(&value).copied().unwrap_or(UNKNOWN), 0.0),
            (Place::Hashed, Cell::Integer(value)) => (1 + hash::slot(hash::fold(value), bits), 0.0),
            (Place::Text { .. }, Cell::Missing | Cell::Text(MISSING_TEXT)) => (MISSING, 0.0),
            (Place::Text { .. }, Cell::Text(value)) => (self.texts.get(value).copied().unwrap_or(UNKNOWN), 0.0),
            _ => return None,
        };
        Some(slot)
    }
}
