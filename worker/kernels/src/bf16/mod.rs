//! The bf16 pass: features and weights rounded to bf16, sums in fp32.

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod emulator;
