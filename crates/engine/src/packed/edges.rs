//! The edges of one graph node in one relation: one entry for each neighbour and context.

use super::{Kind, Landmark, VERSION, entries_of, header_of, to_bytes};
use crate::decay::HalfLife;
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::graph::interruptible::{self, Check, Pace};
use crate::{ContextId, Micros, NO_CONTEXT};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use zerocopy::byteorder::little_endian::{F64, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The time of edges that have none.
pub const STATIC: Micros = i64::MIN;

/// The context that stands for all that were merged.
const MERGED: ContextId = NO_CONTEXT - 1;

/// The most contexts that are told apart for one neighbour. Older ones are merged: totals stay, but no filter finds them, and the time of
/// their newest event is not set back where that event goes.
pub const MAX_CONTEXTS: usize = 16;

/// How many half-lives a weight may lie after its row's landmark: f64 holds 2^1023, and as much is left for what is older.
const MAX_EXPONENT: f64 = 500.0;

/// Neighbours were dropped at some time, so that the row does not know all of them.
const CUT: u8 = 1;
/// The row's edges have no time and do not decay.
const IS_STATIC: u8 = 2;

/// The head of an edge row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct EdgesHeader {
    version: u8,
    kind: u8,
    flags: u8,
    reserved: u8,
    /// How many different neighbours the entries are of.
    pub neighbors: U32,
    landmark: I64,
    /// All events of the node in this relation, those of cut neighbours too.
    pub events: U64,
    /// Forward-decayed sum of all their weights, relative to the landmark.
    pub total: F64,
}

/// What one node has to do with another in one context.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct EdgeEntry {
    /// The neighbour.
    pub node: U32,
    /// The context, or [`NO_CONTEXT`].
    pub context: U32,
    /// The newest event; [`STATIC`] for an edge without time.
    pub last_at: I64,
    /// The number of events.
    pub count: U32,
    /// Forward-decayed sum of the weights, relative to the row's landmark.
    pub weight: F64,
}

/// An edge row, read in place. The entries of a neighbour stand together, newest first; neighbours stand newest first, in a static row
/// heaviest first.
#[derive(Debug, Clone, Copy)]
pub struct EdgesView<'a> {
    /// The header.
    pub header: &'a EdgesHeader,
    /// The entries.
    pub entries: &'a [EdgeEntry],
}

impl<'a> EdgesView<'a> {
    /// Reads a row; [`Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<EdgesHeader>(bytes, Kind::Edges)?;
        let entries = entries_of::<EdgeEntry>(rest)?;
        let neighbors = header.neighbors.get() as usize;
        if neighbors > entries.len() {
            return Err(Error::Corrupt(format!("{neighbors} neighbors in {} edges", entries.len())));
        }
        if let Some(entry) = entries.iter().find(|entry| !entry.weight.get().is_finite()) {
            return Err(Error::Corrupt(format!("an edge of weight {}", entry.weight.get())));
        }
        if !header.total.get().is_finite() {
            return Err(Error::Corrupt(format!("edges of weight {}", header.total.get())));
        }
        Ok(Self { header, entries })
    }

    /// The factor that turns stored weights into those at `now`.
    pub fn loss(&self, now: Micros, half_life: HalfLife) -> f64 {
        if self.is_static() { 1.0 } else { Landmark { at: self.header.landmark.get(), half_life }.loss(now) }
    }

    /// True when the row's edges do not decay.
    pub fn is_static(&self) -> bool {
        self.header.flags & IS_STATIC != 0
    }

    /// True when the row does not know all of its node's neighbours.
    pub fn is_cut(&self) -> bool {
        self.header.flags & CUT != 0
    }
}

/// What a batch of events adds to one entry; weights are relative to the batch's landmark and may be negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeDelta {
    /// Events that came less those that went.
    pub count: i64,
    /// Their weight.
    pub weight: f64,
    /// The newest event that came.
    pub came_at: Option<Micros>,
    /// The newest event that went.
    pub went_at: Option<Micros>,
    /// Events that came less those that went at the newest of both times.
    pub newest_count: i64,
}

impl EdgeDelta {
    /// The newest event of an entry whose newest one was at `last_at`; `None` where the delta alone does not tell: the newest one went, or
    /// one came and went that would have been the newest.
    fn newest(&self, last_at: Option<Micros>) -> Option<Micros> {
        let at = self.came_at.max(self.went_at);
        if at == Some(STATIC) {
            return at;
        }
        match at.cmp(&last_at) {
            Ordering::Less => last_at,
            Ordering::Equal if self.newest_count >= 0 => last_at,
            Ordering::Greater if self.newest_count > 0 => at,
            _ => None,
        }
    }
}

