//! The rows of a delta table: what a scan of one meets, whatever it tracks, and which of them are done.

use engine::{Micros, Result};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use crate::pg::fetch::{HeapRow, Version, scan_heap};
use crate::pg::interrupt;
use crate::totals::{float4, int4};

/// A delta table whose rows are read as events.
///
/// Its columns are `epoch int, change smallint, user_key, item_key, at, weight real, session, context`.
pub trait DeltaTable {
    /// What a row says.
    type Event: PartialEq;
    /// The table.
    fn delta(&self) -> pg_sys::Oid;
    /// The event of a row; `None` where it is none.
    fn event(&self, row: &mut HeapRow<'_>) -> Result<Option<Self::Event>>;
    /// The time until which it waits.
    fn waits_until(event: &Self::Event) -> Micros;
    /// A number that events which are the same have in common, and others as a rule do not.
    fn fingerprint(event: &Self::Event) -> u64;
}

/// An event that came or went.
#[derive(Debug, Clone)]
pub struct Change<E> {
    /// The row version.
    pub version: Version,
    /// True for an event that came, false for one that went.
    pub came: bool,
    /// The event.
    pub event: E,
}

/// What a scan of a delta meets.
pub enum Met<E> {
    /// An event that came or went.
    Event(Change<E>),
    /// A row that is no event: counted as skipped, by 1 or -1.
    Skipped(Version, i64),
    /// A row of an epoch that TRUNCATE has ended.
    Gone(Version),
    /// An event after the horizon.
    Future(Change<E>),
}

impl<E> Met<E> {
    /// The event that counts.
    pub fn event(&self) -> Option<&E> {
        match self {
            Met::Event(change) => Some(&change.event),
            _ => None,
        }
    }
}

fn meet<T: DeltaTable>(table: &T, epoch: i32, horizon: Micros, row: &mut HeapRow<'_>) -> Result<Met<T::Event>> {
    let version = row.version;
    if row.datum(1).map(int4) != Some(epoch) {
        return Ok(Met::Gone(version));
    }
    let change = row.datum(2).map_or(0, |datum| datum.value() as i16);
    let event = if change == 0 { None } else { table.event(row)? };
    let Some(event) = event else {
        let weight = row.datum(6).map_or(0.0, float4);
        return Ok(Met::Skipped(version, if weight < 0.0 { -1 } else { 1 }));
    };
    let waits = T::waits_until(&event) > horizon;
    let change = Change { version, came: change > 0, event };
    Ok(if waits { Met::Future(change) } else { Met::Event(change) })
}

/// Calls `each` with what the active snapshot shows of a delta, without the rows whose versions are `known`, which are not even read.
fn scan<T: DeltaTable>(
    table: &T,
    epoch: i32,
    horizon: Micros,
    mut known: impl FnMut(Version) -> bool,
    mut each: impl FnMut(Met<T::Event>),
) -> Result<()> {
    let mut result = Ok(());
    scan_heap(table.delta(), |row| {
        if !known(row.version) {
            match meet(table, epoch, horizon, row) {
                Ok(met) => each(met),
                Err(error) => result = Err(error),
            }
        }
        result.is_ok()
    });
    result
}

/// The row versions that a compaction deletes: events, skipped rows, rows of ended epochs.
#[derive(Debug, Default)]
pub struct Done {
    /// The row versions.
    pub rows: Vec<Version>,
    /// How many of them are no events; one that went counts down.
    pub skipped: i64,
}

impl Done {
    /// All rows that a rebuild makes needless: those that the active snapshot shows, without future events.
    pub fn all<T: DeltaTable>(table: &T, epoch: i32, horizon: Micros) -> Result<Self> {
        let mut done = Self::default();
        scan(
            table,
            epoch,
            horizon,
            |_| false,
            |met| match met {
                Met::Event(change) => done.rows.push(change.version),
                Met::Skipped(version, count) => done.skip(version, count),
                Met::Gone(version) => done.rows.push(version),
                Met::Future(_) => {}
            },
        )?;
        Ok(done)
    }

