//! The manifest that `impasto init` writes: a guess from the files in the folder, with comments for
//! the user who edits it next.

mod surface;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use impasto_types::{AssetPath, ContainerFormat, Preset};

use crate::data_map::DataMaps;
use crate::glob::PathGlobs;
use crate::glob_hint::and_more;

const OUTPUT_FOLDER: &str = "stylized";

/// A first manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitManifest {
    pub text: String,
    /// The files that it leaves out because their names are those of data maps.
    pub data_maps: Vec<AssetPath>,
}

/// Returns a manifest for the files of a folder, ignoring earlier outputs and files
/// that are not images. `project` is the folder's name; characters that a project's name cannot
/// have are replaced.
///
/// Images in a folder `style` or `styles`, or with a name like `style_night`, become styles; every
/// other top-level folder becomes a rule.
pub fn init_manifest<'a>(
    project: &str,
    files: impl IntoIterator<Item = &'a AssetPath>,
) -> InitManifest {
    let counts = |path: &&AssetPath| {
        ContainerFormat::from_extension(path.extension()).is_some()
            && !path.case_key().starts_with(&format!("{OUTPUT_FOLDER}/"))
    };
    let paths: BTreeSet<&AssetPath> = files.into_iter().filter(counts).collect();
    let (style_images, assets): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| is_style(path));
    let styles = styles(&style_images);
    let data_maps = data_map_globs(&assets);
    // A folder of data maps alone needs no rule.
    let skipped: BTreeSet<&AssetPath> =
        data_maps.iter().flat_map(|maps| maps.files.iter().copied()).collect();
    let painted = assets.iter().filter(|path| !skipped.contains(**path));
    let folders: BTreeSet<_> =
        painted.map(|path| path.as_str().split_once('/').map(|(folder, _)| folder)).collect();

    let mut text = String::new();
    write_all(&mut text, project, &styles, &data_maps, &folders, &assets)
        .expect("writing to a string does not fail");
    let mut left_out: Vec<AssetPath> =
        data_maps.into_iter().flat_map(|maps| maps.files).cloned().collect();
    left_out.sort();
    InitManifest { text, data_maps: left_out }
}