/// What a batch of events adds to one row.
#[derive(Debug, Clone, Default)]
pub struct RowDelta {
    /// Events that came less those that went.
    pub events: i64,
    /// Their weight, relative to the batch's landmark.
    pub total: f64,
    /// By neighbour and context.
    pub entries: FxHashMap<(NodeId, ContextId), EdgeDelta>,
}

impl RowDelta {
    /// Makes room for one more entry where many are expected; `check` is called on the way. After its error, which is the only one, the
    /// entries may be lost.
    pub fn make_room<E>(&mut self, check: &dyn Fn() -> std::result::Result<(), E>) -> std::result::Result<(), E> {
        interruptible::make_room(&mut self.entries, check)
    }

    /// Adds an event of `gain`, its weight relative to the batch's landmark; takes one away when `came` is false.
    pub fn add(&mut self, node: NodeId, context: ContextId, at: Micros, gain: f64, came: bool) {
        let (count, gain) = if came { (1, gain) } else { (-1, -gain) };
        self.events += count;
        self.total += gain;
        let none = EdgeDelta { count: 0, weight: 0.0, came_at: None, went_at: None, newest_count: 0 };
        let entry = self.entries.entry((node, context)).or_insert(none);
        entry.count += count;
        entry.weight += gain;
        match Some(at).cmp(&entry.came_at.max(entry.went_at)) {
            Ordering::Less => {}
            Ordering::Equal => entry.newest_count += count,
            Ordering::Greater => entry.newest_count = count,
        }
        let newest = if came { &mut entry.came_at } else { &mut entry.went_at };
        *newest = (*newest).max(Some(at));
    }
}

/// Tells when the newest event of a neighbour in a context was, as the events stand now; `None` where there is none left.
pub type NewestOf<'a> = dyn FnMut(NodeId, ContextId) -> Result<Option<Micros>> + 'a;

/// An edge row in the making.
#[derive(Debug, Clone)]
pub struct Edges {
    header: EdgesHeader,
    landmark: Landmark,
    entries: Vec<EdgeEntry>,
}

impl Edges {
    /// An empty row whose weights are relative to `landmark`; `is_static` where its edges have no time.
    pub fn new(landmark: Landmark, is_static: bool) -> Self {
        let header = EdgesHeader {
            version: VERSION,
            kind: Kind::Edges as u8,
            flags: if is_static { IS_STATIC } else { 0 },
            reserved: 0,
            neighbors: 0.into(),
            landmark: landmark.at.into(),
            events: 0.into(),
            total: 0.0.into(),
        };
        Self { header, landmark, entries: Vec::new() }
    }

    /// A copy of a stored row.
    pub fn from_view(view: &EdgesView<'_>, half_life: HalfLife) -> Self {
        let landmark = Landmark { at: view.header.landmark.get(), half_life };
        Self { header: *view.header, landmark, entries: view.entries.to_vec() }
    }

