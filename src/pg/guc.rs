//! Settings, `recommend.*`.

use std::ffi::CString;
use std::time::Duration;

use engine::Micros;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

use super::shmem;

static COMPACT_AFTER: GucSetting<i32> = GucSetting::<i32>::new(1000);
static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(10_000);
static AUTO_COMPACT: GucSetting<bool> = GucSetting::<bool>::new(true);
static BACKGROUND_BACKFILL: GucSetting<i32> = GucSetting::<i32>::new(1_000_000);
static GRAPH_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
static GRAPH_CACHE_TTL: GucSetting<i32> = GucSetting::<i32>::new(300);
static GPU: GucSetting<bool> = GucSetting::<bool>::new(false);
static GPU_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(0);
static GPU_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(1000);
static VECTOR_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(1024);
static TOPK_THREADS: GucSetting<i32> = GucSetting::<i32>::new(1);
static ONNXRUNTIME_LIBRARY: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static EXECUTION_PROVIDER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"cpu"));
static MODEL_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(1024 * 1024);
static MODEL_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(256 * 1024);
static MODEL_CACHE_COUNT: GucSetting<i32> = GucSetting::<i32>::new(16);
static DEFAULT_RECOMMENDER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static RANK_CANDIDATES: GucSetting<i32> = GucSetting::<i32>::new(200);
static MODEL_TRIAL_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(10_000);

/// The most that the copies of vector sets take together, in bytes.
pub fn vector_memory() -> u64 {
    u64::from(VECTOR_MEMORY.get().unsigned_abs()) << 20
}

/// The threads that search a vector set.
pub fn topk_threads() -> usize {
    TOPK_THREADS.get().unsigned_abs() as usize
}

/// Events a session appends before it starts a compactor at commit.
pub fn compact_after() -> u64 {
    u64::from(COMPACT_AFTER.get().unsigned_abs())
}

/// How far after the clock an event may be dated and still count, in microseconds.
pub fn clock_skew_us() -> i64 {
    i64::from(CLOCK_SKEW.get()) * 1000
}

/// Whether committing writers start a compactor at all.
pub fn auto_compact() -> bool {
    AUTO_COMPACT.get()
}

/// Above how many estimated rows `create_recommender` leaves the backfill to a background worker.
pub fn background_backfill() -> f64 {
    f64::from(BACKGROUND_BACKFILL.get())
}

/// Memory for parts of graphs that are kept, in bytes; 0 for none.
pub fn graph_cache_size() -> usize {
    GRAPH_CACHE_SIZE.get().unsigned_abs() as usize * 1024
}

/// How long a part of a graph is kept, in microseconds.
pub fn graph_cache_ttl_us() -> Micros {
    Micros::from(GRAPH_CACHE_TTL.get()) * 1_000_000
}

/// Whether the service of the GPU is started with the server.
pub fn gpu() -> bool {
    GPU.get()
}

/// Memory of the GPU for vector sets, in MiB; 0 for what is free.
pub fn gpu_memory_mib() -> u32 {
    GPU_MEMORY.get().unsigned_abs()
}

/// How long a session waits for the GPU before it searches by itself.
pub fn gpu_timeout() -> Duration {
    Duration::from_millis(u64::from(GPU_TIMEOUT.get().unsigned_abs()))
}

/// The file of ONNX Runtime, where it is not the one beside the extension.
pub fn onnxruntime_library() -> Option<String> {
    ONNXRUNTIME_LIBRARY.get().map(|path| path.to_string_lossy().into_owned()).filter(|path| !path.is_empty())
}

/// Where models run.
pub fn execution_provider() -> String {
    EXECUTION_PROVIDER.get().map_or_else(|| "cpu".into(), |name| name.to_string_lossy().to_lowercase())
}

/// The most memory that the models of a session may take, in bytes.
pub fn model_memory() -> u64 {
    u64::from(MODEL_MEMORY.get().unsigned_abs()) * 1024
}

/// Memory for models that a session keeps open, in bytes.
pub fn model_cache_size() -> usize {
    MODEL_CACHE_SIZE.get().unsigned_abs() as usize * 1024
}

/// How many models a session keeps open.
pub fn model_cache_count() -> usize {
    MODEL_CACHE_COUNT.get().unsigned_abs() as usize
}

/// How long a trial run of a model may take.
pub fn model_trial_timeout() -> std::time::Duration {
    std::time::Duration::from_millis(u64::from(MODEL_TRIAL_TIMEOUT.get().unsigned_abs()))
}

