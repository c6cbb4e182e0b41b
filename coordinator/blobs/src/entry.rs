//! The stored form of a result: `{"version": 1, "action": .., "result": ..}`.
//!
//! Fields can be added without a new version, since readers ignore unknown fields. A change that
//! older readers would misread raises [`VERSION`]. Entries of newer versions, and those whose
//! result this program cannot read, are kept; only files that are not entries count as damaged.

use impasto_types::{Digest, TaskResult};
use serde::{Deserialize, Serialize};

/// The version of the entries that this program writes.
const VERSION: u32 = 1;

/// A file of the action cache.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    Result(Box<TaskResult>),
    /// Written by a newer version of this program.
    Newer,
    /// An entry of this version with a result that cannot be read.
    Unreadable,
    /// Not an entry, or that of another action.
    Damaged,
}

/// An entry names its action, so that a moved or copied file is not used for another action.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    action: Digest,
    result: &'a TaskResult,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
    action: Digest,
}

#[derive(Deserialize)]
struct Body {
    result: TaskResult,
}

pub(crate) fn write(action: Digest, result: &TaskResult) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Written { version: VERSION, action, result })
}

pub(crate) fn read(bytes: &[u8], action: Digest) -> Entry {
    match serde_json::from_slice::<Head>(bytes) {
        Ok(head) if head.action != action => Entry::Damaged,
        Ok(head) if head.version > VERSION => Entry::Newer,
        Ok(_) => match serde_json::from_slice::<Body>(bytes) {
            Ok(body) => Entry::Result(Box::new(body.result)),
            Err(_) => Entry::Unreadable,
        },
        Err(_) => Entry::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{BlobRef, Losses, Output, RunReport};

    use super::*;

    const ACTION: Digest = Digest::from_bytes([0x11; 32]);

    fn stored(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/stored/0.1.0/actions");
        std::fs::read(std::path::Path::new(folder).join(name)).expect("it is there")
    }

    fn result() -> TaskResult {
        let blob = BlobRef { digest: Digest::from_bytes([0x22; 32]), size_bytes: 7 };
        let report = RunReport {
            iterations: 40,
            losses: Some(Losses { total: 1.25, content: 1.0, style: 0.25 }),
            compute_ms: 10,
            device: "cpu scalar fp32".to_owned(),
            warning: None,
        };
        TaskResult { outputs: vec![Output::picture(blob, 2, 3)], report }
    }

    #[test]
    fn entries_of_every_version_are_read() {
        for name in ["entry.json", "unknown-fields.json"] {
            let entry = read(&stored(name), ACTION);
            assert_eq!(entry, Entry::Result(Box::new(result())), "{name}");
        }
        assert_eq!(read(&stored("newer.json"), ACTION), Entry::Newer);
    }

    #[test]
    fn entries_are_written_as_in_version_0_1_0() {
        let written = write(ACTION, &result()).expect("it is written");
        assert_eq!(written, stored("entry.json").trim_ascii_end());
    }
}
