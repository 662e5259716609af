//! Compiles the kernels for the host, and drivers without a device.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn compiler() -> cc::Build {
    let mut build = cc::Build::new();
    // Sums must not depend on what the processor can fuse.
    build.cpp(true).std("c++17").opt_level(2).flag("-ffp-contract=off").flag("-Wno-unknown-pragmas");
    build
}

fn main() {
    println!("cargo::rerun-if-changed=../../kernels");
    println!("cargo::rerun-if-changed=../../tests/gpu/driver.cpp");
    compiler().file("../../kernels/host.cpp").compile("pg_recommend_kernels");
    let drivers = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("drivers");
    let broken = drivers.join("broken.cpp");
    fs::create_dir_all(&drivers).expect("a folder");
    fs::write(&broken, "extern \"C\" int cuInit(unsigned) { return 0; }\n").expect("a file");
    library(&drivers.join("stub"), &["../../kernels/host.cpp".as_ref(), "../../tests/gpu/driver.cpp".as_ref()]);
    library(&drivers.join("broken"), &[&broken]);
    println!("cargo::rustc-env=PG_RECOMMEND_DRIVERS={}", drivers.display());
}

/// Compiles sources to a libcuda.so in a folder.
fn library(folder: &Path, sources: &[&Path]) {
    fs::create_dir_all(folder).expect("a folder");
    let mut command = compiler().get_compiler().to_command();
    let done = command.args(["-shared", "-fPIC", "-o"]).arg(folder.join("libcuda.so")).args(sources).status();
    assert!(done.expect("a compiler").success(), "the driver for tests compiles");
}
