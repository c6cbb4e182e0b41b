//! Compiles `impasto/v1/*.proto` without `protoc`, and stores the descriptors for the server's
//! reflection.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 4] = [
    "impasto/v1/common.proto",
    "impasto/v1/blobs.proto",
    "impasto/v1/jobs.proto",
    "impasto/v1/workers.proto",
];

/// Fields that carry a blob's bytes: as `Bytes` they are not copied.
const BYTES: [&str; 3] = [
    ".impasto.v1.UploadRequest.data",
    ".impasto.v1.DownloadResponse.data",
    ".impasto.v1.SmallBlob.data",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=impasto");
    let descriptors = protox::compile(FILES, ["."])?;
    let out =
        PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR for build scripts")?);
    std::fs::write(out.join("impasto.v1.descriptors"), descriptors.encode_to_vec())?;
    let mut builder = tonic_prost_build::configure().codec_path("crate::codec::Checked");
    for field in BYTES {
        builder = builder.bytes(field);
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
