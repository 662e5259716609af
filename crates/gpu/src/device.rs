//! Searches on a device.

use crate::bound::{self, Method};
use crate::layout::{self, CHUNK, Dtype, Layout, TILE};
use crate::machine::{Info, Machine, Plan};
use crate::pack::Tile;
use crate::program::{self, Addresses, Candidate, Head, Input, MAX_QUERIES, Params, Shape};
use crate::source::Source;
use crate::{GpuError, Result, exact};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// The most rows that can be asked for.
pub const MAX_K: u32 = 1024;

/// How often a search is done again with a better threshold where there were more candidates than fit.
const ATTEMPTS: usize = 3;

/// About how many bytes are copied to a device at a time.
const STAGE: usize = 16 << 20;

/// The most bytes of the bitmaps that come with the queries of a program.
const FILTERS: usize = 64 << 20;

/// How far the length of a query may be from 1.
const LENGTH: f64 = 1e-5;

/// Asks whether to stop.
pub type Interrupt<'a> = &'a dyn Fn() -> bool;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// A vector of length 1.
    pub unit: &'a [f32],
    /// How many rows, at most [`MAX_K`].
    pub k: u32,
    /// The rows that may be found, bit `row % 64` of word `row / 64`; without, all of them.
    pub allowed: Option<&'a [u64]>,
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number.
    pub row: u32,
    /// Its cosine with the query, that of [`exact::score`].
    pub score: f32,
}

/// The answer to a query: the rows of the greatest score in order of score, equal scores in order of row.
pub type Answer = Result<Vec<Hit>>;

/// What keeps sets and searches them.
pub trait Device {
    /// A set that it keeps; its memory is free again when it is dropped.
    type Set;

    /// What it is.
    fn info(&self) -> Result<Info>;

    /// Takes a set.
    fn upload(&self, source: Rc<dyn Source>, layout: Layout, interrupt: Interrupt<'_>) -> Result<Self::Set>;

    /// Answers each of the queries, all in one pass where that is possible. Where one of them cannot be answered, its answer is an error; an
    /// error of the device is an error of all of them.
    fn search(&self, set: &mut Self::Set, queries: &[Query<'_>], interrupt: Interrupt<'_>) -> Result<Vec<Answer>>;
}

/// A device that runs kernels.
#[derive(Debug)]
pub struct Gpu<M: Machine> {
    machine: M,
    info: Info,
    /// Candidates by the number of queries, for all sets.
    lists: RefCell<HashMap<usize, Rc<M::Memory>>>,
}

/// A set on a device.
pub struct Set<M: Machine> {
    source: Rc<dyn Source>,
    layout: Layout,
    rows: usize,
    dimensions: usize,
    data: M::Memory,
    factors: Option<M::Memory>,
    units: Option<M::Memory>,
    /// The greatest of the rows.
    residual: f32,
    programs: HashMap<Shape, M::Program>,
}

impl<M: Machine> fmt::Debug for Set<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, dimensions, layout, .. } = self;
        write!(f, "Set({rows} x {dimensions}, {layout:?})")
    }
}

