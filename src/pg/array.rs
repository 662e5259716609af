//! Arrays: as parameters of bulk statements, and as vectors.
#![allow(unsafe_code)]

use std::ops::Deref;

use pgrx::{PgSqlErrorCode, pg_sys};

use super::error::SqlError;

/// A one-dimensional array of `element`s; the datums are of that type.
pub fn of(element: pg_sys::Oid, datums: &mut [pg_sys::Datum]) -> pg_sys::Datum {
    let (mut length, mut by_value, mut align) = (0, false, 0);
    // SAFETY: a catalog lookup; construct_array copies the values.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        pg_sys::construct_array(datums.as_mut_ptr(), datums.len() as i32, element, i32::from(length), by_value, align).into()
    }
}

/// [`of`] with NULL elements.
pub fn with_nulls(element: pg_sys::Oid, values: &[Option<pg_sys::Datum>]) -> pg_sys::Datum {
    let (mut length, mut by_value, mut align) = (0, false, 0);
    let mut datums: Vec<pg_sys::Datum> = values.iter().map(|value| value.unwrap_or(pg_sys::Datum::from(0))).collect();
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    // SAFETY: a catalog lookup; one dimension of as many values as both arrays have, which are copied.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        pg_sys::construct_md_array(
            datums.as_mut_ptr(),
            nulls.as_mut_ptr(),
            1,
            &mut (values.len() as i32),
            &mut 1,
            element,
            i32::from(length),
            by_value,
            align,
        )
        .into()
    }
}

/// The type of arrays of `element`s.
pub fn type_of(element: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::get_array_type(element) }
}

/// The elements of a one- or more-dimensional array whose elements are of type `element`.
///
/// # Safety
/// `array` is an array of that type.
pub unsafe fn elements(array: pg_sys::Datum, element: pg_sys::Oid) -> Vec<Option<pg_sys::Datum>> {
    let (mut length, mut by_value, mut align) = (0, false, 0);
    let (mut datums, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: by the contract above; the arrays that deconstruct_array makes have `count` entries each.
    unsafe {
        let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut align);
        pg_sys::deconstruct_array(array, element, i32::from(length), by_value, align, &mut datums, &mut nulls, &mut count);
        (0..count as usize).map(|place| (!*nulls.add(place)).then(|| *datums.add(place))).collect()
    }
}

/// The element type of an array type.
pub fn element_type(array: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::get_base_element_type(array) }
}

/// Why an array is no vector.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// An element is NULL.
    #[error("a vector must not contain NULL")]
    NullElement,
    /// An array of arrays.
    #[error("a vector must be a one-dimensional array, not one of {0} dimensions")]
    Shape(i32),
    /// The elements are no real numbers.
    #[error("a vector must be an array of real")]
    ElementType,
}

impl SqlError for VectorError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::NullElement => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::Shape(_) => PgSqlErrorCode::ERRCODE_ARRAY_ELEMENT_ERROR,
            Self::ElementType => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
        }
    }

    fn hint(&self) -> Option<String> {
        Some("Give an array such as ARRAY[0.1, 0.2, 0.3]::real[], with one number for each dimension.".into())
    }
}

/// Where the first element of an array of one dimension without NULLs lies.
const FIRST_OF_ONE: usize = (size_of::<pg_sys::ArrayType>() + 8).next_multiple_of(8);

/// A `real[]` without NULLs as the numbers in it, read in place where the array was stored plainly.
pub struct Reals {
    array: *mut pg_sys::ArrayType,
    length: usize,
    owned: bool,
}

impl Reals {
    /// The numbers of an array; an error if it has NULLs or more than one dimension.
    ///
    /// # Safety
    /// `datum` is an array that lives, and is not written to, at least as long as the value returned.
    pub unsafe fn of(datum: pg_sys::Datum) -> Result<Self, VectorError> {
        // SAFETY: by the contract above.
        let reals = unsafe { Self::of_any(datum) }?;
        match reals.dimensions() {
            dimensions if dimensions > 1 => Err(VectorError::Shape(dimensions)),
            _ => Ok(reals),
        }
    }

