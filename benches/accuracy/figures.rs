//! Figures with their standard errors, and tables of them in Markdown.

/// What one method got in each question; the same questions in the same order for all methods of a table.
#[derive(Debug, Clone, Default)]
pub struct Figure(pub Vec<f64>);

impl Figure {
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len().max(1) as f64
    }

    /// The standard error of the mean.
    pub fn error(&self) -> f64 {
        let (mean, n) = (self.mean(), self.0.len() as f64);
        (self.0.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0) / n.max(1.0)).sqrt()
    }

    /// How many times the mean of `other` this one is, and the standard error of that, question by question (delta method).
    pub fn over(&self, other: &Figure) -> (f64, f64) {
        let ratio = self.mean() / other.mean();
        let rest = Figure(self.0.iter().zip(&other.0).map(|(own, other)| own - ratio * other).collect());
        (ratio, rest.error() / other.mean())
    }
}

/// A table: a row for each method, a column for each figure.
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    ours: bool,
    figures: Vec<Figure>,
}

impl Table {
    pub fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a rival's row.
    pub fn rival(&mut self, name: impl Into<String>, figures: Vec<Figure>) {
        self.rows.push(Row { name: name.into(), ours: false, figures });
    }

    /// Adds a row of ours.
    pub fn ours(&mut self, name: impl Into<String>, figures: Vec<Figure>) {
        self.rows.push(Row { name: name.into(), ours: true, figures });
    }

    /// The rival with the highest mean of a column.
    fn best(&self, column: usize) -> Option<&Row> {
        let rivals = self.rows.iter().filter(|row| !row.ours && !row.figures[column].0.is_empty());
        rivals.max_by(|a, b| a.figures[column].mean().total_cmp(&b.figures[column].mean()))
    }

    /// The heading, with how many questions were asked, the rows, and below them how the first row of ours does beside the best rival.
    pub fn print(&self, heading: &str) {
        println!("## {heading}\n\n| method | {} |\n|---|{}", self.columns.join(" | "), "---|".repeat(self.columns.len()));
        for row in &self.rows {
            let bold = if row.ours { "**" } else { "" };
            let cell = |figure: &Figure| {
                if figure.0.is_empty() { String::new() } else { format!("{bold}{:.4}{bold} ± {:.4}", figure.mean(), figure.error()) }
            };
            println!("| {bold}{}{bold} | {} |", row.name, row.figures.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        println!();
        let Some(ours) = self.rows.iter().find(|row| row.ours) else { return };
        for (column, name) in self.columns.iter().enumerate() {
            if let Some(best) = self.best(column) {
                let (ratio, error) = ours.figures[column].over(&best.figures[column]);
                println!("{name}: {ratio:.3} ± {error:.3} times the best rival ({}).", best.name);
            }
        }
        println!();
    }

    /// The mean of a column in the first row of ours.
    pub fn first_of_ours(&self, column: usize) -> f64 {
        self.rows.iter().find(|row| row.ours).map_or(f64::NAN, |row| row.figures[column].mean())
    }

    /// For each column, how many times the best rival the first row of ours is, its error, and the rival's name.
    pub fn shares(&self) -> Vec<(f64, f64, &str)> {
        let Some(ours) = self.rows.iter().find(|row| row.ours) else { return Vec::new() };
        let share = |column| {
            let best = self.best(column)?;
            let (ratio, error) = ours.figures[column].over(&best.figures[column]);
            Some((ratio, error, best.name.as_str()))
        };
        (0..self.columns.len()).filter_map(share).collect()
    }
}
