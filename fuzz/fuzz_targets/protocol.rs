//! Bytes as what sessions and the process of the GPU say to each other.
#![no_main]
#![allow(dead_code)] // of the protocol, what this does not call

#[path = "../../crates/gpu_service/src/protocol.rs"]
mod protocol;

use libfuzzer_sys::fuzz_target;
use protocol::{Answer, Request, frame, length, message, receive};

fuzz_target!(|bytes: &[u8]| {
    let _ = length(bytes);
    if let Ok(request) = message::<Request>(bytes) {
        let framed = frame(&request).expect("short");
        let again = receive::<Request>(&mut &framed[..]).expect("whole").expect("one");
        // Not by `==`, for there may be numbers that are none.
        assert_eq!(frame(&again).expect("short"), framed);
    }
    let _ = message::<Answer>(bytes);
    let _ = receive::<Request>(&mut &bytes[..]);
    let _ = receive::<Answer>(&mut &bytes[..]);
});