    /// [`Reals::of`] for an array of any number of dimensions.
    ///
    /// # Safety
    /// As for [`Reals::of`].
    pub unsafe fn of_any(datum: pg_sys::Datum) -> Result<Self, VectorError> {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: by the contract above; an array has the lengths of its dimensions behind the header.
        unsafe {
            let plain = pgrx::varlena::varatt_is_4b_u(original);
            let array = if plain { original } else { pg_sys::pg_detoast_datum(original) }.cast::<pg_sys::ArrayType>();
            if (*array).elemtype != pg_sys::FLOAT4OID {
                return Err(VectorError::ElementType);
            }
            if (*array).dataoffset != 0 && pg_sys::array_contains_nulls(array) {
                return Err(VectorError::NullElement);
            }
            let lengths = array.add(1).cast::<i32>();
            let length = match (*array).ndim {
                0 => 0,
                1 => *lengths as usize,
                dimensions => pg_sys::ArrayGetNItems(dimensions, lengths) as usize,
            };
            Ok(Self { array, length, owned: !plain })
        }
    }

    /// The numbers of a plain array of one dimension without a bitmap of NULLs; `None` for another one.
    ///
    /// # Safety
    /// As for [`Reals::of`].
    #[inline]
    pub unsafe fn in_place<'a>(value: *mut pg_sys::varlena) -> Option<&'a [f32]> {
        let array = value.cast::<pg_sys::ArrayType>();
        // SAFETY: by the contract; a plain array is at least its header.
        unsafe {
            let plain = pgrx::varlena::varatt_is_4b_u(value);
            if !plain || (*array).ndim != 1 || (*array).dataoffset != 0 || (*array).elemtype != pg_sys::FLOAT4OID {
                return None;
            }
            let lengths = array.add(1).cast::<i32>();
            Some(std::slice::from_raw_parts(value.cast::<u8>().add(FIRST_OF_ONE).cast(), *lengths as usize))
        }
    }

    /// How many dimensions the array has; 0 where it is empty.
    pub fn dimensions(&self) -> i32 {
        // SAFETY: a plain array.
        unsafe { (*self.array).ndim }
    }

    /// The length of its last dimension; 0 where it is empty.
    pub fn last_length(&self) -> usize {
        match self.dimensions() {
            0 => 0,
            // SAFETY: the lengths of the dimensions stand behind the header.
            dimensions => unsafe { *self.array.add(1).cast::<i32>().add(dimensions as usize - 1) as usize },
        }
    }
}

impl Deref for Reals {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the numbers begin at the offset that the array gives if it has a bitmap of NULLs, else behind the header
        // with the length and the lower bound of each dimension, aligned to 8 bytes.
        unsafe {
            let offset = match (*self.array).dataoffset {
                0 => (size_of::<pg_sys::ArrayType>() + 8 * (*self.array).ndim as usize).next_multiple_of(8),
                offset => offset as usize,
            };
            std::slice::from_raw_parts(self.array.cast::<u8>().add(offset).cast::<f32>(), self.length)
        }
    }
}

impl Drop for Reals {
    fn drop(&mut self) {
        if self.owned && !std::thread::panicking() {
            // SAFETY: allocated by pg_detoast_datum above, and not handed out.
            unsafe { pg_sys::pfree(self.array.cast()) }
        }
    }
}

