//! Coupons in a car (Wang et al. 2017, UCI): the probability that an offer is accepted, by 5-fold cross-validation over shuffled rows.

use pg_recommend_engine::metrics::{Evaluation, Metrics};
use pg_recommend_engine::train::{Cell, Column, Encoder, Kind, MemoryLog, Spec, train};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::error::Error;

use crate::data;

/// How many parts the rows are dealt into.
pub const FOLDS: usize = 5;

/// The offers: 25 texts each, and whether it was accepted.
pub struct Offers {
    columns: Vec<Column>,
    rows: Vec<csv::StringRecord>,
}

impl Offers {
    /// The file's columns but the last, which is the label.
    pub fn load() -> Result<Option<Self>, Box<dyn Error>> {
        let Some(rows) = data::rows("coupon.csv.gz")? else { return Ok(None) };
        let width = rows.first().map_or(0, csv::StringRecord::len) - 1;
        let columns = (0..width).map(|column| Column { name: format!("c{column}"), kind: Kind::Text }).collect();
        Ok(Some(Self { columns, rows }))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    fn cells(&self, row: usize) -> (Vec<Cell<'_>>, bool) {
        let row = &self.rows[row];
        (row.iter().take(self.columns.len()).map(Cell::Text).collect(), &row[self.columns.len()] == "1")
    }

    /// For each fold, how well the offers in it are predicted by a model of the others.
    pub fn folds(&self, spec: &Spec) -> Result<Vec<Metrics>, Box<dyn Error>> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for last in (1..order.len()).rev() {
            order.swap(last, (random.next_u64() % (last as u64 + 1)) as usize);
        }
        let pool = rayon::ThreadPoolBuilder::new().build()?;
        let fold = |fold: usize| {
            let (mut encoder, mut log) = (Encoder::new(self.columns.clone(), spec.clone())?, MemoryLog::default());
            for (place, row) in order.iter().enumerate() {
                if place % FOLDS != fold {
                    let (cells, accepted) = self.cells(*row);
                    encoder.push(&mut log, &cells, Some(f64::from(u8::from(accepted))))?;
                }
            }
            let encoded = encoder.finish(&mut log)?;
            let trained = train(&mut log, encoded, &pool, &|| Ok(()))?;
            let mut evaluation = Evaluation::new();
            for row in order.iter().skip(fold).step_by(FOLDS) {
                let (cells, accepted) = self.cells(*row);
                evaluation.push(trained.predict(&cells)?, accepted)?;
            }
            Ok(evaluation.finish(10))
        };
        (0..FOLDS).map(fold).collect()
    }
}
