//! Metrics of scores against the definitions, counted pair by pair and row by row; exact and coarse.

use pg_recommend_engine::metrics::{Evaluation, Metrics, MetricsError};
use proptest::prelude::*;

type Row = (f32, bool);

/// Probabilities: many ties, both ends, and any.
fn probability() -> impl Strategy<Value = f32> {
    prop_oneof![
        3 => (0..8u8).prop_map(|eighths| f32::from(eighths) / 7.0),
        3 => 0.0f32..=1.0,
        1 => 1e-30f32..1e-3,
    ]
}

fn rows(score: impl Strategy<Value = f32>) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((score, any::<bool>()), 0..200)
}

fn evaluate(rows: &[Row], bins: usize, coarse_after: Option<usize>) -> Metrics {
    let mut evaluation = Evaluation::new();
    for (place, (score, positive)) in rows.iter().enumerate() {
        if Some(place) == coarse_after {
            evaluation.coarsen();
        }
        evaluation.push(*score, *positive).unwrap();
    }
    evaluation.finish(bins)
}

fn naive_auc(rows: &[Row]) -> Option<f64> {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (positive, _) in rows.iter().filter(|row| row.1) {
        for (negative, _) in rows.iter().filter(|row| !row.1) {
            pairs += 1.0;
            wins += if positive > negative {
                1.0
            } else if positive == negative {
                0.5
            } else {
                0.0
            };
        }
    }
    (pairs > 0.0).then(|| wins / pairs)
}

fn naive_loss(rows: &[Row], score: impl Fn(&Row) -> f64) -> f64 {
    let loss = |row: &Row| {
        let p = score(row).clamp(f64::from(f32::EPSILON), 1.0 - f64::from(f32::EPSILON));
        if row.1 { -p.ln() } else { -(1.0 - p).ln() }
    };
    rows.iter().map(loss).sum::<f64>() / rows.len() as f64
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + b.abs()),
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn what_is_defined_is_what_the_definitions_say(rows in rows(probability())) {
        let metrics = evaluate(&rows, 10, None);
        let positives = rows.iter().filter(|row| row.1).count();
        prop_assert_eq!((metrics.rows, metrics.positives), (rows.len() as u64, positives as u64));
        prop_assert!(close(metrics.auc, naive_auc(&rows)));
        prop_assert_eq!(metrics.auc_error, 0.0);
        let loss = (!rows.is_empty()).then(|| naive_loss(&rows, |row| f64::from(row.0)));
        prop_assert!(close(metrics.log_loss, loss), "{:?} {:?}", metrics.log_loss, loss);
        let share = positives as f64 / rows.len() as f64;
        let entropy = (positives > 0 && positives < rows.len()).then(|| loss.unwrap() / naive_loss(&rows, |_| share));
        prop_assert!(close(metrics.normalized_entropy, entropy), "{:?} {:?}", metrics.normalized_entropy, entropy);
        let predicted: f64 = rows.iter().map(|row| f64::from(row.0)).sum();
        prop_assert!(close(metrics.calibration, (positives > 0).then(|| predicted / positives as f64)));
    }

    #[test]
    fn the_order_of_rows_is_the_same(rows in rows(probability()), seed in any::<u64>()) {
        let mut other = rows.clone();
        other.sort_by_key(|row| (u64::from(row.0.to_bits()) + u64::from(row.1)).wrapping_mul(seed | 1));
        let (a, b) = (evaluate(&rows, 7, None), evaluate(&other, 7, None));
        prop_assert_eq!(a.auc, b.auc);
        prop_assert_eq!(a.bins, b.bins);
    }

    #[test]
    fn bins_hold_all_rows_in_order_and_ties_together(rows in rows(probability()), bins in 1..20usize, coarse in any::<bool>()) {
        let metrics = evaluate(&rows, bins, coarse.then_some(rows.len() / 2));
        prop_assert!(metrics.bins.len() <= bins);
        prop_assert_eq!(metrics.bins.iter().map(|bin| bin.rows).sum::<u64>(), rows.len() as u64);
        prop_assert!(metrics.bins.windows(2).all(|pair| pair[0].high < pair[1].low));
        let mut error = 0.0;
        for bin in &metrics.bins {
            let inside: Vec<&Row> = rows.iter().filter(|row| (bin.low..=bin.high).contains(&row.0)).collect();
            prop_assert_eq!(inside.len() as u64, bin.rows);
            let mean = |value: &dyn Fn(&Row) -> f64| inside.iter().map(|row| value(row)).sum::<f64>() / inside.len() as f64;
            let (predicted, observed) = (mean(&|row| f64::from(row.0)), mean(&|row| f64::from(u8::from(row.1))));
            prop_assert!(close(Some(bin.predicted), Some(predicted)) && close(Some(bin.observed), Some(observed)));
            error += (predicted - observed).abs() * inside.len() as f64 / rows.len() as f64;
        }
        prop_assert!(close(metrics.calibration_error, (!rows.is_empty()).then_some(error)));
    }

    #[test]
    fn bins_of_distinct_scores_are_equal(count in 1..300usize, bins in 1..20usize) {
        let rows: Vec<Row> = (0..count).map(|place| (place as f32 / count as f32, place % 3 == 0)).collect();
        let metrics = evaluate(&rows, bins, None);
        let sizes = metrics.bins.iter().map(|bin| bin.rows);
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        prop_assert_eq!(metrics.bins.len(), bins.min(count));
    }

    #[test]
    fn coarse_is_within_what_it_says(rows in rows(probability()), after in 0..200usize) {
        let (exact, coarse) = (evaluate(&rows, 10, None), evaluate(&rows, 10, Some(after.min(rows.len().saturating_sub(1)))));
        prop_assert_eq!(exact.auc.is_some(), coarse.auc.is_some());
        if let (Some(exact), Some(found)) = (exact.auc, coarse.auc) {
            prop_assert!((exact - found).abs() <= coarse.auc_error + 1e-12);
        }
        prop_assert_eq!(exact.log_loss, coarse.log_loss);
        prop_assert_eq!(exact.normalized_entropy, coarse.normalized_entropy);
        prop_assert_eq!(exact.calibration, coarse.calibration);
    }

    #[test]
    fn scores_far_apart_stay_apart(eighths in prop::collection::vec((1..2000u16, any::<bool>()), 1..100)) {
        // Of 11 binary digits, so that none share a group.
        let rows: Vec<Row> = eighths.iter().map(|(number, positive)| (f32::from(*number) / 2048.0, *positive)).collect();
        prop_assert_eq!(evaluate(&rows, 10, None).auc, evaluate(&rows, 10, Some(0)).auc);
    }

    #[test]
    fn any_finite_scores_rank(rows in rows(-1e30f32..1e30)) {
        let metrics = evaluate(&rows, 10, None);
        prop_assert!(close(metrics.auc, naive_auc(&rows)));
        if rows.iter().any(|row| !(0.0..=1.0).contains(&row.0)) {
            prop_assert_eq!((metrics.log_loss, metrics.normalized_entropy, metrics.calibration), (None, None, None));
            prop_assert!(metrics.bins.is_empty() && metrics.calibration_error.is_none());
        }
    }
}

