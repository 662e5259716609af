//! A segment of a copy: a file with packed vectors and their keys, which never changes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..88 | [`Header`]; the rest of the first 4,096 bytes is zeros |
//! | vectors | a segment of the engine (`engine::topk::Segment`) |
//! | keys | in the order of the rows, ascending: integers as i64, uuid as 16 bytes, text as the ends of the keys (u64 each) and then their bytes |
//!
//! All numbers are in the order of bytes of the machine. The file is good on the running system only: it is not flushed, so what a crash of
//! the machine has left of it is told by the identity of the boot.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use engine::topk::{Segment, SegmentBuilder, TopkError, bytes_needed};
use memmap2::{Mmap, MmapMut};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::catalog::VectorSet;
use super::error::{Result, VectorsError};
use super::files;
use crate::key::{Key, KeyType};
use crate::pg::{hash, interrupt, mapped, relation};

const MAGIC: u64 = 0x7067_7265_6353_4547;
const VERSION: u32 = 1;
/// Where the vectors begin.
const START: u64 = 4096;

/// The first bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
struct Header {
    magic: u64,
    version: u32,
    key_type: u32,
    number: u64,
    rows: u64,
    vectors: u64,
    keys: u64,
    length: u64,
    identity: Identity,
    checksum: u64,
}

/// What a file belongs to, beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct Identity {
    database: u32,
    /// The oid of `recommend.vector_changes_N`, which another set of the same number does not have.
    changes: u32,
    boot: [u8; 16],
}

impl Identity {
    /// That of the files of a set on the running system.
    pub fn of(set: &VectorSet) -> Self {
        Self { database: relation::database().to_u32(), changes: set.changes.to_u32(), boot: boot() }
    }
}

/// What tells this boot of the machine from others. Without such a thing, this process: files are good for the one that has written them.
fn boot() -> [u8; 16] {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let text = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_else(|_| std::process::id().to_string().into_bytes());
        let mut identity = [0; 16];
        identity[..8].copy_from_slice(&hash::seeded(&text, 1).to_ne_bytes());
        identity[8..].copy_from_slice(&hash::seeded(&text, 2).to_ne_bytes());
        identity
    })
}

fn key_number(key: KeyType) -> u32 {
    match key {
        KeyType::Int2 | KeyType::Int4 | KeyType::Int8 => 1,
        KeyType::Uuid => 2,
        KeyType::Text => 3,
    }
}

/// About how many bytes a segment of so many rows takes.
pub fn bytes_of(rows: usize, dimensions: usize) -> Result<u64> {
    Ok(START + bytes_needed(rows, dimensions)? as u64 + 16 * rows as u64)
}

/// A segment that is being written, under a name that no reader looks for. Dropped before it is finished, it leaves nothing behind.
pub struct Writer<'s> {
    set: &'s VectorSet,
    number: u64,
    file: File,
    map: MmapMut,
    keys: Vec<u8>,
    /// The ends of text keys.
    ends: Vec<u64>,
    finished: bool,
}

impl<'s> Writer<'s> {
    /// Begins a segment of at most so many rows.
    pub fn create(set: &'s VectorSet, number: u64, rows: usize, dimensions: usize) -> Result<Self> {
        files::make_directory()?;
        let length = START + bytes_needed(rows, dimensions)? as u64;
        let (file, map) = mapped::create(&files::unfinished(set.id, number), length)?;
        Ok(Self { set, number, file, map, keys: Vec::new(), ends: Vec::new(), finished: false })
    }

    /// The memory of the vectors, and the keys beside it.
    pub fn parts(&mut self) -> (&mut [u8], Keys<'_>) {
        (&mut self.map[START as usize..], Keys { number: key_number(self.set.key), keys: &mut self.keys, ends: &mut self.ends })
    }