    /// The row as it is read.
    pub fn view(&self) -> EdgesView<'_> {
        EdgesView { header: &self.header, entries: &self.entries }
    }

    /// The row of a node whose events are all in `delta`, with weights relative to `landmark`. `check` is called on the way where there are
    /// many; its error is the only one.
    pub fn of<E>(
        delta: &RowDelta,
        landmark: Landmark,
        is_static: bool,
        max_edges: usize,
        check: &dyn Fn() -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let mut row = Self::new(landmark, is_static);
        row.header.events = (delta.events.max(0) as u64).into();
        row.header.total = delta.total.into();
        row.entries.reserve_exact(delta.entries.len());
        let mut pace = Pace::new(check);
        for (&key, change) in &delta.entries {
            pace.step()?;
            if change.count > 0 {
                row.append(key, change, change.came_at.unwrap_or(STATIC), 1.0);
            }
        }
        row.arrange(max_edges, check)?;
        Ok(row)
    }

    /// True when the node has no event in this relation.
    pub fn is_empty(&self) -> bool {
        self.header.events.get() == 0
    }

    /// True when neighbours beyond the row may exist that would have a place in it now: some were cut, and others have gone since.
    pub fn lacks_neighbors(&self, max_edges: usize) -> bool {
        self.view().is_cut() && (self.header.neighbors.get() as usize) < max_edges
    }

    /// Adds a batch whose weights are relative to `landmark`, and keeps the `max_edges` newest neighbours (heaviest in a static row).
    ///
    /// `newest_of` is asked where the newest event of an entry went and older ones are left.
    pub fn merge(&mut self, delta: &RowDelta, landmark: Landmark, max_edges: usize, newest_of: &mut NewestOf<'_>) -> Result<()> {
        let factor = self.factor(landmark);
        let events = (self.header.events.get() as i64).saturating_add(delta.events);
        self.header.events = (events.max(0) as u64).into();
        self.header.total = (self.header.total.get() + delta.total * factor).into();
        if events <= 0 {
            self.header.total = 0.0.into();
            self.header.flags &= !CUT;
            self.header.neighbors = 0.into();
            self.entries.clear();
            return Ok(());
        }
        let mut met = FxHashSet::default();
        let mut failure = Ok(());
        self.entries.retain_mut(|entry| {
            let key = (entry.node.get(), entry.context.get());
            let Some(change) = delta.entries.get(&key) else { return true };
            met.insert(key);
            apply(entry, change, factor, newest_of).unwrap_or_else(|error| {
                failure = Err(error);
                true
            })
        });
        failure?;
        if met.len() < delta.entries.len() {
            self.append_new(delta, &met, factor, newest_of)?;
        }
        self.arrange(max_edges, &|| Ok(()))
    }

    /// The factor from weights relative to `landmark` to this row's own; moves the row's landmark where it must.
    fn factor(&mut self, landmark: Landmark) -> f64 {
        if self.view().is_static() {
            return 1.0;
        }
        if self.is_empty() {
            self.landmark.at = landmark.at;
            self.header.landmark = landmark.at.into();
        } else if self.landmark.half_life.between(self.landmark.at, landmark.at) > MAX_EXPONENT {
            let loss = self.landmark.loss(landmark.at);
            self.header.total = (self.header.total.get() * loss).into();
            for entry in &mut self.entries {
                entry.weight = (entry.weight.get() * loss).into();
            }
            self.landmark.at = landmark.at;
            self.header.landmark = landmark.at.into();
        }
        self.landmark.gain(landmark.at)
    }

    /// Entries for what came and was not `known`. What went without having been there was cut: only totals knew it.
    fn append_new(
        &mut self,
        delta: &RowDelta,
        known: &FxHashSet<(NodeId, ContextId)>,
        factor: f64,
        newest_of: &mut NewestOf<'_>,
    ) -> Result<()> {
        for (&key, change) in &delta.entries {
            if known.contains(&key) {
                continue;
            }
            if change.count <= 0 {
                self.take_from_merged(key.0, change, factor);
                continue;
            }
            let newest = match change.newest(None) {
                None => newest_of(key.0, key.1)?,
                told => told,
            };
            if let Some(last_at) = newest {
                self.append(key, change, last_at, factor);
            }
        }
        Ok(())
    }

    /// Takes out what went of contexts that were merged.
    fn take_from_merged(&mut self, node: NodeId, change: &EdgeDelta, factor: f64) {
        let merged = self.entries.iter().position(|entry| entry.node.get() == node && entry.context.get() == MERGED);
        let Some(place) = merged else { return };
        let entry = &mut self.entries[place];
        let count = i64::from(entry.count.get()) + change.count;
        if count <= 0 {
            self.entries.remove(place);
            return;
        }
        entry.count = u32::try_from(count).unwrap_or(u32::MAX).into();
        entry.weight = (entry.weight.get() + change.weight * factor).into();
    }

    /// A new entry.
    fn append(&mut self, (node, context): (NodeId, ContextId), change: &EdgeDelta, last_at: Micros, factor: f64) {
        self.entries.push(EdgeEntry {
            node: node.into(),
            context: context.into(),
            last_at: last_at.into(),
            count: u32::try_from(change.count).unwrap_or(u32::MAX).into(),
            weight: (change.weight * factor).into(),
        });
    }

    /// Orders and cuts the entries, and counts the neighbours.
    fn arrange<E>(&mut self, max_edges: usize, check: &Check<'_, E>) -> std::result::Result<(), E> {
        let is_static = self.view().is_static();
        if self.entries.iter().all(|entry| entry.context.get() == NO_CONTEXT) {
            return self.arrange_plain(is_static, max_edges, check);
        }
        let mut ranks: FxHashMap<u32, (i64, f64, u32)> = FxHashMap::default();
        let mut pace = Pace::new(check);
        for entry in &self.entries {
            pace.step()?;
            interruptible::make_room(&mut ranks, check)?;
            let rank = ranks.entry(entry.node.get()).or_insert((i64::MIN, 0.0, 0));
            *rank = (rank.0.max(entry.last_at.get()), rank.1 + entry.weight.get(), rank.2 + 1);
        }
        let mut ranked: Vec<(i64, f64, EdgeEntry)> = Vec::with_capacity(self.entries.len());
        for &entry in &self.entries {
            pace.step()?;
            let (at, weight, _) = ranks[&entry.node.get()];
            ranked.push((at, weight, entry));
        }
        interruptible::sort_by(&mut ranked, check, |(a_at, a_weight, a), (b_at, b_weight, b)| {
            let neighbors = if is_static { b_weight.total_cmp(a_weight) } else { b_at.cmp(a_at) };
            let within = b.last_at.get().cmp(&a.last_at.get()).then(a.context.get().cmp(&b.context.get()));
            neighbors.then(a.node.get().cmp(&b.node.get())).then(within)
        })?;
        self.entries.iter_mut().zip(ranked).for_each(|(entry, (_, _, ranked))| *entry = ranked);
        if ranks.len() > max_edges {
            let (mut place, mut kept) = (0, 0);
            while kept < max_edges {
                pace.step()?;
                place += ranks[&self.entries[place].node.get()].2 as usize;
                kept += 1;
            }
            self.entries.truncate(place);
            self.header.flags |= CUT;
        }
        self.header.neighbors = (ranks.len().min(max_edges) as u32).into();
        if ranks.values().any(|rank| rank.2 as usize > MAX_CONTEXTS) {
            self.merge_old_contexts(check)?;
        }
        Ok(())
    }

    /// [`Edges::arrange`] where each entry is a neighbour of its own. A stable sort is fast on what is mostly in order.
    fn arrange_plain<E>(&mut self, is_static: bool, max_edges: usize, check: &Check<'_, E>) -> std::result::Result<(), E> {
        interruptible::sort_by(&mut self.entries, check, |a, b| {
            let neighbors = if is_static { b.weight.get().total_cmp(&a.weight.get()) } else { b.last_at.get().cmp(&a.last_at.get()) };
            neighbors.then(a.node.get().cmp(&b.node.get()))
        })?;
        if self.entries.len() > max_edges {
            self.entries.truncate(max_edges);
            self.header.flags |= CUT;
        }
        self.header.neighbors = (self.entries.len() as u32).into();
        Ok(())
    }

    /// Merges the oldest entries of a neighbour, so that [`MAX_CONTEXTS`] are left.
    fn merge_old_contexts<E>(&mut self, check: &Check<'_, E>) -> std::result::Result<(), E> {
        let mut merged: Vec<EdgeEntry> = Vec::with_capacity(self.entries.len());
        let mut pace = Pace::new(check);
        for group in self.entries.chunk_by(|a, b| a.node == b.node) {
            pace.step()?;
            if group.len() <= MAX_CONTEXTS {
                merged.extend_from_slice(group);
                continue;
            }
            let nothing = EdgeEntry { context: MERGED.into(), last_at: STATIC.into(), count: 0.into(), weight: 0.0.into(), ..group[0] };
            let (before, others): (Vec<&EdgeEntry>, Vec<&EdgeEntry>) = group.iter().partition(|entry| entry.context.get() == MERGED);
            let (kept, old) = others.split_at(MAX_CONTEXTS - 1);
            let rest = before.into_iter().chain(old.iter().copied()).fold(nothing, |sum, entry| EdgeEntry {
                last_at: sum.last_at.get().max(entry.last_at.get()).into(),
                count: sum.count.get().saturating_add(entry.count.get()).into(),
                weight: (sum.weight.get() + entry.weight.get()).into(),
                ..sum
            });
            let start = merged.len();
            merged.extend(kept.iter().copied().chain([&rest]));
            merged[start..].sort_unstable_by_key(|entry| (std::cmp::Reverse(entry.last_at.get()), entry.context.get()));
        }
        self.entries = merged;
        Ok(())
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.entries)
    }
}

/// Changes an entry; false when nothing of it is left.
fn apply(entry: &mut EdgeEntry, change: &EdgeDelta, factor: f64, newest_of: &mut NewestOf<'_>) -> Result<bool> {
    let count = i64::from(entry.count.get()) + change.count;
    if count <= 0 {
        return Ok(false);
    }
    let newest = match change.newest(Some(entry.last_at.get())) {
        None => newest_of(entry.node.get(), entry.context.get())?,
        told => told,
    };
    let Some(last_at) = newest else { return Ok(false) };
    entry.last_at = last_at.into();
    entry.count = u32::try_from(count).unwrap_or(u32::MAX).into();
    entry.weight = (entry.weight.get() + change.weight * factor).into();
    Ok(true)
}
