//! Names, kinds and columns of relations, and relations held open.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};

use pgrx::pg_sys;

/// The schema of the catalog and of all state.
pub const SCHEMA: &CStr = c"recommend";
/// The extension.
const EXTENSION: &CStr = c"pg_recommend";

/// A relation held open; closed on drop, while its lock stays until the transaction ends.
pub struct Relation(pg_sys::Relation);

impl Relation {
    /// Lock and open, or `None` when it does not exist any more.
    pub fn try_open(relation: pg_sys::Oid, lock: c_int) -> Option<Self> {
        // SAFETY: any oid may be asked for.
        let opened = unsafe { pg_sys::try_relation_open(relation, lock as pg_sys::LOCKMODE) };
        // Lazily: a value that is made is closed.
        (!opened.is_null()).then(|| Self(opened))
    }

    /// Lock and open; an ERROR when it does not exist.
    pub fn open(relation: pg_sys::Oid, lock: c_int) -> Self {
        Self::try_open(relation, lock).unwrap_or_else(|| super::error::raise(&Missing(relation.to_u32())))
    }

    /// The open relation, for calls into Postgres.
    pub fn as_ptr(&self) -> pg_sys::Relation {
        self.0
    }

    /// Its oid.
    pub fn oid(&self) -> pg_sys::Oid {
        // SAFETY: an open relation.
        unsafe { (*self.0).rd_id }
    }

    /// The pg_class row.
    pub fn class(&self) -> &pg_sys::FormData_pg_class {
        // SAFETY: an open relation has its pg_class row.
        unsafe { &*(*self.0).rd_rel }
    }

    /// The row type.
    pub fn tuple_desc(&self) -> pg_sys::TupleDesc {
        // SAFETY: an open relation has a descriptor, which lives as long as it is open.
        unsafe { (*self.0).rd_att }
    }
}

impl Drop for Relation {
    fn drop(&mut self) {
        // After an error the resource owner closes it.
        if !std::thread::panicking() {
            // SAFETY: opened by this value and closed once.
            unsafe { pg_sys::relation_close(self.0, pg_sys::NoLock as pg_sys::LOCKMODE) }
        }
    }
}

/// An oid that no relation has.
#[derive(Debug, thiserror::Error)]
#[error("relation with OID {0} does not exist")]
struct Missing(u32);

impl super::error::SqlError for Missing {
    fn sqlstate(&self) -> pgrx::PgSqlErrorCode {
        pgrx::PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE
    }
}

fn text(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the lookups below give NULL or a palloc'd NUL-terminated string.
    Some(unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

thread_local! {
    /// The schema that was found to be the extension's; another one of that name has another oid.
    static OWN_SCHEMA: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// The schema of the catalog and of all state, if it is the extension's: any role that may create schemas can make one of that name.
pub fn state_schema() -> Option<pg_sys::Oid> {
    // SAFETY: catalog lookups with NUL-terminated names.
    unsafe {
        let schema = pg_sys::get_namespace_oid(SCHEMA.as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            return None;
        }
        if schema != OWN_SCHEMA.get() {
            let extension = pg_sys::get_extension_oid(EXTENSION.as_ptr(), true);
            if extension == pg_sys::InvalidOid || pg_sys::getExtensionOfObject(pg_sys::NamespaceRelationId, schema) != extension {
                return None;
            }
            OWN_SCHEMA.set(schema);
        }
        Some(schema)
    }
}

/// The oid of `recommend.<name>`, if there is such a relation and the extension is installed.
pub fn state_relation(name: &str) -> Option<pg_sys::Oid> {
    let (name, schema) = (CString::new(name).ok()?, state_schema()?);
    // SAFETY: a catalog lookup with a NUL-terminated name.
    let oid = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// Its name without the schema.
pub fn name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: a catalog lookup.
    text(unsafe { pg_sys::get_rel_name(relation) })
}

/// Its quoted name with the schema, as SQL takes it under any search_path.
pub fn qualified_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: catalog lookups; the names are NUL-terminated.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() || schema.is_null() {
            return None;
        }
        text(pg_sys::quote_qualified_identifier(schema, name))
    }
}

/// Its kind: 'r' table, 'p' partitioned table, 'v' view, ... ; `None` when it does not exist.
pub fn kind(relation: pg_sys::Oid) -> Option<u8> {
    // SAFETY: a catalog lookup.
    let kind = unsafe { pg_sys::get_rel_relkind(relation) } as u8;
    (kind != 0).then_some(kind)
}

/// Whether a relation belongs to Postgres or to this extension: in a system schema, or in the schema of the state.
pub fn is_system(relation: &Relation) -> bool {
    let schema = relation.class().relnamespace;
    // SAFETY: catalog lookups with NUL-terminated names.
    unsafe {
        pg_sys::IsCatalogRelation(relation.as_ptr())
            || pg_sys::IsToastRelation(relation.as_ptr())
            || schema == pg_sys::get_namespace_oid(SCHEMA.as_ptr(), true)
            || schema == pg_sys::get_namespace_oid(c"information_schema".as_ptr(), true)
    }
}

/// Whether what a view reads is checked against, or what a foreign table reads depends on, whoever reads it and not on its owner.
pub fn reads_as_invoker(relation: &Relation) -> bool {
    if relation.class().relkind as u8 == b'f' {
        return true;
    }
    #[cfg(not(feature = "pg14"))]
    if relation.class().relkind as u8 == b'v' {
        // SAFETY: an open view's options are NULL or a ViewOptions.
        return unsafe { (*relation.as_ptr()).rd_options.cast::<pg_sys::ViewOptions>().as_ref() }.is_some_and(|view| view.security_invoker);
    }
    false
}

/// The number of a column by its name; `None` for unknown, dropped and system columns.
pub fn column_number(relation: pg_sys::Oid, column: &str) -> Option<i16> {
    let column = CString::new(column).ok()?;
    // SAFETY: a catalog lookup with a NUL-terminated name.
    let number = unsafe { pg_sys::get_attnum(relation, column.as_ptr()) };
    (number > 0).then_some(number)
}

/// A column of a descriptor, counted from 0.
///
/// # Safety
/// The descriptor has the column.
#[inline]
pub unsafe fn attribute(desc: pg_sys::TupleDesc, place: usize) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: by the contract above; the columns lie one behind the other.
    #[cfg(not(feature = "pg18"))]
    unsafe {
        (*desc).attrs.as_ptr().add(place)
    }
    // SAFETY: by the contract above.
    #[cfg(feature = "pg18")]
    unsafe {
        pg_sys::TupleDescAttr(desc, place as c_int)
    }
}