#[test]
fn what_is_not_defined() {
    let none = evaluate(&[], 10, None);
    assert_eq!((none.rows, none.auc, none.log_loss, none.calibration, none.calibration_error), (0, None, None, None, None));
    let all_true = evaluate(&[(0.25, true), (0.5, true)], 10, None);
    assert_eq!((all_true.auc, all_true.normalized_entropy, all_true.calibration), (None, None, Some(0.375)));
    let all_false = evaluate(&[(0.25, false)], 10, None);
    assert_eq!((all_false.auc, all_false.normalized_entropy, all_false.calibration), (None, None, None));
    assert_eq!(all_false.calibration_error, Some(0.25));
}

#[test]
fn certainty_that_is_wrong_costs_no_infinity() {
    let metrics = evaluate(&[(1.0, false), (0.0, true)], 10, None);
    let worst = -f64::from(f32::EPSILON).ln();
    assert!((metrics.log_loss.unwrap() - worst).abs() < 1e-6);
    assert_eq!(metrics.auc, Some(0.0));
}

#[test]
fn zeros_tie() {
    assert_eq!(evaluate(&[(0.0, false), (-0.0, true)], 10, None).auc, Some(0.5));
}

#[test]
fn what_is_not_finite_is_refused() {
    for score in [f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(Evaluation::new().push(score, true), Err(MetricsError::Score(score)));
    }
    assert!(Evaluation::new().push(f32::NAN, false).is_err());
}

#[test]
fn memory_of_many_rows_is_bounded() {
    let mut evaluation = Evaluation::new();
    evaluation.coarsen();
    for row in 0..2_000_000u32 {
        evaluation.push((row.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32, row % 5 == 0).unwrap();
    }
    assert!(evaluation.bytes() < 4 << 20, "{}", evaluation.bytes());
    let metrics = evaluation.finish(10);
    assert!((metrics.auc.unwrap() - 0.5).abs() < 0.01 && metrics.auc_error < 0.001, "{metrics:?}");
}
