//! The files of recorded outputs.

use std::collections::BTreeMap;
use std::fs;

use impasto_types::{AssetPath, BlobRef};
use rayon::prelude::*;

use crate::fingerprint::{Fingerprint, fingerprint};
use crate::project::Project;
use crate::stamp::Stamp;
use crate::stat_cache::StatCache;

/// The files of some outputs.
#[derive(Debug, Default)]
pub struct Outputs {
    /// The outputs that exist and can be read.
    pub present: BTreeMap<AssetPath, BlobRef>,
    /// How many files had to be read because they were new or changed.
    pub digested: usize,
}

/// Examines the files of `outputs`, on several threads. An unchanged one costs one `stat`; others
/// are digested. Updates `cache`, which the caller has to save.
pub fn outputs_on_disk<'a>(
    project: &Project,
    outputs: impl IntoIterator<Item = &'a AssetPath>,
    cache: &mut StatCache,
) -> Outputs {
    let outputs: Vec<_> = outputs.into_iter().collect();
    let known = &*cache;
    let looks: Vec<Look> = outputs.par_iter().map(|output| look(project, output, known)).collect();
    let mut digested = 0;
    let present = outputs.into_iter().zip(looks).filter_map(|(output, look)| match look {
        Look::Missing => None,
        Look::Known(blob) => Some((output.clone(), blob)),
        Look::Digested(fresh) => {
            digested += 1;
            cache.put_output(output.clone(), fresh);
            Some((output.clone(), fresh.blob))
        }
    });
    let present: BTreeMap<_, _> = present.collect();
    // The cache knows all that are present; only if it knows more is there anything to drop.
    if cache.output_count() > present.len() {
        cache.retain_outputs(|output| present.contains_key(output));
    }
    Outputs { present, digested }
}

enum Look {
    /// No file, or one that cannot be read.
    Missing,
    Known(BlobRef),
    Digested(Fingerprint),
}

fn look(project: &Project, output: &AssetPath, known: &StatCache) -> Look {
    let file = project.path_of(output);
    let Ok(metadata) = fs::metadata(&file) else { return Look::Missing };
    match known.output(output, &Stamp::of(&metadata)) {
        Some(blob) => Look::Known(blob),
        None => {
            fingerprint(&file, || ()).map_or(Look::Missing, |(fresh, ())| Look::Digested(fresh))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::{TestProject, path};

    #[test]
    fn outputs_are_missing_or_present_with_any_content() {
        let test = TestProject::new();
        let output = path("stylized/a.png");
        let mut cache = StatCache::default();
        let mut look = || {
            let found = outputs_on_disk(test.project(), [&output], &mut cache);
            (found.present.get(&output).copied(), found.digested)
        };
        assert_eq!(look(), (None, 0));
        test.write("stylized/a.png", b"painted");
        assert_eq!(look(), (Some(BlobRef::of(b"painted")), 1));
        // Immediately, with the same length: such a fresh stamp is not trusted.
        test.write("stylized/a.png", b"PAINTED");
        assert_eq!(look(), (Some(BlobRef::of(b"PAINTED")), 1));
        fs::remove_file(test.project().path_of(&output)).expect("it is removed");
        assert_eq!(look(), (None, 0));
    }
}
