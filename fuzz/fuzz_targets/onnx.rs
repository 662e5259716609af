//! Bytes as ONNX files: reading, checking and taking weights apart.
#![no_main]

use engine::model::{Limits, OutputChoice, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = prepare(bytes.to_vec(), Limits::default(), None, OutputChoice { name: None });
});
