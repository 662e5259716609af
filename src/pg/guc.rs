//! Settings, `recommend.*`.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};

static COMPACT_AFTER: GucSetting<i32> = GucSetting::<i32>::new(1000);
static CLOCK_SKEW: GucSetting<i32> = GucSetting::<i32>::new(10_000);
static AUTO_COMPACT: GucSetting<bool> = GucSetting::<bool>::new(true);
static BACKGROUND_BACKFILL: GucSetting<i32> = GucSetting::<i32>::new(1_000_000);

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

/// Register the settings. Once per process.
pub fn register() {
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
}
