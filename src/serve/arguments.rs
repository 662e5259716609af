//! From SQL arguments to a question.

use std::rc::Rc;

use engine::Micros;
use pgrx::pg_sys;

use super::{Result, ServeError};
use crate::catalog::{self, CatalogError, Recommender};
use crate::key::{Key, KeyType};
use crate::pg::function::{Call, CallError};
use crate::pg::{array, privilege, relation};
use crate::reader::Reader;
use crate::{arguments, totals};

/// How many rows are given where a call does not say.
const DEFAULT_ROWS: i32 = 10;

/// The arguments of one call, by place.
pub struct Arguments<'a> {
    /// The call.
    pub call: &'a Call,
    /// The recommender that it names, after a check of the caller's privileges.
    pub recommender: Rc<Recommender>,
}

impl<'a> Arguments<'a> {
    /// Looks up the recommender that argument `place` names, and checks that the caller may read its events.
    pub fn open(call: &'a Call, place: usize) -> Result<Self> {
        let name: Option<String> = call.arg(place);
        let recommender = catalog::held(name.as_deref(), check_privileges)?;
        Ok(Self { call, recommender })
    }

    /// [`Arguments::open`] for a function whose user comes first and whose n, at place `first`, is followed by the recommender. Where an item_type
    /// stands between user and n, it has to be NULL.
    pub fn open_typed(call: &'a Call, first: usize) -> Result<Self> {
        let arguments = Self::open(call, first + 1)?;
        if first > 1 {
            arguments.type_only(1)?;
        }
        Ok(arguments)
    }

    /// Opens the recommender as of argument `place`; NULL is now.
    pub fn reader(&self, place: usize) -> Result<Reader<'_>> {
        let as_of = arguments::time(self.call, place)?;
        let state = totals::read(self.recommender.id).ok_or(CatalogError::UnknownId(self.recommender.id))?;
        Reader::open(&self.recommender, state, as_of).map_err(|source| self.failure(source))
    }

    /// Opens the recommender as of a time, with the events before it.
    pub fn reader_before(&self, as_of: Micros) -> Result<Reader<'_>> {
        let state = totals::read(self.recommender.id).ok_or(CatalogError::UnknownId(self.recommender.id))?;
        Reader::open_before(&self.recommender, state, as_of).map_err(|source| self.failure(source))
    }

    /// A number of rows; NULL is the default.
    pub fn count(&self, place: usize) -> Result<usize> {
        Ok(arguments::count(self.call, place, DEFAULT_ROWS)?)
    }

    /// The user; `None` for NULL, who is unknown.
    pub fn user(&self, place: usize) -> Result<Option<Key>> {
        let given = self.call.arg_type(place);
        self.check_user_type(given)?;
        Ok(self.call.datum(place).map(|datum| Key::from_datum(datum, given)).transpose()?)
    }

    /// The users of an array; NULL elements are left out.
    pub fn users(&self, place: usize) -> Result<Vec<Key>> {
        let given = array::element_type(self.call.arg_type(place));
        self.check_user_type(given)?;
        self.elements(place)
    }

    /// One item.
    pub fn item(&self, place: usize) -> Result<Key> {
        let given = self.call.arg_type(place);
        self.check_item_type(given)?;
        let datum = self.call.datum(place).ok_or(CallError::Null("item"))?;
        Ok(Key::from_datum(datum, given)?)
    }

    /// The items of an array; none for NULL, and NULL elements are left out.
    pub fn items(&self, place: usize) -> Result<Vec<Key>> {
        if self.call.datum(place).is_none() {
            return Ok(Vec::new());
        }
        let given = self.call.arg_type(place);
        let element = array::element_type(given);
        if element == pg_sys::InvalidOid {
            return Err(ServeError::ItemArray { expected: self.recommender.item.key.sql(), given: relation::type_name(given) });
        }
        self.check_item_type(element)?;
        self.elements(place)
    }

    fn elements(&self, place: usize) -> Result<Vec<Key>> {
        let (element, elements) = self.call.elements(place);
        Ok(elements.into_iter().flatten().map(|datum| Key::from_datum(datum, element)).collect::<std::result::Result<_, _>>()?)
    }

    /// The values of context columns that argument `place` asks for, by the column's place.
    pub fn context(&self, argument: usize) -> Result<Vec<(usize, String)>> {
        let columns = &self.recommender.context_columns;
        let place = |(name, value): (String, String)| match columns.iter().position(|column| *column == name) {
            Some(place) => Ok((place, value)),
            None => Err(ServeError::ContextColumn { name: self.recommender.name.clone(), column: name, existing: columns.clone() }),
        };
        arguments::context(self.call, argument)?.into_iter().map(place).collect()
    }

    /// A positive half-life in microseconds.
    pub fn half_life(&self, place: usize) -> Result<Option<Micros>> {
        Ok(arguments::positive_interval(self.call, place, "half_life")?)
    }

    /// Checks that argument `place`, which only names a type, is NULL.
    pub fn type_only(&self, place: usize) -> Result<()> {
        if self.call.datum(place).is_some() { Err(ServeError::ItemTypeValue) } else { Ok(()) }
    }

    /// Checks that items can be given in this type.
    pub fn check_item_type(&self, given: pg_sys::Oid) -> Result<()> {
        let expected = self.recommender.item.key;
        match KeyType::of(given) {
            Ok(given) if given.comparable(expected) => Ok(()),
            _ => Err(ServeError::ItemType {
                name: self.recommender.name.clone(),
                expected: expected.sql(),
                given: relation::type_name(given),
            }),
        }
    }

    fn check_user_type(&self, given: pg_sys::Oid) -> Result<()> {
        let expected = self.recommender.user.key;
        match KeyType::of(given) {
            Ok(given) if given.comparable(expected) => Ok(()),
            _ => Err(ServeError::UserType {
                name: self.recommender.name.clone(),
                expected: expected.sql(),
                given: relation::type_name(given),
            }),
        }
    }

    /// An error of the engine as one of this call.
    pub fn failure(&self, source: engine::Error) -> ServeError {
        ServeError::Engine { name: self.recommender.name.clone(), source }
    }
}

/// What one may learn from a recommender is what its events say: whoever asks must be allowed to read them.
pub fn check_privileges(recommender: &Recommender) -> Result<()> {
    let table = || relation::qualified_name(recommender.events).unwrap_or_default();
    if !privilege::may_select(recommender.events, &recommender.columns()) {
        return Err(ServeError::Denied { table: table(), name: recommender.name.clone() });
    }
    if privilege::hides_rows(recommender.events) {
        return Err(ServeError::RowSecurity { table: table() });
    }
    Ok(())
}
