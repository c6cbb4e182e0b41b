//! Tests of the `impasto` program that need no weights and no farm.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use impasto_blobs::LocalBlobs;
use tempfile::TempDir;

/// A folder of small pictures, and the program isolated from the user's cache and configuration.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn picture(&self, path: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("it is below the folder"))
            .expect("the folder is made");
        image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([x as u8 * 8, y as u8 * 8, 99]))
            .save(path)
            .expect("it is written");
    }

    /// A picture with an alpha channel.
    fn leaf(&self, path: &str) {
        image::RgbaImage::from_fn(32, 32, |x, y| image::Rgba([9, y as u8 * 8, 99, x as u8 * 8]))
            .save(self.path().join(path))
            .expect("it is written");
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.path().join(path), text).expect("it is written");
    }

    /// A project with one asset and one style.
    fn project() -> Self {
        let place = Self::new();
        place.picture("textures/brick.png");
        place.picture("styles/night.png");
        place.write("impasto.toml", MANIFEST);
        place
    }

    fn impasto(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("impasto"));
        command.current_dir(self.path()).args(arguments);
        for variable in ["IMPASTO_COORDINATOR", "IMPASTO_THREADS", "RUST_LOG"] {
            command.env_remove(variable);
        }
        command.env("IMPASTO_CONFIG", self.path().join("no-config.toml"));
        command.env("IMPASTO_CACHE_DIR", self.path().join(".cache"));
        command.env("IMPASTO_MODELS_DIR", self.path().join(".models"));
        command
    }

    /// Writes a picture to each output's path and records it, as a build would.
    fn build_by_hand(&self) {
        let (_, plan, _) = self.run(&["plan", "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan).expect("it is JSON");
        let mut outputs = serde_json::Map::new();
        for task in plan["tasks"].as_array().expect("tasks") {
            let output = task["output"].as_str().expect("an output");
            self.picture(output);
            let bytes = fs::read(self.path().join(output)).expect("it is there");
            let entry = serde_json::json!({
                "action": task["action"],
                "asset": task["asset"],
                "digest": impasto_types::Digest::of(&bytes),
                "size_bytes": bytes.len(),
            });
            outputs.insert(output.to_owned(), entry);
        }
        let record = serde_json::json!({ "version": 1, "outputs": outputs });
        self.write("impasto.lock", &record.to_string());
    }

    /// Runs a command line: its exit code, stdout and stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.impasto(arguments).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
        (
            output.status.code().expect("it exits by itself"),
            text(output.stdout),
            text(output.stderr),
        )
    }
}

const MANIFEST: &str = r#"
[project]
name = "town"
output = "painted/{dir}/{name}"

[styles.night]
images = ["styles/night.png"]

[[rules]]
match = ["textures/**"]
style = "night"
"#;

#[test]
fn a_replaced_manifest_ignores_what_the_old_one_painted() {
    let place = Place::project();
    place.build_by_hand();
    let (code, out, err) = place.run(&["init", "--force"]);
    assert_eq!((code, out.contains("2 images")), (0, true), "{out}{err}");
    let manifest = fs::read_to_string(place.path().join("impasto.toml")).expect("it is there");
    assert!(!manifest.contains("painted"), "{manifest}");
}

