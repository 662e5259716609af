//! A log replayed: what serving would have said at each time, in one pass.

use super::entity::{Entity, Occurrence};
use super::names::EntityKind;
use super::plan::Plan;
use super::spec::{Moment, Question};
use super::tally::Tally;
use crate::Micros;

/// The number of an entity that is followed.
pub type EntityId = u32;

/// The entities that questions will be asked about, fed with events in the order of the time from which each may be known.
///
/// An entity takes about 200 bytes, 16 for each event type and half-life, and 16 for each hop that it has events in.
pub struct Replay<'a> {
    plan: &'a Plan,
    used: Vec<bool>,
    entities: Vec<Entity>,
    moment: Moment,
    question: Question,
    empty: Tally,
    tallies: Vec<Tally>,
}

impl<'a> Replay<'a> {
    /// Follows nothing yet.
    pub fn new(plan: &'a Plan) -> Self {
        let spec = plan.spec();
        Self {
            plan,
            used: plan.used(),
            entities: Vec::new(),
            moment: Moment::new(spec, 0),
            question: Question::new(spec, 0),
            empty: Tally::empty(spec),
            tallies: vec![Tally::empty(spec); plan.slots()],
        }
    }

    /// Follows a further entity.
    pub fn follow(&mut self, kind: EntityKind) -> EntityId {
        self.entities.push(Entity::new(self.plan.spec(), kind.distinct().is_some()));
        (self.entities.len() - 1) as EntityId
    }

    /// An event of some type of these entities, each with the hash of the key that it counts as distinct.
    pub fn event(&mut self, at: Micros, kind: usize, entities: impl IntoIterator<Item = (EntityId, u64)>) {
        let spec = self.plan.spec();
        self.moment.set(spec, at);
        for (id, other) in entities {
            self.entities[id as usize].add(spec, Occurrence { moment: &self.moment, kind, other });
        }
    }

    /// The features at a time, which is later than all events so far and not before the last question's. `asked` has the entity of each place.
    pub fn ask(&mut self, at: Micros, asked: &[Option<EntityId>], values: &mut Vec<f32>) {
        let spec = self.plan.spec();
        self.question.set(spec, at);
        for (slot, id) in asked.iter().enumerate().filter(|(slot, _)| self.used[*slot]) {
            if let Some(id) = id {
                self.entities[*id as usize].tally(spec, &self.question, &mut self.tallies[slot]);
            }
        }
        let known = |slot: usize| if asked[slot].is_some() { &self.tallies[slot] } else { &self.empty };
        let tallies: Vec<&Tally> = (0..self.plan.slots()).map(known).collect();
        values.clear();
        values.resize(self.plan.features().len(), 0.0);
        self.plan.evaluate(&tallies, at, |_| true, values);
    }
}
