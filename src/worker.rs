//! Background workers: the compactor that a committing writer starts, and the launcher of the preloaded library.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog::{self, CatalogError};
use crate::compact::{self, Outcome, Pace};
use crate::features::error::FeatureError;
use crate::graph::catalog::{self as graphs, GraphError};
use crate::graph::subgraphs::{self, WarmError};
use crate::pg::error::{self, SqlError};
use crate::pg::worker::{self, CompactorLock, Termination};
use crate::pg::{guc, recovery, relation};
use crate::rests::{self, Rests};
use crate::vectors::error::VectorsError;
use crate::{features, graph, vectors, worker_function};

worker_function!(pg_recommend_compactor, compactor);
worker_function!(pg_recommend_launcher, launcher);

/// How long an idle compactor stays, so that it need not be started for each burst. While it stays it is connected, and
/// DROP DATABASE waits five seconds for connections to end: this must be well below, and so must the time that a small backlog
/// rests before it.
const LINGER: Duration = Duration::from_millis(500);
/// How often a compactor looks for a backlog.
const NAP: Duration = Duration::from_millis(500);
/// The same after a batch that was large enough not to wait: more of it is coming.
const BREATH: Duration = Duration::from_millis(100);
/// How often the launcher looks at the databases.
const LAUNCH_EVERY: Duration = Duration::from_secs(60);
/// How long it waits when there was no free slot for a compactor.
const LAUNCH_AGAIN: Duration = Duration::from_secs(1);
/// How often a session asks for copies of vector sets.
const COPIES_EVERY: Duration = Duration::from_secs(1);

thread_local! {
    static COPIES_WANTED: Cell<Option<Instant>> = const { Cell::new(None) };
    static START_AT_COMMIT: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
}

/// Asks for a compactor of the current database. Safe to call at commit: it raises no error and waits for nothing. Where no
/// worker can be had, the backlog waits for the next one or for recommend.maintain().
pub fn wake() {
    // One that is at work looks for a backlog once more after it has given the lock back.
    if !CompactorLock::is_taken() {
        start(relation::database());
    }
}

/// Asks for a worker that makes the copies of vector sets that are asked for; a session does so once a second at most.
pub fn want_copies() {
    let asked = COPIES_WANTED.get().is_some_and(|asked| asked.elapsed() < COPIES_EVERY);
    if !asked && guc::auto_compact() {
        COPIES_WANTED.set(Some(Instant::now()));
        wake();
    }
}

/// Starts a compactor for `database` when the transaction commits; forgets it when the transaction aborts.
pub fn start_after_commit(database: pg_sys::Oid) {
    START_AT_COMMIT.set(Some(database));
}

/// The transaction has committed.
pub fn committed() {
    if let Some(database) = START_AT_COMMIT.take() {
        start(database);
    }
}

/// The transaction was rolled back.
pub fn aborted() {
    START_AT_COMMIT.set(None);
}

fn start(database: pg_sys::Oid) -> bool {
    start_with(subgraphs::worker_argument(database, false))
}

fn start_with(argument: pg_sys::Datum) -> bool {
    worker::start(c"pg_recommend_compactor", c"pg_recommend compactor", argument)
}

/// The compactor: moves the backlogs of one database's recommenders and graphs and ends when there has been none for a while. The first one
/// after a start of the server warms the cache too.
fn compactor(argument: pg_sys::Datum) {
    let (database, warm) = subgraphs::of_worker_argument(argument);
    worker::connect(Some(database), Termination::AtOnce);
    if worker::transaction(c"removing old copies", vectors::files::sweep).is_err() || recovery::is_standby() {
        // Nothing can be written.
    } else if warm {
        with_graphs(c"warming the cache", |graph| subgraphs::warm(graph).map(|_| ()));
    } else {
        with_graphs(c"writing down what is hot", subgraphs::save);
    }
    while let Some(lock) = CompactorLock::take() {
        let mut rests = Rests::load();
        compact_until_idle(&mut rests);
        drop(lock);
        // Who committed while the lock was taken has started nobody.
        if compact_all(&mut rests) == 0 {
            return;
        }
    }
}

fn compact_until_idle(rests: &mut Rests) {
    let mut moved = compact_all(rests);
    if moved == 0 {
        return;
    }
    let mut idle_since = Instant::now();
    while idle_since.elapsed() < LINGER && worker::sleep(if moved >= guc::compact_after() { BREATH } else { NAP }) {
        moved = compact_all(rests);
        if moved > 0 {
            idle_since = Instant::now();
        }
    }
}

/// Moves a batch of each recommender and graph where that is due, in a transaction of its own, and gives how many delta rows were moved or
/// wait. One that fails is logged, holds up no other, and rests for a while.
fn compact_all(rests: &mut Rests) -> u64 {
    let names = worker::transaction(c"looking for backlogs", || error::or_raise(targets()));
    let names = names.unwrap_or_else(|message| {
        pgrx::warning!("the recommenders and graphs of a database could not be read: {message}");
        Vec::new()
    });
    let mut moved = 0;
    for (target, name) in names {
        if rests.is_resting(target.name()) {
            continue;
        }
        rests.begin(target.name());
        match worker::transaction(c"compacting", || compact_one(target)) {
            Ok(count) => {
                moved += count;
                rests.done(target.name());
            }
            Err(message) => {
                let pause = rests.failed(target.name()) / 1_000_000;
                pgrx::warning!("{target} \"{name}\" was not compacted, and rests for {pause} s: {message}");
            }
        }
    }
    moved
}

