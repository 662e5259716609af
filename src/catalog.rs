//! What a recommender is: its row in `recommend.recommenders`, with the columns, types and relations it names looked up.
//!
//! Definitions are cached per backend until the catalog or the event table changes. They are read as Postgres reads
//! its own catalogs: the latest committed, whatever the isolation level, and without writing, so also on a standby.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::{PgSqlErrorCode, pg_sys};

use crate::catalog_cache::{self, Kept, named};
use crate::definition::{Definition, DefinitionError};
use crate::features;
use crate::feed::Tracked;
use crate::key::KeyType;
use crate::pg::error::SqlError;
use crate::pg::relation::Relation;
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::{guc, invalidation, owner, privilege, relation, shape, snapshot};
use crate::{graph, vectors, view};

/// What can go wrong when a recommender is looked up.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No recommender of that name.
    #[error("recommender \"{name}\" does not exist")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        existing: Vec<String>,
    },
    /// No recommender of that number.
    #[error("recommender {0} does not exist")]
    UnknownId(i32),
    /// There is none at all.
    #[error("there is no recommender yet")]
    Empty,
    /// A call names none, and which one is meant is the caller's choice.
    #[error("the call names no recommender, and which one it means is not clear: {}", quoted(names))]
    Unclear {
        /// Those that may be meant.
        names: Vec<String>,
    },
    /// A relation or column that the definition names is missing.
    #[error("recommender \"{name}\" has lost {missing}")]
    Damaged {
        /// The recommender.
        name: String,
        /// What is missing.
        missing: String,
    },
    /// The extension's objects are missing.
    #[error("extension pg_recommend is not installed in this database")]
    NotInstalled,
    /// A stored definition that is not valid.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl SqlError for CatalogError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Unknown { .. } | Self::UnknownId(_) | Self::Empty | Self::NotInstalled => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::Unclear { .. } => PgSqlErrorCode::ERRCODE_AMBIGUOUS_PARAMETER,
            Self::Damaged { .. } => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Definition(error) => error.sqlstate(),
            Self::Spi(error) => error.sqlstate(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { existing, .. } if existing.is_empty() => Some(CREATE_HINT.into()),
            Self::Unknown { existing, .. } => Some(format!("Existing recommenders: {}.", existing.join(", "))),
            Self::Empty => Some(CREATE_HINT.into()),
            Self::Unclear { names } => {
                let name = relation::quote_literal(names.first().map_or("", |name| name));
                Some(format!("SET recommend.default_recommender = {name}; -- or name it in the call: recommender => {name}"))
            }
            Self::Damaged { .. } => Some("Drop it with drop_recommender() and create it again.".into()),
            Self::UnknownId(_) => {
                Some("It was created after the snapshot of this transaction, or dropped meanwhile: ask again in a new transaction.".into())
            }
            Self::NotInstalled => Some("CREATE EXTENSION pg_recommend;".into()),
            Self::Definition(error) => error.hint(),
            _ => None,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Definition(error) => error.detail(),
            Self::Spi(error) => error.detail(),
            _ => None,
        }
    }
}

const CREATE_HINT: &str = "Create one: SELECT create_recommender(name, events, user_column, item_column, time_column).";

/// A key column of the event table.
#[derive(Clone, Debug)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Its kind of key.
    pub key: KeyType,
    /// The type of keys in state tables and results: `key.oid()`.
    pub oid: pg_sys::Oid,
}

/// What separates two sessions of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRule {
    /// So many microseconds without an event.
    Gap(i64),
    /// Another value of this column.
    Column(String),
}

/// The relations that hold a recommender's state. Names carry the recommender's id: `users` is `recommend.users_N`,
/// `users_pkey` is `recommend.users_N_pkey`.
#[derive(Clone, Debug)]
pub struct Tables {
    pub delta: pg_sys::Oid,
    pub users: pg_sys::Oid,
    pub users_pkey: pg_sys::Oid,
    pub items: pg_sys::Oid,
    pub items_pkey: pg_sys::Oid,
    pub items_key: pg_sys::Oid,
    pub items_score: pg_sys::Oid,
    pub leaders: pg_sys::Oid,
    pub leaders_pkey: pg_sys::Oid,
    pub learnt: pg_sys::Oid,
    pub learnt_pkey: pg_sys::Oid,
    pub neighbors: pg_sys::Oid,
    pub neighbors_pkey: pg_sys::Oid,
    pub visits: pg_sys::Oid,
    pub visits_pkey: pg_sys::Oid,
    pub sessions: pg_sys::Oid,
    pub sessions_pkey: pg_sys::Oid,
    pub sessions_user: pg_sys::Oid,
    pub interests: pg_sys::Oid,
    pub interests_pkey: pg_sys::Oid,
    pub contexts: pg_sys::Oid,
    pub contexts_key: pg_sys::Oid,
    pub context_items: pg_sys::Oid,
    pub context_items_pkey: pg_sys::Oid,
    pub context_items_score: pg_sys::Oid,
}