fn write_all(
    text: &mut String,
    project: &str,
    styles: &BTreeMap<String, Vec<&AssetPath>>,
    data_maps: &[LeftOut<'_>],
    folders: &BTreeSet<Option<&str>>,
    assets: &[&AssetPath],
) -> std::fmt::Result {
    text.push_str("# What `impasto build` paints. All keys: docs/manifest.md of Impasto.\n\n");
    writeln!(text, "[project]\nname = \"{}\"", name_from(project, "project"))?;
    text.push_str(
        "# Where results go, by the asset's {dir}, {stem}, {ext}, {name}, {style} and {rule}.\n",
    );
    let output = if styles.len() > 1 { "{style}/{dir}/{name}" } else { "{dir}/{name}" };
    writeln!(text, "output = \"{OUTPUT_FOLDER}/{output}\"")?;
    let preset = Preset::Painterly;
    let style_weight = preset.optimize().style_weight;
    writeln!(
        text,
        "\n# For every rule, unless the style or the rule sets another value.\n\
         [defaults]\n\
         preset = \"{preset}\" # \"texture\" suits surfaces that tile: bricks, rock, cloth\n\
         # size = 1024 # the result's longer side in pixels; default: the asset's own\n\
         # style_weight = {:.1} # default {style_weight:.1}; more: stronger style, less: closer to \
         the asset",
        style_weight * 2.0
    )?;

    text.push('\n');
    if styles.is_empty() {
        text.push_str(
            "# No image in a folder `styles` was found: put one there, or name one here.\n",
        );
        text.push_str("[styles.painting]\nimages = [\"styles/painting.jpg\"]\n");
    }
    for (name, images) in styles {
        let images: Vec<_> = images.iter().map(|path| quoted(path.as_str())).collect();
        // Of the characters that a name can have, only a dot needs quotes in a key.
        let key = if name.contains('.') { quoted(name) } else { name.clone() };
        writeln!(text, "[styles.{key}]\nimages = [{}]\n", images.join(", "))?;
    }
    let text_end = text.trim_end().len();
    text.truncate(text_end);
    text.push_str("\n\n# The first rule that matches an asset decides.\n\n");

    if !data_maps.is_empty() {
        text.push_str(
            "# By their names, these hold normals, roughness, heights and the like: data, not \
             colours.\n\
             # Painting them would break the material, so they are left as they are. If one is a \
             picture,\n\
             # put it into this rule's `exclude`.\n\
             [[rules]]\nname = \"data maps\"\nmatch = [\n",
        );
        for LeftOut { glob, files } in data_maps {
            let more = and_more(files.len().saturating_sub(NAMED));
            let names: Vec<_> = files.iter().take(NAMED).map(|path| path.as_str()).collect();
            let names = if names == [glob] { String::new() } else { names.join(", ") };
            let comment = if names.is_empty() { names } else { format!(" # {names}{more}") };
            writeln!(text, "    {},{comment}", quoted(glob))?;
        }
        text.push_str("]\nskip = true\n\n");
    }
    let style = styles.keys().next().map_or("painting", String::as_str);
    let everything = BTreeSet::from([None]);
    let mut names = BTreeSet::from(["data maps".to_owned()]);
    for folder in if folders.is_empty() { &everything } else { folders } {
        let (name, glob) = match folder {
            // If other folders have rules, this rule covers only the top level; otherwise it covers
            // everything, including folders added later.
            None if folders.len() > 1 => ("top".to_owned(), "*".to_owned()),
            None => ("everything".to_owned(), "**".to_owned()),
            Some(folder) => {
                ((*folder).chars().take(60).collect(), format!("{}/**", globset::escape(folder)))
            }
        };
        let name = unique(name, &mut names);
        writeln!(
            text,
            "[[rules]]\nname = {}\nmatch = [{}]\nstyle = {}",
            quoted(&name),
            quoted(&glob),
            quoted(style)
        )?;
        text.push_str("# tileable = \"both\" # for textures that repeat without a seam\n");
        let is_in = |path: &&&AssetPath| match folder {
            None => folders.len() <= 1 || path.parent().is_empty(),
            Some(folder) => path.as_str().split_once('/').is_some_and(|(own, _)| own == *folder),
        };
        let own: Vec<&AssetPath> = assets.iter().filter(is_in).copied().collect();
        let lines = surface::lines(&own);
        if !lines.is_empty() {
            text.push_str("# relief = 0.5 # strokes stand up in these maps too\n");
        }
        for line in lines {
            writeln!(text, "{line}")?;
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len() + 1);
    Ok(())
}

/// A glob that leaves out data maps.
#[derive(Debug)]
struct LeftOut<'a> {
    glob: String,
    files: Vec<&'a AssetPath>,
}

/// How many of the files that a glob leaves out are named beside it.
const NAMED: usize = 4;

/// Globs that match only the data maps among these assets: one per suffix, or one per file if a
/// picture has the same suffix, or if no glob tells the suffix from the end of a word.
fn data_map_globs<'a>(assets: &[&'a AssetPath]) -> Vec<LeftOut<'a>> {
    let maps = DataMaps::among(assets.iter().copied());
    let mut by_glob: BTreeMap<String, Vec<&AssetPath>> = BTreeMap::new();
    let mut left_out = Vec::new();
    let alone =
        |path: &'a AssetPath| LeftOut { glob: globset::escape(path.as_str()), files: vec![path] };
    for &path in assets {
        match maps.find(path).map(|map| map.glob()) {
            None => {}
            Some(Some(glob)) => by_glob.entry(glob).or_default().push(path),
            Some(None) => left_out.push(alone(path)),
        }
    }
    for (glob, files) in by_glob {
        let matcher = PathGlobs::new(vec![glob.clone()]).expect("an escaped ending is a glob");
        let takes_a_picture =
            |path: &&&AssetPath| matcher.matches(path.as_str()) && maps.find(path).is_none();
        match assets.iter().find(takes_a_picture) {
            None => left_out.push(LeftOut { glob, files }),
            Some(_) => left_out.extend(files.into_iter().map(alone)),
        }
    }
    left_out
}