/// Why it is not known what there is to compact.
#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Features(#[from] FeatureError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
}

impl SqlError for TargetError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Catalog(error) => error.sqlstate(),
            Self::Graph(error) => error.sqlstate(),
            Self::Features(error) => error.sqlstate(),
            Self::Vectors(error) => error.sqlstate(),
        }
    }
}

/// What is compacted, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    Recommender(i32),
    Graph(i32),
    Features(i32),
    VectorSet(i32),
}

impl Target {
    /// What its rests are kept under.
    fn name(self) -> rests::Name {
        match self {
            Self::Recommender(id) => ('r', id),
            Self::Graph(id) => ('g', id),
            Self::Features(id) => ('f', id),
            Self::VectorSet(id) => ('v', id),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Recommender(_) => "recommender",
            Self::Graph(_) => "graph",
            Self::Features(_) => "features of recommender",
            Self::VectorSet(_) => "vector set",
        })
    }
}

/// All that is looked after, with its name; none where the extension is not installed. On a standby, vector sets alone: their copies are files.
fn targets() -> Result<Vec<(Target, String)>, TargetError> {
    let recommenders = match catalog::names() {
        Err(CatalogError::NotInstalled) => return Ok(Vec::new()),
        names => names?,
    };
    let sets = vectors::catalog::names()?.into_iter().map(|(id, name)| (Target::VectorSet(id), name));
    if recovery::is_standby() {
        return Ok(sets.collect());
    }
    let mut targets = Vec::new();
    for (id, of_recommender) in features::catalog::all()? {
        let name = recommenders.iter().find(|(other, _)| *other == of_recommender).map(|(_, name)| name.clone());
        targets.push((Target::Features(id), name.unwrap_or_default()));
    }
    let graphs = graphs::names()?.into_iter().map(|(id, name)| (Target::Graph(id), name));
    let recommenders = recommenders.into_iter().map(|(id, name)| (Target::Recommender(id), name));
    Ok(recommenders.chain(targets).chain(graphs).chain(sets).collect())
}

fn compact_one(target: Target) -> u64 {
    let outcome = match target {
        Target::Recommender(id) => match catalog::by_id(id) {
            // Dropped in the meantime.
            Err(CatalogError::UnknownId(_) | CatalogError::NotInstalled) => return 0,
            found => {
                let recommender = error::or_raise(found);
                error::or_raise(compact::compact(&recommender, compact::DEFAULT_BATCH, Pace::WhenDue))
            }
        },
        Target::Graph(id) => match graph::compact::compact(id, compact::DEFAULT_BATCH, Pace::WhenDue) {
            Err(graph::compact::CompactError::Graph(GraphError::UnknownId(_))) => return 0,
            compacted => error::or_raise(compacted).outcome,
        },
        Target::Features(id) => match features::compact::compact(id, compact::DEFAULT_BATCH, Pace::WhenDue) {
            Err(FeatureError::UnknownId(_)) => return 0,
            outcome => error::or_raise(outcome),
        },
        Target::VectorSet(id) => match vectors::compact::compact(id, Pace::WhenDue) {
            Err(VectorsError::UnknownId(_)) => return 0,
            compacted => error::or_raise(compacted),
        },
    };
    match outcome {
        Outcome::Moved(count) => count,
        Outcome::NotDue => 1,
        Outcome::Busy => 0,
    }
}

/// Does something for each graph, in a transaction of its own; what fails is logged.
fn with_graphs(what: &std::ffi::CStr, work: impl Fn(i32) -> Result<(), WarmError>) {
    let graphs = worker::transaction(what, || error::or_raise(targets())).unwrap_or_default();
    for (target, name) in graphs {
        let Target::Graph(id) = target else { continue };
        let done = worker::transaction(what, || work(id).map_err(|error| error.to_string()));
        if let Err(message) | Ok(Err(message)) = done {
            pgrx::warning!("graph \"{name}\": {} failed: {message}", what.to_string_lossy());
        }
    }
}

/// Registers the launcher when the library is preloaded.
pub fn register_launcher() {
    worker::start_with_server("pg_recommend_launcher", "pg_recommend launcher", LAUNCH_EVERY);
}

/// The launcher: starts a compactor for each database now and then, for what a writer could start none for: after a crash, or when
/// the time of a future event has come. A compactor without work, or without the extension, ends at once.
fn launcher(_argument: pg_sys::Datum) {
    worker::connect(None, Termination::AfterSleep);
    let mut first = true;
    loop {
        let mut waiting = if guc::auto_compact() { databases() } else { Vec::new() };
        loop {
            // Without a free slot the rest has its turn later, for else it would always be the same ones that have none.
            waiting.retain(|&database| !start_with(subgraphs::worker_argument(database, first)));
            if waiting.is_empty() {
                break;
            }
            if !worker::sleep(LAUNCH_AGAIN) {
                return;
            }
            let existing = databases();
            waiting.retain(|database| existing.contains(database));
        }
        first = false;
        if !worker::sleep(LAUNCH_EVERY) {
            return;
        }
    }
}

fn databases() -> Vec<pg_sys::Oid> {
    worker::transaction(c"looking for databases", worker::databases).unwrap_or_else(|message| {
        pgrx::warning!("the databases could not be read: {message}");
        Vec::new()
    })
}
