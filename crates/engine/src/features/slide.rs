//! Counts of windows that move on with each question, for entities that are asked often.

use super::spec::Question;
use super::{Bucket, Spec};
use crate::Micros;

/// The counts of one entity in all windows at the time that was asked last. Times only grow: what a window leaves behind is taken out, so that a
/// question costs what has changed since the one before, not what the window holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Slide {
    /// By window, where it starts.
    starts: Vec<Micros>,
    /// By window, its first bucket.
    heads: Vec<usize>,
    /// By event type and window, the events in it.
    counts: Vec<u64>,
}

impl Slide {
    /// Counts what is there.
    pub fn new(spec: &Spec, question: &Question, buckets: &[Bucket]) -> Self {
        let windows = spec.windows().len();
        let heads = question.starts.iter().map(|start| buckets.partition_point(|bucket| bucket.start < *start));
        let mut slide = Self { starts: question.starts.clone(), heads: heads.collect(), counts: vec![0; spec.types() * windows] };
        for (window, &head) in slide.heads.iter().enumerate() {
            for bucket in &buckets[head..] {
                slide.counts[bucket.kind as usize * windows + window] += u64::from(bucket.count);
            }
        }
        slide
    }

    /// Moves on to a question that is not before the last one, and gives its counts.
    pub fn move_to(&mut self, question: &Question, buckets: &[Bucket]) -> &[u64] {
        let windows = self.heads.len();
        for (window, (head, start)) in self.heads.iter_mut().zip(&question.starts).enumerate() {
            while let Some(bucket) = buckets.get(*head).filter(|bucket| bucket.start < *start) {
                self.counts[bucket.kind as usize * windows + window] -= u64::from(bucket.count);
                *head += 1;
            }
        }
        self.starts.clone_from(&question.starts);
        &self.counts
    }

    /// One more event in a bucket, which may be new.
    pub fn add(&mut self, bucket: Micros, kind: usize, is_new: bool) {
        let windows = self.heads.len();
        for (window, (head, start)) in self.heads.iter_mut().zip(&self.starts).enumerate() {
            if bucket >= *start {
                self.counts[kind * windows + window] += 1;
            } else if is_new {
                *head += 1;
            }
        }
    }
}
