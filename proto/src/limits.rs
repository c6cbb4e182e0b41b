//! Size limits of messages. Both ends check them, so that neither allocates whatever the other
//! announces.

use impasto_types::{MAX_INPUTS, MAX_MODELS, MAX_STYLES};

/// The largest message: twice a full chunk or a batch of tasks.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// How much of a blob one message carries: large enough that framing costs nothing, small enough
/// for prompt progress and cancellation.
pub const CHUNK_BYTES: usize = 256 << 10;

/// The largest blob that may travel with others in one message: a chunk. A message of them is full
/// once it has as many bytes.
pub const SMALL_BLOB_BYTES: usize = CHUNK_BYTES;

/// The most small blobs of one call: they take seconds, so that little is lost with a call.
pub const SMALL_BLOBS: usize = 1_000;

/// The most that a receiver allocates for a blob before its bytes arrive, whatever length was
/// announced.
pub const INITIAL_CAPACITY_BYTES: usize = 1 << 20;

/// The most tasks of one job.
pub const MAX_TASKS: usize = 100_000;

/// The most tasks of one `Submit` message. A task of a few files takes about 1.5 KB. As tasks of
/// many files take more, senders also begin a new message at [`SUBMIT_MESSAGE_BYTES`].
pub const TASKS_PER_MESSAGE: usize = 40;

/// The size at which senders begin the next `Submit` message.
pub const SUBMIT_MESSAGE_BYTES: usize = 64 << 10;

/// The most digests or blobs in a request or answer: 10,000 of them take half a megabyte.
pub const DIGESTS_PER_MESSAGE: usize = 10_000;

/// The most blobs that one task reads: its inputs, styles and models.
pub const MAX_BLOBS_OF_TASK: usize = MAX_INPUTS + MAX_STYLES + MAX_MODELS;

pub use impasto_types::MAX_LEASES;

/// The most methods of a worker: far more than exist.
pub const MAX_METHODS: usize = 64;

/// The longest job key or project name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// The longest message for people, in bytes; longer ones are truncated.
pub const MAX_TEXT_BYTES: usize = 4096;

/// The longest device description, in bytes.
pub const MAX_DEVICE_BYTES: usize = 128;

/// The most devices of a worker: four times the GPUs of the largest machines.
pub const MAX_DEVICES: usize = 64;

const _: () = assert!(CHUNK_BYTES * 2 < MAX_MESSAGE_BYTES);
const _: () = assert!(2 * SMALL_BLOB_BYTES + SMALL_BLOBS * 64 < MAX_MESSAGE_BYTES);
const _: () = assert!(SUBMIT_MESSAGE_BYTES * 2 < MAX_MESSAGE_BYTES);
const _: () = assert!(DIGESTS_PER_MESSAGE * 64 < MAX_MESSAGE_BYTES);
