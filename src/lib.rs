//! Recommendations inside Postgres, next to the event data.
//!
//! `docs/architecture.md` follows an event and a query through these modules.

mod catalog;
mod compact;
mod delta;
mod key;
mod numbers;
mod packed;
mod past;
mod pg;
mod reader;
mod rows;
mod state;
mod write;

pgrx::pg_module_magic!();

pgrx::extension_sql_file!("../sql/catalog.sql", name = "catalog", bootstrap);
pgrx::extension_sql_file!("../sql/packed.sql", name = "packed", requires = ["catalog"]);

/// Called once per process, when the library is loaded.
#[pgrx::pg_guard]

pub extern "C-unwind" fn _PG_init() {
    pg::guc::register();
    pg::invalidation::register();
}
