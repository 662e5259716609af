//! Compiles the kernels for the host where the feature `simulated` asks for that.

fn main() {
    println!("cargo::rerun-if-changed=../../kernels");
    #[cfg(feature = "simulated")]
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("../../kernels/host.cpp")
        .opt_level(2)
        // Sums must not depend on what the processor can fuse.
        .flag("-ffp-contract=off")
        .flag("-Wno-unknown-pragmas")
        .compile("pg_recommend_kernels");
}
