//! Recommendations inside Postgres, next to the event data.
//!
//! `docs/architecture.md` follows an event and a query through these modules.

mod catalog;
mod key;
mod pg;

pgrx::pg_module_magic!();

pgrx::extension_sql_file!("../sql/catalog.sql", name = "catalog", bootstrap);

/// Called once per process, when the library is loaded.
#[pgrx::pg_guard]

pub extern "C-unwind" fn _PG_init() {
    pg::guc::register();
    pg::invalidation::register();
}
