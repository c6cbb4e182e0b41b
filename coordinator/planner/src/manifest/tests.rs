//! Tests of the manifest: parsing, error messages, and which rule applies to an asset.

use impasto_types::{
    AssetPath, CommonPatch, ContainerFormat, Init, InitSource, LossNorm, OptimizePatch,
    PreserveColor, Recipe, RecipePatch, Tileable,
};
use proptest::prelude::*;

use super::*;

/// A minimal manifest with extra lines in each table.
fn manifest(project: &str, defaults: &str, style: &str, rule: &str) -> String {
    format!(
        "[project]\nname = \"village\"\n{project}\n[defaults]\n{defaults}\n[styles.night]\n\
         images = [\"styles/night.jpg\"]\n{style}\n\
         [styles.day]\nimages = \"styles/day.jpg\"\n[[rules]]\nname = \"walls\"\nmatch = \
         \"walls/**\"\n{rule}\n"
    )
}

fn parse(text: &str) -> Manifest {
    Manifest::parse(text, "impasto.toml").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn path(text: &str) -> AssetPath {
    text.parse().expect("it is a path")
}

fn check_refused(text: &str, expected: &str) {
    let refused =
        Manifest::parse(text, "impasto.toml").map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(refused, Err(expected.to_owned()), "\n{text}");
}

#[test]
fn typing_errors_are_placed_and_the_right_key_is_offered() {
    for (text, expected) in [
        (
            manifest("", "", "sytle_weight = 6", ""),
            "unknown key `sytle_weight` in [styles.night] (impasto.toml:8:1); did you mean \
             `style_weight`?",
        ),
        (
            manifest("outptu = \"x\"", "", "", ""),
            "unknown key `outptu` in [project] (impasto.toml:3:1); did you mean `output`?",
        ),
        (
            manifest("", "colour = 1", "", ""),
            "unknown key `colour` in [defaults] (impasto.toml:5:1)",
        ),
        (
            manifest("", "", "", "style = \"nihgt\""),
            "`style` in rule `walls` names the style `nihgt`, which does not exist \
             (impasto.toml:14:9); did you mean `night`?",
        ),
        (
            manifest("", "", "", "styles = [\"night\", \"dusk\"]"),
            "`styles` in rule `walls` names the style `dusk`, which does not exist \
             (impasto.toml:14:20)",
        ),
        (
            "[project]\nname = \"x\"\n[rule]\n".to_owned(),
            "unknown key `rule` in the manifest (impasto.toml:3:2); did you mean `rules`?",
        ),
        (
            "[project]\nname = \"x\"\n[styles.a]\nimages = [{ pth = \"a.png\" }]\n".to_owned(),
            "unknown key `pth` in `images` of [styles.a] (impasto.toml:4:13); did you mean `path`?",
        ),
    ] {
        check_refused(&text, expected);
    }
}

#[test]
fn an_unknown_format_is_answered_with_all_that_there_are() {
    let all = ContainerFormat::ALL.map(ContainerFormat::extension).join(", ");
    check_refused(
        &manifest("", "format = \"gif\"", "", ""),
        &format!(
            "`format` in [defaults] is \"gif\" (impasto.toml:5:10): `gif` is not a format; there \
             are: {all}"
        ),
    );
}

#[test]
fn invalid_values_are_named_with_their_place() {
    for (text, expected) in [
        (
            manifest("", "style_weight = -1", "", "style = \"day\""),
            "`style_weight` in [defaults] is -1 (impasto.toml:5:16): it has to be from 0 to 1e9",
        ),
        (
            manifest("", "", "iterations = 0", "style = \"day\""),
            "`iterations` in [styles.night] is 0 (impasto.toml:8:14): it has to be from 1 to \
             100000",
        ),
        (
            manifest("", "", "", "style = \"day\"\nsize = 5"),
            "`size` in rule `walls` is 5 (impasto.toml:15:8): it has to be from 16 to 32768 pixels",
        ),
        (
            manifest("", "size = \"big\"", "", ""),
            "`size` in [defaults] is \"big\" (impasto.toml:5:8): invalid type: string \"big\", \
             expected a whole number, 0 or more",
        ),
        (
            manifest("", "tileable = 1", "", ""),
            "`tileable` in [defaults] is 1 (impasto.toml:5:12): it has to be a string",
        ),
        (
            manifest("", "preset = \"oily\"", "", ""),
            "`preset` in [defaults] is \"oily\" (impasto.toml:5:10): there is no `oily`, expected \
             one of `painterly`, `texture`, `gatys`",
        ),
        (
            manifest("", "quality = 101", "", ""),
            "`quality` in [defaults] is 101 (impasto.toml:5:11): it has to be a whole number from \
             1 to 100",
        ),
        (
            manifest("", "init = \"../a.png\"", "", ""),
            "`init` in [defaults] is \"../a.png\" (impasto.toml:5:8): path `../a.png` has a `.` or \
             `..`; it has to stay inside the project's folder",
        ),
        (
            manifest("", "method = \"synthesize\"", "", "style = \"day\""),
            "`method` in [defaults] is \"synthesize\" (impasto.toml:5:10): a texture made from a \
             style alone has no asset; use `impasto synth`",
        ),
        (
            manifest("exclude = [\"../x\"]", "", "", ""),
            "`exclude` in [project] is \"../x\" (impasto.toml:3:11): the glob has a `..`; it has \
             to stay inside the project's folder",
        ),
        (
            manifest("assets = \"C:/textures\"", "", "", ""),
            "`assets` in [project] is \"C:/textures\" (impasto.toml:3:10): path `C:/textures` has \
             a `:`; give it relative to the project's folder, \
             without a drive",
        ),
        (
            manifest("output = \"{dir}/{name}\"", "", "", ""),
            "`output` in [project] is \"{dir}/{name}\" (impasto.toml:3:10): outputs would look \
             like assets; begin it with a folder \
             (`out/...`) or add a suffix (`{stem}_painted.{ext}`)",
        ),
        (
            manifest("", "", "", "styles = []"),
            "`styles` in rule `walls` is an empty list (impasto.toml:14:10): it has to name at \
             least one",
        ),
        (
            manifest("", "", "", "skip = \"yes\""),
            "`skip` in rule `walls` is \"yes\" (impasto.toml:14:8): it has to be true or false",
        ),
    ] {
        check_refused(&text, expected);
    }
}

#[test]
fn missing_and_duplicate_entries_are_named() {
    for (text, expected) in [
        (
            "",
            "the manifest has no `project` (impasto.toml:1:1); begin with [project] and its `name`",
        ),
        (
            "[project]\n",
            "[project] has no `name` (impasto.toml:1:1); it names the project, in letters, digits, \
             `.`, `_` or `-`",
        ),
        (
            "[project]\nname = \"x\"\n",
            "there is no style (impasto.toml); add [styles.NAME] with `images = \
             [\"styles/NAME.jpg\"]`",
        ),
        (
            "[project]\nname = \"x\"\n[styles.a]\nimages = \"a.png\"\n",
            "there is no rule (impasto.toml); add [[rules]] with `match = [\"textures/**/*.png\"]`",
        ),
        (
            &manifest("", "", "", "style = \"day\"\nstyles = [\"day\"]"),
            "rule `walls` has both `style` and `styles` (impasto.toml:14:1); keep one",
        ),
        (
            &manifest("", "", "", ""),
            "rule `walls` has no `style` (impasto.toml:11:1); name one of [styles], or set `skip = \
             true`",
        ),
        (
            &manifest("", "", "", "styles = [\"day\", \"night\"]"),
            "rule `walls` paints each asset in 2 styles, but `output` in [project] is \
             \"stylized/{dir}/{name}\" (impasto.toml:11:1); \
             put {style} into it",
        ),
        (
            &manifest(
                "",
                "",
                "",
                "skip = true\n[[rules]]\nname = \"walls\"\nmatch = \"*\"\nskip = true",
            ),
            "`name` in rule `walls` is \"walls\" (impasto.toml:15:1): another rule has this name",
        ),
    ] {
        check_refused(text, expected);
    }
}

#[test]
fn toml_syntax_errors_have_a_place() {
    let error = Manifest::parse("[project]\nname = village\n", "impasto.toml")
        .expect_err("the value has no quotes")
        .to_string();
    assert!(error.ends_with("(impasto.toml:2:8)"), "{error}");
}

#[test]
fn a_key_whose_flag_may_stand_alone_is_also_true_or_false() {
    for (value, tileable, colors) in [
        ("true", Tileable::Both, PreserveColor::Statistics),
        ("false", Tileable::None, PreserveColor::None),
    ] {
        let keys = format!("tileable = {value}\npreserve_color = {value}");
        let parsed = parse(&manifest("", &keys, "", "style = \"night\""));
        let common = parsed.paintings(0)[0].recipe.common();
        assert_eq!((common.tileable, common.preserve_color), (tileable, colors), "{value}");
    }
    let refused = Manifest::parse(&manifest("", "padding = true", "", ""), "impasto.toml");
    assert!(refused.is_err_and(|error| error.to_string().contains("it has to be a string")));
}

#[test]
fn later_tables_override_earlier_ones() {
    let text = manifest(
        "",
        "preset = \"texture\"\niterations = 10\nsize = 64\nseed = 1",
        "iterations = 20\nsize = 128",
        "style = \"night\"\nsize = 256\ntileable = \"both\"\ninit = \"./start.png\"",
    );
    let plain = parse(&text);
    let [painting] = plain.paintings(0) else { panic!("one style is one painting") };
    let Recipe::Optimize(recipe) = &painting.recipe else { panic!("it optimises") };
    assert_eq!(
        (recipe.loss_norm, recipe.iterations, recipe.common.size, recipe.common.seed),
        (LossNorm::Variance, 20, Some(256), 1)
    );
    assert_eq!(
        (recipe.common.tileable, recipe.init, &painting.init),
        (Tileable::Both, Init::Image, &Some(path("start.png")))
    );
    assert_eq!(plain.inputs(), [path("start.png"), path("styles/night.jpg")]);

    let overrides = RecipePatch {
        common: CommonPatch { size: Some(512), ..CommonPatch::default() },
        optimize: OptimizePatch { init: Some(InitSource::Content), ..OptimizePatch::default() },
        ..RecipePatch::default()
    };
    let over = plain.clone().with_overrides(overrides).expect("they fit");
    assert_eq!(
        (over.paintings(0)[0].recipe.common().size, over.inputs()),
        (Some(512), vec![path("styles/night.jpg")])
    );

    let out_of_range = RecipePatch {
        optimize: OptimizePatch { tv_weight: Some(-1.0), ..OptimizePatch::default() },
        ..RecipePatch::default()
    };
    let refused = plain.with_overrides(out_of_range).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(refused, Err("tv_weight is -1, but has to be from 0 to 1e9".to_owned()));
}

#[test]
fn each_path_gets_the_verdict_of_its_first_matching_rule() {
    let manifest = parse(
        "[project]\nname = \"x\"\nassets = \"art\"\nexclude = [\"**/old/**\"]\n\
         output = \"out/{style}/{dir}/{name}\"\n\
         [styles.night]\nimages = [{ path = \"art/styles/night.jpg\", weight = 2 }]\n\
         [[rules]]\nmatch = [\"**/*_n.*\"]\nskip = true\n[[rules]]\nmatch = \"walls/**\"\nexclude \
         = \"walls/x.png\"\n\
         [[rules]]\nmatch = [\"styles/**\", \"**/brick*\"]\n",
    );
    let wanted = |rule| Verdict::Wanted(Matched { rule });
    for (asset, expected) in [
        ("art/walls/a.png", wanted(1)),
        ("art/Walls/a.PNG", wanted(1)),
        ("art/walls/brick.png", wanted(1)),
        ("art/brick.png", wanted(2)),
        ("art/walls/a_n.png", Verdict::Skipped(Matched { rule: 0 })),
        ("art/walls/x.png", Verdict::Unmatched),
        ("art/walls/old/a.png", Verdict::Excluded),
        ("art/styles/night.jpg", Verdict::Input),
        ("art/Styles/Night.JPG", Verdict::Input),
        ("art/styles/other.jpg", wanted(2)),
        ("art/walls/a.blend", Verdict::Foreign),
        ("walls/a.png", Verdict::Foreign),
        ("artful/walls/a.png", Verdict::Foreign),
    ] {
        assert_eq!(manifest.verdict(&path(asset)), expected, "{asset}");
    }
    assert!(manifest.is_output(&path("out/night/walls/a.png")));
    assert!(!manifest.is_output(&path("out/day/walls/a.png")));
}

#[test]
fn the_default_output_is_a_valid_pattern() {
    assert!(
        crate::output_pattern::OutputPattern::parse(crate::output_pattern::OutputPattern::DEFAULT)
            .is_ok()
    );
}

/// Every TOML example of the manual parses, and the manual names every recipe key.
#[test]
fn the_manual_matches_the_parser() {
    let manual = include_str!("../../../../docs/manifest.md").replace("\r\n", "\n");
    let blocks: Vec<_> =
        manual.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "the manual has examples");
    for block in blocks {
        parse(block);
    }
    for key in RecipePatch::keys() {
        assert!(manual.contains(&format!("`{key}`")), "the manual does not mention {key}");
    }
}

