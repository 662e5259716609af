//! What can go wrong with models.

use engine::model::{FeatureError, ModelError, TrafficError};
use pgrx::PgSqlErrorCode;

use crate::catalog::CatalogError;
use crate::pg::array::VectorError;
use crate::pg::error::SqlError;
use crate::pg::function::CallError;
use crate::pg::relation::quote_ident;
use crate::pg::spi::SpiError;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// No model of that name.
    #[error("model \"{name}\" does not exist")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        existing: Vec<String>,
    },
    /// No such version.
    #[error("model \"{name}\" has no version {version}")]
    UnknownVersion {
        /// The model.
        name: String,
        /// The version asked for.
        version: i32,
    },
    /// A model of which no version is active.
    #[error("model \"{0}\" has no active version")]
    Inactive(String),
    /// A model without a name.
    #[error("a model needs a name")]
    Nameless,
    /// A role may not score with the model.
    #[error("permission denied for model \"{name}\"")]
    Denied {
        /// The model.
        name: String,
        /// What it needs the right to select from.
        access: String,
        /// The role.
        role: String,
    },
    /// The caller does not own the model.
    #[error("must be owner of model \"{name}\"")]
    NotOwner {
        /// The model.
        name: String,
        /// Its owner.
        owner: String,
    },
    /// A version that answers cannot be dropped.
    #[error("version {version} of model \"{name}\" is in use")]
    InUse {
        /// The model.
        name: String,
        /// The version.
        version: i32,
    },
    /// Recommenders rank by it.
    #[error("model \"{name}\" ranks for recommender \"{recommender}\"")]
    Ranks {
        /// The model.
        name: String,
        /// One of them.
        recommender: String,
    },
    /// Nothing to go back to.
    #[error("model \"{0}\" has no switch to take back")]
    NoHistory(String),
    /// An argument of the wrong form.
    #[error("{argument} must be {expected}, not {found}")]
    Form {
        /// The argument.
        argument: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A default for what is no feature.
    #[error("a default is given for \"{0}\", which is no feature of the model")]
    UnknownDefault(String),
    /// The model cannot be served.
    #[error("model \"{name}\" cannot be served: {source}")]
    Refused {
        /// The model.
        name: String,
        /// Why.
        source: ModelError,
    },
    /// The runtime does not take the model.
    #[error("model \"{name}\" cannot be loaded: {message}")]
    Load {
        /// The model.
        name: String,
        /// What the runtime says.
        message: String,
    },
    /// The version in shadow takes other features.
    #[error("version {version} of model \"{name}\" takes other features than the active one")]
    OtherFeatures {
        /// The model.
        name: String,
        /// The version.
        version: i32,
    },
    /// The trial run failed.
    #[error("model \"{name}\" cannot be served: its trial run {what}")]
    Trial {
        /// The model.
        name: String,
        /// What happened.
        what: String,
    },
    /// A run failed.
    #[error("model \"{name}\" version {version} failed: {message}")]
    Run {
        /// The model.
        name: String,
        /// The version.
        version: i32,
        /// What the runtime says.
        message: String,
    },
    /// A run asked for too much memory.
    #[error("model \"{name}\" version {version} asks for more memory than there is for models")]
    Memory {
        /// The model.
        name: String,
        /// The version.
        version: i32,
    },
    /// A score that is no number.
    #[error("model \"{name}\" version {version} gave {score} as a score")]
    NotFinite {
        /// The model.
        name: String,
        /// The version.
        version: i32,
        /// What it gave.
        score: f32,
    },
    /// The library of ONNX Runtime.
    #[error("ONNX Runtime cannot be loaded from \"{path}\": {message}")]
    Library {
        /// Its file.
        path: String,
        /// What happened.
        message: String,
    },
    /// An execution provider that the library does not have.
    #[error("execution provider \"{name}\" is not available")]
    Provider {
        /// The provider.
        name: String,
        /// Those that the library has.
        existing: Vec<String>,
    },
    /// Stored bytes that are not what they were.
    #[error("the stored bytes of model \"{name}\" version {version} are damaged")]
    Damaged {
        /// The model.
        name: String,
        /// The version.
        version: i32,
    },
    /// A row of features.
    #[error("{error} (model \"{name}\")")]
    Feature {
        /// The model.
        name: String,
        /// What is wrong.
        error: FeatureError,
    },
    /// A query that gives no rows of features.
    #[error("the query gives no features, but {0} column(s)")]
    QueryColumns(usize),
    /// Names for the elements of an array that is not there.
    #[error("feature_names are given, but not one column of type real[]")]
    NoArray,
    /// A column of a type that is no feature.
    #[error("column \"{column}\" has type {found}, which is no feature")]
    ColumnType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// Ids of another type than asked for.
    #[error("the query gives ids of type {found}, not {expected}")]
    IdType {
        /// The type asked for.
        expected: String,
        /// That of the first column.
        found: String,
    },
    /// A split of traffic.
    #[error(transparent)]
    Traffic(#[from] TrafficError),
    /// An array that is no vector.
    #[error(transparent)]
    Vector(#[from] VectorError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The call itself.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A statement.
    #[error(transparent)]
    Spi(#[from] SpiError),
}

impl ModelsError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Vector(error) => Some(error),
            Self::Catalog(error) => Some(error),
            Self::Call(error) => Some(error),
            Self::Spi(error) => Some(error),
            _ => None,
        }
    }
}

