//! The first items of an order, kept ready: what is popular in a window, or newest.

use super::{Kind, VERSION, entries_of, header_of, to_bytes};
use crate::ItemId;
use crate::error::{Error, Result};
use zerocopy::byteorder::little_endian::{F64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How many items a list keeps at most.
pub const MAX_LEADERS: usize = 400;

/// Under this many, items that are in no list any more might belong into this one: it is made anew of all items.
const FEW_LEADERS: usize = 150;

/// The head of a list.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct LeadersHeader {
    version: u8,
    kind: u8,
    /// 1 where the list holds all items that there are.
    all: u8,
    reserved: u8,
}

/// An item and where it stands.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Leader {
    item: U32,
    rank: F64,
}

/// The first items of an order: all whose rank is at least that of the last one.
#[derive(Debug, Clone)]
pub struct Leaders {
    list: Vec<(ItemId, f64)>,
    all: bool,
}

impl Default for Leaders {
    /// The list of no items.
    fn default() -> Self {
        Self { list: Vec::new(), all: true }
    }
}

fn precedes(a: &(ItemId, f64), b: &(ItemId, f64)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

impl Leaders {
    /// The first of all items there are; ranks of minus infinity are left out.
    pub fn of(items: impl Iterator<Item = (ItemId, f64)>) -> Self {
        let mut leaders = Self { list: items.filter(|(_, rank)| *rank > f64::NEG_INFINITY).collect(), all: true };
        leaders.cut();
        leaders
    }

    /// Reads a row; [`Error::Corrupt`] unless all of it is well-formed and in order.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let (header, rest) = header_of::<LeadersHeader>(bytes, Kind::Leaders)?;
        let list: Vec<(ItemId, f64)> = entries_of::<Leader>(rest)?.iter().map(|leader| (leader.item.get(), leader.rank.get())).collect();
        if !list.is_sorted_by(|a, b| precedes(a, b).is_lt()) {
            return Err(Error::Corrupt("leaders are out of order".into()));
        }
        Ok(Self { list, all: header.all != 0 })
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = LeadersHeader { version: VERSION, kind: Kind::Leaders as u8, all: self.all.into(), reserved: 0 };
        let leaders: Vec<Leader> = self.list.iter().map(|&(item, rank)| Leader { item: item.into(), rank: rank.into() }).collect();
        to_bytes(&header, &leaders)
    }

    /// The items, first ones first.
    pub fn items(&self) -> impl Iterator<Item = ItemId> {
        self.list.iter().map(|(item, _)| *item)
    }

    /// The list after some items got the ranks given. False where too few are left to be sure of; the list is to be made anew of all items then.
    #[must_use]
    pub fn merge(&mut self, mut changed: Vec<(ItemId, f64)>) -> bool {
        changed.sort_unstable_by_key(|(item, _)| *item);
        let floor = if self.all { f64::NEG_INFINITY } else { self.list.last().map_or(f64::INFINITY, |(_, rank)| *rank) };
        self.list.retain(|(item, _)| changed.binary_search_by_key(item, |(other, _)| *other).is_err());
        self.list.extend(changed.into_iter().filter(|(_, rank)| *rank > f64::NEG_INFINITY && *rank >= floor));
        self.cut();
        self.all || self.list.len() >= FEW_LEADERS
    }

    /// The list after some items got the ranks given. What is no longer sure to be among the first is left out.
    pub fn with(&self, changed: &[(ItemId, f64)]) -> Self {
        let mut merged = self.clone();
        let _ = merged.merge(changed.to_vec());
        merged
    }

    fn cut(&mut self) {
        if self.list.len() > MAX_LEADERS {
            self.list.select_nth_unstable_by(MAX_LEADERS, precedes);
            self.list.truncate(MAX_LEADERS);
            self.all = false;
        }
        self.list.sort_unstable_by(precedes);
    }
}
