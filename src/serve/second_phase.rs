//! The second phase of an answer: a recommender's model scores the candidates of the first, in batches.
//!
//! An answer never fails because of its model: what keeps the model from ranking is a WARNING, and the first phase's order stands.

use std::cell::RefCell;
use std::rc::Rc;

use engine::Micros;
use engine::features::Plan;
use engine::model::{Batch, Value};
use engine::recommend::{Features, Given, Inputs, Offer};
use rustc_hash::{FxHashMap, FxHashSet};

use super::arguments::Arguments;
use super::rank_error::RankError;
use super::{Result, ServeError};
use crate::catalog::{self, Recommender};
use crate::features::catalog::{self as feature_sets, FeatureSet};
use crate::features::error::FeatureError;
use crate::features::reader::{self, Ask};
use crate::features::serve::check_reader;
use crate::key::Key;
use crate::models::catalog::{Model, Version};
use crate::models::{self, ModelsError, ROWS_AT_ONCE, Rows};
use crate::pg::error::{self, SqlError};
use crate::pg::snapshot;

/// How many ways of giving a model its features a session keeps.
const KEPT: usize = 64;

/// How a version of a model is given its features by a recommender.
pub struct Ranker {
    recommender: Rc<Recommender>,
    set: Option<Rc<FeatureSet>>,
    version: Rc<Version>,
    inputs: Inputs,
    /// The declared features that it takes, if any.
    plan: Option<Plan>,
}

/// A candidate, as the second phase sees it.
pub trait Candidate {
    /// Its key.
    fn key(&self) -> &Key;
    /// What the first phase says of it.
    fn first_phase(&self) -> (f32, &Features);
}

thread_local! {
    static RANKERS: RefCell<Vec<Rc<Ranker>>> = const { RefCell::new(Vec::new()) };
    /// What this session has been told: the recommender, its model, the SQLSTATE. Messages may differ by the rows.
    static TOLD: RefCell<FxHashSet<(i32, Option<String>, i32)>> = RefCell::new(FxHashSet::default());
}

impl Ranker {
    /// That of a version; the error says which feature the recommender cannot give.
    pub fn of(
        recommender: &Rc<Recommender>,
        set: Option<&Rc<FeatureSet>>,
        version: &Rc<Version>,
    ) -> std::result::Result<Rc<Self>, RankError> {
        let same_set = |other: &Option<Rc<FeatureSet>>| match (other, set) {
            (Some(other), Some(set)) => Rc::ptr_eq(other, set),
            (other, set) => other.is_none() && set.is_none(),
        };
        let is_it =
            |kept: &Rc<Self>| Rc::ptr_eq(&kept.version, version) && Rc::ptr_eq(&kept.recommender, recommender) && same_set(&kept.set);
        if let Some(kept) = RANKERS.with_borrow(|kept| kept.iter().find(|kept| is_it(kept)).cloned()) {
            return Ok(kept);
        }
        let offer = Offer { declared: set.map(|set| &set.plan), context_columns: &recommender.context_columns };
        let inputs = Inputs::find(&version.signature, &version.defaults, version.takes_missing, &offer).map_err(|error| {
            RankError::Input { recommender: recommender.name.clone(), model: version.model.clone(), version: version.number, error }
        })?;
        let plan = set.filter(|_| !inputs.declared().is_empty()).and_then(|set| set.plan.named(inputs.declared()).ok());
        let ranker = Rc::new(Self { recommender: Rc::clone(recommender), set: set.cloned(), version: Rc::clone(version), inputs, plan });
        RANKERS.with_borrow_mut(|kept| {
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            // What it replaces can come back no more.
            kept.retain(|other| {
                other.recommender.id != recommender.id
                    || other.version.model != version.model
                    || Rc::ptr_eq(&other.recommender, recommender)
            });
            kept.push(Rc::clone(&ranker));
        });
        Ok(ranker)
    }
}

/// The features of a recommender, kept from being dropped until the transaction ends.
fn feature_set(recommender: &Recommender) -> std::result::Result<Option<Rc<FeatureSet>>, FeatureError> {
    match feature_sets::of_recommender(recommender.id)? {
        Some(_) => feature_sets::held(recommender).map(Some),
        None => Ok(None),
    }
}

