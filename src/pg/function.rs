//! Functions that Postgres calls through its C interface and that the files under `sql/` declare by hand, with
//! `LANGUAGE c AS 'MODULE_PATHNAME', '<symbol>'`.
//!
//! By hand, because names, defaults, COMMENTs and polymorphic results then stand where a DBA reads them: in SQL.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_int};

use pgrx::datum::{FromDatum, IntoDatum};
use pgrx::{PgMemoryContexts, PgSqlErrorCode, pg_sys};

use super::array::{self, Matrix, Reals, VectorError};
use super::error::SqlError;
use super::record::{self, Column};
use super::varlena::{Bytes, Writable};

/// Declare `symbol` to Postgres as a version-1 function whose body is a
/// `fn(&Call) -> Result<pg_sys::Datum, impl SqlError>`. The second name is `pg_finfo_<symbol>`.
#[macro_export]
macro_rules! sql_function {
    ($symbol:ident, $info:ident, $body:path) => {
        #[allow(unsafe_code)] // the symbols that Postgres looks up
        const _: () = {
            /// Tells Postgres the calling convention.
            #[unsafe(no_mangle)]
            pub extern "C" fn $info() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                const V1: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &V1
            }

            /// The entry point.
            #[unsafe(no_mangle)]
            pub unsafe extern "C-unwind" fn $symbol(fcinfo: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
                // SAFETY: Postgres passes a valid call; the guard turns panics into ERRORs at this boundary, below
                // which no frame of ours has anything to drop.
                unsafe {
                    ::pgrx::pg_sys::panic::pgrx_extern_c_guard(|| {
                        $crate::pg::error::or_raise($body(&$crate::pg::function::Call::new(fcinfo)))
                    })
                }
            }
        };
    };
}

/// Errors of the call itself, not of what it does.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Called from where no set is accepted.
    #[error("set-valued function called in context that cannot accept a set")]
    NoSet,
    /// Called from where the result's columns are unknown.
    #[error("function returning a set called in context that cannot accept its columns")]
    NoColumns,
    /// An argument that must not be NULL is.
    #[error("argument \"{0}\" must not be NULL")]
    Null(&'static str),
    /// A trigger function called otherwise.
    #[error("\"{0}\" can only be called as a trigger")]
    NotTrigger(&'static str),
    /// A part of an aggregate called otherwise.
    #[error("aggregate function called in non-aggregate context")]
    NotAggregate,
    /// JSON that cannot be read, nested too deep or with a number out of range.
    #[error("argument \"{name}\" cannot be read: {reason}")]
    Json {
        /// The argument.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A window function called otherwise.
    #[error("window function called in non-window context")]
    NotWindow,
}

impl SqlError for CallError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::NoSet | Self::NoColumns | Self::NotAggregate | Self::NotWindow => PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Null(_) => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Self::Json { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::NotTrigger(_) => PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSet | Self::NoColumns => Some("Call it in FROM: SELECT * FROM function(...).".into()),
            Self::Null(name) => Some(format!("Give a value for \"{name}\".")),
            Self::NotTrigger(_) => None,
            Self::Json { .. } => Some("Numbers may be as large as float8 holds, and values be nested 127 deep.".into()),
            Self::NotAggregate => Some("It belongs to an aggregate: call that.".into()),
            Self::NotWindow => Some("Call it with OVER (...).".into()),
        }
    }
}

/// One call: its arguments and the place of its result.
pub struct Call(pg_sys::FunctionCallInfo);