/// Whether a path looks like a style image: in a folder of styles, or named like `style`,
/// `style_night` or `style2`.
fn is_style(path: &AssetPath) -> bool {
    let stem = path.file_stem().to_lowercase();
    let after = stem.strip_prefix("styles").or_else(|| stem.strip_prefix("style"));
    path.parent().split('/').any(is_style_folder)
        || after.is_some_and(|after| !after.starts_with(char::is_alphabetic))
}

fn is_style_folder(component: &str) -> bool {
    matches!(component.to_lowercase().as_str(), "style" | "styles")
}

/// Groups images into styles by name: each image directly in a folder of styles is one style, the
/// images of a subfolder are one style together.
fn styles<'a>(images: &[&'a AssetPath]) -> BTreeMap<String, Vec<&'a AssetPath>> {
    let mut styles: BTreeMap<String, Vec<&AssetPath>> = BTreeMap::new();
    let mut owners: BTreeMap<&str, String> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for path in images {
        let folder = path.parent();
        let last = folder.rsplit('/').next().unwrap_or(folder);
        let together = folder.split('/').any(is_style_folder) && !is_style_folder(last);
        let (owner, name) =
            if together { (folder, last) } else { (path.as_str(), path.file_stem()) };
        let name =
            owners.entry(owner).or_insert_with(|| unique(name_from(name, "style"), &mut names));
        styles.entry(name.clone()).or_default().push(path);
    }
    styles
}

/// Reduces `text` to a name of letters, digits, `.`, `_` and `-`.
fn name_from(text: &str, otherwise: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .take(60)
        .collect();
    let kept = kept.trim_matches(['.', '_', '-']);
    if kept.is_empty() || kept.parse::<AssetPath>().is_err() {
        otherwise.to_owned()
    } else {
        kept.to_owned()
    }
}

/// `name`, or the first of `name_2`, `name_3`, ... that is not taken.
fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let candidates =
        std::iter::once(name.clone()).chain((2..).map(|count| format!("{name}_{count}")));
    let free = candidates.into_iter().find(|candidate| !taken.contains(candidate)).unwrap_or(name);
    taken.insert(free.clone());
    free
}

/// A TOML string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod conventions;
#[cfg(test)]
mod tests {
    use impasto_types::Recipe;
    use proptest::prelude::*;

    use super::*;
    use crate::{Manifest, Matched};

