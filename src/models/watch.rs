//! Stopping a model that runs when Postgres wants the session's attention: a cancel, a timeout, a shutdown.
//!
//! ONNX Runtime asks nobody while it runs, but it looks at a flag between operators, which another thread may set. That thread sleeps while no model
//! runs; while some do, it looks every few milliseconds whether Postgres has something to handle. It calls nothing of Postgres.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ort::session::RunOptions;

use crate::pg::{interrupt, threads};

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(10);
/// After so long without a run it sleeps until it is woken: that costs a run some microseconds.
const REST: Duration = Duration::from_millis(500);

struct Slot {
    running: Option<Running>,
    started: bool,
    asleep: bool,
}

struct Running {
    options: Arc<RunOptions>,
    deadline: Option<Instant>,
    stopped: bool,
}

static SLOT: Mutex<Slot> = Mutex::new(Slot { running: None, started: false, asleep: false });
static WAKE: Condvar = Condvar::new();

/// How a run that was stopped came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself.
    Ended,
    /// It was stopped.
    Stopped,
}

fn slot() -> MutexGuard<'static, Slot> {
    SLOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `run` with options that stop it when an interrupt is pending, or when `deadline` is over.
pub fn watched<T>(options: &Arc<RunOptions>, deadline: Option<Instant>, run: impl FnOnce() -> T) -> (T, Outcome) {
    {
        let mut slot = slot();
        slot.running = Some(Running { options: Arc::clone(options), deadline, stopped: false });
        if !slot.started {
            slot.started = threads::without_signals(|| std::thread::Builder::new().name("pg_recommend".into()).spawn(watch)).is_ok();
        } else if slot.asleep {
            WAKE.notify_one();
        }
    }
    let result = run();
    let stopped = slot().running.take().is_some_and(|running| running.stopped);
    if stopped {
        // The same options serve the next run. This cannot fail: it sets a flag.
        let _ = options.unterminate();
    }
    (result, if stopped { Outcome::Stopped } else { Outcome::Ended })
}

fn watch() {
    let mut last_run = Instant::now();
    loop {
        {
            let mut slot = slot();
            if slot.running.is_none() && last_run.elapsed() > REST {
                slot.asleep = true;
                slot = WAKE.wait_while(slot, |slot| slot.running.is_none()).unwrap_or_else(PoisonError::into_inner);
                slot.asleep = false;
            }
            if let Some(running) = &mut slot.running {
                last_run = Instant::now();
                let is_late = running.deadline.is_some_and(|deadline| last_run > deadline);
                if !running.stopped && (is_late || interrupt::is_pending()) {
                    running.stopped = running.options.terminate().is_ok();
                }
            }
        }
        std::thread::sleep(INTERVAL);
    }
}