impl Call {
    /// Wrap what Postgres passes.
    ///
    /// # Safety
    /// `fcinfo` is the call information of the running call.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Self(fcinfo)
    }

    /// How many arguments the call has.
    pub fn arg_count(&self) -> usize {
        // SAFETY: valid for the call, by the contract of `new`.
        unsafe { (*self.0).nargs as usize }
    }

    /// An argument's datum, counted from 0; `None` for NULL and beyond the last.
    pub fn datum(&self, index: usize) -> Option<pg_sys::Datum> {
        if index >= self.arg_count() {
            return None;
        }
        // SAFETY: `args` has `nargs` entries.
        let arg = unsafe { *(*self.0).args.as_ptr().add(index) };
        (!arg.isnull).then_some(arg.value)
    }

    /// An argument's value; `T` is the type that the SQL declaration of the function gives.
    pub fn arg<T: FromDatum>(&self, index: usize) -> Option<T> {
        // SAFETY: the declaration and `T` stand for the same type.
        self.datum(index).and_then(|datum| unsafe { T::from_datum(datum, false) })
    }

    /// An argument that must not be NULL.
    pub fn required<T: FromDatum>(&self, index: usize, name: &'static str) -> Result<T, CallError> {
        self.arg(index).ok_or(CallError::Null(name))
    }

    /// An argument of type jsonb; `None` for NULL.
    pub fn json(&self, index: usize, name: &'static str) -> Result<Option<serde_json::Value>, CallError> {
        let text = self.datum(index).map(|datum| super::value_text::write(pg_sys::JSONBOID, datum));
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        parsed.map_err(|error| CallError::Json { name, reason: error.to_string() })
    }

    /// An error if an argument is an array with a NULL in it.
    pub fn no_null_in(&self, index: usize, name: &'static str) -> Result<(), CallError> {
        if self.elements(index).1.iter().any(Option::is_none) { Err(CallError::Null(name)) } else { Ok(()) }
    }

    /// An argument of type text[] without NULLs; `None` for NULL.
    pub fn names(&self, index: usize, name: &'static str) -> Result<Option<Vec<String>>, CallError> {
        let names = self.arg::<Vec<Option<String>>>(index);
        names.map(|names| names.into_iter().map(|element| element.ok_or(CallError::Null(name))).collect()).transpose()
    }

    /// The bytes of an argument whose type is a varlena.
    pub fn bytes(&self, index: usize) -> Option<Bytes> {
        // SAFETY: the declaration gives a varlena type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { Bytes::of(datum) })
    }

    /// The numbers of an argument of type `real[]`.
    pub fn reals(&self, index: usize) -> Result<Option<Reals>, VectorError> {
        // SAFETY: the declaration gives an array type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { Reals::of(datum) }).transpose()
    }

    /// The bytes of an argument whose type is a varlena as they were passed, the header with them: of what is stored out of line, where that is.
    pub fn stored(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: the declaration gives a varlena type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { super::varlena::stored(datum) })
    }

    /// An argument whose type is a varlena: its value, or where it lies out of line and `toasted` has it, a plain copy until the next call.
    #[inline]
    pub fn fetched(&self, index: usize, toasted: &mut super::toast::Toasted) -> Option<pg_sys::Datum> {
        let datum = self.datum(index)?;
        // SAFETY: the declaration gives a varlena type. What a function keeps from call to call is of one place, and lives as long as that.
        Some(unsafe { toasted.plain(self.0, datum) }.unwrap_or(datum))
    }

    /// A plain copy of an argument whose type is a varlena.
    pub fn copy(&self, index: usize) -> Option<Writable> {
        // SAFETY: the declaration gives a varlena type; the copy is this call's alone.
        self.datum(index).map(|datum| unsafe { Writable::copy_of(datum) })
    }

    /// Checks that this is a part of an aggregate: only then are its arguments what parts of it have made.
    pub fn check_aggregate(&self) -> Result<(), CallError> {
        // SAFETY: valid for the call.
        if unsafe { super::aggregate::is_part(self.0) } { Ok(()) } else { Err(CallError::NotAggregate) }
    }

    /// The rows of an argument of type `real[]` of two dimensions.
    pub fn matrix(&self, index: usize) -> Result<Option<Matrix>, VectorError> {
        // SAFETY: the declaration gives an array type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { Matrix::of(datum) }).transpose()
    }

    /// The numbers of an argument of type `real[]` of any number of dimensions.
    pub fn reals_of_any(&self, index: usize) -> Result<Option<Reals>, VectorError> {
        // SAFETY: the declaration gives an array type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { Reals::of_any(datum) }).transpose()
    }

    /// The columns of an argument of a row type; `None` for NULL.
    pub fn columns(&self, index: usize) -> Option<Vec<Column>> {
        // SAFETY: the declaration gives a row type; arguments live as long as the call.
        self.datum(index).map(|datum| unsafe { record::columns(datum) })
    }

    /// The text of an argument of type cstring: an input function's.
    pub fn cstring(&self, index: usize) -> Option<String> {
        // SAFETY: the declaration gives cstring, which ends with a NUL.
        self.datum(index).map(|datum| unsafe { CStr::from_ptr(datum.cast_mut_ptr()) }.to_string_lossy().into_owned())
    }

    /// Text as a result of type cstring: an output function's.
    pub fn to_cstring(&self, text: &str) -> pg_sys::Datum {
        // SAFETY: pnstrdup copies exactly the bytes of the text and puts a NUL behind them.
        unsafe { pg_sys::pnstrdup(text.as_ptr().cast(), text.len()) }.into()
    }

    /// The rest of a binary message: a receive function's argument.
    pub fn message(&self, index: usize) -> Option<Vec<u8>> {
        let message = self.datum(index)?.cast_mut_ptr::<pg_sys::StringInfoData>();
        // SAFETY: the declaration gives internal, and Postgres passes a receive function a StringInfo.
        unsafe {
            let length = (*message).len - (*message).cursor;
            let start = pg_sys::pq_getmsgbytes(message, length);
            Some(std::slice::from_raw_parts(start.cast::<u8>(), length as usize).to_vec())
        }
    }

    /// The state of the aggregate whose transition this is, to be written in place; `None` before the first row.
    pub fn state(&self) -> Result<Option<Writable>, CallError> {
        // SAFETY: valid for the call.
        if !unsafe { super::aggregate::is_part(self.0) } {
            return Err(CallError::NotAggregate);
        }
        // SAFETY: the declaration gives a varlena type. Within an aggregate the first argument is its own state, which the
        // transition alone touches.
        Ok(self.datum(0).map(|datum| unsafe { Writable::of(datum) }))
    }

    /// The window of the window function that this is.
    pub fn window(&self) -> Result<super::window::Window, CallError> {
        // SAFETY: valid for the call.
        unsafe { super::window::Window::of(self.0) }.ok_or(CallError::NotWindow)
    }

    /// An argument's text, as its type writes it.
    pub fn text(&self, index: usize) -> Option<String> {
        let datum = self.datum(index)?;
        let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
        // SAFETY: the datum is of the type whose output function is looked up; that gives a NUL-terminated string.
        unsafe {
            pg_sys::getTypeOutputInfo(self.arg_type(index), &mut output, &mut is_varlena);
            let text = CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum));
            Some(text.to_string_lossy().into_owned())
        }
    }

    /// The elements of an array argument, none for NULL, with their type; `InvalidOid` where the argument is no array.
    pub fn elements(&self, index: usize) -> (pg_sys::Oid, Vec<Option<pg_sys::Datum>>) {
        let element = array::element_type(self.arg_type(index));
        // SAFETY: the argument is an array of such elements, as its type says.
        let elements = |datum| unsafe { array::elements(datum, element) };
        (element, self.datum(index).filter(|_| element != pg_sys::InvalidOid).map(elements).unwrap_or_default())
    }

    /// The type of an argument as the call passes it: what a polymorphic argument stands for.
    /// `InvalidOid` when the caller left no expression.
    pub fn arg_type(&self, index: usize) -> pg_sys::Oid {
        // SAFETY: valid for the call; Postgres checks the index.
        unsafe { pg_sys::get_fn_expr_argtype((*self.0).flinfo, index as c_int) }
    }

    /// What the function keeps from call to call at this place of a statement, as long as its plan is ready to run. `T` is of one type for
    /// each function; it must not be asked for again within `work`.
    pub fn kept<T: Default + 'static, R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: valid for the call. What `fn_extra` points to was put there below, by this function alone, and lives until its context ends,
        // as does the place that points to it.
        unsafe {
            let place = (*self.0).flinfo;
            if place.is_null() {
                return work(&mut T::default());
            }
            if (*place).fn_extra.is_null() {
                let kept: RefCell<Box<dyn Any>> = RefCell::new(Box::new(T::default()));
                (*place).fn_extra = PgMemoryContexts::For((*place).fn_mcxt).leak_and_drop_on_delete(kept).cast();
            }
            let mut kept = (*(*place).fn_extra.cast::<RefCell<Box<dyn Any>>>()).borrow_mut();
            match kept.downcast_mut() {
                Some(kept) => work(kept),
                None => work(&mut T::default()),
            }
        }
    }

    /// SQL NULL as the result.
    pub fn null(&self) -> pg_sys::Datum {
        // SAFETY: valid for the call.
        unsafe { (*self.0).isnull = true };
        pg_sys::Datum::from(0)
    }

    /// A value, or NULL for `None`, as the result.
    pub fn value<T: IntoDatum>(&self, value: Option<T>) -> pg_sys::Datum {
        value.and_then(IntoDatum::into_datum).unwrap_or_else(|| self.null())
    }

    /// The result of a function that returns void.
    pub fn void(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(0)
    }

    /// The trigger data, if this is a trigger call.
    pub fn trigger(&self) -> Option<&pg_sys::TriggerData> {
        // SAFETY: the context is NULL or a node; a TriggerData node lives as long as the call.
        unsafe {
            let context = (*self.0).context;
            (!context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData).then(|| &*context.cast::<pg_sys::TriggerData>())
        }
    }

    /// Whether this is a call as an event trigger.
    pub fn is_event_trigger(&self) -> bool {
        // SAFETY: the context is NULL or a node.
        unsafe {
            let context = (*self.0).context;
            !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_EventTriggerData
        }
    }

    /// Begin a set of rows as the result; the columns are those of the declaration, polymorphic ones resolved.
    pub fn rows(&self) -> Result<RowSet, CallError> {
        RowSet::begin(self)
    }
}