impl SqlError for ModelsError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        use PgSqlErrorCode as S;
        match self {
            Self::Unknown { .. } | Self::UnknownVersion { .. } => S::ERRCODE_UNDEFINED_OBJECT,
            Self::OtherFeatures { .. } => S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Inactive(_) | Self::NoHistory(_) => S::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Self::Nameless | Self::UnknownDefault(_) | Self::Form { .. } | Self::Traffic(_) => S::ERRCODE_INVALID_PARAMETER_VALUE,
            Self::Denied { .. } | Self::NotOwner { .. } => S::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Self::InUse { .. } => S::ERRCODE_OBJECT_IN_USE,
            Self::Ranks { .. } => S::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
            Self::Refused { source, .. } => refusal_state(source),
            Self::Load { .. } => S::ERRCODE_INVALID_BINARY_REPRESENTATION,
            Self::Trial { .. } | Self::Run { .. } => S::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
            Self::Memory { .. } => S::ERRCODE_OUT_OF_MEMORY,
            Self::NotFinite { .. } => S::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            Self::Library { .. } => S::ERRCODE_UNDEFINED_FILE,
            Self::Provider { .. } => S::ERRCODE_FEATURE_NOT_SUPPORTED,
            Self::Damaged { .. } => S::ERRCODE_DATA_CORRUPTED,
            Self::Feature { error, .. } => feature_state(error),
            Self::QueryColumns(_) | Self::NoArray | Self::ColumnType { .. } | Self::IdType { .. } => S::ERRCODE_DATATYPE_MISMATCH,
            other => other.cause().map_or(S::ERRCODE_INTERNAL_ERROR, SqlError::sqlstate),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { existing, .. } if existing.is_empty() => "Deploy it: SELECT deploy_model(name, onnx).".into(),
            Self::Unknown { existing, .. } => format!("Existing models: {}.", existing.join(", ")),
            Self::UnknownVersion { name, .. } => format!("SELECT version FROM models WHERE name = '{name}'."),
            Self::Inactive(name) => format!("SELECT activate_model('{name}', version)."),
            Self::Nameless => "Give a name that is not empty.".into(),
            Self::Denied { access, role, .. } => format!("GRANT SELECT ON {access} TO {};", quote_ident(role)),
            Self::NotOwner { owner, .. } => format!("Let a member of role {owner} do it, or choose another name."),
            Self::InUse { name, .. } => format!("Activate another version first, or drop the whole model: SELECT drop_model('{name}')."),
            Self::Ranks { recommender, .. } => format!("SELECT alter_recommender('{recommender}', model => '') first."),
            Self::NoHistory(name) => format!("SELECT activate_model('{name}', version) switches to any version."),
            Self::Form { argument: "traffic", .. } => "Give each version's share in percent, such as {\"3\": 95, \"4\": 5}.".into(),
            Self::Form { .. } => "Give names and values, such as {\"age\": 30, \"country\": \"unknown\"}.".into(),
            Self::UnknownDefault(_) => "Defaults go by the feature's name: see feature_names.".into(),
            Self::Refused { source, .. } => return refusal_hint(source),
            Self::Load { .. } => "Check it in Python: onnx.checker.check_model(model, full_check=True), onnxruntime.InferenceSession(path).".into(),
            Self::OtherFeatures { .. } => "A shadow is scored on the same rows: deploy it with the same feature_names, for inputs of the same types.".into(),
            Self::Trial { .. } => "The trial rows are the defaults, zeros where there are none; give defaults that the model takes.".into(),
            Self::Run { .. } => "Check the values of the features: ids of categories must be among those that the model knows.".into(),
            Self::Memory { .. } => "Raise recommend.model_memory, if the model is worth it.".into(),
            Self::NotFinite { .. } => {
                "A missing or infinite feature may be the cause: give a default, or train the model to take missing values.".into()
            }
            Self::Library { .. } => {
                "make install puts ONNX Runtime 1.28 there; or pip download onnxruntime==1.28.0, and set recommend.onnxruntime_library to the file \
                 onnxruntime/capi/libonnxruntime.so.1.28.0 in it."
                    .into()
            }
            Self::Provider { existing, .. } => format!(
                "This library of ONNX Runtime has: {}. Set recommend.onnxruntime_library to another, or recommend.execution_provider to 'cpu'.",
                existing.join(", ")
            ),
            Self::Damaged { name, .. } => format!("Deploy it again: SELECT deploy_model('{name}', ...)."),
            Self::Feature { error, name } => return feature_hint(error, name),
            Self::QueryColumns(_) => "Beside the id or the label, give features: a real[], or columns named as features.".into(),
            Self::NoArray => "Give one column of type real[], or leave feature_names out where columns are named as features.".into(),
            Self::ColumnType { .. } => "Features may be of integer and floating point types, numeric, boolean and text: cast it.".into(),
            Self::IdType { found, .. } => format!("Name the type of the ids: pass NULL::{found} as the third argument."),
            Self::Traffic(_) => "Give each version's share in percent, such as {\"3\": 95, \"4\": 5}.".into(),
            other => return other.cause()?.hint(),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}

