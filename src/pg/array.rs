//! Arrays as parameters of bulk statements.
#![allow(unsafe_code)]

use pgrx::pg_sys;

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
