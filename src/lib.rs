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

pgrx::extension_sql_file!("../sql/catalog.sql", name = "catalog", bootstrap);
pgrx::extension_sql_file!("../sql/graph_catalog.sql", name = "graph_catalog", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/features_catalog.sql", name = "features_catalog", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/vector_catalog.sql", name = "vector_catalog", requires = ["catalog"]);
pgrx::extension_sql_file!(
    "../sql/feeds.sql",
    name = "feeds",
    requires = ["catalog", "graph_catalog", "features_catalog", "vector_catalog"]
);
pgrx::extension_sql_file!("../sql/packed.sql", name = "packed", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/track.sql", name = "track", requires = ["feeds"]);
pgrx::extension_sql_file!("../sql/define.sql", name = "define", requires = ["catalog", "packed"]);
pgrx::extension_sql_file!("../sql/status.sql", name = "status", requires = ["feeds"]);
pgrx::extension_sql_file!("../sql/serve.sql", name = "serve", requires = ["packed"]);
pgrx::extension_sql_file!("../sql/graph.sql", name = "graph", requires = ["packed", "graph_catalog"]);
pgrx::extension_sql_file!("../sql/features.sql", name = "features", requires = ["packed", "features_catalog"]);
pgrx::extension_sql_file!("../sql/interest.sql", name = "interest", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/vectors.sql", name = "vectors", requires = ["feeds", "packed"]);
pgrx::extension_sql_file!("../sql/models_catalog.sql", name = "models_catalog", requires = ["catalog"]);
pgrx::extension_sql_file!("../sql/models.sql", name = "models", requires = ["models_catalog"]);
pgrx::extension_sql_file!("../sql/maintain.sql", name = "maintain", requires = ["catalog"]);

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
