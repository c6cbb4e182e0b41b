//! Blobs, each named by its digest, and what actions came to.
//!
//! A blob is checked whenever it is written and whenever it is read. [`BlobStore`] and
//! [`ActionCache`] are asynchronous, as a store on another machine would be; today each stands on a
//! folder, [`LocalBlobs`] and [`LocalActions`], whose calls block. Several processes can share a
//! folder: a file appears by a rename, and two that write the same blob write the same bytes.
//!
//! What nobody has used for long goes ([`Expiry`]), but never a blob that somebody holds
//! ([`Hold`]).
//!
//! This crate does not know what a blob contains, speaks no wire format and schedules nothing: when
//! blobs expire and which of them are held is decided by its callers.

mod action_cache;
mod age;
mod blob_reader;
mod blob_store;
mod blob_writer;
mod blocking;
mod entry;
mod error;
mod expiry;
mod hold;
mod inventory;
mod last_use;
mod lent;
mod limits;
mod local_actions;
mod local_blobs;
mod removal;

pub use action_cache::ActionCache;
pub use age::{Age, AgeError};
pub use blob_reader::BlobReader;
pub use blob_store::{BlobSink, BlobSource, BlobStore};
pub use blob_writer::BlobWriter;
pub use blocking::blocking;
pub use error::{ActionCacheError, BlobStoreError, ExpiryError};
pub use expiry::{Expired, Expiry};
pub use hold::Hold;
pub use inventory::{Count, Inventory};
pub use limits::CacheLimits;
pub use local_actions::LocalActions;
pub use local_blobs::LocalBlobs;
pub use removal::{Prefix, PrefixError, Removed, remove};

/// How much of a blob is read or written at a time: large enough that calls cost nothing beside the
/// bytes, small enough to be sent as one message.
pub const CHUNK_BYTES: usize = 256 << 10;
