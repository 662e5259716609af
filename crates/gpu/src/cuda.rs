//! A GPU, by CUDA's driver, which is loaded at run time: nothing links it.
//!
//! All work goes to one stream. A program is captured as a CUDA graph when it is prepared: the copy of its input from pinned memory, its
//! launches, and the copy of its output to pinned memory are one call afterwards.

#![allow(unsafe_code)]

use crate::machine::{Info, Kernel, Machine, Plan};
use crate::{GpuError, Result};
use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute, CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode};
use cudarc::driver::{CudaContext, CudaFunction, CudaGraph, CudaStream, DriverError, result};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The PTX of the kernels, and from which compute capability on it runs.
const MODULES: [(&str, u32, &[Kernel]); 4] = [
    (
        include_str!("../../../kernels/scan.ptx"),
        75,
        &[Kernel::ScanF32, Kernel::ScanF32By4, Kernel::ScanF16, Kernel::ScanF16By4, Kernel::ScanI8, Kernel::ScanI8By4],
    ),
    (include_str!("../../../kernels/merge.ptx"), 75, &[Kernel::Merge]),
    (include_str!("../../../kernels/rerank.ptx"), 75, &[Kernel::Rerank]),
    (include_str!("../../../kernels/batch.ptx"), 80, &[Kernel::BatchF16]),
];

/// What is called of the driver: one that lacks any of these is none.
const SYMBOLS: [&str; 30] = [
    "cuInit",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxSetCurrent",
    "cuCtxGetCurrent",
    "cuCtxSynchronize",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuModuleUnload",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
    "cuMemGetInfo_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuMemsetD8Async",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuLaunchKernel",
];

/// A device that CUDA drives.
#[derive(Debug)]
pub struct Cuda {
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    functions: HashMap<Kernel, CudaFunction>,
}

/// A GPU.
pub type CudaDevice = crate::device::Gpu<Cuda>;

/// Memory of the device.
#[derive(Debug)]
pub struct Memory {
    pointer: sys::CUdeviceptr,
    bytes: usize,
    context: Arc<CudaContext>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Of a context that is lost nothing can be freed, and need not be.
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: `allocate` took it, and whatever used it has ended: all calls wait.
            let _ = unsafe { result::free_sync(self.pointer) };
        }
    }
}

/// Pinned memory of the host.
#[derive(Debug)]
struct Pinned {
    pointer: *mut u8,
    bytes: usize,
    context: Arc<CudaContext>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: `Pinned::new` took it, and all calls that use it wait.
            let _ = unsafe { result::free_host(self.pointer.cast()) };
        }
    }
}

impl Pinned {
    fn new(context: &Arc<CudaContext>, bytes: usize) -> Result<Self> {
        // SAFETY: it is filled below.
        let pointer: *mut u8 = unsafe { result::malloc_host(bytes.max(1), 0) }.map_err(|error| failure(error, bytes))?.cast();
        // SAFETY: just taken, and as long.
        unsafe { pointer.write_bytes(0, bytes) };
        Ok(Self { pointer, bytes, context: Arc::clone(context) })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: initialized, as long, and no copy is under way between calls.
        unsafe { std::slice::from_raw_parts(self.pointer, self.bytes) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.bytes) }
    }
}

/// A captured plan. The graph is first, so that it is destroyed before what it uses.
pub struct Program {
    graph: CudaGraph,
    input: Pinned,
    output: Pinned,
    plan: Plan<Memory>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({} launches)", self.plan.launches.len())
    }
}

/// What an error of the driver means: only full memory leaves the context as it was.
fn failure(error: DriverError, bytes: usize) -> GpuError {
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => GpuError::Memory { needed: bytes as u64 },
        _ => lost(error),
    }
}

fn lost(error: DriverError) -> GpuError {
    GpuError::Lost(format!("{:?}", error.0))
}

