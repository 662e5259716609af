//! Recommendations inside Postgres, next to the event data.
//!
//! `docs/architecture.md` follows an event and a query through these modules.

mod catalog;
mod compact;
mod ddl;
mod define;
mod definition;
mod key;
mod pg;
mod progress;
mod state;
mod status;
mod track;
mod truncate;
mod worker;

pgrx::pg_module_magic!();

pgrx::extension_sql_file!("../sql/catalog.sql", name = "catalog", bootstrap);
pgrx::extension_sql_file!("../sql/track.sql", name = "track", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/define.sql", name = "define", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/status.sql", name = "status", requires = ["catalog"]);

/// Called once per process, when the library is loaded.
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::guc::register();
    pg::invalidation::register();
    pg::transaction::register(&track::ENDS);
}
