//! Which files of a model are the same picture: those of one texture, in several formats, and
//! copies. They share a place, so that they stay the same picture.

use std::collections::BTreeMap;

use crate::{AssetErrorKind, Wrap};

/// Files that are joined to groups. A group is named by its first file.
#[derive(Debug)]
pub(super) struct Twins {
    parents: Vec<usize>,
}

/// What copies of a file have in common, beside all of their bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Traces {
    pub bytes: u64,
    /// Some of them; files that differ do so here, as a rule.
    pub sample: Vec<u8>,
    /// Of the file's group: what the surfaces show beyond a side changes how it is painted.
    pub wraps: [Wrap; 2],
    /// Of the file's group: whether the whole has alpha is then the same with and without copies.
    pub alpha: bool,
}

const SAMPLE_BYTES: usize = 64;

impl Twins {
    /// Joins the files of each texture that are of the same size.
    pub(super) fn of_textures(
        sizes: &[(u32, u32)],
        textures: &BTreeMap<usize, Vec<usize>>,
    ) -> Self {
        let mut twins = Self { parents: (0..sizes.len()).collect() };
        for of_one in textures.values() {
            let mut firsts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
            for &at in of_one {
                let Some(size) = sizes.get(at) else { continue };
                let known = *firsts.entry(*size).or_insert(at);
                twins.join(known, at);
            }
        }
        twins
    }

    /// Joins the files that are the same, byte for byte. At a time, only files with the same traces
    /// are held in memory.
    pub(super) fn join_copies(
        &mut self,
        traces: Vec<Traces>,
        mut read: impl FnMut(usize) -> Result<Vec<u8>, AssetErrorKind>,
    ) -> Result<(), AssetErrorKind> {
        let mut alike: BTreeMap<Traces, Vec<usize>> = BTreeMap::new();
        for (at, traces) in traces.into_iter().enumerate() {
            alike.entry(traces).or_default().push(at);
        }
        for files in alike.into_values().filter(|files| files.len() > 1) {
            let mut known: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
            for at in files {
                let first = *known.entry(read(at)?).or_insert(at);
                self.join(first, at);
            }
        }
        Ok(())
    }

    /// The first file of a file's group.
    pub(super) fn first(&mut self, mut at: usize) -> usize {
        // With the ways shortened, so that long chains stay cheap.
        while let Some(&parent) = self.parents.get(at)
            && parent != at
        {
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(own) = self.parents.get_mut(at) {
                *own = above;
            }
            at = above;
        }
        at
    }

    /// That of each file.
    pub(super) fn firsts(&mut self) -> Vec<usize> {
        (0..self.parents.len()).map(|at| self.first(at)).collect()
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if let Some(parent) = self.parents.get_mut(one.max(other)) {
            *parent = one.min(other);
        }
    }
}

/// Bytes of the middle of a file: its head may be that of many.
pub(super) fn sample(bytes: &[u8]) -> Vec<u8> {
    let start = (bytes.len() / 2).min(bytes.len().saturating_sub(SAMPLE_BYTES));
    bytes.iter().skip(start).take(SAMPLE_BYTES).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_by_their_first_file() {
        let check = |sizes: &[u32], textures: &[&[usize]], files: &[&str], expected: &[usize]| {
            let sizes: Vec<(u32, u32)> = sizes.iter().map(|side| (*side, 9)).collect();
            let textures = textures.iter().map(|files| files.to_vec()).enumerate().collect();
            let mut twins = Twins::of_textures(&sizes, &textures);
            let traces = files.iter().map(|file| Traces {
                bytes: file.len() as u64,
                sample: sample(file.as_bytes()),
                wraps: [Wrap::Repeat; 2],
                alpha: false,
            });
            let read = |at: usize| Ok(files[at].as_bytes().to_vec());
            twins.join_copies(traces.collect(), read).expect("all can be read");
            assert_eq!(twins.firsts(), expected, "{sizes:?} {files:?}");
        };
        check(&[], &[], &[], &[]);
        check(&[4, 4, 4], &[&[0], &[1], &[2]], &["a", "b", "c"], &[0, 1, 2]);
        check(&[4, 4, 4], &[&[0, 2], &[1]], &["a", "b", "c"], &[0, 1, 0]);
        check(&[4, 4, 8], &[&[0, 2], &[1]], &["a", "b", "c"], &[0, 1, 2]);
        check(&[4, 4, 4], &[&[0], &[1], &[2]], &["a", "b", "a"], &[0, 1, 0]);
        // A chain of both.
        check(&[4; 4], &[&[2, 3], &[0], &[1]], &["a", "b", "a", "b"], &[0, 1, 0, 1].map(|_| 0));
        // The same length and sample, though not the same bytes.
        let [one, other] = ["x", "y"].map(|first| format!("{first}{}", "z".repeat(200)));
        check(&[4; 3], &[&[0], &[1], &[2]], &[&one, &other, &one], &[0, 1, 0]);
    }

    #[test]
    fn only_files_with_the_same_traces_are_read() {
        let mut twins = Twins::of_textures(&[(1, 1); 4], &BTreeMap::new());
        let traces = [(5, Wrap::Repeat), (5, Wrap::Clamp), (6, Wrap::Repeat), (5, Wrap::Repeat)];
        let traces = traces.into_iter().map(|(bytes, wrap)| Traces {
            bytes,
            sample: Vec::new(),
            wraps: [wrap, Wrap::Repeat],
            alpha: false,
        });
        let mut seen = Vec::new();
        let read = |at| {
            seen.push(at);
            Ok(vec![7; 5])
        };
        twins.join_copies(traces.collect(), read).expect("all can be read");
        assert_eq!((seen, twins.firsts()), (vec![0, 3], vec![0, 1, 2, 0]));
    }
}
