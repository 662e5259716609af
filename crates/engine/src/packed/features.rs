//! What is known of one entity of a recommender's features: totals and decayed sums by event type, counts by hop, distinct keys.

use super::{Kind, VERSION, header_of};
use crate::Micros;
use crate::error::{Error, Result};
use crate::features::{Bucket, Entity, Question, Sketch, Spec, Tally, TypeTotal};
use zerocopy::byteorder::little_endian::{F64, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const SECOND: Micros = 1_000_000;

/// The most events that one entry counts; more take several.
const MAX_COUNT: u32 = (1 << 24) - 1;

/// The head of an entity's row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FeaturesHeader {
    version: u8,
    kind: u8,
    /// The number of event types.
    pub types: u8,
    /// The number of half-lives.
    pub half_lives: u8,
    /// The number of counts by hop.
    pub entries: U32,
    /// The bytes of the sketch of distinct keys.
    pub sketch: U32,
    /// Bit 0: distinct keys are counted; bit 1: the sketch is one of registers.
    pub flags: U32,
    /// The time of the newest event.
    pub landmark: I64,
    /// The start of the first hop, in seconds since 2000-01-01.
    pub base: I64,
    /// About how many distinct keys there are.
    pub distinct: F64,
}

const COUNTS_DISTINCT: u32 = 1;
const IS_DENSE: u32 = 2;

/// All events of a type.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FeaturesTotal {
    /// How many.
    pub count: U64,
    /// When the newest was.
    pub last_at: I64,
}

/// The events of one type in one hop.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FeaturesEntry {
    /// Seconds from the base to the hop.
    pub start: U32,
    /// The type in the upper 8 bits, the number of events in the lower 24.
    pub counted: U32,
}

/// An entity's row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct FeaturesView<'a> {
    /// The header.
    pub header: &'a FeaturesHeader,
    totals: &'a [FeaturesTotal],
    scales: &'a [I64],
    sums: &'a [F64],
    entries: &'a [FeaturesEntry],
    sketch: &'a [u8],
}

impl<'a> FeaturesView<'a> {
    /// Reads a row; [`Error::Corrupt`] unless its parts fit it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<FeaturesHeader>(bytes, Kind::Features)?;
        let (types, half_lives) = (usize::from(header.types), usize::from(header.half_lives));
        let (totals, rest) = part(rest, types)?;
        let (scales, rest) = part(rest, half_lives)?;
        let (sums, rest) = part(rest, types * half_lives)?;
        let (entries, sketch) = part(rest, header.entries.get() as usize)?;
        if sketch.len() != header.sketch.get() as usize {
            return Err(Error::Corrupt(format!("{} bytes are not the {} of a sketch", sketch.len(), header.sketch)));
        }
        Ok(Self { header, totals, scales, sums, entries, sketch })
    }

    /// [`FeaturesView::parse`], and a check of every field.
    pub fn check(bytes: &'a [u8]) -> Result<Self> {
        let view = Self::parse(bytes)?;
        let sound = view.sums.iter().all(|sum| sum.get().is_finite() && sum.get() >= 0.0)
            && view.header.distinct.get().is_finite()
            && view.header.types > 0
            && view.header.flags.get() <= (COUNTS_DISTINCT | IS_DENSE)
            && view.entries.iter().all(|entry| entry.counted.get() >> 24 < u32::from(view.header.types))
            && view.entries.is_sorted_by_key(|entry| (entry.start.get(), entry.counted.get() >> 24))
            && view.header.base.get().checked_mul(SECOND).is_some();
        if !sound {
            return Err(Error::Corrupt("a field of a row of features is out of range".into()));
        }
        Sketch::parse(view.sketch, view.is_dense())?;
        Ok(view)
    }

    fn is_dense(&self) -> bool {
        self.header.flags.get() & IS_DENSE != 0
    }

    fn totals(&self) -> impl Iterator<Item = TypeTotal> {
        self.totals.iter().map(|total| TypeTotal { count: total.count.get(), last_at: total.last_at.get() })
    }

    fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let base = self.header.base.get();
        self.entries.iter().map(move |entry| Bucket {
            start: base.saturating_add(i64::from(entry.start.get())).saturating_mul(SECOND),
            kind: entry.counted.get() >> 24,
            count: entry.counted.get() & MAX_COUNT,
        })
    }

    fn fits(&self, spec: &Spec) -> Result<()> {
        let (types, half_lives) = (self.totals.len(), self.scales.len());
        if (types, half_lives) == (spec.types(), spec.half_lives().len()) {
            return Ok(());
        }
        Err(Error::Corrupt(format!("a row of features has {types} event types and {half_lives} half-lives")))
    }

    /// The time of its newest event.
    pub fn landmark(&self) -> Micros {
        self.header.landmark.get()
    }

    /// What it says at a time that is not before its newest event.
    pub fn tally(&self, spec: &Spec, question: &Question, tally: &mut Tally) -> Result<()> {
        self.fits(spec)?;
        tally.clear();
        tally.total(self.totals());
        tally.decay(spec, question, self.scales.iter().map(|scale| scale.get()), self.sums.iter().map(|sum| sum.get()));
        tally.count(spec, question, self.buckets());
        tally.distinct = self.header.distinct.get();
        Ok(())
    }

    /// The entity, to be fed further events.
    pub fn entity(&self, spec: &Spec) -> Result<Entity> {
        self.fits(spec)?;
        let distinct = self.header.flags.get() & COUNTS_DISTINCT != 0;
        let mut entity = Entity::new(spec, distinct);
        entity.landmark = self.landmark();
        entity.scales = self.scales.iter().map(|scale| scale.get()).collect();
        entity.totals = self.totals().collect();
        entity.sums = self.sums.iter().map(|sum| sum.get()).collect();
        let known = |bucket: &Bucket| (bucket.kind as usize) < spec.types();
        entity.buckets = self.buckets().filter(known).collect();
        entity.room = 2 * entity.buckets.len() + entity.room;
        if distinct {
            entity.sketch = Some(Sketch::parse(self.sketch, self.is_dense())?);
        }
        Ok(entity)
    }
}

