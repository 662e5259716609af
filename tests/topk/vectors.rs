//! Hostile vectors, and what becomes of them the plain way.
use pg_recommend_engine::topk::{Bitmap, Buffer, Kernel, SegmentBuilder, Settings, bytes_needed};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A number from -1 to 1.
pub fn uniform(rng: &mut Xoshiro256PlusPlus) -> f32 {
    ((rng.next_u64() >> 40) as f64 / (1u64 << 23) as f64 - 1.0) as f32
}

/// What vectors of a set are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Random,
    /// All but the same direction, in steps of the last bits.
    NearTie,
    /// A few vectors over and over.
    Duplicate,
    OneHot,
    Constant,
    /// Numbers below the least normal one.
    Denormal,
    /// Lengths near the ends of the range.
    Tiny,
    Huge,
    /// One great element and small ones, whose codes are 0.
    Spike,
    /// The same distance from 0 at every element: the greatest residuals.
    Signs,
    Zero,
}

pub const KINDS: [Kind; 11] = [
    Kind::Random,
    Kind::NearTie,
    Kind::Duplicate,
    Kind::OneHot,
    Kind::Constant,
    Kind::Denormal,
    Kind::Tiny,
    Kind::Huge,
    Kind::Spike,
    Kind::Signs,
    Kind::Zero,
];

/// A vector of a kind; `common` is the same for all of a set.
pub fn vector(kind: Kind, dimensions: usize, seed: u64, common: u64) -> Vec<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut base = Xoshiro256PlusPlus::seed_from_u64(common);
    let random = (0..dimensions).map(|_| uniform(&mut rng));
    match kind {
        Kind::Random => random.collect(),
        Kind::NearTie => random.map(|x| uniform(&mut base) + 1e-6 * x).collect(),
        Kind::Duplicate => vector(Kind::Random, dimensions, common + seed % 3, 0),
        Kind::OneHot => (0..dimensions).map(|place| if place == seed as usize % dimensions { 3.0 } else { 0.0 }).collect(),
        Kind::Constant => vec![if seed.is_multiple_of(2) { 0.1 } else { -7.0 }; dimensions],
        Kind::Denormal => random.map(|x| x * 1e-43).collect(),
        Kind::Tiny => random.map(|x| x * 1e-37).collect(),
        Kind::Huge => random.map(|x| x * 3.4e38).collect(),
        Kind::Spike => random.enumerate().map(|(place, x)| if place == 0 { 1.0 } else { 1e-3 * x }).collect(),
        Kind::Signs => random.map(|x| x.signum() * if seed.is_multiple_of(2) { 1.0 } else { 1.0 + x.abs() / 127.0 }).collect(),
        Kind::Zero => vec![0.0; dimensions],
    }
}

/// The cosine in doubles, the plain way. Squares of f32 neither overflow doubles nor vanish in them.
pub fn naive_cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// Vectors that have a direction, in a segment.
pub fn packed(vectors: &[Vec<f32>], dimensions: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(bytes_needed(vectors.len(), dimensions).expect("few"));
    let mut builder = SegmentBuilder::new(buffer.bytes_mut(), dimensions, vectors.len()).expect("enough memory");
    for (row, vector) in vectors.iter().enumerate() {
        assert_eq!(builder.push(vector).expect("finite"), Some(row as u32));
    }
    assert_eq!(builder.finish().expect("few"), bytes_needed(vectors.len(), dimensions).expect("few"));
    buffer
}

/// Vectors scaled to length 1.
pub fn units(vectors: &[Vec<f32>], dimensions: usize) -> Vec<f32> {
    let mut units = vec![0.0; vectors.len() * dimensions];
    for (vector, unit) in vectors.iter().zip(units.chunks_mut(dimensions)) {
        assert!(Kernel::best().normalize(vector, unit).expect("finite"));
    }
    units
}

pub fn settings(kernel: Kernel) -> Settings<'static> {
    Settings { kernel, pool: None, interrupt: &|| Ok(()) }
}

pub fn portable() -> Kernel {
    Kernel::all().find(|kernel| kernel.name() == "portable").expect("everywhere")
}

/// Bits of which about `share` in 8 are set.
pub fn bits(rows: usize, share: u64, seed: u64) -> Vec<u64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut words = vec![0; Bitmap::words_needed(rows)];
    (0..rows as u32).filter(|_| rng.next_u64() % 8 < share).for_each(|row| Bitmap::insert(&mut words, row));
    words
}

pub fn dimensions() -> impl Strategy<Value = usize> {
    prop_oneof![
        20 => prop::sample::select(vec![1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 128, 255, 300]),
        1 => prop::sample::select(vec![768, 1023, 2048, 4095, 4096]),
    ]
}