/// The recommender that is meant where a call names none.
pub fn default_recommender() -> Option<String> {
    DEFAULT_RECOMMENDER.get().map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

/// How many candidates a recommender's model ranks.
pub fn rank_candidates() -> usize {
    RANK_CANDIDATES.get().unsigned_abs() as usize
}

/// Register the settings. Once per process.
pub fn register() {
    // Shared memory is as large as it was made at the start; memory of its own a session may choose.
    let at_start = || if shmem::preloading() { GucContext::Postmaster } else { GucContext::Userset };
    GucRegistry::define_int_guc(
        c"recommend.graph_cache_size",
        c"Memory for subgraphs that are kept for the next time they are asked for.",
        c"Shared by all sessions, and fixed at the start of the server, with shared_preload_libraries; else of each session. 0 keeps none.",
        &GRAPH_CACHE_SIZE,
        0,
        i32::MAX,
        at_start(),
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"recommend.graph_cache_ttl",
        c"How long a subgraph is kept.",
        c"It is about what is put into the cache from then on.",
        &GRAPH_CACHE_TTL,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_bool_guc(
        c"recommend.gpu",
        c"Whether the service of the GPU is started with the server.",
        c"It needs shared_preload_libraries; without a GPU it ends at once.",
        &GPU,
        at_start(),
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.gpu_memory",
        c"Memory of the GPU for vector sets.",
        c"0 takes nine tenths of what is free when the service starts.",
        &GPU_MEMORY,
        0,
        i32::MAX,
        at_start(),
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"recommend.gpu_timeout",
        c"How long a session waits for the GPU before it searches on the CPU.",
        c"The first search of a set waits until its vectors are on the GPU.",
        &GPU_TIMEOUT,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"recommend.vector_memory",
        c"The most memory that the packed copies of vector sets take together, of all databases.",
        c"A set whose copy does not fit is answered from its table. 0 keeps no copies.",
        &VECTOR_MEMORY,
        0,
        i32::MAX,
        GucContext::Sighup,
        GucFlags::UNIT_MB,
    );
    GucRegistry::define_int_guc(
        c"recommend.topk_threads",
        c"The threads that search a vector set for one question.",
        c"More make a question faster on idle cores, and many questions at a time no faster.",
        &TOPK_THREADS,
        1,
        1024,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.compact_after",
        c"Events that a session appends before it starts a compactor at commit.",
        c"Smaller backlogs make reads cheaper; larger ones make compaction cheaper per event.",
        &COMPACT_AFTER,
        1,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.clock_skew",
        c"How far in the future an event may be dated and still count at once.",
        c"Events dated later wait in the delta until their time comes.",
        &CLOCK_SKEW,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_bool_guc(
        c"recommend.auto_compact",
        c"Whether background workers compact the backlog by themselves.",
        c"Set in a session, it is about what that session writes. When off everywhere, recommend.maintain() has to do it.",
        &AUTO_COMPACT,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.background_backfill",
        c"Above how many estimated rows create_recommender() leaves the backfill to a background worker.",
        c"A background backfill starts when the transaction commits; recommend.progress shows it.",
        &BACKGROUND_BACKFILL,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_string_guc(
        c"recommend.default_recommender",
        c"The recommender that is meant where a call names none.",
        c"Empty is the only one whose events belong to the calling role, or else the only one that it may use.",
        &DEFAULT_RECOMMENDER,
        GucContext::Userset,
        GucFlags::default(),
    );
    register_models();
}

fn register_models() {
    GucRegistry::define_string_guc(
        c"recommend.onnxruntime_library",
        c"The file of ONNX Runtime, 1.20 or newer.",
        c"Empty is libonnxruntime.so in the directory pg_recommend beside the extension. A session loads it at its first use of a model.",
        &ONNXRUNTIME_LIBRARY,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"recommend.execution_provider",
        c"Where models run: cpu, or cuda where the library of ONNX Runtime has it.",
        c"It is about models that a session opens from then on.",
        &EXECUTION_PROVIDER,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.model_memory",
        c"The most memory that the models of a session may take.",
        c"A model that asks for more is refused, or its run ends with an error. Fixed for a session at its first use of a model.",
        &MODEL_MEMORY,
        16 * 1024,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"recommend.model_cache_size",
        c"Memory for models that a session keeps open.",
        c"Weights that sessions share do not count. The model in use is kept whatever its size.",
        &MODEL_CACHE_SIZE,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_int_guc(
        c"recommend.model_cache_count",
        c"How many models a session keeps open.",
        c"The one that was used longest ago is closed for the next.",
        &MODEL_CACHE_COUNT,
        1,
        10_000,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.rank_candidates",
        c"How many of the best candidates of its first phase a recommender with a model ranks by it.",
        c"As many as are asked for are ranked in any case.",
        &RANK_CANDIDATES,
        1,
        100_000,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"recommend.model_trial_timeout",
        c"How long a trial run of a model that is being deployed may take.",
        c"A model that takes longer for a row of zeros is refused.",
        &MODEL_TRIAL_TIMEOUT,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MS,
    );
}