    fn skip(&mut self, version: Version, count: i64) {
        self.rows.push(version);
        self.skipped += count;
    }
}

/// Delta rows on their way into packed rows.
#[derive(Debug)]
pub struct Batch<E> {
    /// The events, as the table has them.
    pub events: Vec<Change<E>>,
    /// The rows to delete, among them those of the events.
    pub done: Done,
    /// Whether more events wait than were taken.
    pub partial: bool,
}

impl<E: PartialEq> Batch<E> {
    /// Reads what the active snapshot shows; `take` says of an event whether it belongs to the batch, and is given how many rows are done.
    pub fn read<T: DeltaTable<Event = E>>(table: &T, epoch: i32, horizon: Micros, mut take: impl FnMut(&E, usize) -> bool) -> Result<Self> {
        let mut batch = Self { events: Vec::new(), done: Done::default(), partial: false };
        let mut future: Vec<Change<E>> = Vec::new();
        scan(
            table,
            epoch,
            horizon,
            |_| false,
            |met| match met {
                Met::Event(change) if take(&change.event, batch.done.rows.len()) => {
                    batch.done.rows.push(change.version);
                    batch.events.push(change);
                }
                Met::Event(_) => batch.partial = true,
                Met::Skipped(version, count) => batch.done.skip(version, count),
                Met::Gone(version) => batch.done.rows.push(version),
                Met::Future(change) => future.push(change),
            },
        )?;
        batch.done.rows.extend(cancelled::<T>(future));
        Ok(batch)
    }
}

/// The rows of events that came and went before their time came: readers would pass over them until then, which may be never.
fn cancelled<T: DeltaTable>(future: Vec<Change<T::Event>>) -> Vec<Version> {
    // What came and what went, apart: of the same events, which may be many, one list is always empty.
    let mut waiting: FxHashMap<(Micros, u64), [Vec<Change<T::Event>>; 2]> = FxHashMap::default();
    let mut done = Vec::new();
    for change in future {
        interrupt::check();
        let lists = waiting.entry((T::waits_until(&change.event), T::fingerprint(&change.event))).or_default();
        let others = &mut lists[usize::from(!change.came)];
        match others.iter().position(|other| other.event == change.event) {
            Some(place) => done.extend([others.swap_remove(place).version, change.version]),
            None => lists[usize::from(change.came)].push(change),
        }
    }
    done
}

/// A row version that was met before.
#[derive(Debug)]
struct Known<N> {
    /// The look that met it last.
    look: u64,
    /// Until when it waits: a question about the future meets events that the next one must not.
    until: Micros,
    /// What the reader noted of it.
    note: N,
}

/// The rows of a delta that a reader has met, for those that keep what they made of them between calls.
#[derive(Debug)]
pub struct MetRows<N> {
    looks: u64,
    rows: FxHashMap<Version, Known<N>>,
}

impl<N> Default for MetRows<N> {
    fn default() -> Self {
        Self { looks: 0, rows: FxHashMap::default() }
    }
}

impl<N: Default> MetRows<N> {
    /// Gives the rows that the active snapshot shows and that were not met before, and whether it shows all that were. Rows that were met
    /// are not even read. Each new one is to be noted, but for future ones.
    pub fn look<T: DeltaTable>(&mut self, table: &T, epoch: i32, horizon: Micros) -> Result<(Vec<Met<T::Event>>, bool)> {
        self.looks += 1;
        let (look, before, mut met_again, mut new) = (self.looks, self.rows.len(), 0, Vec::new());
        let known = |version| match self.rows.get_mut(&version) {
            Some(row) if row.until <= horizon => {
                row.look = look;
                met_again += 1;
                true
            }
            _ => false,
        };
        scan(table, epoch, horizon, known, |met| new.push(met))?;
        Ok((new, met_again == before))
    }

    /// Notes an event that was met.
    pub fn note(&mut self, version: Version, until: Micros, note: N) {
        self.rows.insert(version, Known { look: self.looks, until, note });
    }

    /// Notes a row that says nothing.
    pub fn note_void(&mut self, version: Version) {
        self.note(version, i64::MIN, N::default());
    }

    /// Takes out the rows that the last look has not met: another snapshot does not see them. Calls `each` with them.
    pub fn forget_unmet(&mut self, mut each: impl FnMut(Version, &N)) {
        let look = self.looks;
        self.rows.retain(|version, row| {
            let met = row.look == look;
            if !met {
                each(*version, &row.note);
            }
            met
        });
    }
}
