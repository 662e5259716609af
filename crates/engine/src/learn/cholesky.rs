//! Linear systems of a few dozen unknowns.

use ndarray::{Array1, Array2, s};

/// The solution of `matrix` x = `right` for a symmetric positive definite matrix, by Cholesky's factors; `None` for another one.
pub(super) fn solve(matrix: &Array2<f64>, right: &Array1<f64>) -> Option<Array1<f64>> {
    let size = right.len();
    let mut lower: Array2<f64> = Array2::zeros((size, size));
    for row in 0..size {
        for column in 0..=row {
            let dot = lower.slice(s![row, ..column]).dot(&lower.slice(s![column, ..column]));
            let left = matrix[[row, column]] - dot;
            if row > column {
                lower[[row, column]] = left / lower[[column, column]];
            } else if left > 0.0 {
                lower[[row, row]] = left.sqrt();
            } else {
                return None;
            }
        }
    }
    let mut x = right.clone();
    for row in 0..size {
        x[row] = (x[row] - lower.slice(s![row, ..row]).dot(&x.slice(s![..row]))) / lower[[row, row]];
    }
    for row in (0..size).rev() {
        x[row] = (x[row] - lower.slice(s![row + 1.., row]).dot(&x.slice(s![row + 1..]))) / lower[[row, row]];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solves(entries in prop::collection::vec(-2.0f64..2.0, 49), x in prop::collection::vec(-3.0f64..3.0, 7)) {
            let square = Array2::from_shape_vec((7, 7), entries).expect("49 entries");
            let (matrix, x) = (square.dot(&square.t()) + Array2::<f64>::eye(7), Array1::from(x));
            let found = solve(&matrix, &matrix.dot(&x)).expect("positive definite");
            prop_assert!((&found - &x).iter().all(|error| error.abs() < 1e-9));
        }
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        assert_eq!(solve(&Array2::zeros((3, 3)), &Array1::ones(3)), None);
        assert_eq!(solve(&(-Array2::<f64>::eye(3)), &Array1::ones(3)), None);
    }
}