#[test]
fn a_new_project_is_planned_and_stale() {
    let place = Place::new();
    place.picture("textures/brick.png");
    place.picture("styles/night.png");

    let (code, out, _) = place.run(&["init"]);
    assert_eq!((code, out.contains("2 images")), (0, true), "{out}");
    let (code, _, err) = place.run(&["init"]);
    assert_eq!((code, err.contains("--force")), (2, true), "{err}");
    assert_eq!(place.run(&["init", "--force"]).0, 0);

    let (code, out, err) = place.run(&["plan", "-v"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("textures/brick.png")
            && out.contains("it was never built")
            && out.contains("1 stale, 0 up to date"),
        "{out}"
    );
    assert_eq!(place.run(&["check"]).0, 1);
    assert_eq!(place.run(&["build", "--dry-run"]).0, 0);
    assert!(!place.path().join(".models").exists(), "no model is needed to plan");
}

#[test]
fn a_plan_is_a_json_document() {
    let place = Place::project();
    let (code, out, _) = place.run(&["plan", "--json", "--size", "64"]);
    let plan: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(
        (code, plan["project"].as_str(), plan["stale"].as_u64()),
        (0, Some("town"), Some(1))
    );
    assert_eq!(plan["tasks"][0]["output"], "painted/textures/brick.png");
    assert_eq!(plan["tasks"][0]["recipe"]["common"]["size"], 64, "flags override the manifest");
}

#[test]
fn user_errors_exit_with_2_and_name_their_cause() {
    let place = Place::project();
    place.write("typo.toml", &MANIFEST.replace("images", "imags"));
    place.write("nothing.toml", &MANIFEST.replace("textures/**", "walls/**"));
    place.leaf("leaf.png");
    fs::create_dir(place.path().join("empty")).expect("it is made");
    for (arguments, named) in [
        (&["plan", "typo.toml"][..], "did you mean `images`"),
        (&["build", "nothing.toml"], "no image matches"),
        (&["build", "empty"], "impasto init"),
        (&["plan", "nowhere"], "nowhere"),
        (&["plan", "--iterations", "0"], "iterations is 0"),
        (&["build", "--require-farm"], "no coordinator"),
        (&["jobs"], "--coordinator"),
        (&["job", "x"], "`x` is not a job"),
        (&["stylize", "textures/brick.png", "-o", "a.png"], "--style"),
        (
            &["stylize", "textures/brick.png", "--style", "styles/night.png", "-o", "a.gif"],
            "has no known extension",
        ),
        (&["stylize", "gone.png", "--style", "styles/night.png", "-o", "a.png"], "gone.png"),
        (
            &["stylize", "impasto.toml", "--style", "styles/night.png", "-o", "a.png"],
            "impasto.toml",
        ),
        (
            &["stylize", "leaf.png", "--style", "styles/night.png", "-o", "leaf.jpg"],
            "`leaf.png` has alpha, which jpg cannot hold; choose png",
        ),
        (&["synth", "styles/night.png", "-o", "a.png"], "--size"),
        (&["synth", "styles/night.png", "--size", "16400", "-o", "a.webp"], "webp holds at most"),
        (&["build", "--device", "abacus"], "abacus"),
        (&["build", "--max-memory", "lots"], "lots"),
        (&["@missing-file"], "missing-file"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let (code, out, err) = place.run(arguments);
        assert_eq!(code, 2, "{arguments:?}: {out}{err}");
        assert!(err.contains(named), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
    }
}

#[test]
fn an_unreachable_farm_exits_with_3() {
    let place = Place::project();
    // Nothing listens on port 9, so a connection is refused at once.
    for arguments in [
        &["jobs", "--coordinator", "http://127.0.0.1:9"][..],
        &["build", "--coordinator", "http://127.0.0.1:9", "--require-farm"],
        &["submit", "--coordinator", "127.0.0.1:9"],
    ] {
        let (code, _, err) = place.run(arguments);
        assert_eq!(code, 3, "{arguments:?}: {err}");
        assert!(err.contains("127.0.0.1:9") && err.contains("help:"), "{err}");
    }
}

#[test]
fn a_configuration_is_checked() {
    let place = Place::project();
    place.write("no-config.toml", "cordinator = \"x\"\n");
    let (code, _, err) = place.run(&["plan"]);
    assert!(code == 2 && err.contains("unknown field `cordinator`"), "{err}");
    place.write("no-config.toml", "coordinator = \"http://127.0.0.1:9\"\n");
    assert_eq!(place.run(&["jobs"]).0, 3);
}

#[test]
fn check_reports_an_unusable_asset_and_plans_the_others() {
    let place = Place::project();
    place.write("textures/broken.png", "not an image");
    let (code, out, _) = place.run(&["check"]);
    assert!(
        code == 1
            && out.contains("broken.png")
            && out.contains("1 stale, 0 up to date, 1 unusable"),
        "{out}"
    );
}

#[test]
fn an_output_that_cannot_be_written_makes_its_asset_unusable() {
    let place = Place::project();
    place.leaf("textures/leaf.png");
    let manifest = MANIFEST.replace("{name}", "{stem}.{ext}");
    place.write("impasto.toml", &format!("{manifest}format = \"jpg\"\n"));
    let (code, out, err) = place.run(&["plan", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!((code, plan["stale"].as_u64()), (0, Some(1)), "{out}{err}");
    let [leaf] = &plan["unusable"].as_array().expect("a list")[..] else { panic!("{out}") };
    let text = leaf.to_string();
    assert!(
        text.contains("textures/leaf.png") && text.contains("alpha, which jpg cannot hold"),
        "{text}"
    );
}

#[test]
fn arguments_come_from_a_file() {
    let place = Place::project();
    place.write("args", "plan\n--json\n\n# a comment\n--size\n48\n");
    let (code, out, _) = place.run(&["@args"]);
    assert!(code == 0 && out.contains("\"size\":48"), "{out}");
}

#[test]
fn completions_and_manual_pages() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = place.run(&["completions", shell]);
        assert!(code == 0 && out.contains("stylize"), "{shell}");
    }
    let (code, out, _) = place.run(&["man"]);
    assert!(code == 0 && out.contains(".TH"), "{out}");
    assert_eq!(place.run(&["man", "--out", "pages"]).0, 0);
    for page in ["impasto.1", "impasto-build.1", "impasto-models-pull.1"] {
        assert!(place.path().join("pages").join(page).is_file(), "{page}");
    }
}

#[test]
fn an_empty_model_store() {
    let place = Place::new();
    assert_eq!(place.run(&["models", "list", "--json"]).1, "[]\n");
    let (code, _, err) = place.run(&["models", "verify"]);
    assert!(code == 1 && err.contains("impasto models pull"), "{err}");
    place.write("weights.bin", "not weights");
    let (code, _, err) = place.run(&["models", "import", "weights.bin"]);
    assert!(code == 2 && err.contains("weights.bin"), "{err}");
}

#[test]
fn colours_are_only_for_terminals() {
    let place = Place::project();
    let (_, out, err) = place.run(&["plan"]);
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'));
}

#[test]
fn the_cache_is_described_and_pruned() {
    let place = Place::new();
    let (code, out, err) = place.run(&["cache", "--json"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(document(&out)["bytes"], 0);
    assert!(!place.path().join(".cache").exists(), "reading creates nothing");

    let blobs = LocalBlobs::open(&place.path().join(".cache"), 1 << 20).expect("it opens");
    let [first, second, _] = [1, 2, 3].map(|fill| blobs.put(&[fill; 1024]).expect("it is stored"));
    let (_, out, _) = place.run(&["cache"]);
    assert!(out.contains("blobs          3      3.00 KiB") && out.contains("50.0 GiB"), "{out}");

    let (code, out, _) = place.run(&["cache", "remove", &first.digest.short(), "--json"]);
    let digest = first.digest.to_hex();
    assert_eq!(code, 0);
    assert_eq!(
        document(&out),
        serde_json::json!([{ "digest": digest, "result": false, "blob": true }])
    );
    let (code, _, err) = place.run(&["cache", "remove", &digest]);
    assert_eq!((code, err.contains("no result or blob")), (1, true), "{err}");

    let (_, out, _) = place.run(&["cache", "prune", "--max-size", "1K", "-n"]);
    assert_eq!(out, "would remove 1 file, 1.00 KiB, 1.00 KiB left\n");
    assert!(blobs.contains(second));
    let (_, out, _) = place.run(&["cache", "prune", "--max-size", "1K", "--json"]);
    let pruned = document(&out);
    assert_eq!([&pruned["removed"]["files"], &pruned["left_bytes"]], [1, 1024], "{out}");
    place.write("no-config.toml", "[cache]\nmax_size = 0\n");
    let (_, out, _) = place.run(&["cache", "prune"]);
    assert_eq!(out, "removed 1 file, 1.00 KiB, 0 B left\n");
}

fn document(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn a_fresh_clone_is_up_to_date() {
    let place = Place::project();
    place.picture("textures/stone.png");
    place.build_by_hand();
    // A checkout that cannot be written to.
    fs::remove_dir_all(place.path().join(".impasto")).expect("it is removed");
    place.write(".impasto", "");
    let (code, out, err) = place.run(&["check"]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(err.contains("0 stale, 2 up to date"), "{err}");
    let (code, out, err) = place.run(&["build"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("all 2 assets are up to date"), "{out}");
}

#[test]
fn outputs_that_are_edited_or_missing_are_stale() {
    let place = Place::project();
    place.build_by_hand();
    place.write("painted/textures/brick.png", "by hand");
    let (code, out, _) = place.run(&["check"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("the output was changed by something else"), "{out}");
    fs::remove_file(place.path().join("painted/textures/brick.png")).expect("it is removed");
    let (code, out, _) = place.run(&["check"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("the output is missing"), "{out}");
}

#[test]
fn a_plan_says_which_input_changed_since_a_clone_was_up_to_date() {
    let place = Place::project();
    place.picture("textures/stone.png");
    place.build_by_hand();
    let recorded = fs::read_to_string(place.path().join("impasto.lock")).expect("it is there");
    // No details are recorded yet, so only the change of the action is known.
    place.write("impasto.toml", &format!("{MANIFEST}preset = \"texture\"\n"));
    let (_, out, _) = place.run(&["plan"]);
    assert!(out.contains("its asset, style, recipe or model changed"), "{out}");

    place.write("impasto.toml", MANIFEST);
    assert_eq!(place.run(&["check"]).0, 0);
    image::RgbImage::new(32, 32).save(place.path().join("textures/brick.png")).expect("it is made");
    let (_, out, _) = place.run(&["plan"]);
    assert!(out.contains("the asset changed") && out.contains("1 stale, 1 up to date"), "{out}");
    let text = fs::read_to_string(place.path().join("impasto.lock")).expect("it is there");
    assert_eq!(text, recorded, "a plan writes no record");
}

#[test]
fn an_unreadable_record_is_not_overwritten() {
    let place = Place::project();
    place.build_by_hand();
    for record in [r#"{"version":9,"outputs":{}}"#, "{\n<<<<<<< ours\n}"] {
        place.write("impasto.lock", record);
        for command in ["check", "build"] {
            let (code, _, err) = place.run(&[command]);
            assert_eq!(code, 2, "{err}");
            assert!(err.contains("impasto.lock"), "{err}");
        }
        let text = fs::read_to_string(place.path().join("impasto.lock")).expect("it is there");
        assert_eq!(text, record);
    }
}

#[test]
fn a_depfile_has_paths_relative_to_the_current_folder() {
    let place = Place::project();
    place.build_by_hand();
    fs::create_dir(place.path().join("town")).expect("it is made");
    for name in ["textures", "styles", "painted", "impasto.lock"] {
        fs::rename(place.path().join(name), place.path().join("town").join(name))
            .expect("it is moved");
    }
    fs::rename(place.path().join("impasto.toml"), place.path().join("town/night.toml"))
        .expect("it is moved");
    fs::rename(place.path().join("town/impasto.lock"), place.path().join("town/night.lock"))
        .expect("it is moved");
    let (code, _, err) = place.run(&["build", "town/night.toml", "--depfile", "town.d"]);
    assert_eq!(code, 0, "{err}");
    let text = fs::read_to_string(place.path().join("town.d")).expect("it is written");
    assert_eq!(
        text,
        "town/painted/textures/brick.png: \\\n  town/night.toml \\\n  town/styles/night.png \\\n  \
         town/textures/brick.png \\\n  town/textures\n\ntown/night.toml:\n\n\
         town/styles/night.png:\n\ntown/textures/brick.png:\n\ntown/textures:\n"
    );
    let stamp = ["build", "town/night.toml", "--depfile", "town.d", "--depfile-target", "a stamp"];
    assert_eq!(place.run(&stamp).0, 0);
    let text = fs::read_to_string(place.path().join("town.d")).expect("it is written");
    assert!(text.starts_with("a\\ stamp: \\\n  town/night.toml \\\n"), "{text}");
}
