//! The generated logs and their questions as files, for asking the same through SQL.

use super::run::Run;
use super::{KINDS, Plan, Step, figure_name, heading};
use crate::settings::Settings;
use pg_recommend_engine::ItemId;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// For each kind and head `N_events.csv`, with the events in the order in which they are committed; `N_questions.csv`, each with how many
/// events come before it and what the engine answers; and a line in `plans.csv`.
pub fn export(settings: &Settings, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let mut plans = csv::Writer::from_path(directory.join("plans.csv"))?;
    plans.write_record(["plan", "name", "figure", "session_column"])?;
    let all = KINDS.iter().flat_map(|kind| kind.heads.iter().map(move |head| (kind, *head)));
    for (number, (kind, head)) in all.enumerate() {
        let plan = Plan::new(kind, head, settings);
        let answers = Run::answers(kind, &plan)?;
        plans.serialize((number, heading(kind, head), figure_name(head, kind), kind.session_column))?;
        let mut events = csv::Writer::from_path(directory.join(format!("{number}_events.csv")))?;
        events.write_record(["position", "user_id", "item_id", "micros", "session_id"])?;
        for (position, line) in plan.log.lines.iter().enumerate() {
            events.serialize((position, line.user, line.event.item, line.event.at, line.event.session))?;
        }
        events.flush()?;
        let mut questions = csv::Writer::from_path(directory.join(format!("{number}_questions.csv")))?;
        questions.write_record(["position", "known", "user_id", "given", "micros", "seen", "targets", "answer"])?;
        let (mut known, mut answers) = (0, answers.iter().enumerate());
        for step in &plan.steps {
            match step {
                Step::Learn(lines) => known = lines.end,
                Step::Ask(question) => {
                    let Some((position, answer)) = answers.next() else { break };
                    let (given, targets, answer) = (array(&question.given), array(&question.targets), array(answer));
                    questions.serialize((position, known, question.user, given, question.at, question.seen, targets, answer))?;
                }
            }
        }
        questions.flush()?;
    }
    plans.flush()?;
    Ok(())
}

/// As Postgres writes an array.
fn array(items: &[ItemId]) -> String {
    let mut text = String::from("{");
    for (place, item) in items.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(text, "{comma}{item}").unwrap_or_default();
    }
    text + "}"
}
