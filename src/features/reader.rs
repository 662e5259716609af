//! Features by name at one time: the matrix that serving and models ask for.

use std::rc::Rc;

use engine::Micros;
use engine::features::{EntityKind, Plan, Question, Tally};
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::delta::{FeatureDelta, Source};
use super::entities::EntityKey;
use super::error::{FeatureError, Result};
use super::replay::{Label, Labels, replay};
use super::rows::{FeatureState, Rows};
use crate::key::Key;
use crate::pg::{clock, guc, interrupt};

/// What features are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The user; `None` for one who is unknown.
    pub user: Option<&'a Key>,
    /// The items, one row of the matrix each.
    pub items: &'a [Option<Key>],
    /// The values of context columns by their places.
    pub context: &'a [(usize, String)],
    /// The time.
    pub as_of: Micros,
}

/// The features of `plan`, which is the set's or a choice of it, for each item: rows of as many numbers as the plan has features, one after the other.
///
/// At or after the transaction's time all that is visible counts, and the time is the later of `as_of` and the newest event. Before it only events
/// count that happened before `as_of` and were recorded by then; where not all visible ones were, the log is replayed.
pub fn matrix(set: &FeatureSet, plan: &Plan, ask: &Ask<'_>) -> Result<Vec<f32>> {
    let failed = |source| FeatureError::Engine { name: set.name.clone(), source };
    let state = FeatureState::read(set.id).ok_or(FeatureError::UnknownId(set.id))?;
    let live = ask.as_of >= clock::transaction_start();
    let horizon = ask.as_of.max(clock::now()).saturating_add(guc::clock_skew_us());
    let categories = ItemCategories::open(set, &state);
    let delta = FeatureDelta::visible(set, &state, &categories, horizon).map_err(failed)?;
    let newest = state.newest_at.filter(|_| !state.is_void()).max(delta.newest());
    if !live && newest.is_some_and(|newest| ask.as_of <= newest) {
        delta.keep(set.id);
        return past(set, plan, ask, &categories).map_err(failed);
    }
    let now = newest.map_or(ask.as_of, |newest| newest.max(ask.as_of));
    let source = Source { set, rows: Rows::open(set, &state), categories, horizon };
    let mut reader = Reader { source, delta, question: Question::new(plan.spec(), now), used: plan.used() };
    let values = reader.matrix(plan, ask).map_err(failed)?;
    reader.delta.keep(set.id);
    Ok(values)
}

fn past(set: &FeatureSet, plan: &Plan, ask: &Ask<'_>, categories: &ItemCategories<'_>) -> engine::Result<Vec<f32>> {
    let mut labels = Labels::new(set.feed.context.len() - usize::from(set.typed));
    for item in ask.items {
        let mut context = vec![None; labels.contexts()];
        ask.context.iter().for_each(|(place, value)| context[*place] = Some(value.as_str()));
        labels.push(Label { at: ask.as_of, user: ask.user, item: item.as_ref(), context: &context });
    }
    let width = plan.features().len();
    let mut values = vec![0.0; width * labels.len()];
    replay(set, plan, &labels, categories, |label, row| {
        values[label * width..][..width].copy_from_slice(row);
        Ok(())
    })?;
    Ok(values)
}

/// Packed rows and the delta at one time.
struct Reader<'a> {
    source: Source<'a>,
    delta: FeatureDelta,
    question: Question,
    used: Vec<bool>,
}

impl Reader<'_> {
    /// What an entity says; nothing where it is not known, or no feature asks for it.
    fn tally(&mut self, key: Option<EntityKey>, tally: &mut Tally) -> engine::Result<()> {
        let Some(key) = key.filter(|key| self.used[usize::from(key.slot)]) else { return Ok(()) };
        if self.delta.tally(&mut self.source, &key, &self.question, tally)? {
            return Ok(());
        }
        let spec = self.source.set.plan.spec();
        let question = &self.question;
        self.source.rows.with(&key, |view| view.tally(spec, question, tally))?;
        Ok(())
    }

    fn matrix(&mut self, plan: &Plan, ask: &Ask<'_>) -> engine::Result<Vec<f32>> {
        let spec = plan.spec();
        let empty = Tally::empty(spec);
        let mut tallies = vec![empty.clone(); plan.slots()];
        let user = ask.user.map(Key::to_string);
        self.tally(Some(EntityKey::new(EntityKind::All, "")), &mut tallies[EntityKind::All.slot()])?;
        self.tally(user.as_ref().map(|user| EntityKey::new(EntityKind::User, user)), &mut tallies[EntityKind::User.slot()])?;
        for (place, value) in ask.context {
            let kind = EntityKind::Context(*place);
            self.tally(Some(EntityKey::new(kind, value)), &mut tallies[kind.slot()])?;
        }
        let (now, width) = (self.question.moment.at, plan.features().len());
        let mut same = vec![0.0; width];
        plan.evaluate(&tallies.iter().collect::<Vec<_>>(), now, |kind| !kind.is_of_item(), &mut same);
        if self.used[EntityKind::Category.slot()] || self.used[EntityKind::UserCategory.slot()] {
            self.source.categories.learn(ask.items.iter().flatten())?;
        }
        let mut of_categories: FxHashMap<Rc<str>, [Tally; 2]> = FxHashMap::default();
        let mut of_item = empty.clone();
        let mut values = Vec::with_capacity(width * ask.items.len());
        for (count, item) in ask.items.iter().enumerate() {
            if count % 64 == 63 {
                interrupt::check();
            }
            of_item.clone_from(&empty);
            self.tally(item.as_ref().map(|item| EntityKey::new(EntityKind::Item, &item.to_string())), &mut of_item)?;
            let category = match item {
                Some(item) => self.source.categories.known(item),
                None => None,
            };
            if let Some(category) = category.as_ref().filter(|category| !of_categories.contains_key(*category)) {
                let mut of_category = [empty.clone(), empty.clone()];
                self.tally(Some(EntityKey::new(EntityKind::Category, category)), &mut of_category[0])?;
                let both = user.as_ref().map(|user| EntityKey::of_user_category(user, category));
                self.tally(both, &mut of_category[1])?;
                of_categories.insert(Rc::clone(category), of_category);
            }
            let mut all: Vec<&Tally> = tallies.iter().collect();
            all[EntityKind::Item.slot()] = &of_item;
            if let Some(of_category) = category.as_ref().and_then(|category| of_categories.get(category)) {
                all[EntityKind::Category.slot()] = &of_category[0];
                all[EntityKind::UserCategory.slot()] = &of_category[1];
            }
            let start = values.len();
            values.extend_from_slice(&same);
            plan.evaluate(&all, now, EntityKind::is_of_item, &mut values[start..]);
        }
        Ok(values)
    }
}
