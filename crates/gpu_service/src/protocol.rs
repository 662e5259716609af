//! What sessions and the service say to each other.
//!
//! A message is its length, four bytes in little-endian order, and that many bytes in the postcard format. Both sides are of one build, so there are
//! no versions: the service is restarted with the server.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest message in bytes: room for a filter of half a billion rows.
pub const MAX_MESSAGE: usize = 64 << 20;

/// What a session asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// The rows of the greatest cosine.
    Search(Search),
    /// How the service is.
    Status,
}

/// A search over the rows of some segments, all of one number of dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The segments.
    pub segments: Vec<Segment>,
    /// The vectors that rows are compared with, each of length 1.
    pub queries: Vec<Vec<f32>>,
    /// How many rows of each segment for each query.
    pub k: u32,
}

/// A segment of a vector set, in a file that never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// The file; a name is used once.
    pub path: String,
    /// Where in the file the vectors begin.
    pub offset: u64,
    /// How many bytes they take.
    pub length: u64,
    /// The rows that may be found: bit `row % 64` of word `row / 64`; empty for all of them.
    pub allowed: Vec<u64>,
}

/// What the service answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// For each query, the best rows of each segment: segment by segment, the best first, equal ones by their numbers.
    Found(Vec<Vec<Hit>>),
    /// The vectors are not on the device yet: they are brought there, and the session searches by itself this time.
    NotYet,
    /// Why this search is not for it: the session searches by itself.
    Refused(String),
    /// How it is.
    Status(Status),
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The place of its segment in the list.
    pub segment: u32,
    /// Its number there.
    pub row: u32,
    /// Its cosine with the query.
    pub score: f32,
}

/// How the service is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The device, in words.
    pub device: String,
    /// Its memory in bytes.
    pub memory: u64,
    /// The bytes that segments take there.
    pub used: u64,
    /// How many segments these are.
    pub segments: u32,
    /// Searches answered.
    pub searches: u64,
    /// Batches that they went in.
    pub batches: u64,
    /// The most searches in one batch.
    pub largest_batch: u32,
    /// Searches refused.
    pub refused: u64,
    /// How long all batches took, in microseconds.
    pub busy: u64,
}

/// Why a message is none.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The other side has gone, or the line is broken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is too long.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// Its bytes say nothing.
    #[error("a message makes no sense: {0}")]
    Senseless(#[from] postcard::Error),
}

/// A message with its length before it.
pub fn frame<T: Serialize>(message: &T) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = postcard::to_extend(message, vec![0; 4])?;
    let length = bytes.len() - 4;
    if length > MAX_MESSAGE {
        return Err(ProtocolError::TooLong(length));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// The length of the message that begins with these bytes; `None` where they are too few to say.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let Some(length) = bytes.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_MESSAGE { Err(ProtocolError::TooLong(length)) } else { Ok(Some(length)) }
}

/// The message in these bytes, which follow its length.
pub fn message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProtocolError> {
    Ok(postcard::from_bytes(bytes)?)
}

/// Sends a message.
pub fn send<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<(), ProtocolError> {
    Ok(stream.write_all(&frame(message)?)?)
}

/// Waits for a message; `None` where the other side has closed the line after the last one.
pub fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, ProtocolError> {
    let mut head = [0; 4];
    let read = stream.read(&mut head)?;
    if read == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[read..])?;
    let length = length(&head)?.unwrap_or_default();
    let mut body = Vec::new();
    // Grows with what comes: a length alone takes no memory.
    stream.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    message(&body).map(Some)
}
