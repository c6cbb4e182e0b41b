//! Content-addressed blobs, and the results of actions.
//!
//! A blob is verified on every write and read. [`BlobStore`] and [`ActionCache`] are asynchronous,
//! as a store on another machine would be; today each uses a folder, [`LocalBlobs`] and
//! [`LocalActions`], whose calls block. Several processes can share a folder: files appear by a
//! rename, and two processes that write the same blob write the same bytes.
//!
//! Files that were not used for long expire ([`Expiry`]), but never a blob that is held ([`Hold`]).
//!
//! This crate does not know what blobs contain, has no wire format and schedules nothing: callers
//! decide when blobs expire and which are held.

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
pub use local_actions::{LocalActions, Peeked};
pub use local_blobs::LocalBlobs;
pub use removal::{Prefix, PrefixError, Removed, remove};

/// How much of a blob is read or written at a time: large enough that the cost of calls does not
/// matter, small enough for one message.
pub const CHUNK_BYTES: usize = 256 << 10;