/// The numbers of a `float8[]` without NULLs, rounded to 32 bits; an error if it has NULLs or more than one dimension.
///
/// # Safety
/// `datum` is an array of float8.
pub unsafe fn doubles(datum: pg_sys::Datum) -> Result<Vec<f32>, VectorError> {
    // SAFETY: by the contract above. The numbers begin behind the header with the length and the lower bound of each dimension, or at the
    // offset that the array gives if it has a bitmap of NULLs, and are as many as the product of its lengths says: one length.
    unsafe {
        let original = datum.cast_mut_ptr::<pg_sys::varlena>();
        let array = pg_sys::pg_detoast_datum(original).cast::<pg_sys::ArrayType>();
        let result = match (*array).ndim {
            0 => Ok(Vec::new()),
            1 if (*array).elemtype != pg_sys::FLOAT8OID => Err(VectorError::ElementType),
            1 if (*array).dataoffset != 0 && pg_sys::array_contains_nulls(array) => Err(VectorError::NullElement),
            1 => {
                let length = *array.add(1).cast::<i32>() as usize;
                let offset = match (*array).dataoffset {
                    0 => (size_of::<pg_sys::ArrayType>() + 8).next_multiple_of(8),
                    offset => offset as usize,
                };
                let numbers = std::slice::from_raw_parts(array.cast::<u8>().add(offset).cast::<f64>(), length);
                Ok(numbers.iter().map(|number| *number as f32).collect())
            }
            dimensions => Err(VectorError::Shape(dimensions)),
        };
        if !std::ptr::eq(array.cast(), original) {
            pg_sys::pfree(array.cast());
        }
        result
    }
}

/// A `real[]` of two dimensions without NULLs: rows of one length.
pub struct Matrix {
    numbers: Vec<f32>,
    width: usize,
}

impl Matrix {
    /// The numbers of an array; an error if it has NULLs, or more than two dimensions. One of one dimension is one row.
    ///
    /// # Safety
    /// `datum` is an array.
    pub unsafe fn of(datum: pg_sys::Datum) -> Result<Self, VectorError> {
        // SAFETY: by the contract above; the lengths of the dimensions stand behind the header.
        let (dimensions, width) = unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let dimensions = (*array).ndim;
            if dimensions > 0 && (*array).elemtype != pg_sys::FLOAT4OID {
                return Err(VectorError::ElementType);
            }
            let width = if dimensions == 0 { 0 } else { *array.add(1).cast::<i32>().add(dimensions as usize - 1) as usize };
            (dimensions, width)
        };
        if dimensions > 2 {
            return Err(VectorError::Shape(dimensions));
        }
        // SAFETY: an array of that type.
        let elements = unsafe { elements(datum, pg_sys::FLOAT4OID) };
        let number =
            |element: Option<pg_sys::Datum>| element.map(|element| f32::from_bits(element.value() as u32)).ok_or(VectorError::NullElement);
        Ok(Self { numbers: elements.into_iter().map(number).collect::<Result<_, _>>()?, width })
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.numbers.chunks(self.width.max(1))
    }
}

/// A new `real[]` of one dimension, in the current memory context.
pub fn of_reals(numbers: &[f32]) -> pg_sys::Datum {
    if numbers.is_empty() {
        // SAFETY: an array without dimensions.
        return unsafe { pg_sys::construct_empty_array(pg_sys::FLOAT4OID) }.into();
    }
    // Header, length and lower bound, numbers: construct_array() would copy them one by one.
    let header = (size_of::<pg_sys::ArrayType>() + 2 * size_of::<i32>()).next_multiple_of(8);
    let size = header + size_of_val(numbers);
    // SAFETY: palloc0 gives `size` bytes or raises an ERROR; all of what is written lies within them.
    unsafe {
        let array = pg_sys::palloc0(size).cast::<pg_sys::ArrayType>();
        pgrx::varlena::set_varsize_4b(array.cast(), size as i32);
        (*array).ndim = 1;
        (*array).elemtype = pg_sys::FLOAT4OID;
        let dimensions = array.add(1).cast::<i32>();
        *dimensions = numbers.len() as i32;
        *dimensions.add(1) = 1;
        std::ptr::copy_nonoverlapping(numbers.as_ptr(), array.cast::<u8>().add(header).cast(), numbers.len());
        array.into()
    }
}
