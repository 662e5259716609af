//! What batches of events make of users' interests.

use super::{Past, UserBatch, in_chunks};
use crate::error::Result;
use crate::event::{Event, Rules};
use crate::packed::UserInterest;
use crate::{ItemId, UserId};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Vectors of items, looked up as one snapshot sees them.
pub trait ItemVectors {
    /// The vectors of those items that have one; of finite numbers.
    fn vectors(&self, items: &[ItemId]) -> Result<FxHashMap<ItemId, Rc<[f32]>>>;
}

/// The interests of the batches' users after the batches, which are put in order; `None` where no event of an item with a vector is left.
///
/// `stored` are the interests of the stored rows, made of the events of the batches' histories. Events that follow these are added to
/// them; a late or a removed one makes the interest be made anew of all events of the user, as [`super::fold`] does it with histories.
pub fn fold_interests(
    batches: &mut [UserBatch],
    stored: &mut FxHashMap<UserId, UserInterest>,
    rules: &Rules,
    past: &dyn Past,
    vectors: &dyn ItemVectors,
    interrupt: &dyn Fn() -> Result<()>,
) -> Result<FxHashMap<UserId, Option<UserInterest>>> {
    batches.iter_mut().for_each(UserBatch::settle);
    let mut interests = FxHashMap::default();
    in_chunks(batches, past, interrupt, &mut |batch, late| {
        let before = stored.remove(&batch.user);
        let after = match late {
            Some(events) => add(None, &events, rules, vectors),
            None => add(before, &batch.added, rules, vectors),
        }?;
        interests.insert(batch.user, after);
        Ok(())
    })?;
    Ok(interests)
}

/// Adds a user's next events, in order.
fn add(interest: Option<UserInterest>, events: &[Event], rules: &Rules, vectors: &dyn ItemVectors) -> Result<Option<UserInterest>> {
    let mut items: Vec<ItemId> = events.iter().map(|event| event.item).collect();
    items.sort_unstable();
    items.dedup();
    let vectors = vectors.vectors(&items)?;
    let mut interest = interest;
    for event in events {
        if let Some(vector) = vectors.get(&event.item) {
            interest.get_or_insert_default().push(event.at, event.weight, event.session, vector, rules)?;
        }
    }
    Ok(interest)
}