impl<M: Machine> Gpu<M> {
    /// A device over a machine.
    pub fn new(machine: M) -> Result<Self> {
        let info = machine.info()?;
        Ok(Self { machine, info, lists: RefCell::new(HashMap::new()) })
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Copies what `fill` makes of each tile of rows, and gives the greatest residual.
    fn copy(&self, source: &dyn Source, dtype: Dtype, interrupt: Interrupt<'_>) -> Result<(M::Memory, Option<M::Memory>, f32)> {
        let (rows, dimensions) = (source.rows(), source.dimensions());
        let tiles = rows.div_ceil(TILE).max(1);
        let mut tile = Tile::new(dtype, dimensions);
        let bytes = tile.bytes.len();
        let data = self.machine.allocate(tiles * bytes)?;
        let factors = if dtype == Dtype::I8 { Some(self.machine.allocate(tiles * TILE * 8)?) } else { None };
        let step = (STAGE / bytes).max(1);
        let (mut stage, mut stage_factors) = (Vec::with_capacity(step.min(tiles) * bytes), Vec::new());
        let mut residual = 0.0f32;
        for first in (0..tiles).step_by(step) {
            if interrupt() {
                return Err(GpuError::Interrupted);
            }
            stage.clear();
            stage_factors.clear();
            for number in first..tiles.min(first + step) {
                tile.clear();
                for row in number * TILE..rows.min((number + 1) * TILE) {
                    tile.put(row % TILE, source.unit(row as u32));
                }
                stage.extend_from_slice(&tile.bytes);
                stage_factors.extend_from_slice(&tile.factors);
                residual = residual.max(tile.residual);
            }
            self.machine.write(&data, first * bytes, &stage)?;
            if let Some(factors) = &factors {
                self.machine.write(factors, first * TILE * 8, stage_factors.as_bytes())?;
            }
        }
        Ok((data, factors, residual))
    }

    /// The program of a shape over a set.
    fn program<'a>(&self, set: &'a mut Set<M>, shape: Shape) -> Result<&'a mut M::Program> {
        if !set.programs.contains_key(&shape) {
            let kept = self.lists.borrow().get(&shape.queries).cloned();
            let lists = match kept {
                Some(lists) => lists,
                None => Rc::new(self.machine.allocate(shape.list_bytes())?),
            };
            self.lists.borrow_mut().insert(shape.queries, Rc::clone(&lists));
            let input = self.machine.allocate(Input::new(shape, set.rows, set.dimensions).end)?;
            let output = self.machine.allocate(shape.output_bytes())?;
            let address = |memory: &M::Memory| self.machine.address(memory);
            let data = address(&set.data);
            let units = if set.layout.dtype == Dtype::F32 { data } else { set.units.as_ref().map_or(0, address) };
            let factors = set.factors.as_ref().map_or(0, address);
            let at = Addresses { data, factors, units, input: address(&input), output: address(&output), lists: address(&lists) };
            let launches = program::launches(shape, set.layout, set.rows, set.dimensions, at, self.info.multiprocessors);
            let program = self.machine.prepare(Plan { input, output, launches, uses: vec![lists] })?;
            set.programs.insert(shape, program);
        }
        Ok(set.programs.get_mut(&shape).expect("was put there"))
    }

    /// Answers up to [`MAX_QUERIES`] queries that are sound.
    fn search_some(&self, set: &mut Set<M>, queries: &[Query<'_>], interrupt: Interrupt<'_>) -> Result<Vec<Answer>> {
        let most = queries.iter().map(|query| query.k).max().unwrap_or(0) as usize;
        let filtered = queries.iter().any(|query| query.allowed.is_some());
        let shape = Shape::new(set.layout.dtype, self.info.capability >= 80, queries.len(), most, filtered);
        let at = Input::new(shape, set.rows, set.dimensions);
        let mut input = vec![0; at.end];
        for place in 0..shape.queries {
            match queries.get(place) {
                Some(query) => write_query(set, shape, at, place, query, &mut input),
                None => write_head(at, place, f32::INFINITY, &mut input),
            }
        }
        let mut output = vec![0; shape.output_bytes()];
        let mut attempt = 1;
        loop {
            if interrupt() {
                return Err(GpuError::Interrupted);
            }
            let program = self.program(set, shape)?;
            self.machine.run(program, &input, &mut output)?;
            let heads = heads(&output, shape);
            if attempt == ATTEMPTS || heads.iter().all(|head| head.overflow == 0) {
                break;
            }
            attempt += 1;
            for (place, head) in heads.iter().enumerate() {
                write_head(at, place, head.threshold, &mut input);
            }
        }
        let heads = heads(&output, shape);
        queries
            .iter()
            .zip(&heads)
            .enumerate()
            .map(|(place, (query, head))| self.answer(set, shape, (place, head), query, &output))
            .collect()
    }

    /// The answer to a query, made of its candidates.
    fn answer(&self, set: &mut Set<M>, shape: Shape, (place, head): (usize, &Head), query: &Query<'_>, output: &[u8]) -> Result<Answer> {
        let size = size_of::<Candidate>();
        let count = head.count as usize;
        let mut candidates = vec![Candidate::new_zeroed(); count];
        if head.overflow != 0 {
            return Ok(Err(GpuError::Ties { capacity: shape.capacity() as u32, k: query.k }));
        }
        if count <= shape.stride() {
            let from = shape.queries * size_of::<Head>() + place * shape.stride() * size;
            candidates.as_mut_bytes().copy_from_slice(&output[from..from + count * size]);
        } else {
            let lists = Rc::clone(M::used(self.program(set, shape)?, 0));
            self.machine.read(&lists, place * shape.capacity() * size, candidates.as_mut_bytes())?;
        }
        if candidates.iter().any(|candidate| candidate.row as usize >= set.rows) {
            return Err(GpuError::Lost("it gave a row that does not exist".to_owned()));
        }
        let scored = set.layout.scores();
        let score = |candidate: &Candidate| if scored { candidate.most } else { set.source.score(query.unit, candidate.row) };
        let mut hits: Vec<Hit> = candidates.iter().map(|candidate| Hit { row: candidate.row, score: score(candidate) }).collect();
        hits.sort_unstable_by_key(|hit| std::cmp::Reverse(exact::key(hit.score, hit.row)));
        hits.truncate(query.k as usize);
        Ok(Ok(hits))
    }
}

/// How many queries over so many rows go into one program.
fn most_queries(rows: usize, filtered: bool) -> usize {
    let bytes = rows.div_ceil(64).max(1) * 8;
    if filtered { (FILTERS / bytes).clamp(1, MAX_QUERIES) } else { MAX_QUERIES }
}

