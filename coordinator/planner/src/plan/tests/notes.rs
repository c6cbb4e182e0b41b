//! Tests of notes: why globs meet nothing, what is lost, what is skipped.

use super::folder::{folder, one_style, path};
use super::*;
use impasto_types::{Crop, FileTrait};

use crate::{Look, PassedOver, Verdict};

fn notes(plan: &Plan) -> Vec<String> {
    plan.notes.iter().map(ToString::to_string).collect()
}

/// What the error or note says about a rule with this glob, in a folder with these things.
fn said(glob: &str, passed: PassedOver) -> String {
    let mut folder = folder(&[]);
    folder.listing.passed = passed;
    let manifest = one_style("", &format!("match = '{glob}'"));
    folder.plan(&manifest).expect_err("there is nothing").to_string()
}

#[test]
fn a_glob_that_meets_nothing_has_a_reason() {
    let folders = |names: &[&str]| PassedOver {
        folders: names.iter().map(|name| (*name).to_owned()).collect(),
        images: names
            .iter()
            .map(|name| (path(&format!("{name}/a.png")), Verdict::Unmatched))
            .collect(),
        ..PassedOver::default()
    };
    let image = |name: &str, verdict| PassedOver {
        images: vec![(path(name), verdict)],
        ..PassedOver::default()
    };
    let names = |name: &str| vec![name.to_owned()];
    for (glob, passed, expected) in [
        (
            "[wip] walls/**",
            folders(&["[wip] walls"]),
            "`[wip] walls` exists, but in a glob `[`, `]`, `{` and `}` are part of a pattern; \
             write \"[[]wip[]] walls/**\"",
        ),
        ("{a}/*.png", folders(&["{a}"]), "write \"[{]a[}]/*.png\""),
        ("{}/*.png", folders(&["{}"]), "write \"[{][}]/*.png\""),
        ("x/[!old]/**", folders(&["x", "x/[!old]"]), "write \"x/[[]!old[]]/**\""),
        ("x/a[1].png", image("x/a[1].png", Verdict::Unmatched), "write \"x/a[[]1[]].png\""),
        ("walls", folders(&["walls"]), "write \"walls/**\""),
        ("walls/*", folders(&["walls/old"]), "write \"walls/**/*\""),
        ("walls/*.png", folders(&["walls/old"]), "write \"walls/**/*.png\""),
        ("!walls/**", folders(&["walls"]), "put the glob into `exclude`"),
        ("wals/**", folders(&["walls"]), "there is no folder wals; did you mean walls?"),
        (
            "walls/**",
            PassedOver { unsupported: names("walls/a.gif"), ..PassedOver::default() },
            "Impasto does not read the format of walls/a.gif",
        ),
        (
            "walls/**",
            PassedOver { linked_files: names("walls/a.png"), ..PassedOver::default() },
            "`walls/a.png` is a link that is not followed",
        ),
        (
            "walls/**/*.png",
            PassedOver { linked_folders: names("walls"), ..PassedOver::default() },
            "`walls` is a link that is not followed",
        ),
        ("**", image("out/a.png", Verdict::Output), "it has the name of an output"),
        ("**", image("old/a.png", Verdict::Excluded), "`exclude` of [project] names it"),
        ("**", image("styles/a.png", Verdict::Input), "it is a style or init image"),
    ] {
        let said = said(glob, passed);
        assert!(said.contains(expected), "{glob}: {said}");
    }
}

#[test]
fn brackets_of_names_are_noted_wherever_a_glob_stands() {
    let mut folder = folder(&["walls/a.png", "[old]/b.png"]);
    folder.listing.passed.folders = ["[old]", "walls"].map(str::to_owned).into();
    let manifest = one_style("exclude = '[old]/**'", "match = \"**\"");
    let plan = folder.plan(&manifest).expect("it can be planned");
    assert!(
        notes(&plan)[0].starts_with("[old]/** of `exclude` of [project] matches no image"),
        "{:?}",
        notes(&plan)
    );
    let manifest = one_style("exclude = '[[]old[]]/**'", "match = \"**\"");
    let plan = folder.plan(&manifest).expect("it can be planned");
    assert_eq!(notes(&plan), [""; 0]);
}

