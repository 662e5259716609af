//! The log replayed for labels: what serving would have said at the time of each, in one pass over the events in order of time.

use engine::features::{EntityId, EntityKind, Plan, Replay};
use engine::{Micros, Result};
use rustc_hash::FxHashMap;

use super::catalog::FeatureSet;
use super::categories::ItemCategories;
use super::entities::key_hash;
use super::event::FeatureEvent;
use super::log::{COLUMNS, each_event, time};
use crate::key::Key;
use crate::pg::memory::Scratch;
use crate::pg::spi::Arg;

/// No user, no item, no value.
const NONE: u32 = u32::MAX;

/// One label: who and what is asked about, and when.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// The time.
    pub at: Micros,
    /// The user.
    pub user: Option<&'a Key>,
    /// The item.
    pub item: Option<&'a Key>,
    /// The values of the context columns.
    pub context: &'a [Option<&'a str>],
}

/// Keys with numbers in the order in which they were first met.
#[derive(Debug)]
struct Numbered<K> {
    numbers: FxHashMap<K, u32>,
}

impl<K> Default for Numbered<K> {
    fn default() -> Self {
        Self { numbers: FxHashMap::default() }
    }
}

impl<K: std::hash::Hash + Eq> Numbered<K> {
    fn in_order(&self) -> Vec<&K> {
        let mut keys: Vec<_> = self.numbers.iter().collect();
        keys.sort_unstable_by_key(|(_, number)| **number);
        keys.into_iter().map(|(key, _)| key).collect()
    }

    fn number<Q>(&mut self, key: Option<&Q>) -> u32
    where
        Q: std::hash::Hash + Eq + ToOwned<Owned = K> + ?Sized,
        K: std::borrow::Borrow<Q>,
    {
        let Some(key) = key else { return NONE };
        match self.numbers.get(key) {
            Some(number) => *number,
            None => {
                let number = self.numbers.len() as u32;
                self.numbers.insert(key.to_owned(), number);
                number
            }
        }
    }
}

/// Labels, in memory: 20 bytes each and 4 for each context column, and each distinct key once.
#[derive(Debug)]
pub struct Labels {
    contexts: usize,
    times: Vec<Micros>,
    users: Vec<u32>,
    items: Vec<u32>,
    values: Vec<u32>,
    user_keys: Numbered<Key>,
    item_keys: Numbered<Key>,
    /// By context column.
    value_keys: Vec<Numbered<String>>,
}

impl Labels {
    /// None yet, of events with so many context columns.
    pub fn new(contexts: usize) -> Self {
        Self {
            contexts,
            times: Vec::new(),
            users: Vec::new(),
            items: Vec::new(),
            values: Vec::new(),
            user_keys: Numbered::default(),
            item_keys: Numbered::default(),
            value_keys: (0..contexts).map(|_| Numbered::default()).collect(),
        }
    }