/// Checks that each version of a recommender's model that may answer now can be given its features.
pub fn check(recommender: i32) -> std::result::Result<(), RankError> {
    let recommender = catalog::by_id(recommender).map_err(ModelsError::from)?;
    let Some(name) = &recommender.model else { return Ok(()) };
    snapshot::with_latest(|| {
        let model = models::catalog::by_name(name)?;
        model.check_user(recommender.owner)?;
        let set = feature_set(&recommender)?;
        for version in model.answering()? {
            Ranker::of(&recommender, set.as_ref(), &version)?;
        }
        Ok(())
    })
}

/// [`check`] of a recommender whose model or features have changed, as a WARNING.
pub fn warn(recommender: &str) {
    let checked =
        catalog::by_name(Some(recommender)).map_err(|error| RankError::Models(error.into())).and_then(|recommender| check(recommender.id));
    if let Err(error) = checked {
        error::warn(format!("{error}; it answers by its first phase"), &error);
    }
}

/// The rows of the candidates that one version scores.
struct Part {
    ranker: Rc<Ranker>,
    batch: Batch,
    scores: Vec<f32>,
    failed: bool,
}

impl Part {
    fn run(&mut self, model: &Model) -> std::result::Result<(), ModelsError> {
        if !self.failed && self.batch.rows() > 0 {
            self.failed = true;
            models::answer(model, &self.ranker.version, Rows::Batch(&self.batch), &mut self.scores)?;
            self.failed = false;
        }
        self.batch.clear();
        Ok(())
    }
}

/// Which of the scores are those of one list.
pub struct Place {
    version: i32,
    first: usize,
    count: usize,
}

/// What a model saw of an item, and what it said.
pub struct Seen {
    /// The model and its version.
    pub variant: String,
    /// The score.
    pub probability: f32,
    /// Its features by name; a text has no number.
    pub features: Vec<(String, Option<f64>)>,
}

/// The second phase of one call.
pub struct SecondPhase<'a> {
    arguments: &'a Arguments<'a>,
    model: Rc<Model>,
    set: Option<Rc<FeatureSet>>,
    asked: &'a [(usize, String)],
    context: Vec<Option<String>>,
    as_of: Micros,
    parts: FxHashMap<i32, Part>,
}

impl<'a> SecondPhase<'a> {
    /// That of a recommender with a model; `asked` are the values of context columns, by the column's place.
    pub fn open(arguments: &'a Arguments<'a>, asked: &'a [(usize, String)], as_of: Micros) -> Result<Option<Self>> {
        let recommender = &arguments.recommender;
        let Some(name) = &recommender.model else { return Ok(None) };
        let open = || {
            let model = models::catalog::by_name(name)?;
            // It ranks in the name of who owns the recommender.
            model.check_user(recommender.owner)?;
            Ok::<_, RankError>((model, feature_set(recommender)?))
        };
        let (model, set) = match open() {
            Ok(found) => found,
            Err(error) => {
                tell(recommender, &error);
                return Ok(None);
            }
        };
        if let Some(set) = &set {
            check_reader(set)?;
        }
        let mut context = vec![None; recommender.context_columns.len()];
        asked.iter().for_each(|(place, value)| context[*place] = Some(value.clone()));
        Ok(Some(Self { arguments, model, set, asked, context, as_of, parts: FxHashMap::default() }))
    }

    /// Takes a user's candidates, or those of a session without a user; `None` where they cannot be ranked.
    pub fn add<C: Candidate>(&mut self, user: Option<&Key>, list: &[C]) -> Result<Option<Place>> {
        match self.try_add(user, list) {
            Ok(place) => Ok(Some(place)),
            Err(RankError::Features(FeatureError::Serve(denied @ ServeError::Denied { .. }))) => Err(denied),
            Err(error) => {
                tell(&self.arguments.recommender, &error);
                Ok(None)
            }
        }
    }

