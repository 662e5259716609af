//! The inverse of a large positive definite matrix, by halves, so that nearly all of the work is products of matrices.

use ndarray::{Array2, ArrayView2, s};

/// Below this size, elimination.
const SMALL: usize = 48;

/// The inverse of a symmetric positive definite matrix, by the Schur complement of its first half.
pub fn inverse(matrix: ArrayView2<'_, f32>) -> Array2<f32> {
    let size = matrix.nrows();
    if size <= SMALL {
        return eliminated(matrix);
    }
    let half = size / 2;
    let (first, cross, last) = (matrix.slice(s![..half, ..half]), matrix.slice(s![..half, half..]), matrix.slice(s![half.., half..]));
    let first = inverse(first);
    let carried = first.dot(&cross);
    let rest = inverse((&last - &cross.t().dot(&carried)).view());
    let corner = -carried.dot(&rest);
    let mut whole = Array2::zeros((size, size));
    whole.slice_mut(s![..half, ..half]).assign(&(first - corner.dot(&carried.t())));
    whole.slice_mut(s![half.., ..half]).assign(&corner.t());
    whole.slice_mut(s![..half, half..]).assign(&corner);
    whole.slice_mut(s![half.., half..]).assign(&rest);
    whole
}

/// Gauss and Jordan's elimination in place; a positive definite matrix needs no pivots.
fn eliminated(matrix: ArrayView2<'_, f32>) -> Array2<f32> {
    let size = matrix.nrows();
    let mut whole = matrix.mapv(f64::from);
    for pivot in 0..size {
        let scale = 1.0 / whole[[pivot, pivot]];
        whole[[pivot, pivot]] = 1.0;
        whole.row_mut(pivot).mapv_inplace(|value| value * scale);
        let row = whole.row(pivot).to_owned();
        for other in (0..size).filter(|other| *other != pivot) {
            let factor = whole[[other, pivot]];
            whole[[other, pivot]] = 0.0;
            whole.row_mut(other).scaled_add(-factor, &row);
        }
    }
    whole.mapv(|value| value as f32)
}