    fn init<'a>(project: &str, files: impl IntoIterator<Item = &'a str>) -> String {
        let paths: Vec<AssetPath> =
            files.into_iter().map(|file| file.parse().expect("it is a path")).collect();
        init_manifest(project, &paths).text
    }

    #[test]
    fn a_folder_of_textures_gets_a_rule_per_folder() {
        let paths = [
            "stylized/old.png",
            "readme.txt",
            "styles/starry night.jpg",
            "textures/walls/brick.png",
            "textures/walls/brick_n.png",
            "ui/button.tga",
            "cover.png",
        ];
        let text = init("My Village!", paths);
        let maps = "# relief = 0.5 # strokes stand up in these maps too\n\
                    normal = \"{dir}/{material}_n{tail}.png\"\n";
        assert!(text.contains(maps), "{text}");
        let manifest = Manifest::parse(&text, "impasto.toml")
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(manifest.name(), "My_Village");
        assert_eq!(
            manifest.rule_names().collect::<Vec<_>>(),
            ["data maps", "top", "textures", "ui"]
        );
        assert_eq!(manifest.inputs(), ["styles/starry night.jpg".parse().expect("it is a path")]);
        for (path, rule) in [
            ("cover.png", Some(1)),
            ("textures/walls/brick.png", Some(2)),
            ("textures/walls/brick_n.png", None),
            ("ui/button.tga", Some(3)),
            ("styles/starry night.jpg", None),
        ] {
            assert_eq!(
                manifest.wanted(&path.parse().expect("it is a path")),
                rule.map(|rule| Matched { rule }),
                "{path}\n{text}"
            );
        }
    }

    #[test]
    fn image_folders_become_styles_and_no_image_leaves_a_placeholder() {
        let text = init(
            "x",
            [
                "styles/a.jpg",
                "styles/night/1.jpg",
                "styles/night/2.jpg",
                "t/b.png",
                "t/stylesheet.png",
            ],
        );
        assert!(text.contains("[styles.a]\nimages = [\"styles/a.jpg\"]"), "{text}");
        assert!(
            text.contains(
                "[styles.night]\nimages = [\"styles/night/1.jpg\", \"styles/night/2.jpg\"]"
            ),
            "{text}"
        );
        let bare = init("", []);
        assert!(Manifest::parse(&bare, "impasto.toml").is_ok(), "{bare}");
    }

    #[test]
    fn only_the_arm_map_of_a_material_is_skipped() {
        let text =
            init("x", ["a/left_arm.png", "a/rock.png", "a/rock_arm.png", "b/rock_nor_gl.png"]);
        assert!(
            text.contains(
                "match = [\n    \"a/rock_arm.png\",\n    \"**/*_nor_gl.*\", # \
                 b/rock_nor_gl.png\n]"
            ),
            "{text}"
        );
        assert!(!text.contains("left_arm"), "{text}");
    }

    #[test]
    fn data_maps_of_every_convention_are_left_out_and_named() {
        let maps = [
            "Bricks001_4K-PNG_NormalGL.png",
            "T_Brick_N.1001.png",
            "T_Brick_N.1002.png",
            "Wall_MaskMap.png",
            "Wall_MetallicSmoothness.png",
            "WallNormalMap.png",
            "brick/normal.png",
            "brick/roughness.png",
            "brick_arm_4k.png",
            "brick_nor_gl_4k.png",
            "tfzkbb_2K_Normal_LOD0.jpg",
        ];
        let pictures = ["Wall.png", "left_arm.png", "abnormalmap.png", "T_Brick_D.1001.png"];
        let paths: Vec<AssetPath> =
            maps.iter().chain(&pictures).map(|name| name.parse().expect("a path")).collect();
        let InitManifest { text, data_maps } = init_manifest("x", &paths);
        let manifest = Manifest::parse(&text, "impasto.toml").expect("it parses");
        for path in &paths {
            let is_map = maps.contains(&path.as_str());
            assert_eq!(manifest.wanted(path).is_none(), is_map, "{path}\n{text}");
            assert_eq!(data_maps.contains(path), is_map, "{path}");
            assert!(!is_map || text.contains(path.as_str()), "{path} is not named\n{text}");
        }
    }

    #[test]
    fn the_suggested_style_weight_is_above_the_default() {
        let text = init("x", []);
        let default = Preset::Painterly.optimize().style_weight;
        let uncommented = text.replace("# style_weight", "style_weight");
        let manifest = Manifest::parse(&uncommented, "impasto.toml").expect("it parses");
        let painting = &manifest.paintings(0)[0];
        let Recipe::Optimize(recipe) = &painting.recipe else { panic!("{text}") };
        assert!(recipe.style_weight > default, "{text}");
    }

    proptest! {
        /// For any folder, the manifest parses and paints exactly the files that are neither styles
        /// nor data maps.
        #[test]
        fn the_manifest_always_parses(
            paths in prop::collection::btree_set(
                "((styles?|a|B|\\[x\\]|é|data maps|\\{y)/){0,2}\
                 (style|s'k|[a-c]|[ad]_n|b_AO|a_color)\\.(png|jpg)",
                0..12,
            ),
        ) {
            let text = init("p", paths.iter().map(String::as_str));
            let manifest = Manifest::parse(&text, "impasto.toml");
            prop_assert!(manifest.is_ok(), "{:?}\n{}", manifest.err(), text);
            let manifest = manifest.expect("checked above");
            let paths: Vec<AssetPath> =
                paths.iter().map(|path| path.parse().expect("it is a path")).collect();
            let maps = DataMaps::among(paths.iter().filter(|path| !is_style(path)));
            for path in &paths {
                let expected = !is_style(path) && maps.find(path).is_none();
                prop_assert_eq!(manifest.wanted(path).is_some(), expected, "{}\n{}", path, text);
            }
        }
    }
}
