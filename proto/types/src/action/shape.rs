//! Digests of many actions that differ only in their inputs.

use std::fmt::Write;

use super::{Action, Input, InputRef};
use crate::{BlobRef, Digest};

/// What such actions share, written once. A project has few shapes and many assets, and the
/// canonical form of a whole action takes a hundred times as long as its digest.
///
/// In the canonical form `inputs` comes first, since keys are sorted; what is kept here is the
/// rest.
#[derive(Debug, Clone)]
pub struct ActionShape {
    /// The line with the form's version, and the `{`.
    head: String,
    /// From the key after `inputs` to the end.
    tail: String,
}

impl ActionShape {
    /// The shape of `action`, whose own inputs do not matter.
    pub fn of(action: &Action) -> Self {
        let bare = Action { inputs: Vec::new(), ..action.clone() };
        let canonical = String::from_utf8(bare.canonical()).expect("JSON is text");
        let (head, tail) = canonical.split_once('{').expect("an action is an object");
        Self { head: format!("{head}{{"), tail: tail.to_owned() }
    }

    /// [`Action::digest`] of the action that has these inputs.
    pub fn digest(&self, inputs: &[Input]) -> Digest {
        Digest::of(self.canonical(inputs).as_bytes())
    }

    fn canonical(&self, inputs: &[Input]) -> String {
        // A blob in its canonical form takes about 130 bytes.
        let room = self.head.len() + 16 + 160 * inputs.len() + self.tail.len();
        let mut text = String::with_capacity(room);
        text.push_str(&self.head);
        for (place, input) in inputs.iter().enumerate() {
            text.push_str(if place == 0 { r#""inputs":["# } else { "," });
            push(&mut text, input);
        }
        text.push_str(if inputs.is_empty() { "" } else { "]," });
        text.push_str(&self.tail);
        text
    }
}

/// Adds an input in its canonical form.
fn push(text: &mut String, Input { part, source }: &Input) {
    let written = match source {
        InputRef::Blob(BlobRef { digest, size_bytes }) => write!(
            text,
            r#"{{"blob":{{"digest":"{digest}","size_bytes":{size_bytes}}},"part":"{part}"}}"#
        ),
        InputRef::Output { action, output } => {
            write!(
                text,
                r#"{{"output":{{"action":"{action}","output":"{output}"}},"part":"{part}"}}"#
            )
        }
    };
    written.expect("a string takes all text");
}
