//! Items of topics, some of them popular.

use crate::log::Random;
use pg_recommend_engine::ItemId;

/// Items by topic. Within a topic popularity falls with a power of the rank (Zipf); which item has which rank is drawn.
pub struct Catalogue {
    topics: Vec<Vec<ItemId>>,
    /// By item: its topic, and its place there.
    places: Vec<(usize, usize)>,
    /// By topic: the cumulated shares of its items.
    shares: Vec<Vec<f64>>,
    /// The cumulated shares of the topics.
    sizes: Vec<f64>,
}

impl Catalogue {
    pub fn new(random: &mut Random, items: usize, topics: usize, exponent: f64) -> Self {
        let mut order: Vec<ItemId> = (0..items as ItemId).collect();
        random.sample(&mut order, items);
        let mut by_topic = vec![Vec::new(); topics];
        let sizes = cumulated(topics, 0.5);
        for item in order {
            by_topic[place(&sizes, random.even())].push(item);
        }
        by_topic.iter_mut().filter(|list| list.is_empty()).for_each(|list| list.push(0));
        let mut places = vec![(0, 0); items];
        for (topic, list) in by_topic.iter().enumerate() {
            list.iter().enumerate().for_each(|(rank, item)| places[*item as usize] = (topic, rank));
        }
        let shares = by_topic.iter().map(|list| cumulated(list.len(), exponent)).collect();
        Self { topics: by_topic, places, shares, sizes }
    }

    /// A topic, large ones more often.
    pub fn topic(&self, random: &mut Random) -> usize {
        place(&self.sizes, random.even())
    }

    pub fn topic_of(&self, item: ItemId) -> usize {
        self.places[item as usize].0
    }

    /// An item of a topic, popular ones more often.
    pub fn item(&self, random: &mut Random, topic: usize) -> ItemId {
        self.topics[topic][place(&self.shares[topic], random.even())]
    }

    /// The `size` items that belong together with an item, itself among them: neighbours by rank, fewer at the end of the topic.
    pub fn series(&self, item: ItemId, size: usize) -> &[ItemId] {
        let (topic, rank) = self.places[item as usize];
        let list = &self.topics[topic];
        let first = rank / size * size;
        &list[first..(first + size).min(list.len())]
    }

    /// One to three topics that somebody likes.
    pub fn tastes(&self, random: &mut Random) -> Vec<usize> {
        (0..1 + random.below(3)).map(|_| self.topic(random)).collect()
    }

    /// A topic that somebody of these tastes turns to: one time in ten any.
    pub fn turn(&self, random: &mut Random, tastes: &[usize]) -> usize {
        if random.chance(0.1) { self.topic(random) } else { tastes[random.below(tastes.len())] }
    }
}

fn cumulated(size: usize, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=size).map(|rank| (rank as f64).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    weights
        .iter()
        .map(|weight| {
            sum += weight / total;
            sum
        })
        .collect()
}

fn place(shares: &[f64], at: f64) -> usize {
    shares.partition_point(|sum| *sum <= at).min(shares.len() - 1)
}
