//! What `make gpu-check` runs where a GPU is: answers on fresh random inputs against scoring every row, then the bench table.
//!
//! ```text
//! gpu_check [--seed N] [--rows N] [--dimensions N] [--k N] [--quick] [--no-bench]
//! ```
//!
//! `--quick` takes few and small inputs, for a sanitizer or a simulated device. It exits 1 where there is no GPU or an answer is wrong.

mod answers;
mod table;
#[path = "../../tests/gpu/worlds.rs"]
mod worlds;

use gpu::cuda::{Cuda, CudaDevice};
use gpu::device::Device;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// What was asked for on the command line.
#[derive(Debug)]
struct Options {
    seed: u64,
    rows: usize,
    dimensions: usize,
    k: u32,
    quick: bool,
    bench: bool,
}

fn options() -> Result<Options, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let mut options = Options { seed: now, rows: 10_000_000, dimensions: 128, k: 20, quick: false, bench: true };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|value| value.parse::<u64>().ok()).ok_or(format!("{arg} needs a number"));
        match arg.as_str() {
            "--seed" => options.seed = number()?,
            "--rows" => options.rows = number()?.max(1) as usize,
            "--dimensions" => options.dimensions = number()?.max(1) as usize,
            "--k" => options.k = number()? as u32,
            "--quick" => options.quick = true,
            "--no-bench" => options.bench = false,
            _ => return Err(format!("{arg} is no option")),
        }
    }
    Ok(options)
}

fn run() -> Result<(), String> {
    let options = options()?;
    let text = |error: gpu::GpuError| error.to_string();
    let cuda = Cuda::open(0).map_err(text)?;
    let device = CudaDevice::new(cuda).map_err(text)?;
    let info = device.info().map_err(text)?;
    println!(
        "{}, compute capability {}.{}, {} multiprocessors, {:.1} of {:.1} GiB free",
        info.name,
        info.capability / 10,
        info.capability % 10,
        info.multiprocessors,
        info.free as f64 / f64::from(1 << 30),
        info.total as f64 / f64::from(1 << 30)
    );
    let checked = answers::check(&device, options.seed, options.quick)?;
    println!("{checked} answers on random inputs (seed {}) are those of scoring every row, to the bit", options.seed);
    if options.bench { table::print(&device, &options) } else { Ok(()) }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("gpu_check: {message}");
            ExitCode::FAILURE
        }
    }
}