/// A recommender.
#[derive(Clone, Debug)]
pub struct Recommender {
    /// Its number, the N in the names of its state tables.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// The event table.
    pub events: pg_sys::Oid,
    /// The event table's owner, as whom it is read.
    pub owner: pg_sys::Oid,
    /// The user column.
    pub user: KeyColumn,
    /// The item column.
    pub item: KeyColumn,
    /// The time column.
    pub time_column: String,
    /// The column of the event type.
    pub event_column: Option<String>,
    /// The column of what a row weighs.
    pub weight_column: Option<String>,
    /// The session rule.
    pub session: SessionRule,
    /// The context columns.
    pub context_columns: Vec<String>,
    /// The half-life of a weight in microseconds.
    pub half_life_us: i64,
    /// How far back edges count, in microseconds.
    pub time_window_us: Option<i64>,
    /// How many neighbours a packed row keeps.
    pub max_edges: u32,
    /// A table or view of the items that may be shown, and its key column.
    pub eligible: Option<(pg_sys::Oid, String)>,
    /// Whether items that the user has seen are recommended where the call does not say.
    pub include_seen: bool,
    /// The set of the items' vectors.
    pub vector_set: Option<i32>,
    /// The model that ranks its candidates.
    pub model: Option<String>,
    /// Whether the weights of its score are learnt.
    pub learn: bool,
    /// Whether its half-life is the pace of the log.
    pub follows_pace: bool,
    /// Where its state is.
    pub tables: Tables,
}

thread_local! {
    static CACHE: RefCell<Kept<Recommender, (i32, String)>> = RefCell::default();
    /// Whether there are feeds, as a list of one.
    static ANY_FEED: RefCell<Kept<(), bool>> = RefCell::default();
}

/// The oid of `recommend.recommenders`, whose relcache invalidation stands for "a definition has changed".
pub fn catalog_relation() -> Result<pg_sys::Oid, CatalogError> {
    relation::state_relation("recommenders").ok_or(CatalogError::NotInstalled)
}

/// The role that owns the catalog: the one that created the extension.
pub fn catalog_owner() -> Result<pg_sys::Oid, CatalogError> {
    // Held, so that what is done in its name meets the extension's own schema.
    let catalog = Relation::try_open(catalog_relation()?, pg_sys::AccessShareLock as i32).ok_or(CatalogError::NotInstalled)?;
    Ok(catalog.class().relowner)
}

/// Tell all sessions that definitions have changed: this one at once, others at commit.
pub fn announce_change() -> Result<(), CatalogError> {
    invalidation::announce(catalog_relation()?);
    snapshot::count_command();
    Ok(())
}

/// The recommender of that name; `None` is the default one.
pub fn by_name(name: Option<&str>) -> Result<Rc<Recommender>, CatalogError> {
    let chosen = guc::default_recommender().filter(|_| name.is_none());
    let Some(name) = name.or(chosen.as_deref()) else { return default_one() };
    let existing = names()?;
    let Some((id, _)) = existing.iter().find(|(_, other)| other == name) else {
        return Err(CatalogError::Unknown { name: name.to_owned(), existing: existing.into_iter().map(|(_, other)| other).collect() });
    };
    match by_id(*id) {
        // Dropped while its relations were looked up.
        Err(CatalogError::Damaged { .. } | CatalogError::UnknownId(_)) if !names()?.iter().any(|(other, _)| other == id) => {
            by_name(Some(name))
        }
        found => found,
    }
}

