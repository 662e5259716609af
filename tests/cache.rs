//! The cache in a region of memory, against a naive one; and regions that hold anything.
use pg_recommend_engine::Micros;
use pg_recommend_engine::cache::{Arena, Key};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

fn region(words: usize) -> Vec<AtomicU64> {
    (0..words).map(|_| AtomicU64::new(0)).collect()
}

/// Bytes that a value of so many takes: blocks of 128 words, of which the first has 115 for the value and the others 127.
fn footprint(length: usize) -> u64 {
    1024 * (1 + length.div_ceil(8).saturating_sub(115).div_ceil(127)) as u64
}

#[derive(Debug, Clone)]
enum Op {
    Get(Key),
    Put { key: Key, tag: u64, length: usize, lifetime: Micros },
    Forget(u64),
    Hottest(u64, usize),
    Wait(Micros),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let key = || (0u128..24).prop_map(|key| key.wrapping_mul(0x1_0000_0000_0000_0001_0000_0001));
    prop_oneof![
        30 => key().prop_map(Op::Get),
        30 => (key(), 0u64..3, prop_oneof![4 => 0usize..3000, 1 => 0usize..12_000], prop_oneof![6 => 500i64..5000, 1 => -5i64..50])
            .prop_map(|(key, tag, length, lifetime)| Op::Put { key, tag, length, lifetime }),
        2 => (0u64..3).prop_map(Op::Forget),
        5 => (0u64..3, 0usize..5).prop_map(|(tag, n)| Op::Hottest(tag, n)),
        10 => (0i64..300).prop_map(Op::Wait),
        1 => Just(Op::Clear),
    ]
}

/// Words at any place, which may lead somewhere.
fn garbage() -> impl Strategy<Value = Vec<(prop::sample::Index, u64)>> {
    prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0u64..12, any::<u64>()]), 0..40)
}

struct Entry {
    tag: u64,
    value: Vec<u8>,
    expires_at: Micros,
    last_use: u64,
    uses: u64,
}

#[derive(Default)]
struct Model {
    entries: HashMap<Key, Entry>,
    clock: u64,
    counts: [u64; 3],
}

impl Model {
    fn used(&self) -> u64 {
        self.entries.values().map(|entry| footprint(entry.value.len())).sum()
    }

    fn get(&mut self, key: Key, now: Micros) -> Option<&[u8]> {
        let found = self.entries.get_mut(&key).filter(|entry| now < entry.expires_at);
        self.counts[usize::from(found.is_none())] += 1;
        found.map(|entry| {
            self.clock += 1;
            entry.last_use = self.clock;
            entry.uses += 1;
            &entry.value[..]
        })
    }

    fn put(&mut self, key: Key, entry: Entry, now: Micros, room: u64, largest: usize) -> bool {
        let uses = self.entries.remove(&key).map_or(0, |old| old.uses / 2);
        self.entries.retain(|_, entry| now < entry.expires_at);
        let needed = footprint(entry.value.len());
        if entry.value.len() > largest || needed > room || entry.expires_at <= now {
            return false;
        }
        while self.used() + needed > room {
            let oldest = *self.entries.iter().min_by_key(|(_, entry)| entry.last_use).expect("there is one").0;
            self.entries.remove(&oldest);
            self.counts[2] += 1;
        }
        self.clock += 1;
        self.entries.insert(key, Entry { last_use: self.clock, uses, ..entry });
        true
    }

