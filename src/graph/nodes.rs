//! Nodes: their keys and types against their dense numbers.
//!
//! A number that was committed stays its node's for good, so a backend keeps what it has read as long as the table of nodes is the
//! same one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use engine::Result;
use engine::graph::{Node, NodeId};
use pgrx::pg_sys;
use rustc_hash::FxHashMap;

use super::catalog::Graph;
use crate::catalog::catalog_owner;
use crate::key::{Key, KeyType};
use crate::numbers::{store_error, stream};
use crate::pg::fetch::{Equality, INTEGER, Scan};
use crate::pg::{interrupt, varlena};
use crate::rows::equality;
use crate::totals::{number, number_datum};

/// The first number of nodes that exist only in the delta; stored ones are smaller.
pub const FIRST_UNPACKED: NodeId = 1 << 31;
/// The first number of nodes that only a question about the past has met.
pub const FIRST_PAST: NodeId = 3 << 30;

/// A node's type and key.
pub type TypedKey = (u32, Key);

/// How many nodes a backend keeps of one graph: some 20 MB.
const MAX_KEPT: usize = 200_000;

/// What was read of a graph's nodes.
#[derive(Default)]
struct Kept {
    numbers: FxHashMap<TypedKey, NodeId>,
    keys: FxHashMap<NodeId, TypedKey>,
}

thread_local! {
    /// By the table of nodes.
    static KEPT: RefCell<HashMap<pg_sys::Oid, Kept>> = RefCell::new(HashMap::new());
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// This transaction has given numbers, which may be rolled back: until it ends nothing more is kept of what it reads.
pub fn writing() {
    WRITING.set(true);
}

/// The transaction has ended.
pub fn transaction_ended() {
    WRITING.set(false);
}

fn keep(graph: &Graph, id: NodeId, key: &TypedKey) {
    if WRITING.get() {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        let kept = kept.entry(graph.nodes.0).or_default();
        if kept.keys.len() >= MAX_KEPT {
            *kept = Kept::default();
        }
        kept.numbers.insert(key.clone(), id);
        kept.keys.insert(id, key.clone());
    });
}

/// The stored numbers of nodes; `None` for those that have none.
pub fn stored_numbers<'k>(graph: &Graph, keys: impl Iterator<Item = &'k TypedKey>) -> Result<Vec<Option<NodeId>>> {
    let mut scan = None;
    let smallint = Equality { procedure: pg_sys::Oid::from(pg_sys::F_INT2EQ), collation: pg_sys::InvalidOid };
    keys.map(|key| {
        let kept = KEPT.with_borrow(|kept| kept.get(&graph.nodes.0).and_then(|kept| kept.numbers.get(key).copied()));
        if kept.is_some() {
            return Ok(kept);
        }
        interrupt::check();
        let scan = scan.get_or_insert_with(|| Scan::open(graph.nodes.0, graph.nodes.2, &[smallint, equality(KeyType::Text)]));
        let text = varlena::from_bytes(key.1.to_string().as_bytes());
        let found = scan.get(&[pg_sys::Datum::from(key.0 as i16), text]).and_then(|row| row.datum(1)).map(number);
        if let Some(id) = found {
            keep(graph, id, key);
        }
        Ok(found)
    })
    .collect()
}

/// The types and keys of stored nodes; `None` for numbers that no node has.
pub fn stored_keys(graph: &Graph, ids: &[NodeId]) -> Result<Vec<Option<TypedKey>>> {
    let kept = |kept: &Kept| ids.iter().map(|id| kept.keys.get(id).cloned()).collect::<Vec<_>>();
    let mut keys = KEPT.with_borrow(|all| all.get(&graph.nodes.0).map(kept)).unwrap_or_else(|| vec![None; ids.len()]);
    let mut scan = None;
    for (key, &id) in keys.iter_mut().zip(ids).filter(|(key, id)| key.is_none() && **id < FIRST_UNPACKED) {
        interrupt::check();
        let scan = scan.get_or_insert_with(|| Scan::open(graph.nodes.0, graph.nodes.1, &[INTEGER]));
        let Some(row) = scan.get(&[number_datum(id)]) else { continue };
        let (Some(node_type), Some(found)) = (row.datum(2), row.datum(3)) else { continue };
        let found = typed_key(graph, node_type, found)?;
        keep(graph, id, &found);
        *key = Some(found);
    }
    Ok(keys)
}

/// A node's type and key from the columns of its row.
pub fn typed_key(graph: &Graph, node_type: pg_sys::Datum, key: pg_sys::Datum) -> Result<TypedKey> {
    let node_type = node_type.value() as u16 as u32;
    let kind = graph.node_types.get(node_type as usize).ok_or_else(|| store_error(format!("no node type {node_type}")))?;
    let Key::Text(text) = Key::read(key, KeyType::Text).map_err(store_error)? else { return Err(store_error("no text")) };
    Ok((node_type, Key::parse(&text, kind.key).map_err(store_error)?))
}

/// Nodes that are not stored, with numbers of their own.
#[derive(Debug, Default)]
pub struct NewNodes {
    first: NodeId,
    numbers: FxHashMap<TypedKey, NodeId>,
    keys: Vec<TypedKey>,
}

impl NewNodes {
    /// None yet; the first one gets the number `first`.
    pub fn starting(first: NodeId) -> Self {
        Self { first, ..Self::default() }
    }

    /// A node's number, if it is one of these.
    pub fn number(&self, key: &TypedKey) -> Option<NodeId> {
        self.numbers.get(key).copied()
    }

    /// A node's number; a new one the first time.
    pub fn add(&mut self, key: TypedKey) -> NodeId {
        let next = self.first + self.keys.len() as NodeId;
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            next
        })
    }

    /// The type and key of one of these.
    pub fn key(&self, id: NodeId) -> Option<&TypedKey> {
        self.keys.get(id.checked_sub(self.first)? as usize)
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &TypedKey)> {
        (self.first..).zip(&self.keys)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

/// All stored nodes, in the order of their numbers.
pub fn all(graph: &Graph) -> Result<Vec<(Node, TypedKey)>> {
    let sql = format!("SELECT node, node_type, key FROM recommend.nodes_{} ORDER BY node", graph.id);
    let mut all = Vec::new();
    stream(catalog_owner().map_err(store_error)?, &sql, &[], |row| {
        let types = [pg_sys::INT4OID, pg_sys::INT2OID, pg_sys::TEXTOID];
        let [Some(id), Some(node_type), Some(key)] = row.datums(types).map_err(store_error)? else { return Ok(()) };
        let key = typed_key(graph, node_type, key)?;
        all.push((Node { id: number(id), node_type: key.0 }, key));
        Ok(())
    })?;
    Ok(all)
}
