//! What the command line asks for.

use std::error::Error;
use std::path::PathBuf;

/// `cargo bench -p pg_recommend_engine --bench accuracy -- [PART...] [--questions N|all] [--seed N] [--development] [--export DIR]`
#[derive(Debug, Clone)]
pub struct Settings {
    /// The parts to run; all, where none is named.
    parts: Vec<String>,
    /// The most questions of a sampled protocol.
    pub questions: usize,
    pub seed: u64,
    /// Asks about the part of each log before its test part, for choosing among designs.
    pub development: bool,
    /// Writes the generated logs and their questions there, and runs nothing else.
    pub export: Option<PathBuf>,
}

impl Settings {
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut settings = Self { parts: Vec::new(), questions: 300, seed: 1, development: false, export: None };
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--questions" => {
                    let value = value()?;
                    settings.questions = if value == "all" { usize::MAX } else { value.parse()? };
                }
                "--seed" => settings.seed = value()?.parse()?,
                "--export" => settings.export = Some(value()?.into()),
                "--development" => settings.development = true,
                part if !part.starts_with('-') => settings.parts.push(argument),
                unknown => return Err(format!("there is no option {unknown}").into()),
            }
        }
        Ok(settings)
    }

    /// Whether a part is to run.
    pub fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    /// A word for headings.
    pub fn part(&self) -> &'static str {
        if self.development { ", development part" } else { "" }
    }
}
