//! The background worker that starts the service of the GPU and starts it again when it ends.
//!
//! The service is a child process and no background worker: what a driver does to it, and be it a SIGKILL, does not touch the memory that the
//! server's processes share, so the server goes on.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgrx::pg_sys;

use super::{Number, State, socket};
use crate::pg::{guc, library, worker};
use crate::vectors::files;
use crate::worker_function;

worker_function!(pg_recommend_gpu_supervisor, supervise);

/// The program, beside the library.
const PROGRAM: &str = "pg_recommend_gpu";
/// What it exits with where there is no GPU.
const NO_DEVICE: i32 = 2;
/// How often the service is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long the service is left alone after it has ended, and the most it is when it ends again and again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After how long a life its end is no repetition.
const LONG_LIFE: Duration = Duration::from_secs(60);
/// How long it may take to end when it is told to.
const END_WITHIN: Duration = Duration::from_secs(5);
/// How long after an end of itself the server starts this worker again.
const RESTART_AFTER: Duration = Duration::from_secs(5);

/// Registers the supervisor when the library is preloaded. After the settings.
pub fn register() {
    if guc::gpu() {
        worker::start_with_server_alone("pg_recommend_gpu_supervisor", "pg_recommend gpu supervisor", RESTART_AFTER);
    }
}

fn supervise(_argument: pg_sys::Datum) {
    worker::begin_alone();
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let end = match Service::start() {
            Ok(service) => service.watch(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                State::NotInstalled.set();
                return;
            }
            Err(error) => End::Failed(error.to_string()),
        };
        match end {
            End::Told => {
                State::Off.set();
                return;
            }
            End::NoDevice => {
                State::NoDevice.set();
                return;
            }
            End::Failed(reason) => {
                State::Failed.set();
                pgrx::warning!("the service of the GPU has ended: {reason}; it is started again, searches go on on the CPU");
            }
        }
        pause = if started.elapsed() >= LONG_LIFE { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        if !worker::sleep(pause) {
            State::Off.set();
            return;
        }
    }
}

/// Why a life of the service is over.
enum End {
    /// The supervisor was told to end.
    Told,
    /// There is no GPU.
    NoDevice,
    /// For this reason.
    Failed(String),
}

/// The running service. It ends by itself when its standard input is closed, as it is with the supervisor's end, whatever that was.
struct Service(Child);

impl Service {
    fn start() -> io::Result<Self> {
        files::make_directory()?;
        // What is there when the service has been started is its own.
        let _ = std::fs::remove_file(socket());
        State::Starting.set();
        let child = Command::new(program())
            .arg("--socket")
            .arg(socket())
            .args([OsStr::new("--memory"), OsStr::new(&guc::gpu_memory_mib().to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        Number::Starts.increase();
        Ok(Self(child))
    }

    /// Waits until it ends.
    fn watch(mut self) -> End {
        loop {
            if State::now() == State::Starting && socket().exists() {
                State::Running.set();
            }
            match self.0.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) if status.code() == Some(NO_DEVICE) => return End::NoDevice,
                Ok(Some(status)) => return End::Failed(status.to_string()),
                Err(error) => return End::Failed(error.to_string()),
            }
            if !worker::sleep(LOOK_EVERY) {
                self.end();
                return End::Told;
            }
        }
    }

    fn end(&mut self) {
        drop(self.0.stdin.take());
        let until = Instant::now() + END_WITHIN;
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> PathBuf {
    library::pkglib_dir().join(PROGRAM)
}
