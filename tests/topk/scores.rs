//! Scores: the same bits by every kernel, and bounds of them that are true.
use crate::vectors::{KINDS, dimensions, naive_cosine, portable, vector};
use pg_recommend_engine::topk::{Kernel, MAX_DIMENSIONS, Query};
use proptest::prelude::*;

/// What every processor of its kind has is found there: else its kernels would not be tested, and nobody would notice.
#[cfg(target_arch = "aarch64")]
#[test]
fn the_kernels_of_aarch64() {
    assert_eq!(Kernel::all().map(Kernel::name).collect::<Vec<_>>(), ["neon", "portable"]);
}

proptest! {
    /// By every kernel, of vectors of any length as of those scaled to length 1.
    #[test]
    fn scores_are_the_same_bits(dimensions in dimensions(), kinds in [prop::sample::select(&KINDS[..10]), prop::sample::select(&KINDS[..10])], seeds in [0u64..1000, 0u64..1000]) {
        let [a, b] = [0, 1].map(|i| vector(kinds[i], dimensions, seeds[i], 5));
        // A denormal number may be 0, and that may be all there is of a vector.
        prop_assume!([&a, &b].iter().all(|vector| vector.iter().any(|x| *x != 0.0)));
        let query = Query::new(&a).expect("a direction");
        let score = portable().cosine(&query, &b).expect("finite").expect("a direction");
        prop_assert!((f64::from(score) - naive_cosine(&a, &b)).abs() < 1e-6);
        prop_assert!((-1.0..=1.0).contains(&score) && score.to_bits() != (-0.0f32).to_bits());
        let mut unit = vec![0.0; dimensions];
        prop_assert!(portable().normalize(&b, &mut unit).expect("finite"));
        for kernel in Kernel::all() {
            prop_assert_eq!(kernel.cosine(&query, &b).expect("finite").map(f32::to_bits), Some(score.to_bits()), "{}", kernel.name());
            prop_assert_eq!(kernel.score(&query, &unit).to_bits(), score.to_bits(), "{}", kernel.name());
            let mut again = vec![0.0; dimensions];
            prop_assert!(kernel.normalize(&b, &mut again).expect("finite"));
            prop_assert_eq!(&again, &unit);
        }
    }
}

#[test]
fn ends_of_the_range() {
    let query = Query::new(&[1e-45, 0.0]).expect("a direction");
    assert_eq!(query.unit(), [1.0, 0.0]);
    assert_eq!(Kernel::best().cosine(&query, &[3.4e38, 0.0]).expect("finite"), Some(1.0));
    assert_eq!(Kernel::best().cosine(&query, &[-1e-45, 0.0]).expect("finite"), Some(-1.0));
    assert_eq!(Kernel::best().cosine(&query, &[0.0, 0.0]).expect("finite"), None);
    let most = vec![f32::MAX; MAX_DIMENSIONS];
    let score = Kernel::best().cosine(&Query::new(&most).expect("a direction"), &most).expect("finite").expect("a direction");
    assert!((score - 1.0).abs() < 1e-6, "{score}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What is less than a bound is left out only where it really is, with every kernel, and is left out where it is much less.
    #[test]
    fn scores_from_a_bound(
        (kind, other) in (prop::sample::select(&KINDS[..]), prop::sample::select(&KINDS[..])),
        dimensions in dimensions(),
        seed in any::<u64>(),
        scale in prop_oneof![Just(1.0f32), Just(1e-12), Just(1e17), Just(1e-25)],
    ) {
        let common = seed >> 8;
        let Ok(query) = Query::new(&vector(kind, dimensions, seed >> 16, common)) else { return Ok(()) };
        let x: Vec<f32> = vector(other, dimensions, seed >> 24, common).iter().map(|x| x * scale).collect();
        for kernel in Kernel::all() {
            let exact = kernel.cosine(&query, &x);
            let from = |least: f32| kernel.cosine_from(&query, &x, least);
            let Ok(Some(score)) = exact else {
                // Without a direction, or out of range.
                prop_assert_eq!(from(0.5).ok(), exact.ok());
                continue;
            };
            for least in [f32::NEG_INFINITY, -1.0, score - 1e-3, score.next_down(), score] {
                prop_assert_eq!(from(least).expect("finite"), Some(score), "least {}", least);
            }
            for least in [score.next_up(), score + 1e-6, f32::INFINITY] {
                let found = from(least).expect("finite");
                prop_assert!(found.is_none() || found == Some(score));
            }
            let squares: f64 = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            if (1e-19..1e29).contains(&squares) {
                prop_assert_eq!(from(score + 1e-3).expect("finite"), None);
            }
        }
    }

    /// Near-ties: the best by `cosine_from`, with the score of the worst so far as the bound, are those of all scores.
    #[test]
    fn the_best_from_a_rising_bound(kind in prop::sample::select(&KINDS[..]), dimensions in dimensions(), seed in any::<u64>(), k in 1usize..8) {
        let vectors: Vec<_> = (0..60).map(|row| vector(kind, dimensions, (seed >> 8) + row, seed >> 8)).collect();
        let Ok(query) = Query::new(&vectors[7]) else { return Ok(()) };
        for kernel in Kernel::all() {
            let mut all: Vec<f32> = vectors.iter().filter_map(|x| kernel.cosine(&query, x).expect("finite")).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            all.truncate(k);
            let mut best: Vec<f32> = Vec::new();
            for x in &vectors {
                let least = if best.len() == k { best[k - 1] } else { f32::NEG_INFINITY };
                best.extend(kernel.cosine_from(&query, x, least).expect("finite"));
                best.sort_by(|a, b| b.total_cmp(a));
                best.truncate(k);
            }
            prop_assert_eq!(&best, &all);
        }
    }
}
