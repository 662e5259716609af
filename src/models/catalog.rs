//! What models are: their rows of the catalog, as the statement's snapshot shows them.
//!
//! A model's row carries a generation, a number that never comes back. A question fetches that by the primary key and compares it with what this
//! session knows; within one statement it does not even do that. So no statement mixes versions, and the next one sees a switch.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use engine::model::{Defaults, Element, Input, Signature, Traffic, Value};
use pgrx::datum::JsonB;
use pgrx::pg_sys;

use super::error::{ModelsError, Result};
use super::weights::Hash;
use crate::catalog::{self, CatalogError};
use crate::pg::fetch::{Equality, Scan};
use crate::pg::snapshot::{self, Fingerprint};
use crate::pg::spi::{self, Arg, SpiError};
use crate::pg::varlena;
use crate::pg::{invalidation, owner, privilege, relation};

/// A model: which of its versions answers.
#[derive(Debug)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The version that answers without a unit.
    pub active: Option<i32>,
    /// Which one answers for a unit.
    pub traffic: Option<Traffic>,
    /// The version that is scored beside it.
    pub shadow: Option<i32>,
    /// `recommend.model_N`: who may select from it may score.
    access: Option<pg_sys::Oid>,
    versions: RefCell<HashMap<i32, Rc<Version>>>,
}

/// A version of a model.
#[derive(Debug)]
pub struct Version {
    /// The model's name.
    pub model: String,
    /// Its number.
    pub number: i32,
    /// The hash of its graph.
    pub graph: Hash,
    /// The hash of its large tensors.
    pub weights: Option<Hash>,
    /// What it takes.
    pub signature: Signature,
    /// What it gives.
    pub output: Score,
    /// What features are that are not given.
    pub defaults: Defaults,
    /// Whether a row of NaN gives a score.
    pub takes_missing: bool,
    /// The place of each feature.
    pub places: HashMap<String, usize>,
}

/// Where the score is in a model's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// The output's name.
    pub name: String,
    /// The type of its elements.
    pub element: Element,
    /// How many numbers it has for a row.
    pub width: usize,
    /// Which one of them.
    pub column: usize,
    /// The class that it is the probability of.
    pub class: Option<String>,
}

type Known = HashMap<(pg_sys::Oid, i64), Rc<Model>>;

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::new(HashMap::new());
    /// What the last statement asked, under its snapshot.
    static LAST: RefCell<Option<(Fingerprint, Rc<Model>)>> = const { RefCell::new(None) };
    /// `recommend.models` and its primary key, and until what change of relations they are good.
    static RELATIONS: Cell<Option<(u64, pg_sys::Oid, pg_sys::Oid)>> = const { Cell::new(None) };
}

/// A transaction or a savepoint has ended: its snapshots may come back with other rows.
pub fn forget_snapshot() {
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = None;
        }
    });
}

/// The model of that name, as the active snapshot shows it.
pub fn by_name(name: &str) -> Result<Rc<Model>> {
    let now = snapshot::fingerprint();
    let last = LAST.with_borrow(|last| {
        let (at, model) = last.as_ref()?;
        (now == Some(*at) && model.name == name).then(|| Rc::clone(model))
    });
    if let Some(model) = last {
        return Ok(model);
    }
    let (table, index) = relations()?;
    let equality = Equality { procedure: pg_sys::Oid::from(pg_sys::F_TEXTEQ), collation: pg_sys::C_COLLATION_OID };
    let generation = {
        let mut scan = Scan::open(table, index, &[equality]);
        scan.get(&[varlena::from_bytes(name.as_bytes())]).and_then(|row| row.datum(2)).map(|number| number.value() as i64)
    };
    let Some(generation) = generation else {
        return Err(ModelsError::Unknown { name: name.to_owned(), existing: names()? });
    };
    let key = (table, generation);
    let model = match KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        Some(model) => model,
        None => {
            let model = Rc::new(load(name)?);
            KNOWN.with_borrow_mut(|known| {
                // Of a model that is switched every second, one is kept.
                known.retain(|_, other| other.name != name);
                known.insert(key, Rc::clone(&model));
            });
            model
        }
    };
    if let Some(now) = now {
        LAST.set(Some((now, Rc::clone(&model))));
    }
    Ok(model)
}

