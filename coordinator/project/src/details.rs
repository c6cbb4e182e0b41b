//! The actions of recorded outputs, from which a plan derives why an output is stale.
//!
//! This is a cache beside the committable record, which has only the digests of actions. Every
//! build and every survey adds the actions that it knows. The file is read only if something is
//! stale, since it is much larger than the record.
//!
//! Thousands of actions differ only in their inputs. So what they share, a *form*, is a line of its
//! own before the first output that has it. The line of an output has the form's number, counted
//! from 0, and the inputs.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use impasto_planner::{PlannedTask, RecordDetails};
use impasto_types::{Action, AssetPath, Digest, Input};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::replace::{ReplaceError, replace_file};

const FILE: &str = "details.jsonl";

/// Raised when lines of older files would be misread. The lines of version 1, which was never
/// released, had whole actions.
const VERSION: u32 = 2;

/// The first line identifies what the other lines were written for, so that unchanged details are
/// not written again.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    version: u32,
    /// The digest of the record's file that the lines belong to.
    lockfile: Digest,
    /// The digest of the names of the outputs whose actions were known.
    known: Digest,
    /// Whether every output of the record has its line.
    #[serde(default)]
    complete: bool,
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
        let known = Digest::of_hasher(&names);
        Self { version: VERSION, lockfile, known, complete: false }
    }

    /// The header of lines that are, or are not, those of every output.
    pub(crate) fn complete(self, complete: bool) -> Self {
        Self { complete, ..self }
    }

    /// Whether nothing can be added for this record.
    pub(crate) fn is_complete_for(&self, lockfile: Digest) -> bool {
        self.complete && self.lockfile == lockfile
    }

    /// Whether the lines were written for the same record and outputs.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.lockfile, self.known) == (other.lockfile, other.known)
    }
}

/// The line of an output.
#[derive(Serialize, Deserialize)]
struct Line<O, I> {
    output: O,
    form: usize,
    inputs: I,
}

/// What tells the line of an output from that of a form.
#[derive(Deserialize)]
struct Kind {
    output: Option<IgnoredAny>,
}

/// The details of an output that are to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detail<'a> {
    style: &'a str,
    /// The action, of which inputs do not count.
    form: &'a Action,
    inputs: &'a [Input],
}

impl<'a> From<&'a PlannedTask> for Detail<'a> {
    fn from(task: &'a PlannedTask) -> Self {
        let (form, inputs) = task.recorded_action();
        Self { style: task.style(), form, inputs }
    }
}

impl<'a> From<&'a RecordDetails> for Detail<'a> {
    fn from(RecordDetails { style, action }: &'a RecordDetails) -> Self {
        Self { style, form: action, inputs: &action.inputs }
    }
}

impl Detail<'_> {
    fn bare(&self) -> RecordDetails {
        let action = Action { inputs: Vec::new(), ..self.form.clone() };
        RecordDetails { style: self.style.to_owned(), action }
    }
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
    let mut forms: Vec<Option<RecordDetails>> = Vec::new();
    let mut details = BTreeMap::new();
    for line in lines.lines().map_while(Result::ok) {
        let is_output = serde_json::from_str(&line).is_ok_and(|Kind { output }| output.is_some());
        if is_output {
            details.extend(output_of(&line, &forms, &wanted));
        } else {
            // A form that cannot be read still has its number.
            forms.push(serde_json::from_str(&line).ok());
        }
    }
    details
}

/// The output of a line, if it is wanted and can be read.
fn output_of(
    line: &str,
    forms: &[Option<RecordDetails>],
    wanted: impl Fn(&AssetPath) -> bool,
) -> Option<(AssetPath, RecordDetails)> {
    // Most outputs are not wanted, so inputs are parsed only for those that are.
    let Line { output, form, inputs: IgnoredAny } = serde_json::from_str(line).ok()?;
    if !wanted(&output) {
        return None;
    }
    let Line { output: IgnoredAny, form: _, inputs } = serde_json::from_str(line).ok()?;
    let RecordDetails { style, action } = forms.get::<usize>(form)?.as_ref()?;
    let action = Action { inputs, ..action.clone() };
    Some((output, RecordDetails { style: style.clone(), action }))
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
pub(crate) fn write<'a>(
    project: &Project,
    header: &Header,
    details: impl Iterator<Item = (&'a AssetPath, Detail<'a>)>,
) -> Result<(), ReplaceError> {
    let path = project.state_file(FILE);
    let other = |source| ReplaceError::Other { path: path.clone(), source };
    let bytes = render(header, details).map_err(|error| other(error.into()))?;
    project.make_state_dir(&path).map_err(other)?;
    replace_file(&path, &bytes).map(drop)
}

