//! From SQL arguments to a question to a graph.

use std::rc::Rc;

use engine::Micros;
use engine::decay::HalfLife;
use engine::graph::{Direction, Filter};
use pgrx::pg_sys;

use super::catalog::{self as graphs, Graph};
use super::error::{QuestionError, Result};
use super::events::Asked;
use super::nodes::TypedKey;
use super::reader::{Ask, OpenError, Reader};
use crate::arguments::{self};
use crate::key::{Key, KeyError, KeyType};
use crate::pg::function::Call;
use crate::pg::{privilege, relation};

/// The places of the arguments that questions have in common, where they have them.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// The direction; the edge types and the context follow it.
    pub direction: usize,
    /// The time.
    pub as_of: usize,
    /// The half-life; the time window follows it.
    pub half_life: usize,
}

/// The type in which an answer gives keys.
#[derive(Debug, Clone, Copy)]
pub struct ResultType {
    oid: pg_sys::Oid,
    key: KeyType,
}

impl ResultType {
    /// That of a result column.
    pub fn of(oid: pg_sys::Oid) -> Result<Self> {
        Ok(Self { oid, key: KeyType::of(oid)? })
    }
}

/// The arguments of one call.
pub struct Arguments<'a> {
    /// The call.
    pub call: &'a Call,
    /// The graph that its first argument names.
    pub graph: Rc<Graph>,
}

impl<'a> Arguments<'a> {
    /// Looks up the graph that the first argument names.
    pub fn open(call: &'a Call) -> Result<Self> {
        let name: String = call.required(0, "graph")?;
        Ok(Self { call, graph: graphs::held(&name)? })
    }

    /// Opens the graph for the question that the arguments at `places` ask, after a check of the caller's privileges.
    pub fn reader(&self, places: &Places) -> Result<Reader<'_>> {
        let edge_types = self.edge_type_names(places.direction + 1).map(|names| edge_types(&self.graph, &names)).transpose()?;
        let filter = Filter { direction: self.direction(places.direction)?, edge_types, contexts: Vec::new() };
        let contexts = contexts(&self.graph, &arguments::context(self.call, places.direction + 2)?)?;
        self.open_reader(places.as_of, places.half_life, filter, contexts)
    }

    /// [`Arguments::reader`] for a question about all edges.
    pub fn whole(&self, as_of: usize, half_life: usize) -> Result<Reader<'_>> {
        self.open_reader(as_of, half_life, Filter::default(), vec![None; self.graph.sources.len()])
    }

    fn open_reader(&self, as_of: usize, half_life: usize, filter: Filter, contexts: Vec<Option<Asked>>) -> Result<Reader<'_>> {
        self.check_privileges(&filter)?;
        let ask = Ask {
            as_of: arguments::time(self.call, as_of)?,
            half_life: self.interval(half_life, "half_life")?.and_then(HalfLife::from_micros),
            time_window: self.interval(half_life + 1, "time_window")?,
            filter,
            contexts,
        };
        Reader::open(&self.graph, ask).map_err(|error| match error {
            OpenError::Graph(error) => error.into(),
            OpenError::Engine(source) => self.failure(source),
        })
    }

    fn interval(&self, place: usize, name: &'static str) -> Result<Option<Micros>> {
        Ok(arguments::positive_interval(self.call, place, name)?)
    }

    fn direction(&self, place: usize) -> Result<Option<Direction>> {
        direction(self.call.arg::<String>(place).as_deref())
    }

    /// The names of the edge types that are asked for: one, or an array.
    pub fn edge_type_names(&self, place: usize) -> Option<Vec<String>> {
        match self.call.arg_type(place) {
            pg_sys::TEXTARRAYOID => self.call.arg::<Vec<Option<String>>>(place).map(|names| names.into_iter().flatten().collect()),
            _ => self.call.arg::<String>(place).map(|name| vec![name]),
        }
    }

    /// A node type by its name; the graph's first one for NULL.
    pub fn node_type(&self, place: usize) -> Result<u32> {
        Ok(self.optional_type(place)?.unwrap_or(0))
    }

    /// A node type by its name.
    pub fn optional_type(&self, place: usize) -> Result<Option<u32>> {
        let Some(name) = self.call.arg::<String>(place) else { return Ok(None) };
        let known = &self.graph.node_types;
        match known.iter().position(|other| other.name == name) {
            Some(number) => Ok(Some(number as u32)),
            None => {
                let existing = known.iter().map(|other| other.name.clone()).collect();
                Err(QuestionError::NodeType { graph: self.graph.name.clone(), name, existing })
            }
        }
    }

    /// The node of a type that argument `place` names; `None` for NULL.
    pub fn node(&self, place: usize, node_type: u32) -> Result<Option<TypedKey>> {
        let given = self.call.arg_type(place);
        self.call.datum(place).map(|datum| self.typed(datum, given, node_type)).transpose()
    }

    /// The nodes of an array; NULL elements are left out.
    pub fn nodes(&self, place: usize, node_type: u32) -> Result<Vec<TypedKey>> {
        let (element, elements) = self.call.elements(place);
        elements.into_iter().flatten().map(|datum| self.typed(datum, element, node_type)).collect()
    }

    fn typed(&self, datum: pg_sys::Datum, given: pg_sys::Oid, node_type: u32) -> Result<TypedKey> {
        let Some(kind) = self.graph.node_types.get(node_type as usize) else {
            return Err(QuestionError::Empty(self.graph.name.clone()));
        };
        let key = match (KeyType::of(given)?, kind.key) {
            (KeyType::Text, KeyType::Text) => Key::read(datum, KeyType::Text)?,
            (KeyType::Text, expected) => Key::parse(&Key::read(datum, KeyType::Text)?.to_string(), expected)?,
            (found, expected) if found.comparable(expected) => Key::read(datum, found)?,
            (_, expected) => {
                let (name, given) = (kind.name.clone(), relation::type_name(given));
                return Err(QuestionError::KeyType { name, expected: expected.sql(), given });
            }
        };
        Ok((node_type, key))
    }

    /// A key as a datum of a result column; as text where that is the column's type.
    pub fn datum(&self, (node_type, key): &TypedKey, result: ResultType) -> Result<pg_sys::Datum> {
        if result.key == KeyType::Text {
            return Ok(crate::pg::varlena::from_bytes(key.to_string().as_bytes()));
        }
        match key.write(result.key) {
            Err(KeyError::Mismatch { .. }) => {
                let kind = &self.graph.node_types[*node_type as usize];
                let (name, found) = (kind.name.clone(), kind.key.sql());
                Err(QuestionError::ResultType { name, found, expected: relation::type_name(result.oid) })
            }
            datum => Ok(datum?),
        }
    }

    /// A number of rows.
    pub fn count(&self, place: usize) -> Result<usize> {
        Ok(arguments::count(self.call, place, 100)?)
    }

    /// An integer within bounds; NULL is `default`.
    pub fn integer(&self, place: usize, argument: &'static str, default: i32, min: i32, max: i32) -> Result<usize> {
        let given = self.call.arg::<i32>(place).unwrap_or(default);
        if (min..=max).contains(&given) {
            return Ok(given as usize);
        }
        Err(QuestionError::Range { argument, allowed: format!("between {min} and {max}"), given: given.to_string() })
    }

    /// A number between 0 and 1, both left out; NULL is `default`.
    pub fn fraction(&self, place: usize, argument: &'static str, default: f64) -> Result<f64> {
        let given = self.call.arg::<f64>(place).unwrap_or(default);
        if given > 0.0 && given < 1.0 {
            return Ok(given);
        }
        Err(QuestionError::Range { argument, allowed: "between 0 and 1, both left out".into(), given: given.to_string() })
    }

    /// What one may learn from a graph is what its tables say: whoever asks must be allowed to read those that count.
    fn check_privileges(&self, filter: &Filter) -> Result<()> {
        let graph = &self.graph;
        for (source, kind) in graph.sources.iter().zip(&graph.schema.sources) {
            if filter.edge_types.as_ref().is_some_and(|types| !types.contains(&kind.edge_type)) {
                continue;
            }
            let table = || relation::qualified_name(source.table).unwrap_or_default();
            if !privilege::may_select(source.table, &source.columns) {
                return Err(QuestionError::Denied { table: table(), graph: graph.name.clone() });
            }
            if privilege::hides_rows(source.table) {
                return Err(QuestionError::RowSecurity { table: table() });
            }
        }
        Ok(())
    }

    /// An error of the engine as one of this call.
    pub fn failure(&self, source: engine::Error) -> QuestionError {
        QuestionError::Engine { graph: self.graph.name.clone(), source }
    }
}

