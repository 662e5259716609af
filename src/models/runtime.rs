//! The library of ONNX Runtime: found, loaded and set up once in a session, at its first use of a model.

use std::cell::OnceCell;
use std::path::PathBuf;

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::error::{ModelsError, Result};
use crate::pg::{guc, library, onnxruntime, threads};

/// Where `make install` puts it, below the directory of loadable modules.
const INSTALLED: &str = "pg_recommend/libonnxruntime.so";

thread_local! {
    /// Never taken down: the library does not bear being unloaded.
    static ENVIRONMENT: OnceCell<Environment> = const { OnceCell::new() };
}

/// The environment in which sessions are made.
pub fn environment() -> Result<Environment> {
    if let Some(environment) = ENVIRONMENT.with(|cell| cell.get().cloned()) {
        return Ok(environment);
    }
    let path = guc::onnxruntime_library().map_or_else(|| library::pkglib_dir().join(INSTALLED), PathBuf::from);
    let failed = |message: String| ModelsError::Library { path: path.display().to_string(), message };
    if !path.is_file() {
        return Err(failed("there is no such file".into()));
    }
    onnxruntime::silence();
    let environment = threads::without_signals(|| {
        let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
        let environment = builder.with_name("pg_recommend").with_telemetry(false).build().map_err(|error| error.to_string())?;
        environment.set_log_level(LogLevel::Fatal);
        let memory = usize::try_from(guc::model_memory()).unwrap_or(usize::MAX);
        onnxruntime::bound_memory(&environment, memory).map_err(|error| error.to_string())?;
        Ok(environment)
    });
    let environment = environment.map_err(failed)?;
    Ok(ENVIRONMENT.with(|cell| cell.get_or_init(|| environment).clone()))
}
