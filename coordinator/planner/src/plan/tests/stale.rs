//! What makes an output stale, and the reasons given.

use std::collections::BTreeSet;

use impasto_types::{Action, BlobRef, ContainerFormat, Digest, Method};
use proptest::prelude::*;

use super::folder::{Folder, folder, header, path};
use crate::staleness::{Candidate, staleness};
use crate::{InputFile, Manifest, Reason, Record, Staleness, Verdict};

/// A change to a project since the last build, and the reason that a plan then gives for `a.jpg`.
struct Change {
    manifest: (&'static str, &'static str),
    folder: fn(&mut Folder),
    reason: &'static str,
}

/// The manifest of the last build. The changes are independent of each other.
const BEFORE: &str = "[project]\nname = \"x\"\n[styles.s]\n\
    images = [{ path = \"styles/day.jpg\", weight = 1.5 }, \"styles/sky.jpg\"]\n\
                      [[rules]]\nmatch = \"**\"\ninit = \"start.png\"\nstyle_weight = 5.1\nquality \
                      = 90\n";
const CHANGES: [Change; 13] = [
    Change {
        manifest: ("", ""),
        folder: |folder| folder.present.clear(),
        reason: "the output is missing",
    },
    Change {
        manifest: ("", ""),
        folder: |folder| folder.listing.assets[0].blob = BlobRef::of(b"other"),
        reason: "the asset changed",
    },
    Change {
        manifest: ("", ""),
        folder: |folder| change_input(folder, "styles/sky.jpg"),
        reason: "style image styles/sky.jpg changed",
    },
    Change {
        manifest: ("weight = 1.5", "weight = 2"),
        folder: |_| {},
        reason: "the weight of style image styles/day.jpg changed from 1.5 to 2",
    },
    Change {
        manifest: ("", ""),
        folder: |folder| change_input(folder, "start.png"),
        reason: "the init image changed",
    },
    Change {
        manifest: ("style_weight = 5.1", "style_weight = 6"),
        folder: |_| {},
        reason: "style_weight changed from 5.1 to 6.0",
    },
    Change {
        manifest: ("quality", "size = 48\nquality"),
        folder: |_| {},
        reason: "size changed from the asset's own to 48",
    },
    Change {
        manifest: ("quality", "style_layers = [1, 1, 0.5, 1, 1]\nquality"),
        folder: |_| {},
        reason: "style_layers changed from [1.0,1.0,1.0,1.0,1.0] to [1.0,1.0,0.5,1.0,1.0]",
    },
    Change {
        manifest: ("quality", "pooling = \"average\"\nquality"),
        folder: |_| {},
        reason: "pooling changed from \"max\" to \"average\"",
    },
    Change {
        manifest: ("", ""),
        folder: |folder| folder.models[0].blob = BlobRef::of(b"other weights"),
        reason: "model vgg19 changed",
    },
    Change {
        manifest: ("", ""),
        folder: |folder| {
            for record in folder.previous.values_mut() {
                change_record(record, |action| action.method_version = 0);
            }
        },
        reason: "method optimize changed from version 0 to 2",
    },
    Change {
        manifest: ("quality = 90", "quality = 91"),
        folder: |_| {},
        reason: "the quality changed from 90 to 91",
    },
    Change {
        manifest: ("name = \"x\"", "name = \"y\""),
        folder: |folder| {
            folder.listing.passed.images.push((path("else/3.png"), Verdict::Unmatched))
        },
        reason: "",
    },
];

fn change_record(record: &mut Record, change: impl FnOnce(&mut Action)) {
    let action = &mut record.details.as_mut().expect("it was built here").action;
    change(action);
    record.action_digest = action.digest();
}

fn change_input(folder: &mut Folder, name: &str) {
    let file = InputFile { blob: BlobRef::of(b"other"), header: header(name) };
    folder.inputs.insert(path(name), Ok(file));
}

/// A folder in which everything under `BEFORE` has just been built.
fn built() -> Folder {
    let mut folder = folder(&["a.jpg"]);
    let first = folder.plan(BEFORE).expect("it can be planned");
    assert_eq!(first.tasks[0].state, Staleness::Stale([Reason::NeverBuilt].into()));
    folder.build(&first);
    folder
}

proptest! {
    /// For any combination of changes, the reasons are exactly these changes, also after records
    /// were written and read.
    #[test]
    fn reasons_are_exactly_what_changed(chosen in prop::collection::vec(any::<bool>(),
        CHANGES.len())) {
        let mut folder = built();
        for record in folder.previous.values_mut() {
            let text = serde_json::to_string(&record.details).expect("details serialise");
            record.details = serde_json::from_str(&text).expect("details are read again");
        }
        let (mut manifest, mut expected) = (BEFORE.to_owned(), BTreeSet::new());
        for change in CHANGES.iter().zip(&chosen)
            .filter_map(|(change, chosen)| chosen.then_some(change)) {
            manifest = manifest.replacen(change.manifest.0, change.manifest.1, 1);
            (change.folder)(&mut folder);
            expected.extend((!change.reason.is_empty()).then(|| change.reason.to_owned()));
        }
        let plan = folder.plan(&manifest).expect("it can be planned");
        let found: BTreeSet<String> = match &plan.tasks[0].state {
            Staleness::UpToDate => BTreeSet::new(),
            Staleness::Stale(reasons) => reasons.iter().map(ToString::to_string).collect(),
        };
        prop_assert_eq!(found, expected);
        folder.build(&plan);
        prop_assert_eq!(&folder.plan(&manifest)
            .expect("it can be planned").tasks[0].state, &Staleness::UpToDate);
    }
}

