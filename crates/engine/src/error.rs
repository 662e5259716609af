//! What can go wrong in the engine.

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the engine; the Postgres side gives each an SQLSTATE.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Packed bytes do not parse: wrong version, kind or length.
    #[error("packed row is corrupt: {0}")]
    Corrupt(String),
    /// The store behind a query failed; the text is the store's own.
    #[error("{0}")]
    Store(String),
    /// The caller's interrupt check asked to stop.
    #[error("interrupted")]
    Interrupted,
}
