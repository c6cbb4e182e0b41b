//! The messages between clients, coordinator and workers.
//!
//! [`v1`] is generated from `impasto/v1/*.proto`. [`from_proto`] checks messages and converts them
//! to `impasto-types`, [`to_proto`] converts back: no other code reads a message that stands for
//! one of these types. [`client`] calls a coordinator. This crate has no server and makes no
//! decisions.

pub mod client;
mod codec;
mod field_error;
pub mod from_proto;
pub mod limits;
mod text;
pub mod to_proto;
mod words;

pub use field_error::FieldError;

/// The generated messages, clients and servers.
#[allow(clippy::all, clippy::pedantic, missing_debug_implementations, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("impasto.v1");
}

/// The descriptors of `impasto/v1/*.proto`, encoded, for a server's reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/impasto.v1.descriptors"));
