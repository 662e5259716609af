//! Packed vectors, read in place.
//!
//! # Layout, version 2
//!
//! All numbers in the order of bytes of the machine: a segment is a cache of vectors that live elsewhere, and the magic number tells
//! a foreign one. Offsets count from the beginning, which is aligned to 64 bytes, as every block is.
//!
//! | bytes | what |
//! |---|---|
//! | 0..64 | header: magic u64, version u32, dimensions u32, rows u64, offsets of the upper blocks, the lower blocks and the vectors u64, length u64, checksum u64 |
//! | upper blocks | of 64 rows, the last one filled up with zeros |
//! | lower blocks | the same |
//! | vectors | `rows * dimensions` f32, scaled to length 1, row by row |
//!
//! A code of 8 bits is `16 u + l` with `u` from -7 to 7, which the upper blocks have, and `l` from -8 to 7, which the lower ones have. A block is
//! `dimensions / 8` (rounded up) groups of 256 bytes, eight numbers of each of the 64 rows, then 64 scales and 64 residuals in f32: what they mean
//! derives [`Query`](super::Query). Numbers are kept plus 8, as VNNI multiplies unsigned by signed bytes; a byte of a group has that of element
//! `8 g + i` in its lower half, and that of `8 g + 4 + i` in its upper half.

use super::{MAX_DIMENSIONS, Result, TopkError};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// How many rows a block has.
pub(super) const BLOCK: usize = 64;

/// What a block has of eight dimensions: eight numbers of each row.
pub(super) type Group = [[u8; 4]; BLOCK];

/// A line of the cache.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u8; 64]);

const MAGIC: u64 = 0x5047_5245_434f_544b;
const VERSION: u32 = 2;

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct Header {
    magic: u64,
    version: u32,
    dimensions: u32,
    rows: u64,
    upper: u64,
    lower: u64,
    vectors: u64,
    length: u64,
    checksum: u64,
}

impl Header {
    /// The header of a segment of so many rows, with room for `capacity` ones; an error where that cannot be addressed.
    pub fn new(dimensions: usize, rows: usize, capacity: usize) -> Result<Self> {
        let too_many = TopkError::TooManyRows { rows: capacity };
        if u32::try_from(capacity).is_err() {
            return Err(too_many);
        }
        let upper = size_of::<Self>() as u64;
        let blocks = capacity.div_ceil(BLOCK) as u64 * block_bytes(dimensions) as u64;
        let (lower, vectors) = (upper + blocks, upper + 2 * blocks);
        let length = vectors + rows as u64 * dimensions as u64 * 4;
        let all = vectors + capacity as u64 * dimensions as u64 * 4;
        if isize::try_from(all).is_err() {
            return Err(too_many);
        }
        let header = Self {
            magic: MAGIC,
            version: VERSION,
            dimensions: dimensions as u32,
            rows: rows as u64,
            upper,
            lower,
            vectors,
            length,
            checksum: 0,
        };
        Ok(Self { checksum: header.digest(), ..header })
    }

    /// Where the blocks of a plane begin.
    pub fn plane(&self, plane: Plane) -> usize {
        match plane {
            Plane::Upper => self.upper as usize,
            Plane::Lower => self.lower as usize,
        }
    }

    /// Where the vectors begin.
    pub fn vectors(&self) -> usize {
        self.vectors as usize
    }

    /// Where they end.
    pub fn length(&self) -> usize {
        self.length as usize
    }

    /// FNV-1a of the words before the checksum, one step a word.
    fn digest(&self) -> u64 {
        let header = Self { checksum: 0, ..*self };
        let (words, _) = header.as_bytes().as_chunks::<8>();
        words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ u64::from_ne_bytes(*word)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

/// Halves of the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// The four bits that count most.
    Upper,
    /// The other four.
    Lower,
}

/// How many groups a block has.
pub(super) fn groups(dimensions: usize) -> usize {
    dimensions.div_ceil(8)
}

/// How many bytes a block has: the groups, scales and residuals.
pub(super) fn block_bytes(dimensions: usize) -> usize {
    groups(dimensions) * size_of::<Group>() + 2 * BLOCK * size_of::<f32>()
}

/// The number of an element in the upper plane: its code is 16 times that, and -8 to 7 more.
#[inline(always)]
pub(super) fn upper_half(code: i8) -> i8 {
    ((i16::from(code) + 8) >> 4) as i8
}

/// Eight codes as the bytes of a group of the upper and of the lower plane.
#[inline(always)]
pub(super) fn planes(codes: &[i8; 8]) -> [[u8; 4]; 2] {
    // 16 (u + 8) + (l + 8).
    let both = codes.map(|code| (code as u8).wrapping_add(136));
    let mut planes = [[0; 4]; 2];
    for i in 0..4 {
        planes[0][i] = both[i] >> 4 | both[i + 4] & 0xf0;
        planes[1][i] = both[i] & 0x0f | both[i + 4] << 4;
    }
    planes
}

/// A block of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// By eight dimensions: a plane of the codes.
    pub groups: &'a [Group],
    /// By row.
    pub scales: &'a [f32; BLOCK],
    /// By row.
    pub residuals: &'a [f32; BLOCK],
}

