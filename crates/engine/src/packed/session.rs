//! A session: its distinct items in the order of their last occurrence.

use super::{Kind, VERSION, entries_of, header_of, to_bytes};
use crate::error::Result;
use crate::event::MAX_SESSION_ITEMS;
use crate::{ItemId, Micros, UserId};
use zerocopy::byteorder::little_endian::{I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The head of a session row.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SessionHeader {
    version: u8,
    kind: u8,
    reserved: [u8; 2],
    /// Whose session it is.
    pub user: U32,
    /// Its newest event.
    pub last_at: I64,
}

/// A session row, read in place.
#[derive(Debug, Clone, Copy)]
pub struct SessionView<'a> {
    /// The header.
    pub header: &'a SessionHeader,
    /// The items, oldest first.
    pub items: &'a [U32],
}

impl<'a> SessionView<'a> {
    /// Reads a row; [`crate::Error::Corrupt`] unless all of it is well-formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (header, rest) = header_of::<SessionHeader>(bytes, Kind::Session)?;
        Ok(Self { header, items: entries_of(rest)? })
    }
}

/// A session row in the making.
#[derive(Debug, Clone)]
pub struct Session {
    header: SessionHeader,
    items: Vec<U32>,
}

impl Session {
    /// An empty session of a user.
    pub fn new(user: UserId) -> Self {
        let header =
            SessionHeader { version: VERSION, kind: Kind::Session as u8, reserved: [0; 2], user: user.into(), last_at: i64::MIN.into() };
        Self { header, items: Vec::new() }
    }

    /// A copy of a stored row.
    pub fn from_view(view: &SessionView<'_>) -> Self {
        Self { header: *view.header, items: view.items.to_vec() }
    }

    /// The row as it is read.
    pub fn view(&self) -> SessionView<'_> {
        SessionView { header: &self.header, items: &self.items }
    }

    /// Whose session it is.
    pub fn user(&self) -> UserId {
        self.header.user.get()
    }

    /// Its newest event.
    pub fn last_at(&self) -> Micros {
        self.header.last_at.get()
    }

    /// Its items, oldest first.
    pub fn items(&self) -> impl Iterator<Item = ItemId> {
        self.items.iter().map(|item| item.get())
    }

    /// Whether it keeps `item`.
    pub fn has(&self, item: ItemId) -> bool {
        self.items.iter().any(|known| known.get() == item)
    }

    /// Adds the session's next event: its item moves to the end; the oldest items beyond [`MAX_SESSION_ITEMS`] go.
    pub fn push(&mut self, item: ItemId, at: Micros) {
        self.items.retain(|known| known.get() != item);
        self.items.push(item.into());
        if self.items.len() > MAX_SESSION_ITEMS {
            self.items.remove(0);
        }
        self.header.last_at = at.into();
    }

    /// The row as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.header, &self.items)
    }
}
