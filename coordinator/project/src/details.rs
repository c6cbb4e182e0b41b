//! The actions of recorded outputs, from which a plan derives why an output is stale.
//!
//! This is a cache beside the committable record, which has only the digests of actions. Every
//! build and every survey adds the actions that it knows. The file is read only if something is
//! stale, since it is much larger than the record.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use impasto_planner::RecordDetails;
use impasto_types::{AssetPath, Digest};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};

const FILE: &str = "details.jsonl";

/// Raised when lines of older files would be misread.
const VERSION: u32 = 1;

/// The first line identifies what the other lines were written for, so that unchanged details are
/// not written again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    version: u32,
    /// The digest of the record's file that the lines belong to.
    lockfile: Digest,
    /// The digest of the names of the outputs whose actions were known.
    known: Digest,
}

impl Header {
    pub(crate) fn new<'a>(
        lockfile: Digest,
        known: impl IntoIterator<Item = &'a AssetPath>,
    ) -> Self {
        let mut names = blake3::Hasher::new();
        for output in known {
            names.update(output.as_str().as_bytes()).update(b"\n");
        }
        Self { version: VERSION, lockfile, known: Digest::of_hasher(&names) }
    }
}

#[derive(Serialize, Deserialize)]
struct Line<O, D> {
    output: O,
    details: D,
}

/// The header of the project's details; `None` if there are none.
pub(crate) fn header(project: &Project) -> Option<Header> {
    open(&project.state_file(FILE)).ok().map(|(header, _)| header)
}

/// The details of the outputs that `wanted` accepts; empty if the file cannot be read.
pub(crate) fn read(
    project: &Project,
    wanted: impl Fn(&AssetPath) -> bool,
) -> BTreeMap<AssetPath, RecordDetails> {
    let Ok((_, lines)) = open(&project.state_file(FILE)) else { return BTreeMap::new() };
    let lines = lines.lines().map_while(Result::ok);
    let read = |line: String| {
        // Most lines are not wanted, so the action is parsed only for those that are.
        let Line { output, details: IgnoredAny } = serde_json::from_str(&line).ok()?;
        if !wanted(&output) {
            return None;
        }
        let Line { output, details } = serde_json::from_str(&line).ok()?;
        Some((output, details))
    };
    lines.filter_map(read).collect()
}

fn open(path: &Path) -> io::Result<(Header, BufReader<File>)> {
    let mut lines = BufReader::new(File::open(path)?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let header: Header = serde_json::from_str(&first)?;
    if header.version == VERSION {
        Ok((header, lines))
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Writes the details of the outputs in a record.
pub(crate) fn write(
    project: &Project,
    header: &Header,
    details: &BTreeMap<AssetPath, RecordDetails>,
) -> Result<(), ReplaceError> {
    let path = project.state_file(FILE);
    let other = |source| ReplaceError::Other { path: path.clone(), source };
    let render = || -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(header)?;
        for (output, details) in details {
            bytes.push(b'\n');
            serde_json::to_writer(&mut bytes, &Line { output, details })?;
        }
        bytes.push(b'\n');
        Ok(bytes)
    };
    let bytes = render().map_err(|error| other(error.into()))?;
    project.make_state_dir(&path).map_err(other)?;
    replace_file(&path, &bytes).map(drop)
}