/// The first `count` values of a run of bytes, and the rest.
fn part<T: FromBytes + Immutable + Unaligned>(bytes: &[u8], count: usize) -> Result<(&[T], &[u8])> {
    <[T]>::ref_from_prefix_with_elems(bytes, count)
        .map_err(|_| Error::Corrupt(format!("{} bytes are too few for {count} values", bytes.len())))
}

impl Entity {
    /// Its row as bytes: the same for the same events, but for the rounding of decayed sums. Rolls up first.
    pub fn to_bytes(&mut self, spec: &Spec) -> Vec<u8> {
        self.roll_up(spec);
        let sketch = self.sketch.as_ref().map(Sketch::to_bytes).unwrap_or_default();
        let base = self.buckets.first().map_or(0, |bucket| bucket.start.div_euclid(SECOND));
        let mut entries = Vec::with_capacity(self.buckets.len());
        for bucket in &self.buckets {
            // Windows are shorter than what 32 bits of seconds hold.
            let start = (bucket.start.div_euclid(SECOND) - base) as u32;
            let mut left = bucket.count;
            while left > 0 {
                let count = left.min(MAX_COUNT);
                entries.push(FeaturesEntry { start: start.into(), counted: (bucket.kind << 24 | count).into() });
                left -= count;
            }
        }
        let mut flags = 0;
        if let Some(sketch) = &self.sketch {
            flags = COUNTS_DISTINCT | if sketch.is_dense() { IS_DENSE } else { 0 };
        }
        let header = FeaturesHeader {
            version: VERSION,
            kind: Kind::Features as u8,
            types: self.totals.len() as u8,
            half_lives: self.scales.len() as u8,
            entries: (entries.len() as u32).into(),
            sketch: (sketch.len() as u32).into(),
            flags: flags.into(),
            landmark: self.landmark.into(),
            base: base.into(),
            distinct: self.sketch.as_ref().map_or(0.0, Sketch::estimate).into(),
        };
        let mut bytes = header.as_bytes().to_vec();
        for total in &self.totals {
            bytes.extend_from_slice(FeaturesTotal { count: total.count.into(), last_at: total.last_at.into() }.as_bytes());
        }
        self.scales.iter().for_each(|scale| bytes.extend_from_slice(&scale.to_le_bytes()));
        self.sums.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        bytes.extend_from_slice(entries.as_bytes());
        bytes.extend_from_slice(&sketch);
        bytes
    }
}
