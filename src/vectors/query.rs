//! Query vectors, made ready once for all rows that are compared with them.

use engine::Micros;
use engine::ranking::Kind;
use engine::topk::{Kernel, Query};
use pgrx::pg_sys;

use super::error::{Result, VectorsError};
use crate::pg::function::{Call, CallError};
use crate::pg::image::Image;
use crate::pg::toast::Toasted;
use crate::pg::vector::{VECTOR_TYPES, VectorType};
use crate::pg::{clock, relation, type_shape, varlena};

/// What a function over rows keeps from row to row: the query of the last one, which the next row has too as a rule.
#[derive(Default)]
pub struct Place {
    last: Option<Last>,
    /// How many queries there have been.
    queries: u32,
    vector_type: Option<VectorType>,
    types: Option<Types>,
    /// Where the vector of the last row was, and how far from the one before it.
    address: usize,
    step: isize,
    toasted: Toasted,
}

/// The types of ids and vectors that an aggregate is called with.
#[derive(Clone, Copy)]
pub struct Types {
    /// How ids are kept.
    pub image: Image,
    /// How vectors are read.
    pub vector: VectorType,
    /// What a state of such calls says.
    pub kind: Kind,
}

impl Types {
    /// Of ids of a type, and vectors.
    pub fn new(id_type: pg_sys::Oid, vector: VectorType) -> Result<Self> {
        let image = Image::of(id_type).ok_or_else(|| VectorsError::IdType(relation::type_name(id_type)))?;
        let (base, shape) = (relation::base_type(id_type), type_shape::of(id_type));
        let format = image.number() * VECTOR_TYPES + vector.number();
        Ok(Self { image, vector, kind: Kind { format, type_id: base.to_u32(), shape: [(shape >> 32) as u32, shape as u32] } })
    }
}

struct Last {
    /// The query as it was passed: the bytes of the array, or where these are stored.
    stored: Vec<u8>,
    /// The start of the transaction for what lies out of line: in the next one, that place may hold another query.
    transaction: Option<Micros>,
    ready: Ready,
}

/// A query that is ready to be compared with rows.
pub struct Ready {
    /// The query.
    pub query: Query,
    /// What compares.
    pub kernel: Kernel,
    /// Another one for each query at the same place of a statement, from 1; after 2^32 queries they return.
    pub tag: u32,
}

/// A query of any length but 0.
pub fn of(vector: &[f32]) -> Result<Query> {
    Query::new(vector).map_err(VectorsError::Query)
}

impl Place {
    /// Where vectors of rows that come soon may lie, as distances from the one of this row: a scan of a table goes through a page in steps, two of which
    /// on is the next but one row, and to the next page, on which a row lies as this one does, if it is the next one in the buffers as well.
    #[inline]
    pub fn ahead(&mut self, datum: pg_sys::Datum) -> [isize; 2] {
        let step = datum.value().wrapping_sub(self.address) as isize;
        self.address = datum.value();
        if step.unsigned_abs() < pg_sys::BLCKSZ as usize {
            self.step = step;
        }
        [2 * self.step, pg_sys::BLCKSZ as isize]
    }

    /// The types of arguments 1 and 2, the id and the vector: before either is read.
    #[inline]
    pub fn types(&mut self, call: &Call) -> Result<Types> {
        if let Some(known) = self.types {
            return Ok(known);
        }
        let vector = self.vector_type(call, 2)?;
        Ok(*self.types.insert(Types::new(call.arg_type(1), vector)?))
    }

    /// The vector of a row that has an id, fetched where it lies out of line; the argument's type has been looked at.
    #[inline]
    pub fn vector(&mut self, call: &Call, id: usize, argument: usize) -> Option<pg_sys::Datum> {
        call.datum(id)?;
        call.fetched(argument, &mut self.toasted)
    }

    /// The query of the row before, where argument `argument` is the same; `None` where that is not seen at once.
    #[inline]
    pub fn same(&self, call: &Call, argument: usize) -> Option<&Ready> {
        let last = self.last.as_ref()?;
        (last.transaction.is_none() && last.stored == call.stored(argument)?).then_some(&last.ready)
    }

    /// The query that argument `argument`, a real[], holds.
    pub fn query(&mut self, call: &Call, argument: usize) -> Result<&Ready> {
        let mut stored = call.stored(argument).ok_or(CallError::Null("query"))?;
        let flat = if varlena::is_in_memory(stored) { call.copy(argument) } else { None };
        if let Some(flat) = &flat {
            stored = flat;
        }
        let transaction = varlena::is_external(stored).then(clock::transaction_start);
        let last = match self.last.take() {
            Some(kept) if kept.stored == stored && kept.transaction == transaction => kept,
            _ => {
                let reals = call.reals(argument)?.ok_or(CallError::Null("query"))?;
                self.queries = self.queries.wrapping_add(1).max(1);
                let ready = Ready { query: of(&reals)?, kernel: Kernel::best(), tag: self.queries };
                Last { stored: stored.to_vec(), transaction, ready }
            }
        };
        Ok(&self.last.insert(last).ready)
    }

    /// The kind of vector that argument `argument` is.
    pub fn vector_type(&mut self, call: &Call, argument: usize) -> Result<VectorType> {
        if let Some(known) = self.vector_type {
            return Ok(known);
        }
        let given = call.arg_type(argument);
        let found = VectorType::of(given).ok_or_else(|| VectorsError::VectorType(relation::type_name(given)))?;
        Ok(*self.vector_type.insert(found))
    }
}