/// The declared type of a column.
pub fn column_type(relation: pg_sys::Oid, number: i16) -> pg_sys::Oid {
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::get_atttype(relation, number) }
}

/// The type modifier of a column; -1 for none.
pub fn column_modifier(relation: pg_sys::Oid, number: i16) -> i32 {
    let (mut type_oid, mut modifier, mut collation) = (pg_sys::InvalidOid, -1, pg_sys::InvalidOid);
    // SAFETY: a catalog lookup; the out pointers are to live locals.
    unsafe { pg_sys::get_atttypetypmodcoll(relation, number, &mut type_oid, &mut modifier, &mut collation) };
    modifier
}

/// The type below a domain, or the type itself.
pub fn base_type(type_oid: pg_sys::Oid) -> pg_sys::Oid {
    if type_oid == pg_sys::InvalidOid {
        return type_oid;
    }
    // SAFETY: a catalog lookup.
    unsafe { pg_sys::getBaseType(type_oid) }
}

/// A type's name as SQL writes it.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: a catalog lookup that never gives NULL ("-" for no type, "???" for an unknown oid).
    text(unsafe { pg_sys::format_type_extended(type_oid, -1, pg_sys::FORMAT_TYPE_ALLOW_INVALID as pg_sys::bits16) }).unwrap_or_default()
}

/// The owner of a relation that is read from here on: it is locked as by reading it, until the transaction ends.
pub fn owner_held(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    Relation::try_open(relation, pg_sys::AccessShareLock as c_int).map(|relation| relation.class().relowner)
}

/// The owner of a relation. It takes no lock: who may not touch a relation does not wait for it either.
pub fn owner(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a look-up in the catalog cache; the row is valid until it is released.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as c_int, pg_sys::Datum::from(relation));
        if row.is_null() {
            return None;
        }
        let header = (*row).t_data;
        let class = header.cast::<u8>().add(usize::from((*header).t_hoff)).cast::<pg_sys::FormData_pg_class>();
        let owner = (*class).relowner;
        pg_sys::ReleaseSysCache(row);
        Some(owner)
    }
}

/// `ident` quoted where SQL wants it quoted.
pub fn quote_ident(ident: &str) -> String {
    pgrx::spi::quote_identifier(ident)
}

/// `value` as a quoted literal.
pub fn quote_literal(value: &str) -> String {
    pgrx::spi::quote_literal(value)
}

/// The oid of the database of this session.
pub fn database() -> pg_sys::Oid {
    // SAFETY: set once when the backend starts.
    unsafe { pg_sys::MyDatabaseId }
}
