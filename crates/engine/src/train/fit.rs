//! Passes over the rows until the held-out ones are predicted no better.

use super::encoder::Encoded;
use super::error::Result;
use super::layout::Layout;
use super::log::RowLog;
use super::machine::{Machine, Scratch};
use super::report::Report;
use super::rows::{Batch, Cut, Rows};
use super::spec::{Method, Spec};
use crate::metrics::Evaluation;

/// Held-out rows at most.
const MAX_HELD_OUT: u64 = 1 << 20;
/// Passes without a better prediction after which training ends.
const PATIENCE: usize = 2;
/// A pass is better where the log loss is less by that share.
const BETTER: f64 = 1e-4;
/// Additions and multiplications between two looks at interrupts, some tens of milliseconds of them.
const GROUP_WORK: usize = 20_000_000;

/// How the rows are cut: minibatches that grow with the rows, from 32 to 1024, or 256 where vectors are learnt: those that many rows meet
/// would learn too little from each.
fn cut(encoded: &Encoded, layout: &Layout) -> Cut {
    let spec = &encoded.spec;
    let held_out = ((encoded.rows as f64 * spec.validation) as u64).min(MAX_HELD_OUT).min(encoded.rows - 1);
    let train = encoded.rows - held_out;
    let columns = layout.places.len();
    let row = 8 * layout.fields() + if spec.method == Method::Fwfm { 3 * columns * columns * spec.factors.next_multiple_of(8) } else { 0 };
    let affordable = (GROUP_WORK / row).max(32);
    let most = if spec.method == Method::Fwfm { 256 } else { 1024 };
    let batch = (train / 256).clamp(32, most).next_power_of_two().min(affordable as u64) as usize;
    Cut { rows: encoded.rows, train, batch, group: (affordable / batch).clamp(1, 64) }
}

/// Trains a machine.
pub fn fit(
    log: &mut dyn RowLog,
    encoded: &Encoded,
    layout: &Layout,
    pool: &rayon::ThreadPool,
    interrupt: &dyn Fn() -> crate::Result<()>,
) -> Result<(Machine, Report)> {
    let spec = &encoded.spec;
    let cut = cut(encoded, layout);
    let mut trainer = Trainer { rows: Rows::new(log, layout, cut, spec.memory), spec, layout, pool, interrupt };
    let mut report = Report {
        rows: encoded.rows,
        skipped: encoded.skipped,
        positives: encoded.positives,
        validation_rows: cut.rows - cut.train,
        passes: spec.passes,
        best_passes: spec.passes,
        weights: 0,
        validation: None,
    };
    let mut best = None;
    if report.validation_rows > 0 {
        best = Some(trainer.until_best(&mut report)?);
    }
    let mut machine = match best {
        Some(machine) if !spec.refit => machine,
        _ => trainer.all(report.best_passes)?,
    };
    machine.finish();
    report.weights = machine.weights();
    Ok((machine, report))
}

struct Trainer<'a> {
    rows: Rows<'a>,
    spec: &'a Spec,
    layout: &'a Layout,
    pool: &'a rayon::ThreadPool,
    interrupt: &'a dyn Fn() -> crate::Result<()>,
}

impl Trainer<'_> {
    /// A machine that has made the passes after which it predicts the held-out rows best, having seen none of them.
    fn until_best(&mut self, report: &mut Report) -> Result<Machine> {
        let mut machine = self.machine(false)?;
        let mut best: Option<(f64, Option<Machine>)> = None;
        let mut scratch = Scratch::default();
        for pass in 1..=self.spec.passes {
            let (mut evaluation, mut probabilities, mut failed) = (Evaluation::new(), Vec::new(), false);
            self.rows.pass(self.pool, self.interrupt, &mut |batches: &[Batch], is_held_out| {
                if !is_held_out {
                    self.pool.install(|| batches.iter().for_each(|batch| machine.learn(batch, &mut scratch)));
                    return;
                }
                probabilities.clear();
                self.pool.install(|| batches.iter().for_each(|batch| machine.predict(batch, &mut probabilities)));
                let labels = batches.iter().flat_map(|batch| &batch.labels);
                failed |= probabilities.iter().zip(labels).any(|(score, label)| evaluation.push(*score, *label > 0.0).is_err());
            })?;
            let metrics = evaluation.finish(1);
            report.passes = pass;
            let loss = metrics.log_loss.filter(|_| !failed).unwrap_or(f64::INFINITY);
            if best.as_ref().is_none_or(|(least, _)| loss < least * (1.0 - BETTER)) {
                best = Some((loss, (!self.spec.refit).then(|| machine.clone())));
                (report.best_passes, report.validation) = (pass, Some(metrics));
            } else if pass >= report.best_passes + PATIENCE {
                break;
            }
        }
        Ok(best.and_then(|(_, machine)| machine).unwrap_or(machine))
    }

    /// A machine that has made passes over all rows.
    fn all(&mut self, passes: usize) -> Result<Machine> {
        let mut machine = self.machine(true)?;
        let mut scratch = Scratch::default();
        for _ in 0..passes {
            self.rows.pass(self.pool, self.interrupt, &mut |batches, _| {
                self.pool.install(|| batches.iter().for_each(|batch| machine.learn(batch, &mut scratch)));
            })?;
        }
        Ok(machine)
    }

    /// A machine that has counted the rows it will learn from, and learnt nothing.
    fn machine(&mut self, with_held_out: bool) -> Result<Machine> {
        let mut machine = Machine::new(self.layout, self.spec);
        self.rows.pass(self.pool, self.interrupt, &mut |batches, is_held_out| {
            if with_held_out || !is_held_out {
                self.pool.install(|| batches.iter().for_each(|batch| machine.count(batch)));
            }
        })?;
        machine.begin()?;
        Ok(machine)
    }
}
