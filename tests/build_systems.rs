//! The snippets of docs/build-systems.md, run by the real CMake, Ninja and Make.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use impasto_tests::pictures::{bricks, swirls};
use impasto_tests::{Finished, Project, build_tool, eventually, skipped, workspace};

const MANIFEST: &str = "[project]\nname = \"art\"\noutput = \"painted/{dir}/{name}\"\n\
    [defaults]\niterations = 1\ncoarse_iterations = 1\nmin_scale = 0\n\
    [styles.night]\nimages = \"styles/night.png\"\n\
    [[rules]]\nmatch = \"textures/**\"\nstyle = \"night\"\n";

/// The block of the page in this language.
fn snippet(language: &str) -> String {
    let page = fs::read_to_string(workspace().join("docs/build-systems.md")).expect("it is there");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("the page has the block");
    rest.split_once("```").expect("the block ends").0.to_owned()
}

/// A tree with a project in the folder `art`, and a build system that paints it.
struct Tree<'a> {
    project: Project,
    /// The program and its arguments.
    build: (PathBuf, Vec<&'a str>),
    stamp: &'a str,
    /// Whether it forgets files that are no dependencies any more. CMake 3.25 for Make does not: it
    /// adds a new depfile to the old ones.
    forgets: bool,
}

impl<'a> Tree<'a> {
    fn new(build: (PathBuf, Vec<&'a str>), stamp: &'a str) -> Self {
        let project = Project::new("");
        project.write("art/impasto.toml", MANIFEST);
        for (name, seed) in [("brick", 1), ("old/wall", 2)] {
            project.save(&format!("art/textures/{name}.png"), &bricks(32, 32, seed));
        }
        project.save("art/styles/night.png", &swirls(32, 0));
        Self { project, build, stamp, forgets: true }
    }

    fn run(&self) -> Finished {
        let (program, arguments) = &self.build;
        Finished::of(&mut self.project.program(program, arguments))
    }

    fn stamped(&self) -> SystemTime {
        let stamp = fs::metadata(self.project.path(self.stamp)).expect("there is a stamp");
        stamp.modified().expect("it has a time")
    }

    fn painted(&self) -> Vec<String> {
        self.project.files("art/painted/textures").into_keys().collect()
    }

    fn bytes(&self) -> Vec<u8> {
        self.project.read("art/painted/textures/brick.png")
    }

    /// Waits until a file that is written now is newer than the stamp.
    fn let_time_pass(&self) {
        let before = self.stamped();
        eventually("the clock's next tick", || {
            self.project.write("probe", "");
            let now = fs::metadata(self.project.path("probe")).and_then(|probe| probe.modified());
            (now.expect("it has a time") > before).then_some(())
        });
    }

    /// Makes a change, which must lead to one build.
    #[track_caller]
    fn rebuilds_after(&self, change: impl FnOnce(&Project)) {
        self.let_time_pass();
        change(&self.project);
        self.rebuilds();
        self.is_idle();
    }

    #[track_caller]
    fn rebuilds(&self) {
        let before = self.stamped();
        self.run().expect_code(0);
        assert!(self.stamped() > before, "the change was not noticed");
    }

    #[track_caller]
    fn is_idle(&self) {
        self.let_time_pass();
        let before = self.stamped();
        let ran = self.run().expect_code(0);
        assert_eq!(self.stamped(), before, "it built again: {ran}");
    }

    /// Changes everything that a build depends on.
    fn check(&self) {
        self.run().expect_code(0);
        assert_eq!(self.painted(), ["brick.png", "old/wall.png"]);
        self.is_idle();

        self.rebuilds_after(|it| it.save("art/textures/new one.png", &bricks(32, 32, 3)));
        assert_eq!(self.painted(), ["brick.png", "new one.png", "old/wall.png"]);
        self.rebuilds_after(|it| it.save("art/textures/old/new.png", &bricks(32, 32, 4)));
        self.rebuilds_after(|it| it.save("art/textures/deep/er/new.png", &bricks(32, 32, 5)));
        assert_eq!(self.painted().len(), 5);

        let before = self.bytes();
        self.rebuilds_after(|it| it.save("art/styles/night.png", &swirls(32, 1)));
        let restyled = self.bytes();
        assert_ne!(restyled, before, "a changed style");
        self.rebuilds_after(|it| {
            it.replace("art/impasto.toml", "iterations = 1", "iterations = 2")
        });
        let repainted = self.bytes();
        assert_ne!(repainted, restyled, "a changed manifest");
        self.rebuilds_after(|it| it.save("art/textures/brick.png", &bricks(32, 32, 9)));
        assert_ne!(self.bytes(), repainted, "a changed texture");
        if self.forgets {
            self.rebuilds_after(|it| {
                fs::remove_file(it.path("art/textures/new one.png")).expect("it is removed");
                fs::remove_dir_all(it.path("art/textures/old")).expect("it is removed");
            });
        }

        // An asset that fails, in a new file and in a known one.
        for name in ["broken", "brick"] {
            self.let_time_pass();
            let asset = format!("art/textures/{name}.png");
            self.project.write(&asset, "not a picture");
            for _ in 0..2 {
                let failed = self.run();
                assert_ne!(failed.code, Some(0), "{failed}");
                assert!(format!("{failed}").contains("is not an image"), "{failed}");
            }
            self.rebuilds_after(|it| it.save(&asset, &bricks(32, 32, 6)));
            assert!(self.painted().contains(&format!("{name}.png")));
        }
    }
}

#[test]
fn ninja_builds_when_it_has_to() {
    let Some(ninja) = build_tool("ninja").filter(|_| cfg!(unix)) else {
        return skipped("Ninja", "it is not here, or the system has no `touch`");
    };
    let tree = Tree::new((ninja, vec![]), "art.stamp");
    tree.project.write("build.ninja", snippet("ninja"));
    tree.check();
}

#[test]
fn make_builds_when_it_has_to() {
    let Some(make) = build_tool("make").filter(|_| cfg!(unix)) else {
        return skipped("Make", "it is not here, or the system has no `touch`");
    };
    let tree = Tree::new((make, vec![]), "art.stamp");
    tree.project.write("Makefile", snippet("make"));
    tree.check();
}

#[test]
fn cmake_builds_when_it_has_to() {
    let Some(cmake) = build_tool("cmake") else { return skipped("CMake", "it is not here") };
    for (generator, tool) in [("Ninja", "ninja"), ("Unix Makefiles", "make")] {
        let Some(tool) = build_tool(tool) else {
            skipped(&format!("CMake with {generator}"), "it is not here");
            continue;
        };
        // A blank in the path of everything.
        let mut tree = Tree::new((cmake.clone(), vec!["--build", "out dir"]), "out dir/art.stamp");
        tree.forgets = generator == "Ninja";
        tree.project.write("CMakeLists.txt", snippet("cmake"));
        let make_program = format!("-DCMAKE_MAKE_PROGRAM={}", shown(&tool));
        let configure = ["-S", ".", "-B", "out dir", "-G", generator, &make_program];
        Finished::of(&mut tree.project.program(&cmake, &configure)).expect_code(0);
        tree.check();
    }
}

/// The path of a program, as CMake needs it: a name alone is searched for.
fn shown(tool: &Path) -> String {
    let found = std::env::var_os("PATH").and_then(|path| {
        let mut files = std::env::split_paths(&path).map(|folder| folder.join(tool));
        files.find(|file| file.is_file())
    });
    found.unwrap_or_else(|| tool.to_owned()).display().to_string()
}

/// Names that need escapes, in projects whose absolute paths need some too.
#[cfg(unix)]
#[test]
fn ninja_and_make_read_every_name_that_is_written() {
    let names = [
        "a b.png",
        "a  b.png",
        "a#b.png",
        "$a.png",
        "a$$b.png",
        "a(1).png",
        "[a] {b}.png",
        "münze~.png",
        "a,b@c!+%.png",
        "a=b.png",
    ];
    for (folder, names) in [
        ("art:1", &names[..]),
        ("my art", &["a b.png"]),
        ("a\\rt", &["a.png"]),
        ("a\\ rt", &["a.png"]),
        ("a#$t", &["a.png"]),
    ] {
        for (tool, file) in [("ninja", "build.ninja"), ("make", "Makefile")] {
            let Some(program) = build_tool(tool) else {
                skipped(tool, "it is not here");
                continue;
            };
            let tree = Tree::new((program, vec![]), "art.stamp");
            fs::rename(tree.project.path("art"), tree.project.path(folder)).expect("it is moved");
            for (seed, name) in (1..).zip(names) {
                tree.project.save(&format!("{folder}/textures/{name}"), &bricks(32, 32, seed));
            }
            let art = tree.project.path(folder).display().to_string().replace('$', "$$");
            let text = snippet(tool).replace(" art/impasto.toml", "");
            let text = text.replace("build art ", &format!("build '{art}' "));
            tree.project.write(file, text);
            tree.run().expect_code(0);
            tree.is_idle();
            for name in names {
                tree.rebuilds_after(|it| {
                    let file = format!("{folder}/textures/{name}");
                    it.write(&file, it.read(&file));
                });
            }
        }
    }
}
