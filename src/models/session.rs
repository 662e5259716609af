//! Models that are open in this session: made of the stored bytes, run, and closed again when there are too many.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::model::{Batch, Buffer, Element, Signature, WEIGHTS_FILE};
use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorRef};

use super::error::ModelsError;
use super::runtime;
use super::watch::{self, Outcome};
use super::weights::{Hash, Weights};
use crate::pg::onnxruntime::{self, Opened};
use crate::pg::{guc, interrupt, memory, threads};

/// The setting that says where the files of tensors are.
const EXTERNAL_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// Why a model could not be opened or run.
#[derive(Debug)]
pub enum Failure {
    /// The runtime refuses it, for that reason.
    Refused(String),
    /// It asks for too much memory.
    Memory,
    /// It took longer than it may.
    Late,
    /// It has nothing to do with this model.
    Other(ModelsError),
}

impl From<ort::Error> for Failure {
    fn from(error: ort::Error) -> Self {
        let message = error.message();
        // The library has no code of its own for that.
        let is_memory = ["bad_alloc", "Available memory of", "Failed to allocate memory", "failed to allocate"];
        if is_memory.iter().any(|text| message.contains(text)) { Self::Memory } else { Self::Refused(first_line(message)) }
    }
}

/// Without the places in the library's own source, and the stack that some messages carry.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = match line.find(") [ONNXRuntimeError]") {
        Some(place) => &line[place + 2..],
        None => line,
    };
    // "/onnxruntime_src/.../file.cc:123 function condition was false. What happened"
    // or "... file.h:12 function(arguments) What happened".
    let told = match line.contains("onnxruntime_src/") {
        true if line.contains(" was false. ") => line.rsplit(" was false. ").next().unwrap_or(line),
        true => line.rsplit(") ").next().unwrap_or(line),
        false => line,
    };
    told.chars().take(300).collect()
}

/// Rows to run a model on.
#[derive(Clone, Copy)]
pub enum Rows<'a> {
    /// Of any inputs.
    Batch(&'a Batch),
    /// So many rows of the one input of a model that takes a matrix, read where they are.
    Matrix(&'a [f32], usize),
}

impl Rows<'_> {
    /// How many they are.
    pub fn count(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.rows(),
            Self::Matrix(_, count) => *count,
        }
    }
}

/// A model that is open.
pub struct Open {
    model: Opened,
    options: Arc<RunOptions>,
    /// What it takes of this session's memory, about.
    bytes: usize,
}

impl Open {
    /// Opens a model of its graph and its large tensors. The memory that this takes is bounded: the runtime computes beforehand what is constant.
    pub fn new(graph: &[u8], weights: Option<Weights>) -> Result<Self, Failure> {
        let environment = runtime::environment().map_err(Failure::Other)?;
        let builder = provider(builder(&environment, weights.as_ref())?)?;
        let own = if let Some(Weights::Own(bytes)) = weights { Some(bytes) } else { None };
        // The runtime makes a copy of what lies in memory of ours.
        let bytes = 2 * (graph.len() + own.as_ref().map_or(0, Vec::len));
        let model = threads::without_signals(|| memory::limited(guc::model_memory(), || Opened::open(builder, graph, WEIGHTS_FILE, own)));
        match model.map_err(Failure::from) {
            Ok(model) => Ok(Self { model, options: Arc::new(RunOptions::new()?), bytes }),
            Err(failure) => {
                memory::trim();
                Err(failure)
            }
        }
    }

    /// Runs the model on rows and appends all numbers of its output to `scores`. `limit` is how long each run may take.
    pub fn run(
        &mut self,
        signature: &Signature,
        output: Element,
        rows: Rows,
        limit: Option<Duration>,
        scores: &mut Vec<f32>,
    ) -> Result<(), Failure> {
        let at_once = if signature.single_row { 1 } else { rows.count() };
        let mut first = 0;
        while first < rows.count() {
            let inputs = inputs(signature, rows, first, at_once)?;
            self.run_watched(&inputs, output, limit, scores)?;
            first += at_once;
        }
        Ok(())
    }

    fn run_watched(
        &mut self,
        inputs: &[SessionInputValue],
        output: Element,
        limit: Option<Duration>,
        scores: &mut Vec<f32>,
    ) -> Result<(), Failure> {
        loop {
            interrupt::check();
            let deadline = limit.map(|limit| Instant::now() + limit);
            let (result, outcome) = watch::watched(&self.options, deadline, || {
                let outputs = self.model.session().run_with_options(inputs, &*self.options)?;
                append(&outputs[0], output, scores)
            });
            match (result, outcome) {
                (Err(_), Outcome::Stopped) if deadline.is_some_and(|deadline| Instant::now() > deadline) => return Err(Failure::Late),
                // Raises the cancel or the timeout. What else there was to handle is handled then, and the model runs again.
                (Err(_), Outcome::Stopped) => interrupt::check(),
                (Err(error), Outcome::Ended) => return Err(error.into()),
                (Ok(()), _) => return Ok(()),
            }
        }
    }

    /// Gives memory back that the runs so far have taken, as far as the next run does without it.
    pub fn shrink(&mut self, signature: &Signature, rows: Rows) {
        let mut shrink = || -> Result<(), Failure> {
            let mut options = RunOptions::new()?;
            options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
            let inputs = inputs(signature, rows, 0, 1)?;
            self.model.session().run_with_options(&inputs[..], &options)?;
            Ok(())
        };
        // It is about memory that the next run can use as well.
        let _ = shrink();
        memory::trim();
    }
}