/// The one that is meant where neither call nor setting says it: the only one whose events belong to the caller, else the only one that
/// the caller may use. It is never taken for being the first: that may be anybody's. A superuser, who may use all, owns what it means or says it.
fn default_one() -> Result<Rc<Recommender>, CatalogError> {
    let (existing, caller) = (names()?, owner::current_user());
    if existing.is_empty() {
        return Err(CatalogError::Empty);
    }
    // One that is damaged is nobody's default.
    let all: Vec<Rc<Recommender>> = existing.iter().filter_map(|(id, _)| by_id(*id).ok()).collect();
    if all.is_empty() {
        // Dropped while they were looked up, or damaged all of them.
        let left: Vec<String> = names()?.into_iter().map(|(_, name)| name).collect();
        return Err(if left.is_empty() { CatalogError::Empty } else { CatalogError::Unclear { names: left } });
    }
    let unclear = |meant: &[Rc<Recommender>]| CatalogError::Unclear { names: meant.iter().map(|other| other.name.clone()).collect() };
    let own: Vec<_> = all.iter().filter(|other| owner::belongs_to(caller, other.owner)).cloned().collect();
    match (&own[..], owner::is_superuser()) {
        ([only], _) => return Ok(Rc::clone(only)),
        ([], true) => return Err(unclear(&all)),
        ([], false) => {}
        (several, _) => return Err(unclear(several)),
    }
    let usable: Vec<_> = all.iter().filter(|other| other.is_readable()).cloned().collect();
    match (&usable[..], &all[..]) {
        // What is missing is a privilege, and the error says which.
        ([only], _) | ([], [only]) => Ok(Rc::clone(only)),
        ([], _) => Err(unclear(&all)),
        (several, _) => Err(unclear(several)),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The number of the recommender of that name, and its event table: nothing of it is locked, so that rights can be looked at first.
pub fn event_table(name: &str) -> Result<(i32, pg_sys::Oid), CatalogError> {
    let existing = names()?;
    let Some((id, _)) = existing.iter().find(|(_, other)| other == name) else {
        return Err(CatalogError::Unknown { name: name.to_owned(), existing: existing.into_iter().map(|(_, other)| other).collect() });
    };
    Ok((*id, as_owner(|| definition(*id))??.events))
}

/// [`by_name`], kept from being dropped until the transaction ends.
///
/// `check` says whether the caller may use it: before a lock is waited for, and again after it.
pub fn held<E: From<CatalogError>>(name: Option<&str>, check: impl Fn(&Recommender) -> Result<(), E>) -> Result<Rc<Recommender>, E> {
    loop {
        let recommender = by_name(name)?;
        check(&recommender)?;
        if Relation::try_open(recommender.tables.delta, pg_sys::AccessShareLock as i32).is_some() {
            check(&recommender)?;
            return Ok(recommender);
        }
    }
}

/// The recommender of that number.
pub fn by_id(id: i32) -> Result<Rc<Recommender>, CatalogError> {
    catalog_cache::definition(&CACHE, id, || {
        let definition = as_owner(|| definition(id))??;
        invalidation::watch(definition.events);
        Recommender::resolve(definition)
    })
}

/// A recommender's row of the catalog; the caller has put on the catalog owner's role.
pub fn definition(id: i32) -> Result<Definition, CatalogError> {
    snapshot::with_latest(|| spi::read_prepared(include_str!("../sql/recommender.sql"), &[Arg::of(id)], Definition::from_row))?
        .pop()
        .ok_or(CatalogError::UnknownId(id))
}

/// What feed `id` tracks, of whatever it is.
pub fn tracked(id: i32) -> Result<Tracked, CatalogError> {
    let known = |found: Result<Tracked, CatalogError>| match found {
        Err(CatalogError::UnknownId(_)) => None,
        found => Some(found),
    };
    let find = || {
        known(definition(id).map(|definition| Tracked::Events(definition.feed())))
            .or_else(|| known(graph::catalog::source_definition(id).map(|source| Tracked::Events(source.feed()))))
            .or_else(|| known(features::catalog::feed(id).map(Tracked::Events)))
            .unwrap_or_else(|| vectors::catalog::feed(id).map(Tracked::Vectors))
    };
    as_owner(find)?
}

/// Whether anything is tracked in this database, or has an owner.
pub fn any_feed() -> Result<bool, CatalogError> {
    let sql =
        "SELECT EXISTS (SELECT FROM recommend.feeds) OR EXISTS (SELECT FROM recommend.graphs) OR EXISTS (SELECT FROM recommend.models)";
    let any = catalog_cache::list(&ANY_FEED, sql, |row| row.value::<bool>(1))?;
    Ok(any.first().copied().unwrap_or(false))
}

/// All recommenders, lowest id first: (id, name).
pub fn names() -> Result<Vec<(i32, String)>, CatalogError> {
    catalog_cache::list(&CACHE, "SELECT id, name FROM recommend.recommenders ORDER BY id", named)
}

/// Run `work` as the catalog's owner.
pub fn as_owner<T>(work: impl FnOnce() -> T) -> Result<T, CatalogError> {
    Ok(owner::as_user(catalog_owner()?, work))
}

impl Recommender {
    /// The numbers of the columns of the event table that it is made of.
    pub fn columns(&self) -> Vec<i16> {
        let names = [
            Some(&self.user.name),
            Some(&self.item.name),
            Some(&self.time_column),
            self.event_column.as_ref(),
            self.weight_column.as_ref(),
        ];
        let session = match &self.session {
            SessionRule::Column(column) => Some(column),
            SessionRule::Gap(_) => None,
        };
        let names = names.into_iter().flatten().chain(session).chain(&self.context_columns);
        names.filter_map(|name| relation::column_number(self.events, name)).collect()
    }

    /// Whether the current user may learn what its events say.
    pub fn is_readable(&self) -> bool {
        privilege::may_learn(self.events, &self.columns())
    }

    fn resolve(definition: Definition) -> Result<Self, CatalogError> {
        let damaged = |missing: String| CatalogError::Damaged { name: definition.name.clone(), missing };
        let events = definition.events;
        let owner = relation::owner_held(events).ok_or_else(|| damaged("its event table".into()))?;
        let key_column = |name: &str| {
            let number = relation::column_number(events, name).ok_or_else(|| damaged(format!("column \"{name}\" of its event table")))?;
            let key = KeyType::of(relation::column_type(events, number)).map_err(DefinitionError::from)?;
            Ok::<_, CatalogError>(KeyColumn { name: name.to_owned(), key, oid: key.oid() })
        };
        let user = key_column(&definition.user_column)?;
        let item = key_column(&definition.item_column)?;
        shape::keys_are(definition.id, [user.oid, item.oid]);
        let tables = Tables::of(definition.id).map_err(|missing| damaged(format!("recommend.{missing}")))?;
        view::check_events(definition.id, owner, (user.key, item.key)).map_err(damaged)?;
        Ok(Self {
            id: definition.id,
            name: definition.name,
            events,
            owner,
            user,
            item,
            time_column: definition.time_column,
            event_column: definition.event_column,
            weight_column: definition.weight_column,
            session: definition.session,
            context_columns: definition.context_columns,
            half_life_us: definition.half_life_us,
            time_window_us: definition.time_window_us,
            max_edges: definition.max_edges.unsigned_abs(),
            eligible: definition.eligible,
            include_seen: definition.include_seen,
            vector_set: definition.vector_set,
            model: definition.model,
            learn: definition.learn,
            follows_pace: definition.follows_pace,
            tables,
        })
    }
}

impl Tables {
    /// Look up all relations of recommender `id`; the error is the name of a missing one.
    fn of(id: i32) -> Result<Self, String> {
        let table = |stem: &str| {
            let name = format!("{stem}_{id}");
            relation::state_relation(&name).ok_or(name)
        };
        let index = |stem: &str, what: &str| {
            let name = format!("{stem}_{id}_{what}");
            relation::state_relation(&name).ok_or(name)
        };
        Ok(Self {
            delta: table("delta")?,
            users: table("users")?,
            users_pkey: index("users", "pkey")?,
            items: table("items")?,
            items_pkey: index("items", "pkey")?,
            items_key: index("items", "key")?,
            items_score: index("items", "score")?,
            leaders: table("leaders")?,
            leaders_pkey: index("leaders", "pkey")?,
            learnt: table("learnt")?,
            learnt_pkey: index("learnt", "pkey")?,
            neighbors: table("neighbors")?,
            neighbors_pkey: index("neighbors", "pkey")?,
            visits: table("visits")?,
            visits_pkey: index("visits", "pkey")?,
            sessions: table("sessions")?,
            sessions_pkey: index("sessions", "pkey")?,
            sessions_user: index("sessions", "user")?,
            interests: table("interests")?,
            interests_pkey: index("interests", "pkey")?,
            contexts: table("contexts")?,
            contexts_key: index("contexts", "key")?,
            context_items: table("context_items")?,
            context_items_pkey: index("context_items", "pkey")?,
            context_items_score: index("context_items", "score")?,
        })
    }
}
