//! Compiles the kernels: for cards where the program is built for them, for the host where they are
//! to be tested.

fn main() {
    println!("cargo::rerun-if-changed=kernels");
    #[cfg(feature = "cuda")]
    for_cards();
    #[cfg(feature = "host")]
    for_the_host();
}

/// To the assembly that a driver translates for its card. `CUDA_COMPUTE_CAP` says how old a card
/// may be.
#[cfg(feature = "cuda")]
fn for_cards() {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"))
        .join("ptx.rs");
    let built =
        cudaforge::KernelBuilder::new().source_files(["kernels/kernels.cu"]).arg("-O3").build_ptx();
    if let Err(error) = built.and_then(|ptx| ptx.write(&out)) {
        panic!(
            "cannot compile the kernels for CUDA (is nvcc there, and does CUDA_ROOT name its \
             toolkit?): {error}"
        );
    }
}

#[cfg(feature = "host")]
fn for_the_host() {
    cc::Build::new()
        .file("kernels/host.c")
        .include("kernels")
        .opt_level(2)
        .flag_if_supported("-fno-strict-aliasing")
        .compile("impasto_kernels_on_host");
}