#[test]
fn a_linked_folder_is_named_if_a_rule_would_paint_in_it() {
    let mut folder = folder(&["walls/a.png"]);
    let linked = ["walls/more", "docs/links", "stylized/walls", "walls/old"];
    folder.listing.passed.linked_folders = linked.map(str::to_owned).into();
    let manifest = one_style("exclude = 'walls/old/**'", "match = \"walls/**\"");
    let plan = folder.plan(&manifest).expect("it can be planned");
    assert_eq!(plan.notes, [Note::LinkedFolder { folder: "walls/more".to_owned() }]);
}

#[test]
fn a_picture_that_is_skipped_like_a_data_map_is_named() {
    let skip =
        "match = \"walls/**\"\n[[rules]]\nname = \"maps\"\nmatch = \"**/*_arm.*\"\nskip = true";
    let manifest = one_style("", skip);
    let mut folder = folder(&["walls/a.png"]);
    let skipped = Verdict::Skipped(crate::Matched { rule: 1 });
    folder.listing.passed.images.push((path("people/left_arm.png"), skipped));
    let plan = |folder: &super::folder::Folder| folder.plan(&manifest).expect("a plan");
    assert_eq!(notes(&plan(&folder)), [""; 0], "nothing shows what the rule is for");
    folder.listing.passed.images.push((path("walls/rock_arm_2k.png"), skipped));
    assert!(
        notes(&plan(&folder))[0].starts_with("rule `maps` skips people/left_arm.png, which has"),
        "{:?}",
        notes(&plan(&folder))
    );
}

#[test]
fn losses_are_one_line_a_rule_and_end_with_the_build() {
    let manifest = one_style("", "match = \"**\"");
    let mut folder = folder(&["a.png", "b.png", "c.png"]);
    for at in [0, 1] {
        let header = folder.listing.assets[at].image.as_mut().expect("it has one");
        header.traits = [FileTrait::Palette, FileTrait::Icc].into_iter().collect();
    }
    let plan = folder.plan(&manifest).expect("a plan");
    assert_eq!(notes(&plan), ["rule `all`: indexed colours become RGB: a.png (and 1 more)"]);
    folder.build(&plan);
    assert_eq!(notes(&folder.plan(&manifest).expect("a plan")), [""; 0]);
}

#[test]
fn quality_is_for_jpeg() {
    let with = |rule: &str| one_style("", &format!("match = \"**\"\n{rule}"));
    let refused = Manifest::parse(&with("quality = 80\nformat = \"png\""), "impasto.toml");
    let refused = refused.expect_err("png has none").to_string();
    assert!(refused.contains("png has no quality: only jpg has one"), "{refused}");
    let defaults = |rule: &str| {
        let defaults = "[defaults]\nquality = 80\nformat = \"webp\"";
        Manifest::parse(&one_style(defaults, &format!("match = \"**\"\n{rule}")), "impasto.toml")
    };
    assert!(defaults("").is_err());
    assert!(defaults("format = \"jpg\"").is_ok());
    let plan = folder(&["a.png"]).plan(&with("quality = 80")).expect("a plan");
    assert_eq!(
        notes(&plan),
        ["`quality` of rule `all` has no effect: its results are png, which has none"]
    );
    let plan = folder(&["a.png", "b.jpg"]).plan(&with("quality = 80")).expect("a plan");
    assert_eq!(notes(&plan), [""; 0]);
}