fn refusal_state(error: &ModelError) -> PgSqlErrorCode {
    use PgSqlErrorCode as S;
    match error {
        ModelError::Malformed(_) => S::ERRCODE_INVALID_BINARY_REPRESENTATION,
        ModelError::TooLarge { .. } => S::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        ModelError::Operator { .. }
        | ModelError::Functions(_)
        | ModelError::ExternalData { .. }
        | ModelError::Input { .. }
        | ModelError::OutputType { .. }
        | ModelError::NoScore(_) => S::ERRCODE_FEATURE_NOT_SUPPORTED,
        _ => S::ERRCODE_INVALID_PARAMETER_VALUE,
    }
}

fn refusal_hint(error: &ModelError) -> Option<String> {
    Some(match error {
        ModelError::Malformed(_) => "Check it in Python: onnx.checker.check_model(model, full_check=True).".into(),
        ModelError::Operator { .. } => {
            "Served are operators of ai.onnx and ai.onnx.ml that are no random numbers, images or sequences: see docs/models.md.".into()
        }
        ModelError::Functions(_) => "Inline them: onnx.inliner.inline_local_functions(model).".into(),
        ModelError::ExternalData { .. } => {
            "Nothing outside the file is read: save it whole, with onnx.save_model(model, path, save_as_external_data=False).".into()
        }
        ModelError::TooLarge { .. } => "Large constants belong into a table; recommend.model_memory bounds each tensor.".into(),
        ModelError::Input { .. } => {
            "Export it with one row a request: the first dimension of each input counts rows, the others are fixed.".into()
        }
        ModelError::FeatureCount { .. } => "Give one name for each column of each input, in their order.".into(),
        ModelError::UnknownWidth(_) => "Give feature_names: as many as the input has columns.".into(),
        ModelError::FeatureName(_) => "Give each feature a name of its own.".into(),
        ModelError::NoScore(outputs) => {
            format!("Its outputs are: {}. Export it with probabilities, or name one with output => ....", outputs.join(", "))
        }
        ModelError::ManyScores(_) => "Say which one: output => ....".into(),
        ModelError::UnknownOutput { existing, .. } => format!("Its outputs are: {}.", existing.join(", ")),
        ModelError::OutputType { .. } => "The score must be a tensor of numbers, or the probabilities of a ZipMap.".into(),
        ModelError::ManyClasses { labels, .. } => format!("Say which one: output_class => ..., one of {}.", labels.join(", ")),
        ModelError::UnknownClass { existing, .. } => format!("Its classes are: {}.", existing.join(", ")),
    })
}

fn feature_state(error: &FeatureError) -> PgSqlErrorCode {
    match error {
        FeatureError::Missing(_) => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        FeatureError::Value { .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
        FeatureError::Count { .. } | FeatureError::Unknown { .. } => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        FeatureError::Inexact { .. } => PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
    }
}

fn feature_hint(error: &FeatureError, model: &str) -> Option<String> {
    Some(match error {
        FeatureError::Count { .. } => format!("Their order: SELECT features FROM models WHERE name = '{model}'."),
        FeatureError::Missing(name) => format!("Give a value, or deploy the model with defaults => '{{\"{name}\": ...}}'."),
        FeatureError::Unknown { existing, .. } => format!("Its features are: {}.", existing.join(", ")),
        FeatureError::Value { .. } => "Give a number for a number, a text for a text, and whole numbers for integers.".into(),
        FeatureError::Inexact { .. } => "real tells integers apart up to 16777216: give the features by name, as jsonb or as a row.".into(),
    })
}

/// The module's result.
pub type Result<T> = std::result::Result<T, ModelsError>;