fn render<'a>(
    header: &Header,
    details: impl Iterator<Item = (&'a AssetPath, Detail<'a>)>,
) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(header)?;
    let mut places: HashMap<String, usize> = HashMap::new();
    // The output before: most often the next has the same form, and as the same value.
    let mut last: Option<(Detail<'_>, usize)> = None;
    for (output, detail) in details {
        let is_same = |before: &Detail<'_>| {
            std::ptr::eq(before.form, detail.form) && before.style == detail.style
        };
        let form = match last.filter(|(before, _)| is_same(before)) {
            Some((_, place)) => place,
            None => {
                let text = serde_json::to_string(&detail.bare())?;
                let next = places.len();
                *places.entry(text).or_insert_with_key(|text| {
                    bytes.push(b'\n');
                    bytes.extend_from_slice(text.as_bytes());
                    next
                })
            }
        };
        bytes.push(b'\n');
        serde_json::to_writer(&mut bytes, &Line { output, form, inputs: detail.inputs })?;
        last = Some((detail, form));
    }
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use impasto_types::{BlobRef, Part};

    use super::*;
    use crate::test_project::{TestProject, details, path};

    #[test]
    fn actions_that_share_a_form_take_only_their_inputs() {
        let test = TestProject::new();
        let outputs: Vec<AssetPath> = (0..100).map(|n| path(&format!("out/{n:03}.png"))).collect();
        let details: BTreeMap<AssetPath, RecordDetails> = outputs
            .iter()
            .enumerate()
            .map(|(number, output)| {
                let mut details = details();
                let content = BlobRef::of(output.as_str().as_bytes());
                details.action.inputs = vec![Input::blob(Part::Color, content)];
                details.action.outputs[0].quality = [90, 80][number % 2];
                (output.clone(), details)
            })
            .collect();
        let borrowed = details.iter().map(|(output, it)| (output, Detail::from(it)));
        let header = Header::new(Digest::of(b"record"), &outputs).complete(true);
        write(test.project(), &header, borrowed).expect("they are written");
        assert_eq!(read(test.project(), |_| true), details);
        assert_eq!(read(test.project(), |output| *output == outputs[7]).len(), 1);

        let text = std::fs::read_to_string(test.project().state_file(FILE)).expect("it is text");
        assert_eq!(text.lines().count(), 1 + 2 + 100, "a header, two forms, the outputs");
        assert!(text.len() < 250 * 100, "{} bytes", text.len());
    }

    #[test]
    fn lines_that_cannot_be_read_are_left_out() {
        let test = TestProject::new();
        let file = test.project().state_file(FILE);
        let read_of = |lines: &str| {
            test.project().make_state_dir(&file).expect("it is made");
            let header = serde_json::to_string(&Header::new(Digest::of(b""), [])).expect("a line");
            std::fs::write(&file, format!("{header}\n{lines}\n")).expect("it is written");
            read(test.project(), |_| true).into_keys().collect::<Vec<_>>()
        };
        let form = serde_json::to_string(&details()).expect("a line");
        let output =
            |name: &str, form: usize| format!(r#"{{"output":"{name}","form":{form},"inputs":[]}}"#);
        let (a, b) = (output("a.png", 0), output("b.png", 1));
        assert_eq!(read_of(&format!("{form}\n{a}\n{b}")), [path("a.png")], "no such form");
        assert_eq!(read_of(&format!("{{\n{form}\n{a}\n{b}")), [path("b.png")], "a broken form");
        let outside = output("../a.png", 0);
        assert_eq!(read_of(&format!("{form}\n{a}\n{outside}")), [path("a.png")]);
    }
}
