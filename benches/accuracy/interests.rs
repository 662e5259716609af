//! Users' interests over a log, and the items near them, by brute force.

use super::data::Line;
use pg_recommend_engine::event::Rules;
use pg_recommend_engine::packed::UserInterest;
use pg_recommend_engine::recommend::Nearest;
use pg_recommend_engine::{ItemId, Micros, Result, UserId};
use std::collections::HashMap;

/// The interests of all users, and the vectors by item; an empty one is unknown.
pub struct Interests<'a> {
    vectors: &'a [Vec<f32>],
    lengths: Vec<f32>,
    rules: Rules,
    users: HashMap<UserId, UserInterest>,
}

impl<'a> Interests<'a> {
    pub fn new(vectors: &'a [Vec<f32>], rules: Rules) -> Self {
        let lengths = vectors.iter().map(|vector| vector.iter().map(|value| value * value).sum::<f32>().sqrt()).collect();
        Self { vectors, lengths, rules, users: HashMap::new() }
    }

    /// Takes in events in their order.
    pub fn append(&mut self, lines: &[Line]) -> Result<()> {
        for Line { user, event } in lines {
            if let Some(vector) = self.vectors.get(event.item as usize).filter(|vector| !vector.is_empty()) {
                let interest = self.users.entry(*user).or_default();
                interest.push(event.at, event.weight, event.session, vector, &self.rules)?;
            }
        }
        Ok(())
    }

    /// What a user is interested in.
    pub fn of(&self, user: UserId, at: Micros) -> Result<Option<Near<'_>>> {
        let Some(interest) = self.users.get(&user) else { return Ok(None) };
        Ok(interest.at(at, &self.rules)?.blended.map(|direction| Near { interests: self, direction }))
    }
}

/// The items near one direction.
pub struct Near<'a> {
    interests: &'a Interests<'a>,
    direction: Vec<f32>,
}

impl Near<'_> {
    fn cosine(&self, item: ItemId) -> Option<f32> {
        let vector = self.interests.vectors.get(item as usize).filter(|vector| !vector.is_empty())?;
        let dot: f32 = vector.iter().zip(&self.direction).map(|(a, b)| a * b).sum();
        Some(dot / self.interests.lengths[item as usize])
    }
}

impl Nearest for Near<'_> {
    fn nearest(&self, n: usize) -> Result<Vec<(ItemId, f32)>> {
        let items = 0..self.interests.vectors.len() as ItemId;
        let mut list: Vec<(ItemId, f32)> = items.filter_map(|item| Some((item, self.cosine(item)?))).collect();
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(n);
        Ok(list)
    }

    fn cosines(&self, items: &[ItemId], each: &mut dyn FnMut(ItemId, f32)) -> Result<()> {
        items.iter().filter_map(|item| Some((*item, self.cosine(*item)?))).for_each(|(item, cosine)| each(item, cosine));
        Ok(())
    }
}