    fn try_add<C: Candidate>(&mut self, user: Option<&Key>, list: &[C]) -> std::result::Result<Place, RankError> {
        let unit = user.map(|user| models::unit_hash(&self.model.name, &user.to_string()));
        let version = self.model.version_for(unit)?;
        let ranker = Ranker::of(&self.arguments.recommender, self.set.as_ref(), &version)?;
        let declared = self.declared(&ranker, user, list)?;
        let width = ranker.inputs.declared().len();
        let model = &self.model;
        let part = self.parts.entry(version.number).or_insert_with(|| Part {
            batch: Batch::new(&version.signature),
            ranker: Rc::clone(&ranker),
            scores: Vec::new(),
            failed: false,
        });
        let place = Place { version: version.number, first: part.scores.len() + part.batch.rows(), count: list.len() };
        for (row, candidate) in list.iter().enumerate() {
            let (score, features) = candidate.first_phase();
            let given = Given { score, features, declared: &declared[row * width..][..width], context: &self.context };
            let pushed = ranker.inputs.push(&version.signature, &version.defaults, &given, &mut part.batch);
            pushed.map_err(|error| ModelsError::Feature { name: model.name.clone(), error })?;
            if part.batch.rows() >= ROWS_AT_ONCE {
                part.run(model)?;
            }
        }
        Ok(place)
    }

    /// The declared features that a model takes of each candidate, one row after the other.
    fn declared<C: Candidate>(&self, ranker: &Ranker, user: Option<&Key>, list: &[C]) -> std::result::Result<Vec<f32>, FeatureError> {
        let (Some(set), Some(plan)) = (&ranker.set, &ranker.plan) else { return Ok(Vec::new()) };
        let items: Vec<Option<Key>> = list.iter().map(|candidate| Some(candidate.key().clone())).collect();
        reader::matrix(set, plan, &Ask { user, items: &items, context: self.asked, as_of: self.as_of })
    }

    /// Runs what has been taken.
    pub fn run(&mut self) {
        for part in self.parts.values_mut() {
            if let Err(error) = part.run(&self.model) {
                tell(&self.arguments.recommender, &error.into());
            }
        }
    }

    /// The scores of a list, and what they are of, after [`SecondPhase::run`]; `None` where the model failed.
    pub fn scores(&self, place: &Place) -> Option<(String, &[f32])> {
        let part = self.parts.get(&place.version).filter(|part| !part.failed)?;
        Some((format!("{}:{}", self.model.name, place.version), part.scores.get(place.first..place.first + place.count)?))
    }

    /// Forgets the scores.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// What the model sees of a candidate, and says of it; `None` where it cannot be ranked.
    pub fn explain<C: Candidate>(&mut self, user: Option<&Key>, candidate: &C) -> Result<Option<Seen>> {
        let list = std::slice::from_ref(candidate);
        let Some(place) = self.add(user, list)? else { return Ok(None) };
        self.run();
        let Some((variant, &[probability])) = self.scores(&place) else { return Ok(None) };
        let ranker = &self.parts[&place.version].ranker;
        let failed = |error| ServeError::from(RankError::Features(error));
        let declared = self.declared(ranker, user, list).map_err(failed)?;
        let (score, features) = candidate.first_phase();
        let given = Given { score, features, declared: &declared, context: &self.context };
        let version = &ranker.version;
        let number = |(place, name): (usize, &String)| {
            let value = ranker.inputs.value(place, &given).or_else(|| version.defaults.get(name).cloned());
            let number = match value {
                Some(Value::Number(number)) => Some(number),
                Some(Value::Integer(integer)) => Some(integer as f64),
                Some(text @ Value::Text(_)) => text.as_real().map(f64::from),
                None => None,
            };
            (name.clone(), number)
        };
        Ok(Some(Seen { variant, probability, features: version.signature.features.iter().enumerate().map(number).collect() }))
    }
}

/// Says once a session, for each kind of error, why a model does not rank.
fn tell(recommender: &Recommender, error: &RankError) {
    let new = TOLD.with_borrow_mut(|told| {
        if told.len() >= KEPT {
            told.clear();
        }
        told.insert((recommender.id, recommender.model.clone(), error.sqlstate() as i32))
    });
    if new {
        error::warn(format!("recommender \"{}\" answers by its first phase: {error}", recommender.name), error);
    }
}