fn relations() -> Result<(pg_sys::Oid, pg_sys::Oid)> {
    if let Some((generation, table, index)) = RELATIONS.get()
        && generation == invalidation::generation()
    {
        return Ok((table, index));
    }
    let of = |name| relation::state_relation(name).ok_or(CatalogError::NotInstalled);
    let generation = invalidation::generation();
    let (table, index) = (of("models")?, of("models_pkey")?);
    invalidation::watch(table);
    RELATIONS.set(Some((generation, table, index)));
    Ok((table, index))
}

/// The names of models, of many the first.
pub fn names() -> Result<Vec<String>> {
    let sql = "SELECT name FROM recommend.models ORDER BY name LIMIT 20";
    Ok(catalog::as_owner(|| spi::read(sql, &[], |row| row.value::<String>(1)))??)
}

fn load(name: &str) -> Result<Model> {
    let sql = "SELECT active, traffic, shadow, id FROM recommend.models WHERE name = $1";
    let read = |row: &spi::Row| Ok::<_, SpiError>((row.get::<i32>(1)?, row.get::<JsonB>(2)?, row.get::<i32>(3)?, row.value::<i32>(4)?));
    let mut rows = catalog::as_owner(|| spi::read_prepared(sql, &[Arg::of(name)], read))??;
    let (active, traffic, shadow, id) = rows.pop().ok_or_else(|| ModelsError::Unknown { name: name.to_owned(), existing: Vec::new() })?;
    let traffic = traffic.map(|JsonB(traffic)| shares(&traffic).and_then(|shares| Ok(Traffic::new(&shares)?))).transpose()?;
    Ok(Model { name: name.to_owned(), active, traffic, shadow, access: access(id), versions: RefCell::default() })
}

/// The view that says whose model number `id` is, and who may score with it.
pub fn access(id: i32) -> Option<pg_sys::Oid> {
    relation::state_relation(&format!("model_{id}"))
}

/// The model of that name, which the current user may score with.
pub fn usable(name: &str) -> Result<Rc<Model>> {
    let model = by_name(name)?;
    model.check_user(owner::current_user())?;
    Ok(model)
}

/// A traffic split, as its JSON says.
pub fn shares(traffic: &serde_json::Value) -> Result<BTreeMap<i32, f64>> {
    let wrong = || ModelsError::Form { argument: "traffic", expected: "an object of shares by version", found: traffic.to_string() };
    let object = traffic.as_object().ok_or_else(wrong)?;
    object.iter().map(|(version, share)| Ok((version.parse().map_err(|_| wrong())?, share.as_f64().ok_or_else(wrong)?))).collect()
}

impl Model {
    /// Refuses a role that may not score with it.
    pub fn check_user(&self, role: pg_sys::Oid) -> Result<()> {
        let may = match self.access {
            Some(access) => privilege::may_role_read(role, access),
            // Nobody's: superusers' alone.
            None => owner::may_act_for(role, catalog::catalog_owner()?),
        };
        if may {
            return Ok(());
        }
        let access = self.access.and_then(relation::qualified_name).unwrap_or_default();
        Err(ModelsError::Denied { name: self.name.clone(), access, role: owner::role_name(role) })
    }

    /// The version that answers for a unit, of which `unit` is a hash; without one, the active version.
    pub fn version_for(&self, unit: Option<u64>) -> Result<Rc<Version>> {
        let number = match (&self.traffic, unit) {
            (Some(traffic), Some(unit)) => traffic.version(unit),
            _ => self.active.ok_or_else(|| ModelsError::Inactive(self.name.clone()))?,
        };
        self.version(number)
    }

