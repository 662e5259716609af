//! The program that owns the GPU; the server's supervisor starts it.
//!
//!     pg_recommend_gpu --socket PATH [--memory MIB]
//!
//! It ends when its standard input does, with status 2 where there is no GPU, and with status 1 when the device is lost: it is started again
//! then. With `PG_RECOMMEND_GPU=simulated` in the environment the CPU stands in for the device: for tests.

use std::io::Read;
use std::path::PathBuf;
use std::process::{ExitCode, exit};

use gpu::cuda::Cuda;
use gpu::device::{Device, Gpu};
use lexopt::prelude::*;
use pg_recommend_gpu_service::scheduled::Scheduled;
use pg_recommend_gpu_service::server::{Searcher, listen, serve};
use pg_recommend_gpu_service::simulated::Simulated;

const FAILED: u8 = 1;
const NO_DEVICE: u8 = 2;
const USAGE: u8 = 64;

struct Arguments {
    socket: PathBuf,
    /// In MiB; 0 for what is free.
    memory: u64,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    let (mut socket, mut memory) = (None, 0);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("socket") => socket = Some(PathBuf::from(parser.value()?)),
            Long("memory") => memory = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Arguments { socket: socket.ok_or("--socket is missing")?, memory })
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("pg_recommend_gpu: {error}");
            return USAGE.into();
        }
    };
    // Held by whoever started this: the end of that is the end of this.
    let watch = std::thread::Builder::new().name("watch".into()).spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        exit(0);
    });
    if let Err(error) = watch {
        eprintln!("pg_recommend_gpu: no thread could be started: {error}");
        return FAILED.into();
    }
    if std::env::var_os("PG_RECOMMEND_GPU").is_some_and(|device| device == "simulated") {
        return run(&arguments, Simulated::new(arguments.memory << 20));
    }
    // Tried once before sessions are told that there is one.
    let info = match open().and_then(|device| device.info()) {
        Ok(info) => info,
        Err(error) => {
            eprintln!("pg_recommend_gpu: {error}");
            return NO_DEVICE.into();
        }
    };
    let memory = if arguments.memory > 0 { arguments.memory << 20 } else { info.free / 10 * 9 };
    run(&arguments, Scheduled::new(memory, Box::new(open)))
}

/// The first GPU.
fn open() -> gpu::Result<Gpu<Cuda>> {
    Gpu::new(Cuda::open(0)?)
}

fn run(arguments: &Arguments, searcher: impl Searcher) -> ExitCode {
    let reason = match listen(&arguments.socket) {
        Ok(listener) => serve(listener, searcher),
        Err(error) => format!("cannot listen at {}: {error}", arguments.socket.display()),
    };
    eprintln!("pg_recommend_gpu: {reason}");
    FAILED.into()
}
