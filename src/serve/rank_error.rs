//! Why a model cannot rank a recommender's candidates.

use engine::recommend::InputError;
use pgrx::PgSqlErrorCode;

use crate::features::error::FeatureError;
use crate::models::ModelsError;
use crate::pg::column;
use crate::pg::error::SqlError;

/// What keeps a model from ranking.
#[derive(Debug, thiserror::Error)]
pub enum RankError {
    /// A feature that the recommender cannot give.
    #[error("model \"{model}\" version {version} cannot rank what recommender \"{recommender}\" finds: {error}")]
    Input {
        /// The recommender.
        recommender: String,
        /// The model.
        model: String,
        /// Its version.
        version: i32,
        /// What is wrong.
        error: InputError,
    },
    /// The model itself.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The features.
    #[error(transparent)]
    Features(#[from] FeatureError),
}

impl RankError {
    fn cause(&self) -> Option<&dyn SqlError> {
        match self {
            Self::Input { .. } => None,
            Self::Models(error) => Some(error),
            Self::Features(error) => Some(error),
        }
    }
}

impl SqlError for RankError {
    fn sqlstate(&self) -> PgSqlErrorCode {
        match self {
            Self::Input { error: InputError::Unknown { .. }, .. } => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            Self::Input { error: InputError::Type { .. }, .. } => PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            Self::Input { error: InputError::Missing { .. }, .. } => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            other => other.cause().map_or(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, SqlError::sqlstate),
        }
    }

    fn hint(&self) -> Option<String> {
        let Self::Input { error, recommender, .. } = self else { return self.cause()?.hint() };
        Some(match error {
            InputError::Unknown { name, existing } => {
                let nearest = column::nearest(name, existing).map_or(String::new(), |nearest| format!("Perhaps you meant \"{nearest}\". "));
                format!(
                    "{nearest}A model may take what create_features('{recommender}') declares, first_phase_score and the like, context columns as \
                     context_<column>, and what it has a default for: see docs/models.md."
                )
            }
            InputError::Type { .. } => {
                "Counts go to inputs of float, double or integers, other numbers to float or double, texts to string: export the model with such.".into()
            }
            InputError::Missing { name } => format!("Deploy it with a default: defaults => '{{\"{name}\": ...}}'."),
        })
    }

    fn detail(&self) -> Option<String> {
        self.cause()?.detail()
    }
}
