//! Recommendations inside Postgres, next to the event data.
//!
//! `docs/architecture.md` follows an event and a query through these modules.

mod arguments;
mod backlog;
mod batch;
mod bulk;
mod catalog;
mod catalog_cache;
mod compact;
mod ddl;
mod define;
mod definition;
mod delta;
mod delta_rows;
mod features;
mod feed;
mod gpu;
mod graph;
mod interest;
mod key;
mod lent;
mod maintain;
mod models;
mod numbers;
mod packed;
mod past;
mod pg;
mod progress;
mod reader;
mod rests;
mod row_cache;
mod rows;
mod serve;
mod state;
mod status;
mod totals;
mod track;
mod training;
mod truncate;
mod user_interest;
mod vectors;
mod view;
mod worker;
mod write;

pgrx::pg_module_magic!();

/// Called once per process, when the library is loaded.
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::guc::register();
    graph::cache::register();
    pg::invalidation::register();
    pg::transaction::register(&backlog::ENDS);
    pg::transaction::register(&models::ENDS);
    worker::register_launcher();
    gpu::supervisor::register();
}
