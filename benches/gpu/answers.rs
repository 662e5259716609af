//! Answers of a device against scoring every row.

use crate::worlds::{Random, make, oracle};
use gpu::GpuError;
use gpu::cuda::CudaDevice;
use gpu::device::{Device, Query};
use gpu::layout::{Dtype, Layout};
use gpu::source::Source;
use std::rc::Rc;

/// Searches random sets of all kinds, and gives how many answers were right; an error at the first one that is not.
pub fn check(device: &CudaDevice, seed: u64, quick: bool) -> Result<usize, String> {
    let mut random = Random(seed | 1);
    let most = if quick { 2_000 } else { 60_000 };
    let dimensions = [1, 2, 15, 16, 17, 31, 33, 64, 100, 128, 129, 256, 384, 768, 1000, 1536, 3072, 3100, 4096];
    let mut right = 0;
    for (number, dimensions) in
        dimensions.into_iter().cycle().step_by(if quick { 5 } else { 1 }).take(if quick { 4 } else { 3 * dimensions.len() }).enumerate()
    {
        let rows = 1 + random.below((most * 40 / dimensions.max(40)).max(50));
        let kind = random.below(6);
        let units = Rc::new(make(rows, dimensions, kind, seed ^ number as u64));
        let allowed: Vec<u64> = (0..rows.div_ceil(64)).map(|_| random.below(usize::MAX) as u64 & random.below(usize::MAX) as u64).collect();
        for dtype in Dtype::ALL {
            for scored in [false, true] {
                let layout = Layout { dtype, units: scored };
                let mut set = device.upload(Rc::clone(&units) as Rc<dyn Source>, layout, &|| false).map_err(|error| error.to_string())?;
                for queries in if quick { vec![1, 20] } else { vec![1, 3, 11, 20, 129, 257] } {
                    let others = make(queries, dimensions, random.below(6), random.below(usize::MAX) as u64);
                    let wanted = [1, 10, 20, 100, 1024][random.below(5)];
                    let queries: Vec<Query<'_>> = (0..queries)
                        .map(|i| {
                            let unit = if i % 2 == 0 { others.unit(i as u32) } else { units.unit(random.below(rows) as u32) };
                            Query { unit, k: wanted, allowed: (i % 3 == 2).then_some(allowed.as_slice()) }
                        })
                        .collect();
                    let answers = device.search(&mut set, &queries, &|| false).map_err(|error| error.to_string())?;
                    // Of many queries some are looked at: the oracle is slow.
                    let step = 1 + queries.len() / 12;
                    for (query, answer) in queries.iter().zip(answers).step_by(step) {
                        match answer {
                            Ok(hits) if hits == oracle(&units, query) => right += 1,
                            // Of few vectors many times there may be more than there is room for.
                            Err(GpuError::Ties { .. }) if kind == 1 => {}
                            other => {
                                return Err(format!(
                                    "seed {seed}: {rows} x {dimensions} of kind {kind} in {layout:?}, {} queries, k {wanted}: wrong answer {:?}",
                                    queries.len(),
                                    other.map(|hits| hits.into_iter().take(3).collect::<Vec<_>>())
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(right)
}
