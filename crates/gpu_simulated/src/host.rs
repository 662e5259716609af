//! Running kernels on the host.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ffi::{CString, c_char, c_int, c_void};
use std::rc::Rc;

use gpu::machine::{Info, Machine, Plan};
use gpu::{GpuError, Result};

use crate::Faults;

unsafe extern "C" {
    /// Of kernels/host.cpp.
    fn pg_recommend_launch(name: *const c_char, x: u32, y: u32, threads: u32, shared: usize, args: *const c_void) -> c_int;
}

/// A device that is the host.
#[derive(Debug)]
pub struct Host {
    faults: Rc<Faults>,
    capability: u32,
}

/// Memory of the host that stands for memory of a device.
#[derive(Debug)]
pub struct Memory {
    pointer: *mut u8,
    bytes: usize,
    layout: Layout,
    faults: Rc<Faults>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.faults.used.set(self.faults.used.get() - self.bytes as u64);
        // SAFETY: `allocate` took it with this layout.
        unsafe { std::alloc::dealloc(self.pointer, self.layout) };
    }
}

impl Memory {
    fn check(&self, offset: usize, bytes: usize) {
        assert!(offset.checked_add(bytes).is_some_and(|end| end <= self.bytes), "within the memory");
    }
}

impl Host {
    /// A device of a compute capability (75 has no batch kernel, 80 has) with faults; an error if it is to be absent.
    pub fn new(capability: u32, faults: Rc<Faults>) -> Result<Self> {
        if faults.absent.get() {
            return Err(GpuError::NoDevice("it was to be absent".to_owned()));
        }
        Ok(Self { faults, capability })
    }
}

impl Machine for Host {
    type Memory = Memory;
    type Program = Plan<Memory>;

    fn info(&self) -> Result<Info> {
        let total = self.faults.memory.get();
        let free = total.saturating_sub(self.faults.used.get());
        Ok(Info { name: "simulated".to_owned(), capability: self.capability, multiprocessors: 1, total, free })
    }

    fn allocate(&self, bytes: usize) -> Result<Memory> {
        self.faults.call()?;
        let layout = Layout::from_size_align(bytes.max(1), 128).map_err(|_| GpuError::Memory { needed: bytes as u64 })?;
        self.faults.take(bytes as u64)?;
        // SAFETY: the size is not 0.
        let pointer = unsafe { std::alloc::alloc_zeroed(layout) };
        if pointer.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        Ok(Memory { pointer, bytes, layout, faults: Rc::clone(&self.faults) })
    }

    fn address(&self, memory: &Memory) -> u64 {
        memory.pointer as u64
    }

    fn write(&self, to: &Memory, offset: usize, bytes: &[u8]) -> Result<()> {
        to.check(offset, bytes.len());
        self.faults.call()?;
        // SAFETY: both ends are within memory that nobody else has; kernels run only within `run`.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.pointer.add(offset), bytes.len()) };
        Ok(())
    }

    fn read(&self, from: &Memory, offset: usize, bytes: &mut [u8]) -> Result<()> {
        from.check(offset, bytes.len());
        self.faults.call()?;
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(from.pointer.add(offset), bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    fn prepare(&self, plan: Plan<Memory>) -> Result<Plan<Memory>> {
        self.faults.call()?;
        Ok(plan)
    }

    fn run(&self, program: &mut Plan<Memory>, input: &[u8], output: &mut [u8]) -> Result<()> {
        if let Some(on_run) = &*self.faults.on_run.borrow() {
            on_run();
        }
        self.write(program.input(), 0, input)?;
        for launch in program.launches() {
            self.faults.call()?;
            let name = CString::new(launch.kernel().name()).expect("names have no zeros");
            let ([x, y], shared) = (launch.grid(), launch.shared() as usize);
            // SAFETY: the arguments are the kernel's structure, and their addresses those of memory that the plan and its set keep.
            let code = unsafe { pg_recommend_launch(name.as_ptr(), x, y, launch.threads(), shared, launch.args().as_ptr().cast()) };
            assert_eq!(code, 0, "{}: there is such a kernel, and its threads wait for the same", launch.kernel().name());
        }
        self.read(program.output(), 0, output)
    }

    fn used(program: &Plan<Memory>, place: usize) -> &Rc<Memory> {
        program.used(place)
    }
}