#[test]
fn each_other_cause_gives_its_reason() {
    let state = |folder: &Folder, manifest: &str| match folder
        .plan(manifest)
        .expect("it can be planned")
        .tasks
        .remove(0)
        .state
    {
        Staleness::UpToDate => vec![],
        Staleness::Stale(reasons) => reasons.iter().map(ToString::to_string).collect(),
    };
    let mut edited = built();
    edited.present.insert(path("stylized/a.jpg"), BlobRef::of(b"by hand"));
    assert_eq!(state(&edited, BEFORE), ["the output was changed by something else"]);

    let built = built();
    let renamed = BEFORE.replace("[styles.s]", "[styles.t]");
    assert_eq!(
        state(&built, &renamed),
        [] as [&str; 0],
        "the same images under another name are the same style"
    );
    let replaced = renamed.replace("\"styles/sky.jpg\"", "\"styles/night.jpg\"");
    assert_eq!(state(&built, &replaced), ["the style changed from `s` to `t`"]);
    let fewer = BEFORE.replace(", \"styles/sky.jpg\"", "");
    assert_eq!(state(&built, &fewer), ["style `s` had 2 images and has 1"]);
    let in_one_pass = BEFORE
        .replace("init = \"start.png\"", "method = \"arbitrary\"")
        .replace("style_weight = 5.1\n", "");
    let reason = "method changed from \"optimize\" to \"arbitrary\"";
    assert_eq!(state(&built, &in_one_pass), [reason]);
    let from_content = BEFORE.replace("init = \"start.png\"", "init = \"content\"");
    assert_eq!(state(&built, &from_content), ["init changed from \"image\" to \"content\""]);

    let mut older = built.clone();
    older
        .previous
        .values_mut()
        .for_each(|record| record.action_digest = Digest::of(b"another form"));
    assert_eq!(state(&older, BEFORE), ["it was built by another version of Impasto"]);

    // A fresh clone knows only digests.
    let mut clone = built.clone();
    clone.previous.values_mut().for_each(|record| record.details = None);
    assert_eq!(state(&clone, BEFORE), [] as [&str; 0]);
    assert_eq!(
        state(&clone, &fewer),
        ["its asset, style, recipe or model changed since it was built"]
    );

    let mut other_asset = folder(&["b.jpg"]);
    other_asset.previous = built.previous.clone();
    other_asset.present = built.present.clone();
    let same_output =
        BEFORE.replace("name = \"x\"", "name = \"x\"\noutput = \"stylized/{dir}{stem}.{ext}\"");
    assert_eq!(state(&other_asset, &same_output), ["it was never built"]);
    let record = other_asset.previous.remove(&path("stylized/a.jpg")).expect("it was built");
    other_asset.present.insert(path("stylized/b.jpg"), record.output);
    let without_details = Record { details: None, ..record.clone() };
    for record in [record, without_details] {
        other_asset.previous.insert(path("stylized/b.jpg"), record);
        assert_eq!(state(&other_asset, BEFORE), ["it was made from a.jpg"]);
    }
}

#[test]
fn a_new_format_with_the_same_file_name_is_a_reason() {
    let mut folder = built();
    let record = folder.previous.values_mut().next().expect("it was built");
    change_record(record, |action| action.outputs[0].format = ContainerFormat::Tiff);
    let plan = folder.plan(BEFORE).expect("it can be planned");
    assert_eq!(
        plan.tasks[0].state,
        Staleness::Stale(
            [Reason::FormatChanged { from: ContainerFormat::Tiff, to: ContainerFormat::Jpeg }]
                .into()
        )
    );
}

#[test]
fn one_stale_output_makes_its_task_stale() {
    let manifest = Manifest::parse(BEFORE, "impasto.toml").expect("it is right");
    let task = built().plan(BEFORE).expect("it can be planned").tasks.remove(0);
    let now = Candidate {
        asset: &task.asset,
        style: manifest.style("s"),
        action: &task.form.action,
        inputs: &task.inputs,
        digest: task.action,
    };
    let written = BlobRef::of(b"written");
    let record = task.record(written);
    let mut older = record.clone();
    change_record(&mut older, |action| action.method_version = 0);
    let improved = Reason::MethodImproved { method: Method::Optimize, from: 0, to: 2 };
    let current = (Some(&record), Some(&written));
    for (outputs, expected) in [
        ([current, current], vec![]),
        ([current, (Some(&record), None)], vec![Reason::OutputMissing]),
        ([(None, None), current], vec![Reason::NeverBuilt]),
        ([(Some(&older), Some(&written)); 2], vec![improved.clone()]),
        ([(Some(&older), Some(&written)), (None, None)], vec![improved, Reason::NeverBuilt]),
    ] {
        let expected = match expected.is_empty() {
            true => Staleness::UpToDate,
            false => Staleness::Stale(expected.into()),
        };
        assert_eq!(staleness(now, outputs.into_iter()), expected);
    }
}
