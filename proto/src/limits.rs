//! How large anything on the wire may be. Both ends hold these, so that neither allocates by the
//! other's word.

/// The largest message: room for a full chunk or a batch of tasks, with as much again to spare.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// How much of a blob one message carries: large enough that framing costs nothing, small enough
/// that progress and cancellation are prompt.
pub const CHUNK_BYTES: usize = 256 << 10;

/// What a receiver sets aside for a blob before its bytes arrive, whatever length was announced.
pub const INITIAL_CAPACITY_BYTES: usize = 1 << 20;

/// Tasks of one job.
pub const MAX_TASKS: usize = 100_000;

/// Tasks of one `Submit` message. A task of a few files takes about 1.5 KB; senders begin a new
/// message before [`SUBMIT_MESSAGE_BYTES`] as well, since tasks of many files take more.
pub const TASKS_PER_MESSAGE: usize = 500;

/// How large a `Submit` message grows before the next one begins.
pub const SUBMIT_MESSAGE_BYTES: usize = 1 << 20;

/// Digests or blobs in one question or answer: 10,000 of them take half a megabyte.
pub const DIGESTS_PER_MESSAGE: usize = 10_000;

/// Leases that one worker can hold or name at once.
pub const MAX_LEASES: usize = 1024;

/// Methods of one worker: more than anyone has invented so far.
pub const MAX_METHODS: usize = 64;

/// A job's key or a project's name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// A message for people, in bytes; longer ones are cut.
pub const MAX_TEXT_BYTES: usize = 4096;

/// A device's description, in bytes.
pub const MAX_DEVICE_BYTES: usize = 128;

/// Devices of one worker: four times the cards of the largest machines.
pub const MAX_DEVICES: usize = 64;

const _: () = assert!(CHUNK_BYTES * 2 < MAX_MESSAGE_BYTES);
const _: () = assert!(SUBMIT_MESSAGE_BYTES * 2 < MAX_MESSAGE_BYTES);
const _: () = assert!(DIGESTS_PER_MESSAGE * 64 < MAX_MESSAGE_BYTES);
