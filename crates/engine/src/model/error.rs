//! Why a model cannot be served.

/// Why a model cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no ONNX file, or a damaged one.
    #[error("not a valid ONNX model: {0}")]
    Malformed(String),
    /// An operator that is not served.
    #[error("operator {operator} of node \"{node}\" is not allowed")]
    Operator {
        /// `domain:Operator`, without a domain for ONNX's own.
        operator: String,
        /// The node's name.
        node: String,
    },
    /// The model brings functions of its own.
    #[error("the model defines operators of its own: {0}")]
    Functions(String),
    /// A tensor whose bytes are elsewhere.
    #[error("tensor \"{tensor}\" lies in another file: \"{file}\"")]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// Where it says that it lies.
        file: String,
    },
    /// More than there may be.
    #[error("{what} is too large: {size}, where {limit} is allowed")]
    TooLarge {
        /// What it is.
        what: String,
        /// How much it is.
        size: u64,
        /// How much there may be.
        limit: u64,
    },
    /// An input that rows of features cannot fill.
    #[error("input \"{input}\" cannot be filled: {reason}")]
    Input {
        /// The input.
        input: String,
        /// Why.
        reason: String,
    },
    /// The names given do not fit the inputs.
    #[error("{given} feature names are given, where the inputs have {expected} columns")]
    FeatureCount {
        /// How many names.
        given: usize,
        /// How many columns.
        expected: usize,
    },
    /// How many columns there are is not in the file.
    #[error("input \"{0}\" does not say how many columns it has")]
    UnknownWidth(String),
    /// A name that is empty or comes twice.
    #[error("feature name \"{0}\" is empty or comes twice")]
    FeatureName(String),
    /// None of the outputs is a score.
    #[error("the model has no output that is a score")]
    NoScore(Vec<String>),
    /// Several outputs may be the score.
    #[error("the model has several outputs that may be the score: {}", .0.join(", "))]
    ManyScores(Vec<String>),
    /// No such output.
    #[error("the model has no output \"{name}\"")]
    UnknownOutput {
        /// The name asked for.
        name: String,
        /// Those that there are.
        existing: Vec<String>,
    },
    /// An output of a type that is no number.
    #[error("output \"{name}\" is no tensor of numbers, but {found}")]
    OutputType {
        /// The output.
        name: String,
        /// What it is.
        found: String,
    },
    /// More than two classes, and nobody says which one is asked for.
    #[error("output \"{name}\" gives {classes} numbers a row")]
    ManyClasses {
        /// The output.
        name: String,
        /// How many.
        classes: usize,
        /// Their labels, where the model has such.
        labels: Vec<String>,
    },
    /// No such class.
    #[error("output \"{name}\" has no class \"{class}\"")]
    UnknownClass {
        /// The output.
        name: String,
        /// The class asked for.
        class: String,
        /// Those that there are.
        existing: Vec<String>,
    },
}