#[test]
fn pixels_are_noted_once_a_rule() {
    let manifest = one_style("", "match = \"**\"");
    let manifest = Manifest::parse(&manifest, "impasto.toml").expect("it parses");
    let folder = folder(&["a.png", "b.png", "c_nrm.png", "d.png"]);
    let plan = folder.plan_of(&manifest).expect("a plan");
    assert_eq!(
        plan.to_be_looked_at(&manifest),
        ["a.png", "b.png", "c_nrm.png", "d.png", "styles/day.jpg"].map(path)
    );
    let normal = Look { normal_map: true, ..Look::default() };
    let hidden = Look { hidden_colors: true, ..Look::default() };
    let magenta = Look { magenta_ground: true, ..Look::default() };
    let border = Some(Crop { top: 4, bottom: 5, ..Crop::default() });
    let looks = [
        ("a.png", normal),
        ("b.png", hidden),
        ("c_nrm.png", normal),
        ("d.png", magenta),
        ("styles/day.jpg", Look { border, ..Look::default() }),
    ];
    let looks = looks.map(|(name, look)| (path(name), look)).into();
    let said: Vec<_> =
        plan.notes_on_pixels(&manifest, &looks).iter().map(ToString::to_string).collect();
    let begins = [
        "rule `all` paints a.png, by its pixels a normal map",
        "rule `all`: magenta (#ff00ff) fills part of d.png; set color_key",
        "rule `all`: colours under alpha 0 vary in b.png; set alpha = \"data\" if",
        "style `day`: styles/day.jpg has a uniform border, which counts as part of the style; cut \
         it off with { path = \"styles/day.jpg\", crop = { left = 0, top = 4, right = 0, bottom = \
         5 } }",
    ];
    assert_eq!(said.len(), begins.len(), "{said:?}");
    for (said, begin) in said.iter().zip(begins) {
        assert!(said.starts_with(begin), "{said}");
    }
    // A manifest that says what alpha is was not mistaken.
    for alpha in ["coverage", "data"] {
        let manifest = one_style("", &format!("match = \"**\"\nalpha = \"{alpha}\""));
        let manifest = Manifest::parse(&manifest, "impasto.toml").expect("it parses");
        let said = plan.notes_on_pixels(&manifest, &looks);
        assert_eq!(said.len(), begins.len() - 1, "{alpha}: {said:?}");
    }
}

#[test]
fn a_style_image_can_be_cropped() {
    let with = |crop: &str| {
        let manifest = one_style("", "match = \"**\"");
        let image = format!("images = [{{ path = \"styles/day.jpg\", crop = {crop} }}]");
        manifest.replace("images = \"styles/day.jpg\"", &image)
    };
    // Style images have 64 x 32 pixels here.
    let folder = folder(&["a.png"]);
    let crop =
        |text: &str| folder.plan(&with(text)).expect("a plan").tasks[0].form.action.styles[0].crop;
    assert_eq!(crop("8"), Some(Crop::all(8)));
    assert_eq!(crop("{ top = 4 }"), Some(Crop { top: 4, ..Crop::default() }));
    assert_eq!(crop("0"), None);
    folder.check_refused(
        &with("{ top = 10, bottom = 10 }"),
        "image styles/day.jpg of style `day`: crop { left = 0, top = 10, right = 0, bottom = 10 } \
         leaves 64 x 12 of 64 x 32 pixels; at least 16 have to remain on each side",
    );
    for bad in ["-1", "\"a\"", "{ above = 3 }", "{ top = 1.5 }", "[1, 2]"] {
        assert!(Manifest::parse(&with(bad), "impasto.toml").is_err(), "{bad}");
    }
}

#[test]
fn what_is_still_being_written_is_not_nothing() {
    let manifest = one_style("", "match = \"**\"");
    let mut folder = folder(&["a.png"]);
    folder.build(&folder.plan(&manifest).expect("a plan"));
    folder.listing.assets = vec![];
    folder.listing.passed.images.clear();
    assert!(folder.plan(&manifest).is_err());
    folder.listing.passed.unsettled.insert(path("a.png"));
    let plan = folder.plan(&manifest).expect("it waits");
    assert_eq!((notes(&plan), plan.orphans), (vec![], vec![]));
}