    /// Ends the file, of so many rows whose vectors have taken `vectors` bytes, and gives it its name. Gives its size.
    pub fn finish(mut self, rows: usize, vectors: usize) -> Result<u64> {
        let keys = START + (vectors as u64).next_multiple_of(START);
        let length = keys + 8 * self.ends.len() as u64 + self.keys.len() as u64;
        let mut header = Header {
            magic: MAGIC,
            version: VERSION,
            key_type: key_number(self.set.key),
            number: self.number,
            rows: rows as u64,
            vectors: vectors as u64,
            keys,
            length,
            identity: Identity::of(self.set),
            checksum: 0,
        };
        header.checksum = header.digest();
        self.map[..size_of::<Header>()].copy_from_slice(header.as_bytes());
        self.file.set_len(keys)?;
        self.file.write_all_at(self.ends.as_bytes(), keys)?;
        self.file.write_all_at(&self.keys, keys + 8 * self.ends.len() as u64)?;
        self.file.flush()?;
        fs::rename(files::unfinished(self.set.id, self.number), files::segment(self.set.id, self.number))?;
        self.finished = true;
        Ok(length)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(files::unfinished(self.set.id, self.number));
        }
    }
}

/// The keys of a segment that is being written.
pub struct Keys<'a> {
    number: u32,
    keys: &'a mut Vec<u8>,
    ends: &'a mut Vec<u64>,
}

impl Keys<'_> {
    /// The key of the next row.
    fn push(&mut self, key: &Key) {
        match key {
            Key::Int(value) => self.keys.extend_from_slice(&value.to_ne_bytes()),
            Key::Uuid(bytes) => self.keys.extend_from_slice(bytes),
            Key::Text(text) => {
                self.keys.extend_from_slice(text.as_bytes());
                self.ends.push(self.keys.len() as u64);
            }
        }
    }

    /// Puts the keys of so many rows into their order, and gives the rows in that order.
    fn sort(&mut self, rows: usize) -> Result<Vec<u32>> {
        let key = |row: usize| key_of(self.number, row, self.ends.as_bytes(), self.keys);
        let mut sorted = (0..rows).map(|row| Some((key(row)?, row as u32))).collect::<Option<Vec<_>>>().ok_or_else(corrupt)?;
        sorted.sort_unstable();
        self.keys.clear();
        self.ends.clear();
        sorted.iter().for_each(|(key, _)| self.push(key));
        Ok(sorted.into_iter().map(|(_, row)| row).collect())
    }
}

/// The key of a row out of the bytes of all keys, and those of the ends of text keys.
fn key_of(number: u32, row: usize, ends: &[u8], keys: &[u8]) -> Option<Key> {
    match number {
        1 => Some(Key::Int(i64::from_ne_bytes(*keys.get(8 * row..)?.first_chunk()?))),
        2 => Some(Key::Uuid(*keys.get(16 * row..)?.first_chunk()?)),
        _ => {
            let end = |row: usize| Some(u64::from_ne_bytes(*ends.get(8 * row..)?.first_chunk()?) as usize);
            let start = if row == 0 { 0 } else { end(row - 1)? };
            Some(Key::Text(std::str::from_utf8(keys.get(start..end(row)?)?).ok()?.into()))
        }
    }
}

fn corrupt() -> VectorsError {
    VectorsError::Copy("a key in a file of vectors is corrupt".into())
}

/// Adds rows to a segment, in any order of their keys, in which they are put at the end: rows that come in it are written once.
pub struct Filling<'a> {
    builder: SegmentBuilder<'a>,
    keys: Keys<'a>,
    last: Option<Key>,
    ascending: bool,
}

impl<'a> Filling<'a> {
    /// Begins to fill the memory of a [`Writer`].
    pub fn new((memory, keys): (&'a mut [u8], Keys<'a>), dimensions: usize, rows: usize) -> Result<Self> {
        Ok(Self { builder: SegmentBuilder::new(memory, dimensions, rows)?, keys, last: None, ascending: true })
    }

    /// Adds a row; gives its key back, and adds nothing, where its vector has no direction or other dimensions.
    pub fn push(&mut self, key: Key, vector: &[f32]) -> Result<Option<Key>> {
        match self.builder.push(vector) {
            Ok(Some(_)) => {
                self.keys.push(&key);
                self.ascending &= self.last.as_ref().is_none_or(|last| *last < key);
                self.last = Some(key);
                Ok(None)
            }
            Ok(None) | Err(TopkError::NotFinite { .. } | TopkError::Dimensions { .. }) => Ok(Some(key)),
            Err(error) => Err(error.into()),
        }
    }

