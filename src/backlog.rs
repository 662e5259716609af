//! How much a session has appended to deltas, and when it asks for a compactor: at commit, never before.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::pg::guc;
use crate::pg::transaction::Ends;
use crate::{graph, truncate, vectors, worker};

/// How long a small backlog waits before a committing writer asks for a compactor again.
const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Rows appended in this transaction.
    static APPENDED: Cell<u64> = const { Cell::new(0) };
    /// Rows appended in committed transactions since a compactor was last asked for.
    static WAITING: Cell<u64> = const { Cell::new(0) };
    static ASKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// One row more.
pub fn grew() {
    APPENDED.set(APPENDED.get() + 1);
}

/// What the end of a transaction means for tracking.
pub static ENDS: Ends = Ends { committed, aborted, savepoint_aborted: truncate::forget };

fn committed() {
    worker::committed();
    vectors::files::committed();
    graph::nodes::transaction_ended();
    let waiting = WAITING.get() + APPENDED.take();
    WAITING.set(waiting);
    if waiting == 0 || !guc::auto_compact() {
        return;
    }
    let patient = ASKED.get().is_some_and(|asked| asked.elapsed() < PATIENCE);
    if waiting >= guc::compact_after() || !patient {
        WAITING.set(0);
        ASKED.set(Some(Instant::now()));
        worker::wake();
    }
}

fn aborted() {
    worker::aborted();
    vectors::files::aborted();
    graph::nodes::transaction_ended();
    APPENDED.set(0);
    truncate::forget();
}