    fn hottest(&self, tag: u64, n: usize, now: Micros) -> Vec<(Vec<u8>, u64)> {
        let mut found: Vec<&Entry> = self.entries.values().filter(|entry| entry.tag == tag && now < entry.expires_at).collect();
        found.sort_by_key(|entry| std::cmp::Reverse((entry.uses, entry.last_use)));
        found.iter().take(n).map(|entry| (entry.value.clone(), entry.uses)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_the_naive_one(words in 150usize..6000, garbage: u64, ops in prop::collection::vec(op(), 1..150)) {
        let words = region(words);
        words.iter().for_each(|word| word.store(garbage, Relaxed));
        let arena = Arena::new(&words).expect("large enough");
        let (room, largest) = (arena.stats().bytes_total, words.len() * 2);
        prop_assert!(room <= words.len() as u64 * 8);
        arena.clear();
        let (mut model, mut now, mut out) = (Model::default(), 1000, vec![1, 2, 3]);
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Get(key) => {
                    let found = arena.get(key, now, &mut out);
                    prop_assert_eq!(found.then_some(&out[..]), model.get(key, now));
                    prop_assert!(found || out.is_empty());
                }
                Op::Put { key, tag, length, lifetime } => {
                    let value: Vec<u8> = (0..length).map(|place| (place * 31 + number) as u8).collect();
                    let kept = arena.put(key, tag, &value, now, now + lifetime);
                    let entry = Entry { tag, value, expires_at: now + lifetime, last_use: 0, uses: 0 };
                    prop_assert_eq!(kept, model.put(key, entry, now, room, largest));
                }
                Op::Forget(tag) => {
                    let before = model.entries.len();
                    model.entries.retain(|_, entry| entry.tag != tag);
                    prop_assert_eq!(arena.remove_tagged(tag), before - model.entries.len());
                }
                Op::Hottest(tag, n) => prop_assert_eq!(arena.hottest(tag, n, now), model.hottest(tag, n, now)),
                Op::Wait(time) => now += time,
                Op::Clear => {
                    arena.clear();
                    model.entries.clear();
                }
            }
            let stats = arena.stats();
            prop_assert_eq!(stats.entries, model.entries.len() as u64);
            prop_assert_eq!(stats.bytes_used, model.used());
            prop_assert!(stats.bytes_used <= stats.bytes_total);
            prop_assert_eq!([stats.hits, stats.misses, stats.evictions], model.counts);
        }
    }

    /// Whatever happens to the words of a cache, it goes on: with a value, with none, with a wrong one, but it goes on.
    #[test]
    fn garbage_never_panics(
        words in 0usize..1500,
        rounds in prop::collection::vec((garbage(), prop::collection::vec(op(), 1..20)), 1..6),
    ) {
        let words = region(words);
        let Some(arena) = Arena::new(&words) else {
            prop_assert!(words.len() < 150);
            return Ok(());
        };
        let (mut now, mut out) = (0, Vec::new());
        for (garbage, ops) in rounds {
            for op in ops {
                match op {
                    Op::Get(key) => drop(arena.get(key, now, &mut out)),
                    Op::Put { key, tag, length, lifetime } => {
                        let kept = arena.put(key, tag, &vec![3; length], now, now + lifetime);
                        if arena.get(key, now, &mut out) {
                            prop_assert!(kept);
                        }
                    }
                    Op::Forget(tag) => drop(arena.remove_tagged(tag)),
                    Op::Hottest(tag, n) => drop(arena.hottest(tag, n, now)),
                    Op::Wait(time) => now += time,
                    Op::Clear => arena.clear(),
                }
                prop_assert!(arena.stats().bytes_used <= arena.stats().bytes_total);
            }
            // All but the version word, which would only make it count as empty.
            for (index, word) in garbage {
                words[1 + index.index(words.len() - 1)].store(word, Relaxed);
            }
        }
        // Formatted anew, it is as good as ever.
        arena.clear();
        let stats = arena.stats();
        prop_assert_eq!((stats.entries, stats.bytes_used), (0, 0));
        prop_assert!(arena.put(5, 0, b"value", now, now + 1));
        prop_assert!(arena.get(5, now, &mut out));
        prop_assert_eq!(&out[..], b"value");
    }

    #[test]
    fn foreign_words_are_an_empty_cache(words in prop::collection::vec(any::<u64>(), 150..1000)) {
        let words: Vec<AtomicU64> = words.into_iter().map(AtomicU64::new).collect();
        let (arena, mut out) = (Arena::new(&words).expect("large enough"), Vec::new());
        prop_assert!(!arena.get(1, 0, &mut out));
        prop_assert_eq!(arena.stats().entries, 0);
        prop_assert!(arena.put(1, 0, b"value", 0, 1) && arena.get(1, 0, &mut out));
        prop_assert_eq!((arena.stats().entries, &out[..]), (1, &b"value"[..]));
    }
}