    /// How many rows there are, and how many bytes their vectors have taken.
    pub fn finish(mut self) -> Result<(usize, usize)> {
        let rows = self.builder.rows();
        if !self.ascending {
            interrupt::check();
            self.builder.reorder(&self.keys.sort(rows)?);
        }
        Ok((rows, self.builder.finish()?))
    }
}

/// A segment that is read.
pub struct SegmentFile {
    map: Mmap,
    header: Header,
}

impl SegmentFile {
    /// Opens a segment of a set; an error of kind `InvalidData` where the file is not what it should be.
    pub fn open(set: &VectorSet, number: u64) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let map = mapped::read(&files::segment(set.id, number))?;
        let header = map.get(..size_of::<Header>()).and_then(|bytes| Header::read_from_bytes(bytes).ok());
        let header = header.ok_or_else(|| invalid("a file of vectors is too short"))?;
        let sound = header.magic == MAGIC
            && header.version == VERSION
            && header.checksum == header.digest()
            && header.number == number
            && header.identity == Identity::of(set)
            && header.key_type == key_number(set.key)
            && header.length == map.len() as u64
            && header.keys >= START + header.vectors
            && header.keys + header.rows * set.key_width() <= header.length;
        if !sound {
            return Err(invalid("a file of vectors has a header that is not its own"));
        }
        let segment = Self { map, header };
        match segment.vectors() {
            Ok(vectors) if vectors.rows() as u64 == header.rows => Ok(segment),
            _ => Err(invalid("the vectors in a file are corrupt")),
        }
    }

    /// The vectors.
    pub fn vectors(&self) -> Result<Segment<'_>> {
        let end = (START + self.header.vectors) as usize;
        Ok(Segment::parse(&self.map[START as usize..end])?)
    }

    /// Where the vectors lie in the file: their place and their length.
    pub fn place(&self) -> (u64, u64) {
        (START, self.header.vectors)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.header.rows as usize
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.header.length
    }

    /// The key of a row.
    pub fn key(&self, row: u32) -> Result<Key> {
        self.get(row as usize).ok_or_else(corrupt)
    }

    fn get(&self, row: usize) -> Option<Key> {
        let keys = self.map.get(self.header.keys as usize..)?;
        let (ends, keys) = if self.header.key_type == 3 { keys.split_at_checked(8 * self.rows())? } else { (&[][..], keys) };
        key_of(self.header.key_type, row, ends, keys)
    }

    /// The row of a key, by binary search.
    pub fn find(&self, key: &Key) -> Result<Option<u32>> {
        let row = self.first_from(key, 0, self.rows())?;
        Ok((row < self.rows() && self.key(row as u32)? == *key).then_some(row as u32))
    }

    /// Hands the row of each of the keys that are here to `each`; the keys must ascend. Takes a time for each key that grows with the logarithm of the
    /// rows between it and the one before.
    pub fn find_all(&self, keys: &[Key], mut each: impl FnMut(u32)) -> Result<()> {
        let (mut low, rows) = (0, self.rows());
        for key in keys {
            let mut step = 1;
            while low + step < rows && self.key((low + step) as u32)? < *key {
                step *= 2;
            }
            low = self.first_from(key, low + step / 2, rows.min(low + step + 1))?;
            if low == rows {
                break;
            }
            if self.key(low as u32)? == *key {
                each(low as u32);
            }
        }
        Ok(())
    }

    /// The first row from `low` to below `high` whose key is not less, `high` where there is none.
    fn first_from(&self, key: &Key, mut low: usize, mut high: usize) -> Result<usize> {
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle as u32)? < *key { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}

impl Header {
    fn digest(&self) -> u64 {
        hash::bytes(Self { checksum: 0, ..*self }.as_bytes())
    }
}