fn builder(environment: &Environment, weights: Option<&Weights>) -> Result<SessionBuilder, Failure> {
    let mut builder = SessionBuilder::new(environment)?;
    builder = builder.with_optimization_level(GraphOptimizationLevel::Level3).map_err(refused)?;
    builder = builder.with_intra_threads(1).map_err(refused)?;
    builder = builder.with_inter_threads(1).map_err(refused)?;
    builder = builder.with_intra_op_spinning(false).map_err(refused)?;
    builder = builder.with_inter_op_spinning(false).map_err(refused)?;
    builder = builder.with_env_allocators().map_err(refused)?;
    // Packed copies of shared weights would be each session's own.
    builder = builder.with_prepacking(weights.is_none()).map_err(refused)?;
    if let Some(Weights::Shared(directory)) = weights {
        builder = builder.with_config_entry(EXTERNAL_FOLDER, directory.to_string_lossy()).map_err(refused)?;
    }
    Ok(builder)
}

/// An error that carries the builder, to go on with.
fn refused(error: ort::Error<SessionBuilder>) -> Failure {
    Failure::Refused(first_line(error.message()))
}

/// With the execution provider that the setting names.
fn provider(builder: SessionBuilder) -> Result<SessionBuilder, Failure> {
    let name = guc::execution_provider();
    if name == "cpu" {
        return Ok(builder);
    }
    let existing: Vec<String> =
        onnxruntime::providers()?.iter().map(|provider| provider.trim_end_matches("ExecutionProvider").to_lowercase()).collect();
    if name != "cuda" || !existing.contains(&name) {
        return Err(Failure::Other(ModelsError::Provider { name, existing }));
    }
    let cuda = ort::ep::CUDA::default().build().error_on_failure();
    builder.with_execution_providers([cuda]).map_err(refused)
}

/// The inputs of `count` rows from `first` on.
fn inputs<'a>(signature: &Signature, rows: Rows<'a>, first: usize, count: usize) -> Result<Vec<SessionInputValue<'a>>, Failure> {
    let mut inputs = Vec::with_capacity(signature.inputs.len());
    for (place, input) in signature.inputs.iter().enumerate() {
        let width = input.width();
        let taken = first * width..(first + count) * width;
        let mut shape = Vec::with_capacity(1 + input.shape.len());
        shape.push(count);
        shape.extend_from_slice(&input.shape);
        inputs.push(match rows {
            Rows::Matrix(numbers, _) => TensorRef::from_array_view((shape, &numbers[taken]))?.into(),
            Rows::Batch(batch) => match &batch.buffers()[place] {
                Buffer::Float(values) => TensorRef::from_array_view((shape, &values[taken]))?.into(),
                Buffer::Double(values) => TensorRef::from_array_view((shape, &values[taken]))?.into(),
                Buffer::Int64(values) => TensorRef::from_array_view((shape, &values[taken]))?.into(),
                Buffer::Int32(values) => TensorRef::from_array_view((shape, &values[taken]))?.into(),
                Buffer::Bool(values) => TensorRef::from_array_view((shape, &values[taken]))?.into(),
                Buffer::String(values) => Tensor::from_string_array((shape, &values[taken]))?.into(),
            },
        });
    }
    Ok(inputs)
}

fn append(value: &DynValue, element: Element, scores: &mut Vec<f32>) -> ort::Result<()> {
    match element {
        Element::Double => scores.extend(value.try_extract_tensor::<f64>()?.1.iter().map(|number| *number as f32)),
        Element::Int64 => scores.extend(value.try_extract_tensor::<i64>()?.1.iter().map(|number| *number as f32)),
        Element::Int32 => scores.extend(value.try_extract_tensor::<i32>()?.1.iter().map(|number| *number as f32)),
        _ => scores.extend_from_slice(value.try_extract_tensor::<f32>()?.1),
    }
    Ok(())
}

/// What tells open models apart: the hashes of their graph and of their large tensors, and where they run.
type Key = (Hash, Option<Hash>, String);

thread_local! {
    /// The model used last comes last.
    static OPEN: RefCell<Vec<(Key, Rc<RefCell<Open>>)>> = const { RefCell::new(Vec::new()) };
}

/// The open model of these hashes; opened by `open` if it is not.
pub fn get<E>(graph: &Hash, weights: Option<&Hash>, open: impl FnOnce() -> Result<Open, E>) -> Result<Rc<RefCell<Open>>, E> {
    let key = (*graph, weights.copied(), guc::execution_provider());
    let found = OPEN.with_borrow_mut(|kept| {
        let place = kept.iter().rposition(|(other, _)| *other == key)?;
        // Mostly it is the last one already.
        if place + 1 < kept.len() {
            let entry = kept.remove(place);
            kept.push(entry);
        }
        kept.last().map(|(_, open)| Rc::clone(open))
    });
    if let Some(found) = found {
        return Ok(found);
    }
    let opened = Rc::new(RefCell::new(open()?));
    OPEN.with_borrow_mut(|kept| {
        kept.push((key, Rc::clone(&opened)));
        let total =
            |kept: &[(Key, Rc<RefCell<Open>>)]| kept.iter().map(|(_, open)| open.try_borrow().map_or(0, |open| open.bytes)).sum::<usize>();
        while kept.len() > 1 && (kept.len() > guc::model_cache_count() || total(kept) > guc::model_cache_size()) {
            kept.remove(0);
        }
    });
    Ok(opened)
}
