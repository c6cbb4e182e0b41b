//! The contact sheet of a project that has more pictures than fit on it.

use std::collections::BTreeMap;

use impasto_tests::{Files, Project, pictures};
use serde_json::Value;

/// The most cards of a sheet, as docs/cli.md says.
const CARDS: usize = 500;
const WALLS: u32 = 520;

const SHEET: &str = ".impasto/contact-sheet.html";
const THUMBNAILS: &str = ".impasto/thumbnails";

/// A rule with more pictures than fit, and one of three. Painting costs as little as it can.
fn large() -> Project {
    let project = Project::new(
        "[project]\nname = \"town\"\noutput = \"painted/{dir}/{name}\"\n\
         [defaults]\niterations = 1\ncoarse_iterations = 1\nmin_scale = 0\nstyle_weight = 0\n\
         palette = 0\noptimizer = \"adam\"\nlearning_rate = 0.0001\n\
         [styles.night]\nimages = \"styles/night.png\"\n\
         [[rules]]\nname = \"maps\"\nmatch = \"maps/**\"\nstyle = \"night\"\n\
         [[rules]]\nname = \"walls\"\nmatch = \"walls/**\"\nstyle = \"night\"\n",
    );
    project.save("styles/night.png", &pictures::swirls(32, 0));
    for number in 0..WALLS {
        project.save(&format!("walls/{number}.png"), &pictures::bricks(16, 16, number));
    }
    for number in 0..3 {
        project.save(&format!("maps/{number}.png"), &pictures::swirls(16, 1 + number));
    }
    project
}

fn sheet(project: &Project) -> String {
    String::from_utf8(project.read(SHEET)).expect("it is text")
}

/// The classes of the cards and how many have each.
fn cards(sheet: &str) -> BTreeMap<String, usize> {
    let mut cards = BTreeMap::new();
    for card in sheet.split("<article class=\"card ").skip(1) {
        let class = card.split('"').next().expect("it ends");
        *cards.entry(class.to_owned()).or_default() += 1;
    }
    cards
}

/// Everything that a page shows is there, and nothing else.
#[track_caller]
fn assert_whole(sheet: &str, thumbnails: &Files) {
    let named = |name: &&String| sheet.contains(&format!("thumbnails/{name}\""));
    let unused: Vec<&String> = thumbnails.keys().filter(|name| !named(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
    let shown = sheet.split("src=\"thumbnails/").skip(1);
    for name in shown.map(|rest| rest.split('"').next().expect("it ends")) {
        assert!(thumbnails.contains_key(name), "{name}");
    }
}

#[test]
fn a_sheet_shows_what_is_worth_a_look_and_says_what_it_leaves_out() {
    let project = large();
    project.build();
    let first = sheet(&project);
    assert_eq!(cards(&first), BTreeMap::from([("painted".to_owned(), CARDS)]));
    assert!(first.contains("This sheet shows 500 of 523 pictures"), "the note");
    // The small rule is whole.
    for number in 0..3 {
        assert!(first.contains(&format!("title=\"painted/maps/{number}.png\"")), "map {number}");
    }
    let thumbnails = project.files(THUMBNAILS);
    assert_whole(&first, &thumbnails);
    assert_eq!(thumbnails.len(), 2 * CARDS + 1, "before and after, and the style");

    // Nothing to do: nothing is written.
    let written = project.files(".impasto")["contact-sheet.html"].1;
    project.build();
    assert_eq!(project.files(".impasto")["contact-sheet.html"].1, written);
    assert!(project.files(THUMBNAILS) == thumbnails, "a thumbnail was written");

    // One changed and one unreadable: they come first, and only their thumbnails are new.
    project.save("walls/7.png", &pictures::swirls(17, 9));
    project.write("walls/8.png", "not a picture");
    let built = project.run(&["build", "--json"]).expect_code(1);
    let failed: &Value = &built.summary()["failed"];
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{built}");
    let second = sheet(&project);
    let expected = [("failed", 1), ("fresh", CARDS - 2), ("painted", 1)];
    assert_eq!(cards(&second), expected.map(|(class, count)| (class.to_owned(), count)).into());
    let place = |text: &str| second.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(place(">8.png<") < place(">7.png<"), "failures come first");
    assert!(place(">7.png<") < place(" fresh\""), "then what was made");
    let now = project.files(THUMBNAILS);
    assert_whole(&second, &now);
    let new = now.keys().filter(|name| !thumbnails.contains_key(*name)).count();
    assert!(new <= 4, "{new} new thumbnails");
    let rewritten: Vec<&String> = thumbnails
        .iter()
        .filter(|(name, (_, time))| now.get(*name).is_some_and(|(_, again)| again != time))
        .map(|(name, _)| name)
        .collect();
    assert!(rewritten.is_empty(), "{rewritten:?}");
}
