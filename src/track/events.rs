//! The rows of an event table, as its trigger reads them: for recommenders and for the edges of graphs.
//!
//! The rules of what is an event stand twice, here and in the view `recommend.events_N` (`state::events_view`): change both.
#![allow(unsafe_code)]

use std::collections::HashMap;

use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use super::TrackError;
use crate::catalog::CatalogError;
use crate::definition::{self, DefinitionError};
use crate::feed::{Feed, Weight};
use crate::key::{self, KeyType};
use crate::pg::heap::{self, Columns};
use crate::pg::label::{self, Label};
use crate::pg::number::NumberType;
use crate::pg::relation::{self, Relation};
use crate::pg::varlena::same_bytes;

/// Where one relation keeps the columns of an event. Partitions may keep columns in other places than their parent.
pub struct EventColumns {
    user: (i16, KeyType),
    item: (i16, KeyType),
    time: Option<i16>,
    weight: RowWeight,
    session: Option<(i16, Label)>,
    recorded: Option<i16>,
    context: Vec<(i16, Label)>,
}

/// What a row weighs.
enum RowWeight {
    One,
    /// What a column holds.
    Column(i16, NumberType),
    /// By the text of a column.
    Events(i16, Label, HashMap<Vec<u8>, f32>),
}

/// An event as the delta takes it; one without time is an edge that has none.
pub struct Event {
    user: pg_sys::Datum,
    item: pg_sys::Datum,
    at: Option<pg_sys::Datum>,
    weight: f32,
    session: Option<i64>,
    context: Option<pg_sys::Datum>,
}

/// What a row of the event table is.
pub enum Reading {
    Event(Event),
    /// No key, no time where there is to be one, or no finite weight: counted, not more.
    Skipped,
    /// Weight 0.
    Ignored,
}

