//! A project in a temporary folder, and the program run in it, isolated from the user's settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use image::ImageEncoder;
use image::codecs::png::PngEncoder;
use tempfile::TempDir;

use crate::binary::impasto;
use crate::models::models_dir;
use crate::pictures;
use crate::process::{Finished, Process};

/// A folder's files by relative path, with `/` on every system: bytes and modification time.
pub type Files = BTreeMap<String, (Vec<u8>, SystemTime)>;

/// The project's folder, with a cache and a home folder beside it.
#[derive(Debug)]
pub struct Project {
    root: TempDir,
}

/// Few steps at one scale: every part of the engine runs, within seconds.
const QUICK: &str = "[defaults]\niterations = 3\nmin_scale = 0\n";

impl Project {
    /// A project with this manifest and without pictures.
    pub fn new(manifest: &str) -> Self {
        let project = Self { root: tempfile::tempdir().expect("a folder") };
        for folder in [project.dir(), project.home()] {
            fs::create_dir(folder).expect("it is made");
        }
        project.write("impasto.toml", manifest);
        project
    }

    /// Two walls in the style `night` and one in `day`, each 64 pixels wide and painted in a few
    /// steps.
    pub fn small() -> Self {
        let rules = "[[rules]]\nmatch = \"textures/day/**\"\nstyle = \"day\"\n\
            [[rules]]\nmatch = \"textures/**\"\nstyle = \"night\"\n";
        let styles = "[styles.night]\nimages = \"styles/night.png\"\n\
            [styles.day]\nimages = \"styles/day.png\"\n";
        let project = Self::new(&format!(
            "[project]\nname = \"town\"\noutput = \"painted/{{dir}}/{{name}}\"\n\
             {QUICK}{styles}{rules}"
        ));
        project.save("textures/brick.png", &pictures::bricks(64, 48, 1));
        project.save("textures/wall.png", &pictures::bricks(64, 64, 2));
        project.save("textures/day/house.png", &pictures::bricks(48, 64, 3));
        project.save("styles/night.png", &pictures::swirls(64, 0));
        project.save("styles/day.png", &pictures::swirls(64, 1));
        project
    }

    /// One style, and a rule for everything in `textures`, which is empty.
    pub fn empty() -> Self {
        let rule = "[[rules]]\nmatch = \"textures/**\"\n";
        let style = "[styles.night]\nimages = \"styles/night.png\"\n";
        let project = Self::new(&format!(
            "[project]\nname = \"town\"\noutput = \"painted/{{dir}}/{{name}}\"\n\
             {QUICK}{style}{rule}"
        ));
        project.save("styles/night.png", &pictures::swirls(64, 0));
        project
    }

    /// One style, and a rule with these lines for everything in `art`, which is empty. Results come
    /// to `out`.
    pub fn of_art(rule: &str) -> Self {
        let project = Self::new(&format!(
            "[project]\nname = \"props\"\noutput = \"out/{{name}}\"\n\n[styles.swirls]\nimages = \
             \"styles/swirls.png\"\n\n[[rules]]\nmatch = \"art/*\"\n{rule}\n"
        ));
        project.save("styles/swirls.png", &pictures::swirls(128, 5));
        project
    }

    /// The project's own folder.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("project")
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir().join(file)
    }

    /// A folder beside the project, which does not exist yet.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn home(&self) -> PathBuf {
        self.beside("home")
    }

    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("it lies in the project"))
            .expect("its folder is made");
        fs::write(path, bytes).expect("it is written");
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Changes text in a file, the manifest for instance.
    #[track_caller]
    pub fn replace(&self, file: &str, old: &str, new: &str) {
        let text = String::from_utf8(self.read(file)).expect("it is text");
        assert!(text.contains(old), "{file} has no {old}");
        self.write(file, text.replace(old, new));
    }

    /// Writes a picture in the format that its name says.
    pub fn save<P: image::PixelWithColorType>(
        &self,
        file: &str,
        picture: &image::ImageBuffer<P, Vec<P::Subpixel>>,
    ) where
        [P::Subpixel]: image::EncodableLayout,
    {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("it lies in the project"))
            .expect("its folder is made");
        picture.save(path).expect("it is written");
    }

    /// Writes a PNG with an ICC profile.
    pub fn save_profiled(&self, file: &str, picture: &image::DynamicImage, profile: &[u8]) {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile.to_vec()).expect("PNG holds profiles");
        picture.write_with_encoder(encoder).expect("it is encoded");
        self.write(file, bytes);
    }

    /// Everything below a folder of the project; nothing if there is no such folder.
    pub fn files(&self, folder: &str) -> Files {
        let mut files = Files::new();
        collect(&self.path(folder), "", &mut files);
        files
    }

    /// Paths and bytes below `painted`.
    pub fn painted(&self) -> BTreeMap<String, Vec<u8>> {
        self.files("painted").into_iter().map(|(path, (bytes, _))| (path, bytes)).collect()
    }

    /// The program in the project's folder, isolated from the user's settings, caches and farm.
    pub fn impasto(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(impasto());
        command.args(arguments).current_dir(self.dir());
        let foreign = |name: &str| {
            name.starts_with("IMPASTO_") || name.starts_with("XDG_") || name == "RUST_LOG"
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| foreign(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        for home in ["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"] {
            command.env(home, self.home());
        }
        command.env("IMPASTO_CONFIG", self.home().join("config.toml"));
        command
            .env("IMPASTO_CACHE_DIR", self.beside("cache"))
            .env("IMPASTO_MODELS_DIR", models_dir());
        command
    }

    /// Another program in the project's folder, which finds `impasto` and runs it isolated.
    pub fn program(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.dir());
        for (name, value) in self.impasto(&[]).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let ours = impasto().parent().expect("it lies in a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(ours).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("no folder has a separator"));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(&mut self.impasto(arguments))
    }

    pub fn start(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.impasto(arguments))
    }

    /// `impasto build --json`, which has to succeed.
    #[track_caller]
    pub fn build(&self) -> Finished {
        self.run(&["build", "--json"]).expect_code(0)
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.expect("the folder can be listed");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("it has a type").is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            let time =
                entry.metadata().and_then(|metadata| metadata.modified()).expect("it has a time");
            files.insert(name, (fs::read(entry.path()).expect("it can be read"), time));
        }
    }
}