/// The heads of an output.
fn heads(output: &[u8], shape: Shape) -> Vec<Head> {
    let size = size_of::<Head>();
    output[..shape.queries * size].chunks_exact(size).map(|bytes| Head::read_from_bytes(bytes).expect("as long as one")).collect()
}

/// Writes a query to its place in the input.
fn write_query<M: Machine>(set: &Set<M>, shape: Shape, at: Input, place: usize, query: &Query<'_>, input: &mut [u8]) {
    bound::floats(query.unit, &mut input[at.units + place * at.unit..][..at.unit]);
    let mut row = vec![0; if at.vector == 0 { at.unit } else { at.vector }];
    let bound = bound::bound(shape.method, query.unit, set.residual, &mut row);
    match shape.method {
        Method::Scan(Dtype::I8) => input[at.vectors + place * at.vector..][..at.vector].copy_from_slice(&row),
        Method::Scan(_) => {}
        Method::Batch => {
            // In tiles like the rows.
            let chunks = at.vector / CHUNK;
            for (chunk, bytes) in row.chunks_exact(CHUNK).enumerate() {
                let to = at.vectors + ((place / TILE * chunks + chunk) * TILE + place % TILE) * CHUNK;
                input[to..to + CHUNK].copy_from_slice(bytes);
            }
        }
    }
    let filter = match query.allowed {
        None => 0,
        Some(words) => {
            input[at.filters + place * at.filter..][..at.filter].copy_from_slice(words.as_bytes());
            place as u32 + 1
        }
    };
    let params = Params { scale: bound.scale, reach: bound.reach, slack: bound.slack, k: query.k, filter, unused: [0; 3] };
    input[at.params + place * size_of::<Params>()..][..size_of::<Params>()].copy_from_slice(params.as_bytes());
    write_head(at, place, if query.k == 0 { f32::INFINITY } else { f32::NEG_INFINITY }, input);
}

/// Writes the beginning of an empty list.
fn write_head(at: Input, place: usize, threshold: f32, input: &mut [u8]) {
    let head = Head { count: 0, overflow: 0, threshold, unused: 0 };
    input[at.heads + place * size_of::<Head>()..][..size_of::<Head>()].copy_from_slice(head.as_bytes());
}

/// Whether a query can be asked of a set.
fn check<M: Machine>(set: &Set<M>, query: &Query<'_>) -> Result<()> {
    if query.unit.len() != set.dimensions {
        return Err(GpuError::OtherDimensions { expected: set.dimensions, found: query.unit.len() });
    }
    if query.k > MAX_K {
        return Err(GpuError::TooMany { k: query.k });
    }
    let length = exact::dot(query.unit, query.unit).sqrt();
    if length.is_nan() || (length - 1.0).abs() > LENGTH {
        return Err(GpuError::Length { length });
    }
    let words = set.rows.div_ceil(64);
    match query.allowed {
        Some(allowed) if allowed.len() != words => Err(GpuError::Filter { expected: words, found: allowed.len() }),
        _ => Ok(()),
    }
}

impl<M: Machine> Device for Gpu<M> {
    type Set = Set<M>;

    fn info(&self) -> Result<Info> {
        self.machine.info()
    }

    fn upload(&self, source: Rc<dyn Source>, layout: Layout, interrupt: Interrupt<'_>) -> Result<Set<M>> {
        let (rows, dimensions) = (source.rows(), source.dimensions());
        layout::check(rows, dimensions)?;
        let (data, factors, residual) = self.copy(&*source, layout.dtype, interrupt)?;
        let units = if layout.units && layout.dtype != Dtype::F32 { Some(self.copy(&*source, Dtype::F32, interrupt)?.0) } else { None };
        Ok(Set { source, layout, rows, dimensions, data, factors, units, residual, programs: HashMap::new() })
    }

    fn search(&self, set: &mut Set<M>, queries: &[Query<'_>], interrupt: Interrupt<'_>) -> Result<Vec<Answer>> {
        let mut answers: Vec<Answer> = queries.iter().map(|query| check(set, query).map(|()| Vec::new())).collect();
        let asked = |place: &usize| answers[*place].is_ok() && queries[*place].k > 0 && set.rows > 0;
        let places: Vec<usize> = (0..queries.len()).filter(asked).collect();
        let filtered = places.iter().any(|place| queries[*place].allowed.is_some());
        for places in places.chunks(most_queries(set.rows, filtered)) {
            let some: Vec<Query<'_>> = places.iter().map(|place| queries[*place]).collect();
            for (place, answer) in places.iter().zip(self.search_some(set, &some, interrupt)?) {
                answers[*place] = answer;
            }
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_of_many_rows_make_batches_smaller() {
        assert_eq!(most_queries(10_000_000, false), MAX_QUERIES);
        assert_eq!(most_queries(0, true), MAX_QUERIES);
        assert_eq!(most_queries(1_000_000, true), MAX_QUERIES);
        assert_eq!(most_queries(10_000_000, true), 53);
        assert_eq!(most_queries(crate::layout::MAX_ROWS, true), 1);
    }
}
