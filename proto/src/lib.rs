//! What goes over the wire between clients, coordinator and workers.
//!
//! [`v1`] is generated from `impasto/v1/*.proto`. Its messages stop at [`from_proto`], which checks
//! them, and start at [`to_proto`]: no other code looks into a message that stands for one of
//! `impasto-types`' words. [`client`] is what everyone who calls a coordinator shares. This crate
//! holds no server and makes no decision.

pub mod client;
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

/// The descriptors of `impasto/v1/*.proto`, encoded: what a server's reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/impasto.v1.descriptors"));
