//! Parts of graphs that are kept for the next time they are asked for: in memory that all sessions share when the library is preloaded,
//! else in memory of this session.
//!
//! All databases and users share what is shared: who asks has checked before that the caller may read the graph, and the key is made of all
//! that the value depends on, the state of the graph included.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;

use engine::cache::{Arena, Key, Stats};
use pgrx::datum::IntoDatum;
use pgrx::pg_sys;

use crate::pg::function::{Call, CallError};
use crate::pg::{clock, guc, hash, memory, relation, shmem};
use crate::sql_function;

sql_function!(graph_cache, pg_finfo_graph_cache, rows);

thread_local! {
    /// The memory of this session, made when it is first needed.
    static OWN: RefCell<Option<Box<[AtomicU64]>>> = const { RefCell::new(None) };
}

/// What spreads the bits of a tag over those of a key, for which it is odd.
const SPREAD: Key = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Asks for the shared memory when the library is preloaded. After the settings.
pub fn register() {
    shmem::register(words(), |region| {
        with(region, |arena| arena.clear());
    });
}

/// Puts what is kept under `key` for a graph of this database into `out`, in place of what is there; false, and `out` is empty, when there
/// is none.
pub fn get(graph: i32, key: Key, out: &mut Vec<u8>) -> bool {
    out.clear();
    let (key, now) = (key_within(tag(graph), key), clock::now());
    read(|arena| arena.get(key, now, out)).unwrap_or(false)
}

/// Keeps `value` under `key` for a graph of this database, for as long as `recommend.graph_cache_ttl` says. False when it is not kept:
/// there is no cache, or it is longer than a quarter of it.
pub fn put(graph: i32, key: Key, value: &[u8]) -> bool {
    let (tag, now) = (tag(graph), clock::now());
    let expires_at = now.saturating_add(guc::graph_cache_ttl_us());
    write(|arena| arena.put(key_within(tag, key), tag, value, now, expires_at)).unwrap_or(false)
}

/// Up to `n` values that are kept for a graph of this database, the most used first, each with its number of uses.
pub fn hottest(graph: i32, n: usize) -> Vec<(Vec<u8>, u64)> {
    let (tag, now) = (tag(graph), clock::now());
    read(|arena| arena.hottest(tag, n, now)).unwrap_or_default()
}

/// Drops what is kept for a graph of this database and says how many values that were. Of memory that is not shared, only this session's.
pub fn forget(graph: i32) -> usize {
    let tag = tag(graph);
    write(|arena| arena.remove_tagged(tag)).unwrap_or(0)
}

/// What the cache holds, and whether all sessions share it.
pub fn stats() -> (Stats, bool) {
    (read(|arena| arena.stats()).unwrap_or_default(), shmem::is_there())
}

/// (entries, bytes, bytes in total, hits, misses, evictions, shared), in one row.
fn rows(call: &Call) -> Result<pg_sys::Datum, CallError> {
    let mut rows = call.rows()?;
    let (stats, shared) = stats();
    let bigint = |number: u64| i64::try_from(number).unwrap_or(i64::MAX).into_datum();
    rows.push(&[
        bigint(stats.entries),
        bigint(stats.bytes_used),
        bigint(stats.bytes_total),
        bigint(stats.hits),
        bigint(stats.misses),
        bigint(stats.evictions),
        shared.into_datum(),
    ]);
    Ok(rows.finish(call))
}

/// How many words the settings ask for.
fn words() -> usize {
    guc::graph_cache_size() / size_of::<u64>()
}

/// A graph of this database, among those of all databases, and of what the extension had before it was dropped and created again: numbers
/// of graphs begin anew then, the relation's do not.
fn tag(graph: i32) -> u64 {
    let installation = relation::state_relation("graphs").map_or(0, |relation| relation.to_u32());
    let parts = [relation::database().to_u32(), installation, graph.cast_unsigned()];
    hash::bytes(parts.map(u32::to_ne_bytes).as_flattened())
}

fn key_within(tag: u64, key: Key) -> Key {
    key ^ Key::from(tag).wrapping_mul(SPREAD)
}

/// `None` without a cache. `work` asks Postgres for nothing: a lock is held meanwhile.
fn read<T>(work: impl FnOnce(&Arena) -> T) -> Option<T> {
    if shmem::is_there() { shmem::with_shared(|region| with(region, work)).flatten() } else { own(work) }
}

/// As [`read`], alone.
fn write<T>(work: impl FnOnce(&Arena) -> T) -> Option<T> {
    if shmem::is_there() { shmem::with_exclusive(|region| with(region, work)).flatten() } else { own(work) }
}

fn with<T>(region: &[AtomicU64], work: impl FnOnce(&Arena) -> T) -> Option<T> {
    Arena::new(region).map(|arena| work(&arena))
}

/// With the memory of this session, made anew when the setting was changed.
fn own<T>(work: impl FnOnce(&Arena) -> T) -> Option<T> {
    OWN.with_borrow_mut(|own| {
        if own.as_ref().map_or(0, |region| region.len()) != words() {
            *own = None;
            *own = memory::zeroed_words(words());
            own.as_ref().and_then(|region| with(region, |arena| arena.clear()));
        }
        own.as_ref().and_then(|region| with(region, work))
    })
}
