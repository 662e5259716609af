//! Lists of items like an item: beside those of the cosine, and by what is met with the item later.

use super::figures::{Figure, Table};
use super::frozen::Frozen;
use super::log::{Question, Random};
use super::rivals::best;
use super::rivals::pairs::{Formula, Pairs};
use super::settings::Settings;
use pg_recommend_engine::{ItemId, Micros, Result};

/// The length of the lists.
const LENGTH: usize = 10;
/// In how many sets an item must be to be asked about or to be in a list of the cosine, and how often both must be met.
const SUPPORT: f64 = 20.0;
const TOGETHER: f32 = 3.0;

/// `overlap@10` with the first of the pairs, over the most frequent items; `recall@10` of the other items of later sets, one given.
pub fn table(frozen: &Frozen, split: Micros, later: &[Vec<ItemId>], settings: &Settings) -> Result<Table> {
    let (reference, random) = (&frozen.pairs[0].1, &mut Random::new(settings.seed));
    let mut asked: Vec<(ItemId, Vec<ItemId>)> =
        (0..reference.items() as ItemId).map(|item| (item, supported(reference, item))).filter(|(_, list)| list.len() == LENGTH).collect();
    asked.sort_by(|(a, _), (b, _)| reference.count(*b).total_cmp(&reference.count(*a)).then(a.cmp(b)));
    asked.truncate(settings.questions);
    let questions = questions(later, split, reference, random, settings);
    let mut table = Table::new(&["overlap@10 with cosine", "recall@10 of later sets"]);
    let mut row = |name: String, ours: bool, list: &dyn Fn(ItemId) -> Result<Vec<ItemId>>, same: bool| -> Result<()> {
        let overlap =
            |(item, cosine): &(ItemId, Vec<ItemId>)| Ok(list(*item)?.iter().filter(|other| cosine.contains(other)).count() as f64);
        let recall = |question: &Question| Ok(question.recall(&list(question.given[0])?, LENGTH));
        let overlap = if same { Figure::default() } else { Figure(asked.iter().map(overlap).collect::<Result<_>>()?) };
        let figures = vec![overlap, Figure(questions.iter().map(recall).collect::<Result<_>>()?)];
        if ours {
            table.ours(name, figures)
        } else {
            table.rival(name, figures)
        }
        Ok(())
    };
    for (place, (set, pairs, ease)) in frozen.pairs.iter().enumerate() {
        row(format!("cosine, {set}, support {SUPPORT}"), false, &|item| Ok(supported(pairs, item)), place == 0)?;
        row(format!("cosine, {set}, shrunk by 10"), false, &|item| Ok(cosine(pairs, item, Formula::Cosine(10.0))), false)?;
        let fitted = |item| Ok(best(&ease.scores(&[item]), &Question { given: vec![item], ..Question::default() }, LENGTH));
        row(format!("EASE, {set}"), false, &fitted, false)?;
    }
    row("pg_recommend, no setting".into(), true, &|item| frozen.ours.similar(item, split, LENGTH), false)?;
    Ok(table)
}

/// Sets of at least two items that were known before: a random one is given.
fn questions(later: &[Vec<ItemId>], split: Micros, known: &Pairs, random: &mut Random, settings: &Settings) -> Vec<Question> {
    let mut questions = Vec::new();
    for set in later {
        let mut set: Vec<ItemId> = set.iter().copied().filter(|item| known.count(*item) >= SUPPORT).collect();
        let all = set.len();
        random.sample(&mut set, all);
        if let Some(given) = set.pop().filter(|_| !set.is_empty()) {
            questions.push(Question { user: None, given: vec![given], at: split, seen: false, targets: set });
        }
    }
    // Short ones: three times as many as elsewhere.
    random.sample(&mut questions, settings.questions.saturating_mul(3));
    questions
}

fn cosine(pairs: &Pairs, item: ItemId, formula: Formula) -> Vec<ItemId> {
    best(&pairs.scores(formula, &[item]), &Question { given: vec![item], ..Question::default() }, LENGTH)
}

/// The list of the plain cosine, where all have support.
fn supported(pairs: &Pairs, item: ItemId) -> Vec<ItemId> {
    if pairs.count(item) < SUPPORT {
        return Vec::new();
    }
    let mut scores = pairs.scores(Formula::Cosine(0.0), &[item]);
    scores.retain(|other, _| pairs.count(*other) >= SUPPORT && pairs.together(item)[other] >= TOGETHER);
    best(&scores, &Question { given: vec![item], ..Question::default() }, LENGTH)
}

/// Prints the lists of some items with their titles, to be looked at.
pub fn titles(frozen: &Frozen, titles: &[String], wanted: &[&str], at: Micros) -> Result<()> {
    println!("| item | similar_items | cosine, shrunk by 10, {} |\n|---|---|---|", frozen.pairs[0].0);
    for wanted in wanted {
        let Some(item) = titles.iter().position(|title| title.starts_with(wanted)) else { continue };
        let names = |list: Vec<ItemId>| list.iter().take(5).map(|item| titles[*item as usize].as_str()).collect::<Vec<_>>().join("; ");
        let ours = frozen.ours.similar(item as ItemId, at, LENGTH)?;
        println!("| {} | {} | {} |", titles[item], names(ours), names(cosine(&frozen.pairs[0].1, item as ItemId, Formula::Cosine(10.0))));
    }
    println!();
    Ok(())
}

/// Ten much bought articles, and ten films.
pub const ARTICLES: [&str; 10] = [
    "REGENCY CAKESTAND 3 TIER",
    "PARTY BUNTING",
    "WHITE HANGING HEART T-LIGHT HOLDER",
    "JUMBO BAG RED RETROSPOT",
    "ASSORTED COLOUR BIRD ORNAMENT",
    "LUNCH BAG RED RETROSPOT",
    "GREEN REGENCY TEACUP AND SAUCER",
    "ALARM CLOCK BAKELIKE RED",
    "SET OF 3 CAKE TINS PANTRY DESIGN",
    "PAPER CHAIN KIT 50'S CHRISTMAS",
];
pub const FILMS: [&str; 10] = [
    "Toy Story (1995)",
    "Star Wars (1977)",
    "Star Wars: Episode V - The Empire Strikes Back (1980)",
    "The Godfather (1972)",
    "The Dark Knight (2008)",
    "The Lord of the Rings: The Fellowship of the Ring",
    "Iron Man 3 (2013)",
    "Pulp Fiction (1994)",
    "Finding Nemo (2003)",
    "Before Sunset (2004)",
];
