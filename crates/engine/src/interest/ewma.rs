//! The exponentially weighted moving average over sessions: `long = alpha * long + (1 - alpha) * session`.

use super::{InterestError, Result, VERSION, check_dimensions, check_finite, check_same_dimensions};
use zerocopy::byteorder::little_endian::F64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version: u8,
    reserved: [u8; 3],
}

/// How many bytes the average of vectors of so many dimensions takes.
pub fn ewma_bytes(dimensions: usize) -> Result<usize> {
    check_dimensions(dimensions)?;
    Ok(size_of::<Header>() + size_of::<F64>() * dimensions)
}

/// Makes bytes, [`ewma_bytes`] of them, the average of one session.
pub fn ewma_begin(bytes: &mut [u8], session: &[f32], alpha: f64) -> Result<()> {
    check(session, alpha)?;
    let (header, average) = Header::mut_from_prefix(bytes).map_err(|_| corrupt())?;
    *header = Header { version: VERSION, reserved: [0; 3] };
    let average = <[F64]>::mut_from_bytes(average).map_err(|_| corrupt())?;
    check_same_dimensions(average.len(), session.len())?;
    average.iter_mut().zip(session).for_each(|(long, value)| long.set(f64::from(*value)));
    Ok(())
}

/// Takes the next session into an average, which keeps the share `alpha` of what it was.
pub fn ewma_add(bytes: &mut [u8], session: &[f32], alpha: f64) -> Result<()> {
    check(session, alpha)?;
    let (header, average) = Header::mut_from_prefix(bytes).map_err(|_| corrupt())?;
    let average = <[F64]>::mut_from_bytes(average).map_err(|_| corrupt())?;
    if header.version != VERSION {
        return Err(corrupt());
    }
    check_same_dimensions(average.len(), session.len())?;
    for (long, value) in average.iter_mut().zip(session) {
        long.set(alpha * long.get() + (1.0 - alpha) * f64::from(*value));
    }
    Ok(())
}

/// An error unless the bytes are an average: finite numbers, as many as a vector may have.
pub fn ewma_check(bytes: &[u8]) -> Result<()> {
    let (header, average) = Header::ref_from_prefix(bytes).map_err(|_| corrupt())?;
    let average = <[F64]>::ref_from_bytes(average).map_err(|_| corrupt())?;
    if header.version != VERSION || header.reserved != [0; 3] || average.iter().any(|value| !value.get().is_finite()) {
        return Err(corrupt());
    }
    check_dimensions(average.len())
}

/// The numbers of an average, in full.
pub fn ewma_numbers(bytes: &[u8]) -> Result<Vec<f64>> {
    ewma_check(bytes)?;
    let (_, average) = Header::ref_from_prefix(bytes).map_err(|_| corrupt())?;
    let average = <[F64]>::ref_from_bytes(average).map_err(|_| corrupt())?;
    Ok(average.iter().map(|value| value.get()).collect())
}

/// The bytes of an average of these numbers.
pub fn ewma_of(numbers: &[f64]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; ewma_bytes(numbers.len())?];
    let (header, average) = Header::mut_from_prefix(&mut bytes).map_err(|_| corrupt())?;
    header.version = VERSION;
    let average = <[F64]>::mut_from_bytes(average).map_err(|_| corrupt())?;
    average.iter_mut().zip(numbers).for_each(|(long, value)| long.set(*value));
    ewma_check(&bytes)?;
    Ok(bytes)
}

/// The average as a vector.
pub fn ewma_vector(bytes: &[u8]) -> Result<Vec<f32>> {
    let (header, average) = Header::ref_from_prefix(bytes).map_err(|_| corrupt())?;
    let average = <[F64]>::ref_from_bytes(average).map_err(|_| corrupt())?;
    if header.version != VERSION {
        return Err(corrupt());
    }
    Ok(average.iter().map(|value| value.get() as f32).collect())
}

fn check(session: &[f32], alpha: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(InterestError::Alpha(alpha));
    }
    check_finite(session)
}

fn corrupt() -> InterestError {
    InterestError::Corrupt("no state of ewma_interest".into())
}
