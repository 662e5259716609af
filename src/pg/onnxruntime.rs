//! What the crate `ort` leaves to the C interface of ONNX Runtime: a bound on the memory of all models of a process, tensors that lie in memory of
//! ours, and the providers that a library has.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::sys;

/// Keeps the library from telling anyone what it does. Before it is loaded.
pub fn silence() {
    // SAFETY: a backend has no other thread that reads the environment: it is the first that this extension starts.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") }
}

fn checked(status: sys::OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: a status that the library just gave.
    unsafe { ort::Error::result_from_status(status) }
}

/// Bounds the memory that the tensors of all sessions with environment allocators take. Once per environment.
pub fn bound_memory(environment: &Environment, bytes: usize) -> ort::Result<()> {
    let api = ort::api();
    // Memory is taken as it is needed, not in powers of two.
    let keys = [c"max_mem".as_ptr(), c"arena_extend_strategy".as_ptr()];
    let values = [bytes, 1];
    let (mut arena, mut memory) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: arrays of as many entries as said; the library copies both descriptions.
    unsafe {
        checked((api.CreateArenaCfgV2)(keys.as_ptr(), values.as_ptr(), keys.len(), &mut arena))?;
        let made =
            checked((api.CreateCpuMemoryInfo)(sys::OrtAllocatorType::OrtArenaAllocator, sys::OrtMemType::OrtMemTypeDefault, &mut memory));
        let registered = made.and_then(|()| {
            let result = checked((api.CreateAndRegisterAllocator)(environment.ptr().cast_mut(), memory, arena));
            (api.ReleaseMemoryInfo)(memory);
            result
        });
        (api.ReleaseArenaCfg)(arena);
        registered
    }
}

/// A session, with the bytes that its large tensors lie in, where it has not mapped a file.
pub struct Opened {
    // In this order they go: the session reads the bytes.
    session: Session,
    _bytes: Option<Vec<u8>>,
}

impl Opened {
    /// Opens a model. Tensors that it says to lie in the file `name` lie in `bytes`, if they are given.
    pub fn open(mut builder: SessionBuilder, graph: &[u8], name: &CStr, bytes: Option<Vec<u8>>) -> ort::Result<Self> {
        if let Some(bytes) = &bytes {
            let (names, starts, lengths) = ([name.as_ptr()], [bytes.as_ptr().cast::<c_char>().cast_mut()], [bytes.len()]);
            // SAFETY: arrays of one entry; the library copies the name, and only reads the bytes, which outlive the session.
            unsafe {
                let add = ort::api().AddExternalInitializersFromMemory;
                checked(add(builder.ptr_mut(), names.as_ptr(), starts.as_ptr(), lengths.as_ptr(), 1))?;
            }
        }
        Ok(Self { session: builder.commit_from_memory(graph)?, _bytes: bytes })
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// The execution providers that the library was built with.
pub fn providers() -> ort::Result<Vec<String>> {
    let (mut names, mut count) = (ptr::null_mut(), 0);
    let api = ort::api();
    // SAFETY: the library gives so many NUL-terminated strings, which are copied and given back.
    unsafe {
        checked((api.GetAvailableProviders)(&mut names, &mut count))?;
        let found = (0..count as usize).map(|place| CStr::from_ptr(*names.add(place)).to_string_lossy().into_owned()).collect();
        checked((api.ReleaseAvailableProviders)(names, count))?;
        Ok(found)
    }
}