    /// Adds one.
    pub fn push(&mut self, label: Label<'_>) {
        self.times.push(label.at);
        self.users.push(self.user_keys.number(label.user));
        self.items.push(self.item_keys.number(label.item));
        for (keys, value) in self.value_keys.iter_mut().zip(label.context) {
            self.values.push(keys.number(*value));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// The users and the items by their numbers.
    pub fn keys(&self) -> (Vec<&Key>, Vec<&Key>) {
        (self.user_keys.in_order(), self.item_keys.in_order())
    }

    /// The numbers of a label's user and item.
    pub fn of(&self, label: usize) -> (Option<usize>, Option<usize>) {
        let number = |number: u32| (number != NONE).then_some(number as usize);
        (number(self.users[label]), number(self.items[label]))
    }

    /// What tells the questions of labels apart but for their items: the time, the numbers of the user and of the context columns' values.
    pub fn question(&self, label: usize) -> (Micros, u32, &[u32]) {
        (self.times[label], self.users[label], &self.values[label * self.contexts..][..self.contexts])
    }

    /// By context column, the values by their numbers.
    pub fn contexts_in_order(&self) -> Vec<Vec<&String>> {
        self.value_keys.iter().map(Numbered::in_order).collect()
    }

    /// The number of context columns.
    pub fn contexts(&self) -> usize {
        self.contexts
    }
}

/// The entities that labels name, followed.
struct Followed<'a> {
    labels: &'a Labels,
    categories: &'a ItemCategories<'a>,
    used: Vec<bool>,
    all: Option<EntityId>,
    users: Vec<EntityId>,
    items: Vec<EntityId>,
    /// By context column and value.
    values: Vec<Vec<EntityId>>,
    category_numbers: FxHashMap<Box<str>, u32>,
    /// By the number of a category, the entity, where features ask for it.
    category_entities: Vec<Option<EntityId>>,
    user_categories: FxHashMap<(u32, u32), EntityId>,
    /// By the number of a label's item, its category.
    category_of: Vec<u32>,
}

impl<'a> Followed<'a> {
    fn new(labels: &'a Labels, categories: &'a ItemCategories<'a>, plan: &Plan, replay: &mut Replay<'_>) -> Result<Self> {
        let used = plan.used();
        let wants = |kind: EntityKind| used[kind.slot()];
        let mut follow = |kind: EntityKind, count: usize| match wants(kind) {
            true => (0..count).map(|_| replay.follow(kind)).collect::<Vec<EntityId>>(),
            false => Vec::new(),
        };
        let all = follow(EntityKind::All, 1).first().copied();
        let users = follow(EntityKind::User, labels.user_keys.numbers.len());
        let items = follow(EntityKind::Item, labels.item_keys.numbers.len());
        let values = (0..labels.contexts).map(|place| follow(EntityKind::Context(place), labels.value_keys[place].numbers.len())).collect();
        let mut followed = Self {
            labels,
            categories,
            all,
            users,
            items,
            values,
            category_numbers: FxHashMap::default(),
            category_entities: Vec::new(),
            user_categories: FxHashMap::default(),
            category_of: Vec::new(),
            used,
        };
        followed.follow_categories(replay)?;
        Ok(followed)
    }

    fn follow_categories(&mut self, replay: &mut Replay<'_>) -> Result<()> {
        let [category, user_category] = [EntityKind::Category, EntityKind::UserCategory];
        if !self.used[category.slot()] && !self.used[user_category.slot()] {
            return Ok(());
        }
        self.categories.learn_all()?;
        self.category_of = vec![NONE; self.labels.item_keys.numbers.len()];
        for (item, number) in &self.labels.item_keys.numbers {
            let Some(name) = self.categories.known(item) else { continue };
            let next = self.category_entities.len() as u32;
            let of = *self.category_numbers.entry((&*name).into()).or_insert(next);
            if of == next {
                self.category_entities.push(self.used[category.slot()].then(|| replay.follow(category)));
            }
            self.category_of[*number as usize] = of;
        }
        if self.used[user_category.slot()] {
            for label in 0..self.labels.len() {
                if let Some(pair) = self.user_category(label) {
                    self.user_categories.entry(pair).or_insert_with(|| replay.follow(user_category));
                }
            }
        }
        Ok(())
    }

    fn user_category(&self, label: usize) -> Option<(u32, u32)> {
        let (user, item) = (self.labels.users[label], self.labels.items[label]);
        let category = *self.category_of.get(item as usize)?;
        (user != NONE && category != NONE).then_some((user, category))
    }

    /// The entities that an event counts for, each with the hash of what it counts as distinct.
    fn of_event(&self, event: &FeatureEvent, entities: &mut Vec<(EntityId, u64)>) {
        entities.clear();
        entities.extend(self.all.map(|all| (all, 0)));
        let user = self.labels.user_keys.numbers.get(&event.user).copied();
        let item = self.labels.item_keys.numbers.get(&event.item).copied();
        if let Some(user) = user.and_then(|user| self.users.get(user as usize)) {
            entities.push((*user, key_hash(&event.item)));
        }
        if let Some(item) = item.and_then(|item| self.items.get(item as usize)) {
            entities.push((*item, key_hash(&event.user)));
        }
        if !self.category_numbers.is_empty()
            && let Some(name) = self.categories.known(&event.item)
            && let Some(number) = self.category_numbers.get(&*name)
        {
            entities.extend(self.category_entities[*number as usize].map(|category| (category, 0)));
            if let Some(both) = user.and_then(|user| self.user_categories.get(&(user, *number))) {
                entities.push((*both, key_hash(&event.item)));
            }
        }
        for (place, followed) in self.values.iter().enumerate().filter(|(_, followed)| !followed.is_empty()) {
            let value = event.context.get(place).and_then(Option::as_ref);
            let number = value.and_then(|value| self.labels.value_keys[place].numbers.get(value));
            entities.extend(number.map(|number| (followed[*number as usize], 0)));
        }
    }

