//! What runs kernels. Everything above this trait is the same on a GPU and on the host.

use crate::Result;
use std::rc::Rc;

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its name.
    pub name: String,
    /// Its compute capability, 90 for 9.0.
    pub capability: u32,
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// Bytes of its memory.
    pub total: u64,
    /// Bytes of its memory that are free.
    pub free: u64,
}

/// A kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Rows of f32, one query.
    ScanF32,
    /// Rows of f32, four queries.
    ScanF32By4,
    /// Rows of f16, one query.
    ScanF16,
    /// Rows of f16, four queries.
    ScanF16By4,
    /// Rows of int8, one query.
    ScanI8,
    /// Rows of int8, four queries.
    ScanI8By4,
    /// Rows of f16, 128 queries, by tensor cores.
    BatchF16,
    /// Raises thresholds and drops candidates.
    Merge,
    /// Scores candidates.
    Rerank,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ScanF32,
        Self::ScanF32By4,
        Self::ScanF16,
        Self::ScanF16By4,
        Self::ScanI8,
        Self::ScanI8By4,
        Self::BatchF16,
        Self::Merge,
        Self::Rerank,
    ];

    /// Its name in the source.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScanF32 => "scan_f32_1",
            Self::ScanF32By4 => "scan_f32_4",
            Self::ScanF16 => "scan_f16_1",
            Self::ScanF16By4 => "scan_f16_4",
            Self::ScanI8 => "scan_i8_1",
            Self::ScanI8By4 => "scan_i8_4",
            Self::BatchF16 => "batch_f16",
            Self::Merge => "merge",
            Self::Rerank => "rerank",
        }
    }
}

/// The call of a kernel.
#[derive(Debug)]
pub struct Launch {
    pub(crate) kernel: Kernel,
    /// Blocks in both directions.
    pub(crate) grid: [u32; 2],
    /// Of a block.
    pub(crate) threads: u32,
    /// Bytes of dynamic shared memory.
    pub(crate) shared: u32,
    /// The structure that it is called with, in words of 8 bytes.
    pub(crate) args: Vec<u64>,
}

/// Launches that always come in the same order: bytes go to the input, kernels run, bytes come from the output. Only this crate makes
/// one, and it sees to it that the addresses in the arguments are those of memory that the plan or its set keeps.
#[derive(Debug)]
pub struct Plan<Memory> {
    pub(crate) input: Memory,
    pub(crate) output: Memory,
    pub(crate) launches: Vec<Launch>,
    /// What else the launches write to, kept as long as the plan.
    pub(crate) uses: Vec<Rc<Memory>>,
}

// What other machines than CUDA's read of a plan. They cannot make or change one.
impl Launch {
    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Blocks in both directions.
    pub fn grid(&self) -> [u32; 2] {
        self.grid
    }

    /// Threads of a block.
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// Bytes of shared memory of a block.
    pub fn shared(&self) -> u32 {
        self.shared
    }

    /// The structure that the kernel is called with.
    pub fn args(&self) -> &[u64] {
        &self.args
    }
}

impl<Memory> Plan<Memory> {
    /// Where the input goes.
    pub fn input(&self) -> &Memory {
        &self.input
    }

    /// Where the output comes from.
    pub fn output(&self) -> &Memory {
        &self.output
    }

    /// What to run, in this order.
    pub fn launches(&self) -> &[Launch] {
        &self.launches
    }

    /// A piece of memory that the launches write to.
    pub fn used(&self, place: usize) -> &Rc<Memory> {
        &self.uses[place]
    }
}

/// A device, or what stands for one.
pub trait Machine {
    /// A piece of its memory, freed when dropped.
    type Memory;
    /// A plan that was made ready.
    type Program;

    /// What it is.
    fn info(&self) -> Result<Info>;

    /// Takes memory, full of zeros.
    fn allocate(&self, bytes: usize) -> Result<Self::Memory>;

    /// Where it begins for kernels.
    fn address(&self, memory: &Self::Memory) -> u64;

    /// Copies bytes to memory, and waits.
    ///
    /// # Panics
    ///
    /// If they do not fit.
    fn write(&self, to: &Self::Memory, offset: usize, bytes: &[u8]) -> Result<()>;

    /// Copies bytes from memory, and waits.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    fn read(&self, from: &Self::Memory, offset: usize, bytes: &mut [u8]) -> Result<()>;

    /// Makes a plan ready to run many times.
    fn prepare(&self, plan: Plan<Self::Memory>) -> Result<Self::Program>;

    /// Copies the input, runs the launches, copies the output, and waits.
    ///
    /// # Panics
    ///
    /// If input or output are longer than the program's.
    fn run(&self, program: &mut Self::Program, input: &[u8], output: &mut [u8]) -> Result<()>;

    /// The memory of a program's lists, as it was given in the plan.
    fn used(program: &Self::Program, place: usize) -> &Rc<Self::Memory>;
}