impl EventColumns {
    /// Looks the columns of a feed up in its table or a partition of it.
    pub fn of(feed: &Feed, table: pg_sys::Oid) -> Result<Self, TrackError> {
        let number = |column: &str| super::column_number(table, column);
        let label = |column: &str| {
            let number = number(column)?;
            Ok::<_, TrackError>((number, Label::of(relation::column_type(table, number))))
        };
        let key = |column: &str| {
            let number = number(column)?;
            let key = KeyType::of(relation::column_type(table, number)).map_err(DefinitionError::from).map_err(CatalogError::from)?;
            Ok::<_, TrackError>((number, key))
        };
        let weight = match &feed.weight {
            Weight::One => RowWeight::One,
            Weight::Column(column) => {
                let number = number(column)?;
                let found = relation::column_type(table, number);
                RowWeight::Column(number, NumberType::of(found).ok_or_else(|| CatalogError::from(definition::no_number(column, found)))?)
            }
            Weight::Events(column, weights) => {
                let (number, text) = label(column)?;
                RowWeight::Events(number, text, weights.iter().map(|(event, weight)| (event.clone().into_bytes(), *weight)).collect())
            }
        };
        let session = feed.session.as_deref().map(label).transpose()?;
        let context = feed.context.iter().map(|column| label(column)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            user: key(&feed.user)?,
            item: key(&feed.item)?,
            time: feed.time.as_deref().map(number).transpose()?,
            weight,
            session,
            recorded: feed.recorded.as_deref().map(number).transpose()?,
            context,
        })
    }

    /// The types of keys.
    pub fn keys(&self) -> [KeyType; 2] {
        [self.user.1, self.item.1]
    }

    /// What a row says.
    pub fn read(&self, columns: Columns) -> Reading {
        let weight = match &self.weight {
            RowWeight::One => 1.0,
            // SAFETY: the column's type is that one.
            RowWeight::Column(number, kind) => columns.get(*number).map_or(f32::NAN, |weight| unsafe { kind.read(weight) }),
            RowWeight::Events(number, text, weights) => {
                // SAFETY: the label is of the column's type.
                let weight = columns.get(*number).and_then(|kind| unsafe { text.with_bytes(kind, |kind| weights.get(kind).copied()) });
                weight.unwrap_or(0.0)
            }
        };
        if weight == 0.0 {
            return Reading::Ignored;
        }
        let (Some(user), Some(item)) = (key::of_row(columns, self.user), key::of_row(columns, self.item)) else { return Reading::Skipped };
        let at = self.time.map(|time| columns.get(time));
        // Both kinds of timestamp are 64-bit microseconds, a plain one read as UTC; the extremes stand for infinity.
        let timeless = at.is_some_and(|at| at.is_none_or(|at| matches!(at.value() as i64, i64::MIN | i64::MAX)));
        if timeless || !weight.is_finite() {
            return Reading::Skipped;
        }
        // SAFETY: the labels are of their columns' types.
        let session = self
            .session
            .as_ref()
            .and_then(|(number, text)| unsafe { columns.get(*number).map(|value| text.with_bytes(value, label::hash)) });
        // What was recorded before all time was known at once, as what says nothing of it.
        let recorded = self.recorded.and_then(|number| columns.get(number)).map(|at| at.value() as i64).filter(|at| *at != i64::MIN);
        let session = session.or(recorded);
        Reading::Event(Event { user, item, at: at.flatten(), weight, session, context: self.context(columns) })
    }

    /// The context columns' texts as one text[].
    fn context(&self, columns: Columns) -> Option<pg_sys::Datum> {
        if self.context.is_empty() {
            return None;
        }
        let mut texts = Vec::with_capacity(self.context.len());
        let mut nulls = Vec::with_capacity(self.context.len());
        for (number, text) in &self.context {
            let value = columns.get(*number);
            nulls.push(value.is_none());
            // SAFETY: the label is of the column's type.
            texts.push(value.map_or(pg_sys::Datum::from(0), |value| unsafe { text.datum(value) }));
        }
        // SAFETY: one dimension of as many text datums as both arrays have.
        let array = unsafe {
            pg_sys::construct_md_array(
                texts.as_mut_ptr(),
                nulls.as_mut_ptr(),
                1,
                &mut (texts.len() as i32),
                &mut 1,
                pg_sys::TEXTOID,
                -1,
                false,
                pg_sys::TYPALIGN_INT as std::ffi::c_char,
            )
        };
        Some(array.into())
    }

    /// Appends what came (1) or went (-1).
    pub fn append(&self, delta: &Relation, epoch: i32, change: i16, reading: &Reading) {
        let row = match reading {
            Reading::Ignored => return,
            Reading::Skipped => {
                let count = f32::from(change).into_datum();
                [epoch.into_datum(), 0_i16.into_datum(), None, None, None, count, None, None]
            }
            Reading::Event(event) => [
                epoch.into_datum(),
                change.into_datum(),
                Some(event.user),
                Some(event.item),
                event.at,
                event.weight.into_datum(),
                event.session.and_then(IntoDatum::into_datum),
                event.context,
            ],
        };
        heap::append(delta, row);
    }

    /// Whether an UPDATE has changed nothing that is tracked.
    pub fn same(&self, old: &Reading, new: &Reading) -> bool {
        match (old, new) {
            (Reading::Event(old), Reading::Event(new)) => {
                self.user.1.same(old.user, new.user)
                    && self.item.1.same(old.item, new.item)
                    && old.at.map(|at| at.value()) == new.at.map(|at| at.value())
                    && old.weight == new.weight
                    && old.session == new.session
                    && match (old.context, new.context) {
                        (Some(old), Some(new)) => same_bytes(old, new),
                        (old, new) => old.is_none() && new.is_none(),
                    }
            }
            (Reading::Skipped, Reading::Skipped) | (Reading::Ignored, Reading::Ignored) => true,
            _ => false,
        }
    }
}
