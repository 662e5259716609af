//! Writes the messages of the ONNX format as the engine reads them: `crates/engine/src/model/onnx.rs` from `onnx-ml.proto` beside it.
//!
//!     cargo run -p pg_recommend_onnx_messages              write them
//!     cargo run -p pg_recommend_onnx_messages -- --check   exit 1 where they are not what would be written
//!
//! `onnx-ml.proto` is the file of the Python package onnx 1.19.1, byte for byte.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src/model");
    let messages = messages(&folder)?;
    let file = folder.join("onnx.rs");
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => fs::write(&file, messages)?,
        ["--check"] if fs::read_to_string(&file)? == messages => {}
        ["--check"] => {
            eprintln!("onnx_messages: onnx.rs is not what onnx-ml.proto gives; type: cargo run -p pg_recommend_onnx_messages");
            return Ok(ExitCode::FAILURE);
        }
        _ => return Err("the one option is --check".into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn messages(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut config = prost_build::Config::new();
    // Tensors of hundreds of megabytes are shared, not copied.
    config.bytes(["."]).disable_comments(["."]);
    let descriptors = protox::compile(["onnx-ml.proto"], [folder])?;
    let module = prost_build::Module::from_protobuf_package_name("onnx");
    let modules = config.generate(descriptors.file.into_iter().map(|file| (module.clone(), file)).collect())?;
    Ok(modules.into_values().collect())
}