    /// Whether a version that may answer has a feature of that name.
    pub fn wants(&self, feature: &str) -> Result<bool> {
        let split = self.traffic.iter().flat_map(Traffic::versions);
        for number in split.chain(self.active) {
            if self.version(number)?.places.contains_key(feature) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The versions that may answer.
    pub fn answering(&self) -> Result<Vec<Rc<Version>>> {
        let split = self.traffic.iter().flat_map(Traffic::versions);
        let mut numbers: Vec<i32> = split.chain(self.active).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            return Err(ModelsError::Inactive(self.name.clone()));
        }
        numbers.into_iter().map(|number| self.version(number)).collect()
    }

    /// The version that is scored beside `version`, if it is another one.
    pub fn shadow_of(&self, version: &Version) -> Result<Option<Rc<Version>>> {
        self.shadow.filter(|shadow| *shadow != version.number).map(|shadow| self.version(shadow)).transpose()
    }

    /// A version.
    pub fn version(&self, number: i32) -> Result<Rc<Version>> {
        if let Some(version) = self.versions.borrow().get(&number) {
            return Ok(Rc::clone(version));
        }
        let args = [Arg::of(self.name.as_str()), Arg::of(number)];
        let read = |row: &spi::Row| Version::of_row(&self.name, number, row);
        let mut rows = catalog::as_owner(|| spi::read_prepared(include_str!("../../sql/model_version.sql"), &args, read))??;
        let version = Rc::new(rows.pop().ok_or_else(|| ModelsError::UnknownVersion { name: self.name.clone(), version: number })?);
        self.versions.borrow_mut().insert(number, Rc::clone(&version));
        Ok(version)
    }
}

impl Version {
    fn of_row(model: &str, number: i32, row: &spi::Row) -> Result<Self> {
        let damaged = || ModelsError::Damaged { name: model.to_owned(), version: number };
        let hash = |bytes: Option<Vec<u8>>| bytes.map(|bytes| Hash::try_from(bytes).map_err(|_| damaged())).transpose();
        let JsonB(inputs) = row.value(3)?;
        let JsonB(output) = row.value(4)?;
        let JsonB(defaults) = row.value(6)?;
        let features: Vec<String> = row.value(5)?;
        let places = features.iter().cloned().zip(0..).collect();
        Ok(Self {
            model: model.to_owned(),
            number,
            graph: hash(row.get(1)?)?.ok_or_else(damaged)?,
            weights: hash(row.get(2)?)?,
            signature: Signature { inputs: inputs_of(&inputs).ok_or_else(damaged)?, features, single_row: row.value(7)? },
            output: Score::of(&output).ok_or_else(damaged)?,
            defaults: defaults_of(&defaults)?,
            takes_missing: row.value(8)?,
            places,
        })
    }
}

fn inputs_of(json: &serde_json::Value) -> Option<Vec<Input>> {
    let input = |json: &serde_json::Value| {
        let shape = json.get("shape")?.as_array()?.iter().map(|size| usize::try_from(size.as_u64()?).ok()).collect::<Option<_>>()?;
        Some(Input { name: json.get("name")?.as_str()?.to_owned(), element: Element::of_name(json.get("type")?.as_str()?)?, shape })
    };
    json.as_array()?.iter().map(input).collect()
}

/// The inputs, as the catalog has them.
pub fn inputs_json(signature: &Signature) -> serde_json::Value {
    let input = |input: &Input| serde_json::json!({"name": input.name, "type": input.element.name(), "shape": input.shape});
    signature.inputs.iter().map(input).collect()
}

impl Score {
    fn of(json: &serde_json::Value) -> Option<Self> {
        let number = |key| usize::try_from(json.get(key)?.as_u64()?).ok();
        let score = Self {
            name: json.get("name")?.as_str()?.to_owned(),
            element: Element::of_name(json.get("type")?.as_str()?)?,
            width: number("width")?,
            column: number("column")?,
            class: json.get("class").and_then(|class| class.as_str()).map(str::to_owned),
        };
        (score.column < score.width).then_some(score)
    }

    /// As the catalog has it.
    pub fn json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({"name": self.name, "type": self.element.name(), "width": self.width, "column": self.column});
        if let Some(class) = &self.class {
            json["class"] = class.as_str().into();
        }
        json
    }
}

/// Defaults, as their JSON says.
pub fn defaults_of(json: &serde_json::Value) -> Result<Defaults> {
    let wrong = || ModelsError::Form { argument: "defaults", expected: "an object of values by feature", found: json.to_string() };
    let object = json.as_object().ok_or_else(wrong)?;
    object.iter().map(|(name, json)| Ok((name.clone(), value_of(json).flatten().ok_or_else(wrong)?))).collect()
}

/// The value of a feature: `Some(None)` for null, and `None` for what is none.
pub fn value_of(json: &serde_json::Value) -> Option<Option<Value>> {
    match json {
        serde_json::Value::Null => Some(None),
        serde_json::Value::Bool(truth) => Some(Some(Value::Integer(i64::from(*truth)))),
        serde_json::Value::Number(number) => {
            Some(Some(number.as_i64().map_or_else(|| Value::Number(number.as_f64().unwrap_or(f64::NAN)), Value::Integer)))
        }
        serde_json::Value::String(text) => Some(Some(Value::Text(text.clone()))),
        _ => None,
    }
}