/// A set of rows being returned, kept in a tuplestore that spills to disk beyond `work_mem`.
pub struct RowSet {
    store: *mut pg_sys::Tuplestorestate,
    desc: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl RowSet {
    fn begin(call: &Call) -> Result<Self, CallError> {
        // SAFETY: `resultinfo` is NULL or a node; the descriptor and the store are made in the per-query context, as
        // materialize mode asks for, and the previous context is put back.
        unsafe {
            let info = (*call.0).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            if info.is_null()
                || (*info).type_ != pg_sys::NodeTag::T_ReturnSetInfo
                || (*info).allowedModes as u32 & pg_sys::SetFunctionReturnMode::SFRM_Materialize == 0
            {
                return Err(CallError::NoSet);
            }
            let per_query = (*(*info).econtext).ecxt_per_query_memory;
            let before = pg_sys::MemoryContextSwitchTo(per_query);
            let desc = result_desc(call);
            let random_access = (*info).allowedModes as u32 & pg_sys::SetFunctionReturnMode::SFRM_Materialize_Random != 0;
            let store = pg_sys::tuplestore_begin_heap(random_access, false, pg_sys::work_mem);
            pg_sys::MemoryContextSwitchTo(before);
            let desc = desc?;
            (*info).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            (*info).setResult = store;
            (*info).setDesc = desc;
            let width = (*desc).natts as usize;
            Ok(Self { store, desc, values: Vec::with_capacity(width), nulls: Vec::with_capacity(width) })
        }
    }

    /// The number of columns.
    pub fn width(&self) -> usize {
        // SAFETY: made in `begin`.
        unsafe { (*self.desc).natts as usize }
    }

    /// The resolved type of a column, counted from 0.
    pub fn column_type(&self, index: usize) -> pg_sys::Oid {
        assert!(index < self.width(), "a row set has no column {index}");
        // SAFETY: below the number of columns.
        unsafe { pg_sys::SPI_gettypeid(self.desc, index as c_int + 1) }
    }

    /// Append a row: one datum per column, `None` for NULL, each of its column's type. Values are copied.
    pub fn push(&mut self, row: &[Option<pg_sys::Datum>]) {
        assert_eq!(row.len(), self.width(), "a row has as many values as its set has columns");
        super::interrupt::check();
        self.values.clear();
        self.nulls.clear();
        for value in row {
            self.values.push(value.unwrap_or(pg_sys::Datum::from(0)));
            self.nulls.push(value.is_none());
        }
        // SAFETY: both arrays have one entry per column.
        unsafe {
            pg_sys::tuplestore_putvalues(self.store, self.desc, self.values.as_mut_ptr(), self.nulls.as_mut_ptr());
        }
    }

    /// The function's return value; the rows are in the call's result info.
    pub fn finish(self, call: &Call) -> pg_sys::Datum {
        call.null()
    }
}

/// The descriptor of the call's result, in the current memory context.
///
/// # Safety
/// `call` is running.
unsafe fn result_desc(call: &Call) -> Result<pg_sys::TupleDesc, CallError> {
    let mut type_oid = pg_sys::InvalidOid;
    let mut desc: pg_sys::TupleDesc = std::ptr::null_mut();
    // SAFETY: valid for the call; the out pointers are to live locals.
    let class = unsafe { pg_sys::get_call_result_type(call.0, &mut type_oid, &mut desc) };
    match class {
        pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE => Ok(desc),
        pg_sys::TypeFuncClass::TYPEFUNC_SCALAR => {
            // SAFETY: a new descriptor of one column.
            unsafe {
                let desc = pg_sys::CreateTemplateTupleDesc(1);
                pg_sys::TupleDescInitEntry(desc, 1, c"value".as_ptr(), type_oid, -1, 0);
                Ok(desc)
            }
        }
        _ => Err(CallError::NoColumns),
    }
}
