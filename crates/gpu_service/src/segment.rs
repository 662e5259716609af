//! A segment of a vector set, as a source of vectors for the device: its file, mapped.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use engine::topk::{Kernel, Query, Segment as Packed};
use gpu::source::Source;
use memmap2::{Mmap, MmapOptions};

use crate::protocol::Segment;

/// A mapped segment.
#[derive(Debug)]
pub struct MappedSegment {
    map: Mmap,
    rows: usize,
    dimensions: usize,
}

impl MappedSegment {
    /// Maps a segment; an error of kind `InvalidData` where the file does not hold one.
    pub fn open(segment: &Segment) -> io::Result<Self> {
        let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let length = usize::try_from(segment.length).map_err(|error| invalid(&error))?;
        let file = File::open(&segment.path)?;
        if file.metadata()?.len() < segment.offset.saturating_add(segment.length) {
            return Err(invalid(&"the file is shorter than its segment"));
        }
        // SAFETY: the server writes a segment under another name and never changes it after it has this one; one that is deleted stays as
        // long as it is mapped. Whoever can change it all the same may write to the data directory.
        let map = unsafe { MmapOptions::new().offset(segment.offset).len(length).map(&file) }?;
        let packed = Packed::parse(&map).map_err(|error| invalid(&error))?;
        let (rows, dimensions) = (packed.rows(), packed.dimensions());
        Ok(Self { map, rows, dimensions })
    }
}

impl Source for MappedSegment {
    fn rows(&self) -> usize {
        self.rows
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn unit(&self, row: u32) -> &[f32] {
        // It was parsed when it was opened, and does not change.
        Packed::parse(&self.map).map(|packed| packed.unit(row)).unwrap_or_default()
    }

    fn score(&self, query: &[f32], row: u32) -> f32 {
        Query::new(query).map_or(0.0, |query| Kernel::best().score(&query, self.unit(row)))
    }
}