    /// The entities of a label by their places.
    fn of_label(&self, label: usize, entities: &mut Vec<Option<EntityId>>) {
        let one = |followed: &[EntityId], number: u32| followed.get(number as usize).copied();
        entities.clear();
        entities.push(self.all);
        entities.push(one(&self.users, self.labels.users[label]));
        entities.push(one(&self.items, self.labels.items[label]));
        let of_category = self.category_of.get(self.labels.items[label] as usize).filter(|number| **number != NONE);
        entities.push(of_category.and_then(|number| self.category_entities.get(*number as usize).copied().flatten()));
        entities.push(self.user_category(label).and_then(|pair| self.user_categories.get(&pair).copied()));
        let values = &self.labels.values[label * self.labels.contexts..][..self.labels.contexts];
        entities.extend(self.values.iter().zip(values).map(|(followed, number)| one(followed, *number)));
    }
}

/// The labels in order of time, on their way to their features.
struct Pass<'a, E> {
    followed: &'a Followed<'a>,
    replay: Replay<'a>,
    order: std::iter::Peekable<std::vec::IntoIter<u32>>,
    entities: Vec<Option<EntityId>>,
    row: Vec<f32>,
    each: E,
}

impl<E: FnMut(usize, &[f32]) -> Result<()>> Pass<'_, E> {
    /// Answers the labels that an event of `time` is too late for.
    fn answer_before(&mut self, time: Micros) -> Result<()> {
        self.answer_some(time)?;
        while self.next_is_before(time) {
            crate::pg::interrupt::check();
            // What rows are made of goes with each chunk.
            let _scratch = Scratch::enter();
            self.answer_some(time)?;
        }
        Ok(())
    }

    fn next_is_before(&mut self, time: Micros) -> bool {
        let times = &self.followed.labels.times;
        self.order.peek().is_some_and(|label| times[*label as usize] < time)
    }

    fn answer_some(&mut self, time: Micros) -> Result<()> {
        for _ in 0..CHUNK {
            let labels = self.followed.labels;
            let Some(label) = self.order.next_if(|label| labels.times[*label as usize] < time) else { break };
            self.followed.of_label(label as usize, &mut self.entities);
            self.replay.ask(labels.times[label as usize], &self.entities, &mut self.row);
            (self.each)(label as usize, &self.row)?;
        }
        Ok(())
    }
}

/// How many labels are answered before memory is given back and cancels are looked for.
const CHUNK: usize = 1000;

/// Calls `each` with each label's place and features, in order of time.
pub fn replay(
    set: &FeatureSet,
    plan: &Plan,
    labels: &Labels,
    categories: &ItemCategories<'_>,
    each: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let Some(last) = labels.times.iter().max().copied() else { return Ok(()) };
    let mut replay = Replay::new(plan);
    let followed = Followed::new(labels, categories, plan, &mut replay)?;
    let mut order: Vec<u32> = (0..labels.len() as u32).collect();
    order.sort_by_key(|label| labels.times[*label as usize]);
    let mut pass = Pass { followed: &followed, replay, order: order.into_iter().peekable(), entities: Vec::new(), row: Vec::new(), each };
    // In order of the time from which each event counts, see FeatureEvent::counts_from().
    let order = match set.feed.recorded {
        Some(_) => "greatest((extract(epoch FROM at) * 1000000)::bigint - 946684799999999, session)",
        None => "at",
    };
    let sql =
        format!("SELECT {COLUMNS} FROM recommend.events_{} WHERE at < $1 AND (session IS NULL OR session <= $2) ORDER BY {order}", set.id);
    let mut entities = Vec::new();
    each_event(set, &sql, &[time(last), Arg::of(last)], |event| {
        pass.answer_before(event.counts_from())?;
        pass.followed.of_event(&event, &mut entities);
        pass.replay.event(event.at, event.kind, entities.iter().copied());
        Ok(())
    })?;
    pass.answer_before(i64::MAX)
}