/// Whether there is a driver that has all that is called.
fn check_driver() -> Result<()> {
    // SAFETY: loads the library, which runs its initializers, and nothing else.
    if !unsafe { sys::is_culib_present() } {
        return Err(GpuError::NoDevice("there is no libcuda".to_owned()));
    }
    // SAFETY: it was there just now.
    let library = unsafe { sys::culib() };
    for symbol in SYMBOLS {
        // SAFETY: the address is not used.
        let found = unsafe { library.get::<*const c_void>(symbol.as_bytes()) };
        if found.is_err() {
            return Err(GpuError::NoDevice(format!("libcuda has no {symbol}")));
        }
    }
    Ok(())
}

impl Cuda {
    /// Opens a device by its number, the first one is 0. Never panics: whatever is wrong with the driver is an error.
    ///
    /// A context takes some 400 MB of the device and half a second. A process that has one must not fork.
    pub fn open(ordinal: usize) -> Result<Self> {
        check_driver()?;
        let opened = std::panic::catch_unwind(|| Self::open_driver(ordinal));
        opened.unwrap_or_else(|_| Err(GpuError::NoDevice("the driver is not one that can be used".to_owned())))
    }

    fn open_driver(ordinal: usize) -> Result<Self> {
        let none = |error: DriverError| GpuError::NoDevice(format!("{:?}", error.0));
        let context = CudaContext::new(ordinal).map_err(none)?;
        let stream = context.new_stream().map_err(none)?;
        let mut cuda = Self { context, stream, functions: HashMap::new() };
        let capability = cuda.capability().map_err(none)?;
        if capability < MODULES[0].1 {
            return Err(GpuError::NoDevice(format!("compute capability {}.{} is below 7.5", capability / 10, capability % 10)));
        }
        for (ptx, from, kernels) in MODULES {
            if capability < from {
                continue;
            }
            let module = cuda.context.load_module(Ptx::from_src(ptx)).map_err(none)?;
            for kernel in kernels {
                cuda.functions.insert(*kernel, module.load_function(kernel.name()).map_err(none)?);
            }
        }
        Ok(cuda)
    }

    fn capability(&self) -> std::result::Result<u32, DriverError> {
        let major = self.context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = self.context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        Ok((major * 10 + minor) as u32)
    }

    /// Waits until the stream has nothing to do.
    fn wait(&self) -> Result<()> {
        self.stream.synchronize().map_err(lost)
    }

    /// Begins what a plan does.
    fn enqueue(&self, plan: &Plan<Memory>, input: &Pinned, output: &mut Pinned) -> Result<()> {
        let stream = self.stream.cu_stream();
        // SAFETY: pinned memory and device memory are as long as each other, and the program keeps both.
        unsafe { result::memcpy_htod_async(plan.input.pointer, input.bytes(), stream) }.map_err(lost)?;
        for launch in &plan.launches {
            let Some(function) = self.functions.get(&launch.kernel) else {
                return Err(GpuError::NoDevice(format!("the device cannot run {}", launch.kernel.name())));
            };
            let mut args = [launch.args.as_ptr().cast_mut().cast::<c_void>()];
            let ([x, y], threads) = (launch.grid, (launch.threads, 1, 1));
            // SAFETY: the one argument is the kernel's structure, which the driver copies now, and its addresses are of memory that the
            // plan and its set keep.
            unsafe { result::launch_kernel(function.cu_function(), (x, y, 1), threads, launch.shared, stream, &mut args) }.map_err(lost)?;
        }
        // SAFETY: as above.
        unsafe { result::memcpy_dtoh_async(output.bytes_mut(), plan.output.pointer, stream) }.map_err(lost)
    }

    /// How many bytes the device copies in its own memory, and how long the clock says that this took: what can be had of its memory is
    /// twice their quotient, as each is read and written.
    pub fn copy(&self, bytes: usize, times: u32, clock: &dyn Fn() -> Duration) -> Result<Duration> {
        let (from, to) = (self.allocate(bytes)?, self.allocate(bytes)?);
        self.wait()?;
        let start = clock();
        for _ in 0..times {
            // SAFETY: both are that long.
            unsafe { result::memcpy_dtod_async(to.pointer, from.pointer, bytes, self.stream.cu_stream()) }.map_err(lost)?;
        }
        self.wait()?;
        Ok((clock() - start) / times)
    }
}

