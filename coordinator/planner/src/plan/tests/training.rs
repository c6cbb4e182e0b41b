//! Networks that the build trains.

use impasto_types::{Digest, InputRef, Method, Part};

use super::folder::{Folder, asset, folder, header, path};
use super::*;
use crate::{InputFile, LearnedStyle, NetworkFile};

const TRAINED: &str = r#"
[project]
name = "x"
[styles.day]
images = "styles/day.jpg"
method = "feedforward"
model = "day.safetensors"
train = { steps = 600, look_every = 250 }
[[rules]]
match = "walls/**"
"#;

fn walls(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("walls/{number}.png")).collect()
}

fn street() -> Folder {
    folder(&walls(5).iter().map(String::as_str).collect::<Vec<_>>())
}

/// The network's file, as a build has written it.
fn deliver(folder: &mut Folder) {
    let model = path("day.safetensors");
    let blob = folder.present[&model];
    let digest = Digest::of(b"styles/day.jpg");
    let styles = vec![LearnedStyle { name: "day".to_owned(), digest: Some(digest) }];
    folder.networks.insert(model, Ok(NetworkFile { blob, styles: Some(styles) }));
}

#[test]
fn assets_wait_for_a_network_that_is_trained_in_parts() {
    let plan = street().plan(TRAINED).expect("it can be planned");
    let [task] = &plan.tasks[..] else { panic!("only the network can be made: {plan:?}") };
    assert_eq!(task.output(), &path("day.safetensors"));
    let specs: Vec<_> = task.specs().collect();
    let actions: Vec<_> = task.actions().collect();
    assert_eq!((specs.len(), actions.len(), task.count()), (3, 3, 3));
    for (at, spec) in specs.iter().enumerate() {
        assert!(spec.action.check().is_ok(), "{:?}", spec.action.check());
        assert_eq!(spec.action.digest(), actions[at]);
        let before = at.checked_sub(1).map(|before| actions[before]);
        assert_eq!(spec.action.producers().next(), before);
    }
    let waiting: Vec<_> = plan.awaiting.iter().map(|waiting| waiting.output.to_string()).collect();
    let outputs = walls(5).into_iter().map(|wall| format!("stylized/{wall}"));
    assert_eq!(waiting, outputs.collect::<Vec<_>>());
}

#[test]
fn a_trained_network_paints_and_is_made_again_only_for_its_settings_and_styles() {
    let mut folder = street();
    let plan = folder.plan(TRAINED).expect("it can be planned");
    folder.build(&plan);
    deliver(&mut folder);
    let plan = folder.plan(TRAINED).expect("it can be planned");
    assert_eq!((plan.tasks.len(), plan.stale().count(), plan.awaiting.len()), (6, 5, 0));
    let [network, wall, ..] = &plan.tasks[..] else { panic!("there are six") };
    assert!(!network.is_stale());
    let blob = folder.present[&path("day.safetensors")];
    assert_eq!(wall.input(Part::Model), Some(InputRef::Blob(blob)));
    folder.build(&plan);
    let plan = folder.plan(TRAINED).expect("it can be planned");
    assert_eq!((plan.stale().count(), plan.orphans.len()), (0, 0));

    folder.listing.assets.push(asset("walls/new.png"));
    let plan = folder.plan(TRAINED).expect("it can be planned");
    let stale: Vec<_> = plan.stale().map(|task| task.asset.as_str()).collect();
    assert_eq!(stale, ["walls/new.png"], "the network is good for it");

    // One that is there needs no pictures.
    let all = std::mem::take(&mut folder.listing.assets);
    folder.listing.assets = all[..2].to_vec();
    assert_eq!(folder.plan(TRAINED).expect("it can be planned").stale().count(), 0);
    folder.listing.assets = all;

    let other = TRAINED.replace("steps = 600", "steps = 900");
    let plan = folder.plan(&other).expect("it can be planned");
    let [task] = &plan.tasks[..] else { panic!("the network comes first") };
    let (field, from, to) = ("steps".to_owned(), "600".to_owned(), "900".to_owned());
    let reasons = [Reason::RecipeChanged { field, from, to }].into();
    assert_eq!(task.state, Staleness::Stale(reasons));
    assert_eq!((plan.awaiting.len(), plan.orphans.len()), (6, 0));
    assert_eq!(task.form.action.method(), Method::Train);
}

#[test]
fn a_network_may_be_trained_on_a_folder_of_pictures() {
    let mut folder = folder(&["walls/1.png"]);
    let photos: Vec<AssetPath> =
        (0..5).map(|number| path(&format!("photos/{number}.png"))).collect();
    for photo in &photos {
        let (blob, header) = (BlobRef::of(photo.as_str().as_bytes()), header(photo.as_str()));
        folder.inputs.insert(photo.clone(), Ok(InputFile { blob, header }));
    }
    folder.inputs.insert(path("photos/broken.png"), Err("is truncated".to_owned()));
    let manifest = TRAINED.replace("steps = 600", "content = \"photos/\", steps = 600");
    let plan = folder.plan(&manifest).expect("it can be planned");
    let [network] = &plan.tasks[..] else { panic!("the network comes first: {plan:?}") };
    let run = network.training.as_ref().expect("a run");
    let mut contents: Vec<_> = run.contents.iter().map(|(_, path)| path.clone()).collect();
    contents.sort();
    assert_eq!(contents, photos);
    assert_eq!(plan.awaiting.len(), 1);
    let manifest = Manifest::parse(&manifest, "impasto.toml").expect("it can be read");
    assert_eq!(manifest.verdict(&path("photos/1.png")), Verdict::Input);
    assert_eq!(manifest.verdict(&path("photographs/1.png")), Verdict::Unmatched);
    let why = crate::why(&manifest, &path("photos/1.png"), []).to_string();
    assert_eq!(why, "is not painted: style `day` is trained on it (`content`)");
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let few = folder(&["walls/1.png", "walls/2.png", "walls/3.png"]);
    few.check_refused(
        TRAINED,
        "style `day` is to be trained on the pictures that rules paint in it: there are 3, but it \
         takes 4, and a few hundred for a good network",
    );
    let elsewhere = TRAINED.replace("steps = 600", "content = \"photos\", steps = 600");
    few.check_refused(
        &elsewhere,
        "style `day` is to be trained on the pictures in `photos`: there are 0 that can be read, \
         but it takes 4, and a few hundred for a good network",
    );
    // A style that no rule uses trains nothing.
    let unused = TRAINED
        .replace("[[rules]]", "[styles.sky]\nimages = \"styles/sky.jpg\"\n[[rules]]")
        + "style = \"sky\"\n";
    let plan = few.plan(&unused).expect("it can be planned");
    assert_eq!((plan.tasks.len(), plan.awaiting.len()), (3, 0));
}
