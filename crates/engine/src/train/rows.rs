//! The rows of the log, decoded, in minibatches.

use rayon::prelude::*;
use zerocopy::IntoBytes;

use super::error::Result;
use super::layout::Layout;
use super::log::RowLog;

/// Rows that are learnt from together. All is kept field by field, so that a field's slots are side by side.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The labels, 0 or 1.
    pub labels: Vec<f32>,
    /// For each field, the slot of each row.
    pub slots: Vec<u32>,
    /// For each column of numbers, the standardised number of each row.
    pub numbers: Vec<f32>,
}

impl Batch {
    fn new(layout: &Layout, words: &[u32]) -> Self {
        let rows = words.len() / layout.words;
        let (fields, columns) = (layout.fields(), layout.numbers());
        let mut batch = Self { labels: Vec::with_capacity(rows), slots: vec![0; rows * fields], numbers: vec![0.0; rows * columns] };
        let (mut slots, mut numbers) = (vec![0; fields], vec![0.0; columns]);
        for (row, words) in words.chunks_exact(layout.words).enumerate() {
            batch.labels.push(layout.decode(words, &mut slots, &mut numbers));
            for (field, slot) in slots.iter().enumerate() {
                batch.slots[field * rows + row] = *slot;
            }
            for (column, number) in numbers.iter().enumerate() {
                batch.numbers[column * rows + row] = *number;
            }
        }
        batch
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// The slots of a field, one a row.
    pub fn field(&self, field: usize) -> &[u32] {
        &self.slots[field * self.rows()..][..self.rows()]
    }

    /// The standardised numbers of a column of such, one a row.
    pub fn number(&self, column: usize) -> &[f32] {
        &self.numbers[column * self.rows()..][..self.rows()]
    }
}

/// How the rows are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Rows of all.
    pub rows: u64,
    /// Those before the held-out ones.
    pub train: u64,
    /// Rows of a minibatch.
    pub batch: usize,
    /// Minibatches between two looks at interrupts.
    pub group: usize,
}

/// The rows, from the log or, where they fit, as they were decoded the first time.
pub struct Rows<'a> {
    log: &'a mut dyn RowLog,
    layout: &'a Layout,
    cut: Cut,
    kept: Option<Vec<Batch>>,
    complete: bool,
}

impl<'a> Rows<'a> {
    /// Those of a log, of which up to `memory` bytes may be kept.
    pub fn new(log: &'a mut dyn RowLog, layout: &'a Layout, cut: Cut, memory: usize) -> Self {
        let bytes = cut.rows.saturating_mul(4 * (1 + layout.fields() + layout.numbers()) as u64);
        Self { log, layout, cut, kept: (bytes <= memory as u64).then(Vec::new), complete: false }
    }

    /// Goes through all rows once. `take` is given some minibatches at a time, and whether they are of the held-out rows.
    pub fn pass(
        &mut self,
        pool: &rayon::ThreadPool,
        interrupt: &dyn Fn() -> crate::Result<()>,
        take: &mut dyn FnMut(&[Batch], bool),
    ) -> Result<()> {
        let Cut { rows, train, batch, group } = self.cut;
        if self.complete
            && let Some(kept) = &self.kept
        {
            let (learnt, held_out) = kept.split_at((train as usize).div_ceil(batch));
            for (batches, is_held_out) in [(learnt, false), (held_out, true)] {
                for group in batches.chunks(group) {
                    interrupt()?;
                    take(group, is_held_out);
                }
            }
            return Ok(());
        }
        self.log.rewind()?;
        let mut words = Vec::new();
        for (part, is_held_out) in [(train, false), (rows - train, true)] {
            let mut left = part;
            while left > 0 {
                interrupt()?;
                let read = left.min((batch * group) as u64);
                words.resize(read as usize * self.layout.words, 0u32);
                self.log.read(words.as_mut_bytes())?;
                let layout = self.layout;
                let batches: Vec<Batch> = pool.install(|| {
                    let words: Vec<&[u32]> = words.chunks(batch * layout.words).collect();
                    words.into_par_iter().map(|words| Batch::new(layout, words)).collect()
                });
                take(&batches, is_held_out);
                if let Some(kept) = &mut self.kept {
                    kept.extend(batches);
                }
                left -= read;
            }
        }
        self.complete = true;
        Ok(())
    }
}