impl Machine for Cuda {
    type Memory = Memory;
    type Program = Program;

    fn info(&self) -> Result<Info> {
        let (free, total) = self.context.mem_get_info().map_err(lost)?;
        let multiprocessors = self.context.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).map_err(lost)?;
        Ok(Info {
            name: self.context.name().map_err(lost)?,
            capability: self.capability().map_err(lost)?,
            multiprocessors: multiprocessors as u32,
            total: total as u64,
            free: free as u64,
        })
    }

    fn allocate(&self, bytes: usize) -> Result<Memory> {
        self.context.bind_to_thread().map_err(lost)?;
        // SAFETY: it is filled below.
        let pointer = unsafe { result::malloc_sync(bytes.max(1)) }.map_err(|error| failure(error, bytes))?;
        let memory = Memory { pointer, bytes, context: Arc::clone(&self.context) };
        // SAFETY: just taken, and as long.
        unsafe { result::memset_d8_async(pointer, 0, bytes, self.stream.cu_stream()) }.map_err(lost)?;
        self.wait()?;
        Ok(memory)
    }

    fn address(&self, memory: &Memory) -> u64 {
        memory.pointer
    }

    fn write(&self, to: &Memory, offset: usize, bytes: &[u8]) -> Result<()> {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= to.bytes), "within the memory");
        self.context.bind_to_thread().map_err(lost)?;
        // SAFETY: within the memory, and waited for.
        unsafe { result::memcpy_htod_async(to.pointer + offset as u64, bytes, self.stream.cu_stream()) }.map_err(lost)?;
        self.wait()
    }

    fn read(&self, from: &Memory, offset: usize, bytes: &mut [u8]) -> Result<()> {
        assert!(offset.checked_add(bytes.len()).is_some_and(|end| end <= from.bytes), "within the memory");
        self.context.bind_to_thread().map_err(lost)?;
        // SAFETY: within the memory, and waited for.
        unsafe { result::memcpy_dtoh_async(bytes, from.pointer + offset as u64, self.stream.cu_stream()) }.map_err(lost)?;
        self.wait()
    }

    fn prepare(&self, plan: Plan<Memory>) -> Result<Program> {
        self.context.bind_to_thread().map_err(lost)?;
        let input = Pinned::new(&self.context, plan.input.bytes)?;
        let mut output = Pinned::new(&self.context, plan.output.bytes)?;
        self.stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(lost)?;
        let enqueued = self.enqueue(&plan, &input, &mut output);
        // The capture has to end, whatever came of it.
        let captured = self.stream.end_capture(CUgraphInstantiate_flags(0)).map_err(|error| failure(error, 0));
        enqueued?;
        let graph = captured?.ok_or_else(|| GpuError::Lost("it captured no graph".to_owned()))?;
        Ok(Program { graph, input, output, plan })
    }

    fn run(&self, program: &mut Program, input: &[u8], output: &mut [u8]) -> Result<()> {
        program.input.bytes_mut()[..input.len()].copy_from_slice(input);
        program.graph.launch().map_err(lost)?;
        self.wait()?;
        output.copy_from_slice(&program.output.bytes()[..output.len()]);
        Ok(())
    }

    fn used(program: &Program, place: usize) -> &Rc<Memory> {
        &program.plan.uses[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::args_bytes;

    /// How long the structure is that a kernel takes, by its PTX.
    fn parameter(ptx: &str, kernel: Kernel) -> Option<usize> {
        let (_, rest) = ptx.split_once(&format!("{}_param_0[", kernel.name()))?;
        rest.split_once(']')?.0.parse().ok()
    }

    #[test]
    fn structures_are_as_long_as_the_kernels_take_them() {
        let mut seen = 0;
        for (ptx, capability, kernels) in MODULES {
            assert!(ptx.contains(&format!(".target sm_{capability}")));
            for kernel in kernels {
                assert_eq!(parameter(ptx, *kernel), Some(args_bytes(*kernel)), "{}", kernel.name());
                seen += 1;
            }
        }
        assert_eq!(seen, Kernel::ALL.len());
    }
}
