//! The manifest of a copy: which segments it is made of, which of their rows are there no more, and whose changes it does not know.
//!
//! A copy belongs to a generation of its set. It holds the rows as the snapshot showed them under which it was made, and names the ids that the
//! visible changes of that moment had touched: for these, and for those that a reader's own snapshot shows as touched, the table is asked. Every
//! other row is the same in both snapshots, whichever was taken first.

use serde::{Deserialize, Serialize};
use zerocopy::IntoBytes;

use super::catalog::VectorSet;
use super::error::Result;
use super::files;
use super::segment::Identity;
use crate::key::Key;
use crate::pg::hash;

/// Changes with what is written.
const VERSION: u32 = 1;

/// A copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    identity: Vec<u8>,
    /// The generation that it is good for.
    pub generation: i64,
    /// The epoch that it is good for: TRUNCATE ends it.
    pub epoch: i32,
    /// The length of the vectors.
    pub dimensions: u32,
    /// When it was made, in microseconds since 2000.
    pub built_at: i64,
    /// The segments: the first one is the base, the others have come since.
    pub segments: Vec<Listed>,
    /// The ids that were touched and are not as the copy has them.
    pub touched: Vec<Key>,
    /// The ids of rows without a vector of that length and a direction.
    pub skipped: Vec<Key>,
}

/// A segment of a copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// How many rows it has.
    pub rows: u32,
    /// The rows that are there no more, as a bitmap.
    pub dead: Vec<u64>,
}

impl Listed {
    /// How many rows are there still.
    pub fn alive(&self) -> u64 {
        u64::from(self.rows).saturating_sub(self.dead.iter().map(|word| u64::from(word.count_ones())).sum::<u64>())
    }
}

impl Manifest {
    /// An empty copy of a set.
    pub fn new(set: &VectorSet, generation: i64, epoch: i32, dimensions: u32, built_at: i64) -> Self {
        Self {
            version: VERSION,
            identity: Identity::of(set).as_bytes().to_vec(),
            generation,
            epoch,
            dimensions,
            built_at,
            segments: Vec::new(),
            touched: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.segments.iter().map(Listed::alive).sum()
    }

    /// Whether it is one of that set, written since the machine was started.
    pub fn is_of(&self, set: &VectorSet) -> bool {
        self.version == VERSION && self.identity == Identity::of(set).as_bytes()
    }

    /// Writes it under the name by which readers find it.
    pub fn write(&self, set: &VectorSet, number: u64) -> Result<()> {
        let body = postcard::to_stdvec(self).map_err(|error| super::error::VectorsError::Copy(error.to_string()))?;
        let mut bytes = hash::bytes(&body).to_ne_bytes().to_vec();
        bytes.extend(body);
        files::make_directory()?;
        Ok(files::write(set.id, number, &files::manifest(set.id, self.generation), &bytes)?)
    }

    /// Reads that of a generation; `None` where there is none, or none that is sound and of this set.
    pub fn read(set: &VectorSet, generation: i64) -> Option<Self> {
        let bytes = std::fs::read(files::manifest(set.id, generation)).ok()?;
        let (sum, body) = bytes.split_first_chunk()?;
        let manifest: Self = (u64::from_ne_bytes(*sum) == hash::bytes(body)).then(|| postcard::from_bytes(body).ok())??;
        (manifest.is_of(set) && manifest.generation == generation).then_some(manifest)
    }
}