/// Packed vectors of one number of dimensions, immutable, wherever their bytes are.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    dimensions: usize,
    rows: usize,
    upper: &'a [u8],
    lower: &'a [u8],
    vectors: &'a [f32],
}

impl<'a> Segment<'a> {
    /// The segment that begins where the bytes do; there may be more bytes than it has. They must be aligned to 64 bytes.
    ///
    /// Whatever the bytes are, reading is safe. The checksum is of the header alone: bytes behind it that were changed give wrong answers.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if !bytes.as_ptr().cast::<Line>().is_aligned() {
            return Err(TopkError::Alignment);
        }
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| TopkError::Corrupt("it is shorter than a header"))?;
        if header.magic != MAGIC {
            return Err(TopkError::Corrupt("it does not begin with the magic number"));
        }
        if header.version != VERSION {
            return Err(TopkError::Corrupt("it is of another version"));
        }
        if header.checksum != header.digest() {
            return Err(TopkError::Corrupt("the checksum of its header does not fit"));
        }
        let (dimensions, rows) = (header.dimensions as usize, header.rows as usize);
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) || header.rows > u64::from(u32::MAX) {
            return Err(TopkError::Corrupt("it has no sound number of dimensions or rows"));
        }
        // Few enough that none of these sums overflows.
        let blocks = rows.div_ceil(BLOCK) as u64 * block_bytes(dimensions) as u64;
        let lower_end = header.lower.saturating_add(blocks);
        let vectors_end = header.vectors.saturating_add(rows as u64 * dimensions as u64 * 4);
        let is_aligned = |place: u64| place.is_multiple_of(size_of::<Line>() as u64);
        let sound = header.upper == size_of::<Header>() as u64
            && is_aligned(header.lower)
            && is_aligned(header.vectors)
            && header.upper + blocks <= header.lower
            && lower_end <= header.vectors
            && header.length == vectors_end;
        if !sound {
            return Err(TopkError::Corrupt("its offsets do not fit its rows"));
        }
        if header.length > bytes.len() as u64 {
            return Err(TopkError::Space { needed: header.length as usize, found: bytes.len() });
        }
        let plane = |plane| &bytes[header.plane(plane)..][..blocks as usize];
        let vectors = <[f32]>::ref_from_bytes(&bytes[header.vectors()..header.length()]);
        let vectors = vectors.map_err(|_| TopkError::Corrupt("its vectors are not aligned"))?;
        Ok(Self { dimensions, rows, upper: plane(Plane::Upper), lower: plane(Plane::Lower), vectors })
    }

    /// The number of dimensions.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The vector of a row, scaled to length 1.
    ///
    /// # Panics
    ///
    /// Unless there is such a row.
    pub fn unit(&self, row: u32) -> &'a [f32] {
        &self.vectors[row as usize * self.dimensions..][..self.dimensions]
    }

    /// A plane of the rows `64 * place` to `64 * place + 63`.
    pub(super) fn block(&self, plane: Plane, place: usize) -> Block<'a> {
        const FITS: &str = "parsed: blocks are whole and aligned";
        let blocks = match plane {
            Plane::Upper => self.upper,
            Plane::Lower => self.lower,
        };
        let bytes = block_bytes(self.dimensions);
        let (codes, factors) = blocks[place * bytes..][..bytes].split_at(groups(self.dimensions) * size_of::<Group>());
        let (scales, residuals) = factors.split_at(BLOCK * size_of::<f32>());
        Block {
            groups: <[Group]>::ref_from_bytes(codes).expect(FITS),
            scales: <[f32; BLOCK]>::ref_from_bytes(scales).expect(FITS),
            residuals: <[f32; BLOCK]>::ref_from_bytes(residuals).expect(FITS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_up_the_code() {
        for code in -119..=119i8 {
            let [upper, lower] = planes(&[0, code, 0, 0, -code, 0, 0, 0]);
            let numbers = |byte: u8| [byte & 15, byte >> 4].map(|number| i32::from(number) - 8);
            let (u, l) = (numbers(upper[1])[0], numbers(lower[1])[0]);
            assert_eq!((16 * u + l, u), (i32::from(code), i32::from(upper_half(code))));
            assert_eq!(16 * numbers(upper[0])[1] + numbers(lower[0])[1], -i32::from(code));
            assert!((-7..=7).contains(&u) && (-8..=7).contains(&l));
        }
    }
}