/// A direction by its name; `None` is both.
pub fn direction(name: Option<&str>) -> Result<Option<Direction>> {
    match name {
        None | Some("both") => Ok(None),
        Some("out") => Ok(Some(Direction::Out)),
        Some("in") => Ok(Some(Direction::In)),
        Some(other) => Err(QuestionError::Direction(other.to_owned())),
    }
}

/// The numbers of edge types.
pub fn edge_types(graph: &Graph, names: &[String]) -> Result<Vec<u32>> {
    let known = &graph.edge_types;
    let number = |name: &String| match known.iter().position(|other| other == name) {
        Some(number) => Ok(number as u32),
        None => Err(QuestionError::EdgeType { graph: graph.name.clone(), name: name.clone(), existing: known.clone() }),
    };
    names.iter().map(number).collect()
}

/// The values of context columns that are asked for, by source. A source without one of the columns is not filtered.
pub fn contexts(graph: &Graph, asked: &[(String, String)]) -> Result<Vec<Option<Asked>>> {
    let sources = &graph.sources;
    if let Some((name, _)) = asked.iter().find(|(name, _)| !sources.iter().any(|source| source.feed.context.contains(name))) {
        let mut existing: Vec<String> = sources.iter().flat_map(|source| source.feed.context.iter().cloned()).collect();
        existing.sort();
        existing.dedup();
        return Err(QuestionError::ContextColumn { graph: graph.name.clone(), name: name.clone(), existing });
    }
    let of_source = |columns: &Vec<String>| {
        let places = asked.iter().map(|(name, value)| Some((columns.iter().position(|column| column == name)?, value.clone())));
        places.collect::<Option<Asked>>().filter(|asked| !asked.is_empty())
    };
    Ok(sources.iter().map(|source| of_source(&source.feed.context)).collect())
}
