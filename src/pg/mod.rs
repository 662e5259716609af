//! Everything that touches Postgres' own memory and functions. `unsafe` lives here and in the files that the
//! lint list names, nowhere else.

pub mod aggregate;
pub mod array;
pub mod clock;
pub mod column;
pub mod error;
pub mod fetch;
pub mod function;
pub mod guc;
pub mod hash;
pub mod heap;
pub mod index;
pub mod interrupt;
pub mod interval;
pub mod invalidation;
pub mod label;
pub mod library;
pub mod memory;
pub mod number;
pub mod owner;
pub mod planner;
pub mod privilege;
pub mod progress;
pub mod relation;
pub mod shmem;
pub mod snapshot;
pub mod socket;
pub mod spi;
pub mod threads;
pub mod transaction;
pub mod varlena;
pub mod vector;
pub mod window;
pub mod worker;