#[test]
fn a_region_of_another_length_is_an_empty_one() {
    let words = region(2000);
    let mut out = Vec::new();
    assert!(Arena::new(&words).expect("large enough").put(1, 0, b"value", 0, 10));
    let other = Arena::new(&words[..1000]).expect("large enough");
    assert!(!other.get(1, 0, &mut out));
    assert_eq!(other.stats().entries, 0);
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_longer() {
    let words = region(2000);
    let (arena, mut out) = (Arena::new(&words).expect("large enough"), Vec::new());
    assert!(arena.put(1, 0, b"value", 1000, 1100));
    // Clocks of processes may differ by less than a lifetime.
    assert!(arena.get(1, 950, &mut out));
    assert!(!arena.get(1, 850, &mut out));
    assert!(arena.get(1, 1099, &mut out));
    assert!(!arena.get(1, 1100, &mut out));
}

/// Every word of a small cache, changed to everything that may lead somewhere.
#[test]
fn no_single_word_leads_astray() {
    let words = region(700);
    let (arena, mut out) = (Arena::new(&words).expect("large enough"), Vec::new());
    let bytes: Vec<u8> = (0..1300).map(|place| place as u8).collect();
    for (key, length) in [(1, 1300), (2, 5), (3, 700)] {
        assert!(arena.put(key, 1, &bytes[..length], 0, 10 + key as Micros));
    }
    let sound: Vec<u64> = words.iter().map(|word| word.load(Relaxed)).collect();
    for place in 0..words.len() {
        for wrong in (0..8).chain([u64::MAX]) {
            let damaged = || {
                words.iter().zip(&sound).for_each(|(word, &sound)| word.store(sound, Relaxed));
                words[place].store(wrong, Relaxed);
            };
            for key in 0..5 {
                damaged();
                arena.get(key, 1, &mut out);
                damaged();
                arena.put(key, 1, &bytes, 1, 20);
                damaged();
                arena.put(key, 1, &bytes[..10], 11, 20);
                assert!(arena.put(9, 1, b"value", 1, 20) && arena.get(9, 1, &mut out) && out == b"value");
            }
            damaged();
            arena.hottest(1, 2, 1);
            damaged();
            arena.remove_tagged(1);
            assert!(arena.put(9, 1, b"value", 1, 20) && arena.get(9, 1, &mut out) && out == b"value");
        }
    }
}

#[test]
fn what_a_reader_finds_broken_is_empty_from_then_on() {
    let words = region(2000);
    let (arena, mut out) = (Arena::new(&words).expect("large enough"), Vec::new());
    assert!(arena.put(1, 0, &[9; 2500], 0, 1));
    let broken = words.iter().filter(|word| {
        let sound = word.swap(u64::MAX, Relaxed);
        let empty = !arena.get(1, 0, &mut out) && arena.stats().entries == 0;
        word.store(sound, Relaxed);
        if empty {
            arena.put(1, 0, &[9; 2500], 0, 1);
        }
        empty
    });
    // Four of the header, the head of the key's chain, the length, and the links of three blocks.
    assert_eq!(broken.count(), 8);
}

/// Readers among themselves, and one writer at a time, as the lock has it: what is read is always a whole value of its key.
#[test]
fn readers_see_whole_values() {
    let (words, lock, done) = (region(20_000), RwLock::new(()), AtomicBool::new(false));
    let value = |key: u64, round: u64| vec![(key * 16 + round % 16) as u8; (key * 700 + round % 9) as usize];
    std::thread::scope(|scope| {
        for reader in 0..3u64 {
            let (words, lock, done) = (&words, &lock, &done);
            scope.spawn(move || {
                let (arena, mut out, mut turn) = (Arena::new(words).expect("large enough"), Vec::new(), reader);
                while !done.load(Relaxed) {
                    turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let key = turn >> 60;
                    let guard = lock.read().expect("nobody panics");
                    if arena.get(u128::from(key), 0, &mut out) && key > 0 {
                        assert!(out.len() as u64 / 700 == key && out.iter().all(|&byte| byte == out[0] && u64::from(byte) / 16 == key));
                    }
                    drop(guard);
                }
            });
        }
        let arena = Arena::new(&words).expect("large enough");
        for round in 0..5_000 {
            let guard = lock.write().expect("nobody panics");
            assert!(arena.put(u128::from(round % 16), 0, &value(round % 16, round / 16), 0, 1));
            drop(guard);
        }
        done.store(true, Relaxed);
    });
    let stats = Arena::new(&words).expect("large enough").stats();
    assert!(stats.entries > 0 && stats.hits > 0);
}