/// Rules as the manifest writes them: a glob, perhaps an exclusion, and whether to skip.
fn rules() -> impl Strategy<Value = Vec<(String, Option<String>, bool)>> {
    let glob = prop::sample::select(vec!["a/**", "b/*", "**/x.png", "**", "a/b/*.jpg", "*.png"])
        .prop_map(str::to_owned);
    let exclude =
        prop::option::of(prop::sample::select(vec!["a/b/**", "**/y.png"]).prop_map(str::to_owned));
    prop::collection::vec((glob, exclude, any::<bool>()), 1..6)
}

proptest! {
    /// The first rule that matches and does not exclude the asset applies.
    #[test]
    fn the_first_match_wins(rules in rules(), folder in "(a/|b/|a/b/)?",
        name in "(x|y)\\.(png|jpg)") {
        let mut text = "[project]\nname = \"p\"\n[styles.s]\nimages = \"s.png\"\n".to_owned();
        for (glob, exclude, skip) in &rules {
            let exclude = exclude.as_ref().map_or(String::new(), |exclude| format!("exclude = \
                \"{exclude}\"\n"));
            text.push_str(&format!("[[rules]]\nmatch = \"{glob}\"\n{exclude}skip = {skip}\n"));
        }
        let asset = format!("{folder}{name}");
        let alone = |glob: &str| crate::glob::PathGlobs::new(vec![glob.to_owned()])
            .expect("it is a glob").matches(&asset);
        let mut expected = None;
        for (index, (glob, exclude, skip)) in rules.iter().enumerate() {
            if alone(glob) && !exclude.as_deref().is_some_and(alone) {
                expected = (!skip).then_some(Matched { rule: index });
                break;
            }
        }
        prop_assert_eq!(parse(&text).wanted(&path(&asset)), expected);
    }

    /// Any text gives a manifest or an error, never a panic.
    #[test]
    fn any_text_gives_a_manifest_or_an_error(text in "(\\[|\\]|\\{|\\}|=|\"|\n\
        |project|name|rules|styles|match|images|[a-z0-9 .,-]){0,40}") {
        let _ = Manifest::parse(&text, "impasto.toml");
    }
}
