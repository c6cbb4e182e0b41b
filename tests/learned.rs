//! Pictures and projects painted by networks that `impasto train` made, with the real program.

use image::{DynamicImage, RgbImage};
use impasto_tests::{Finished, Project, models_dir, pictures, pictures::apart};

/// Small squares, few steps: seconds, and enough to tell styles from each other.
const QUICK: [&str; 12] = [
    "--content",
    "photos",
    "--crop",
    "64",
    "--size",
    "96",
    "--steps",
    "16",
    "--look-every",
    "16",
    "--learning-rate",
    "0.006",
];

/// A project with a network of two styles, and one of the first alone.
fn place() -> Project {
    let project = Project::empty();
    for seed in 0..4 {
        project.save(&format!("photos/{seed}.png"), &pictures::bricks(130, 100, seed));
    }
    project.save("styles/night.png", &pictures::swirls(96, 0));
    project.save("styles/day.png", &pictures::swirls(96, 1));
    for (styles, model) in
        [(&["night", "day"][..], "both.safetensors"), (&["night"], "night.safetensors")]
    {
        let styles: Vec<String> = styles.iter().map(|name| format!("styles/{name}.png")).collect();
        let mut arguments = vec!["train"];
        arguments.extend(styles.iter().map(String::as_str));
        arguments.extend(["-o", model]);
        arguments.extend(QUICK);
        // Without noise a picture is painted the same wherever it lies.
        arguments.extend(if styles.len() == 1 { ["--noise", "0"] } else { ["--noise", "30"] });
        project.run(&arguments).expect_code(0);
    }
    project
}

/// Paints `asset` by a network with these flags.
fn run(project: &Project, asset: &str, model: &str, flags: &[&str]) -> Finished {
    let painted = format!("painted_{asset}");
    let method = ["stylize", "--method", "feedforward", "--model", model, asset, "-o", &painted];
    project.run(&[&method[..], flags].concat())
}

/// The same, and opens the result.
fn stylize(project: &Project, asset: &str, model: &str, flags: &[&str]) -> DynamicImage {
    run(project, asset, model, flags).expect_code(0);
    image::open(project.path(&format!("painted_{asset}"))).expect("it is a picture")
}

#[test]
fn pictures_are_painted_by_a_network() {
    let project = place();
    let wall = pictures::bricks(150, 97, 7);
    project.save("wall.png", &wall);
    let paint = |model: &str, flags: &[&str]| stylize(&project, "wall.png", model, flags).to_rgb8();

    // Strength lies between the asset and what the network makes of it.
    let at = |strength: &str| paint("night.safetensors", &["--strength", strength]);
    let [none, half, whole] = ["0", "0.5", "1"].map(at);
    assert!(none == wall, "nothing is taken");
    let (halfway, all) = (apart(&half, &wall), apart(&whole, &wall));
    assert!(all > 8.0 && (halfway / all - 0.5).abs() < 0.05, "{halfway} of {all}");

    // One of several styles is chosen by its image, and several are mixed.
    let night = paint("both.safetensors", &["--style", "styles/night.png"]);
    let day = paint("both.safetensors", &["--style", "styles/day.png"]);
    let mixed = ["--style", "styles/night.png", "--style", "styles/day.png:3"];
    let mixed = paint("both.safetensors", &mixed);
    let between = apart(&mixed, &night) + apart(&mixed, &day);
    let whole_way = apart(&night, &day);
    assert!(whole_way > 1.0, "the styles differ: {whole_way}");
    assert!(apart(&mixed, &day) < apart(&mixed, &night) && between < 1.5 * whole_way, "{between}");

    // Or by its name; then no image is needed.
    assert!(paint("both.safetensors", &["--model-styles", "night"]) == night);
    assert!(paint("both.safetensors", &["--model-styles", "night:1,day:3"]) == mixed);

    // Any number of threads, any number of scales.
    let [one, two] = ["1", "2"].map(|threads| {
        let flags = ["--threads", threads, "--min-scale", "32", "--tileable", "both"];
        stylize(&project, "wall.png", "night.safetensors", &flags);
        project.read("painted_wall.png")
    });
    assert!(one == two, "threads change no byte");

    // A texture has no seam, wherever it begins.
    let waves = pictures::waves(64);
    let rolled = |picture: &RgbImage, by: u32| {
        RgbImage::from_fn(64, 64, |x, y| *picture.get_pixel((x + by) % 64, (y + by) % 64))
    };
    project.save("waves.png", &waves);
    project.save("rolled.png", &rolled(&waves, 36));
    let wrapped = |asset: &str| {
        stylize(&project, asset, "night.safetensors", &["--tileable", "both"]).to_rgb8()
    };
    let (painted, later) = (wrapped("waves.png"), rolled(&wrapped("rolled.png"), 64 - 36));
    let most = painted.as_raw().iter().zip(later.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(2), "{most:?}");

    let with_noise = ["--style", "styles/day.png", "--tileable", "both"];
    let of_seed = |seed: &str| {
        let flags = [&with_noise[..], &["--seed", seed]].concat();
        stylize(&project, "waves.png", "both.safetensors", &flags)
    };
    let [one, other] = ["1", "2"].map(of_seed);
    let seam = pictures::seam(&one);
    assert!(seam < 1.25, "{seam:.2} times as rough at its seam as within");
    assert!(one == of_seed("1") && one != other, "strokes follow from the seed");

    // Alpha and depth are the asset's.
    project.save("leaf.png", &pictures::leaf(40));
    let leaf = stylize(&project, "leaf.png", "night.safetensors", &[]);
    assert_eq!(leaf.color(), image::ColorType::Rgba8);
    pictures::deep_slope(47, 33).save(project.path("slope.png")).expect("it is written");
    let slope = stylize(&project, "slope.png", "night.safetensors", &[]);
    assert_eq!(slope.color(), image::ColorType::Rgba16);

    refusals(&project);
}

/// What cannot be painted, and what is said.
fn refusals(project: &Project) {
    let refused =
        |model: &str, flags: &[&str]| run(project, "wall.png", model, flags).expect_code(2).err;
    let error = refused("both.safetensors", &[]);
    assert!(error.contains("which of several styles") && error.contains("night, day"), "{error}");
    let error = refused("night.safetensors", &["--style", "styles/day.png"]);
    assert!(error.contains("has not learned styles/day.png"), "{error}");
    assert!(error.contains("it has learned night\n"), "{error}");
    let error = refused("both.safetensors", &["--model-styles", "dusk"]);
    assert!(error.contains("has not learned dusk; it has learned night, day"), "{error}");
    let error = refused("none.safetensors", &[]);
    assert!(error.contains("cannot read none.safetensors"), "{error}");
    let error = refused("wall.png", &[]);
    assert!(error.contains("wall.png cannot be used as `model`"), "{error}");
    assert!(error.contains("this is no network"), "{error}");
    let whole = project.read("night.safetensors");
    project.write("cut.safetensors", &whole[..whole.len() - 9]);
    let error = refused("cut.safetensors", &[]);
    assert!(error.contains("cut.safetensors cannot be used as `model`"), "{error}");
    let error = refused("night.safetensors", &["--style-scale", "2"]);
    assert!(error.contains("method feedforward does not have it"), "{error}");

    let plain = ["stylize", "wall.png", "-o", "o.png"];
    let error = |flags: &[&str]| project.run(&[&plain[..], flags].concat()).expect_code(2).err;
    let without = error(&["--method", "feedforward", "--style", "styles/day.png"]);
    assert!(without.contains("method feedforward needs a network"), "{without}");
    let other = error(&["--model", "night.safetensors"]);
    assert!(other.contains("used with method feedforward"), "{other}");
    assert!(!project.path("o.png").exists());
}

#[test]
fn a_project_names_its_network_and_repaints_when_it_changes() {
    let project = place();
    project.write(
        "impasto.toml",
        "[project]\nname = \"p\"\nassets = \"textures\"\noutput = \
         \"painted/{style}/{dir}/{name}\"\n\n[defaults]\nmethod = \"feedforward\"\n\n\
         [styles.night]\nmodel = \"night.safetensors\"\n\n[styles.day]\nimages = \
         [\"styles/day.png\"]\nmodel = \"./both.safetensors\"\n\n[[rules]]\nmatch = \
         \"**/*.png\"\nstyles = [\"night\", \"day\"]\n",
    );
    for seed in 2..5 {
        project.save(&format!("textures/{seed}.png"), &pictures::bricks(64, 40, seed));
    }
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert_eq!(plan.matches("feedforward").count(), 1, "the rule's method: {plan}");
    assert_eq!(project.build().summary()["painted"], 6);
    let first = project.painted();
    assert_eq!(project.build().summary()["painted"], 0);

    // Another network under the same name.
    let trained = ["train", "styles/night.png", "-o", "night.safetensors", "--force"];
    project.run(&[&trained[..], &QUICK, &["--seed", "9"]].concat()).expect_code(0);
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert!(plan.contains("the model changed"), "{plan}");
    assert_eq!(project.build().summary()["painted"], 3);
    let second = project.painted();
    assert!(first.iter().all(|(name, bytes)| (second[name] == *bytes) != name.contains("night")));

    // What is wrong with the manifest or a network is said before anything is painted.
    let whole = project.read("impasto.toml");
    let refused = |old: &str, new: &str| {
        project.write("impasto.toml", &whole);
        project.replace("impasto.toml", old, new);
        project.run(&["plan"]).expect_code(2).err
    };
    project.save("styles/dusk.png", &pictures::swirls(96, 2));
    let error = refused("styles/day.png", "styles/dusk.png");
    let expected = "it has not learned styles/dusk.png, but night, day; train one on that image";
    assert!(error.contains("both.safetensors") && error.contains(expected), "{error}");
    let error = refused("\"night.safetensors", "\"both.safetensors");
    assert!(error.contains("it has learned 2 styles (night, day)"), "{error}");
    let named = "\"both.safetensors\"\nmodel_styles = [\"dusk\"]";
    let error = refused("\"night.safetensors\"", named);
    assert!(error.contains("it has no style `dusk`, but night, day"), "{error}");
    project.replace("impasto.toml", "dusk", "day:2");
    project.run(&["plan"]).expect_code(0);
    let error = refused("\"night.safetensors", "\"none.safetensors");
    assert!(error.contains("none.safetensors") && error.contains("no such file"), "{error}");
    let error = refused("model = \"night.safetensors\"", "images = [\"styles/night.png\"]");
    assert!(error.contains("`model`"), "{error}");
    let error = refused("[[rules]]\n", "[[rules]]\nmethod = \"arbitrary\"\n");
    assert!(error.contains("[styles.night]") && error.contains("`images`"), "{error}");
    project.write("night.safetensors", "no network");
    let error = refused("name = \"p\"", "name = \"q\"");
    assert!(error.contains("this is no network"), "{error}");
}

#[test]
fn the_network_of_26_styles_paints_what_is_named() {
    let project = Project::of_art("method = \"feedforward\"\nmodel = \"26.safetensors\"");
    let models = ["--models-dir", models_dir().to_str().expect("a path of text")];
    let export = |model: &str, name: &str| {
        project.run(&[&["models", "export", model, "-o", name][..], &models].concat())
    };
    let error = export("vgg19", "v.safetensors").expect_code(2).err;
    assert!(error.contains("`vgg19` does not paint by itself"), "{error}");
    assert!(!project.path("v.safetensors").exists());
    let [first, again] = ["26.safetensors", "again.safetensors"].map(|name| {
        export("multistyle26", name).expect_code(0);
        project.read(name)
    });
    assert!(first == again, "the same bytes");

    project.save("art/wall.png", &pictures::bricks(97, 64, 3));
    let error = project.run(&["build"]).expect_code(2).err;
    assert!(error.contains("it has not learned"), "{error}");
    let mut before = Vec::new();
    for styles in ["[\"0\"]", "[\"25\"]", "[\"0\", \"25:3\"]"] {
        let manifest = project.read("impasto.toml");
        let keys = format!("model = \"26.safetensors\"\nmodel_styles = {styles}");
        project.replace("impasto.toml", "model = \"26.safetensors\"", &keys);
        project.build();
        let painted = image::open(project.path("out/wall.png")).expect("it is painted");
        assert_eq!((painted.width(), painted.height()), (97, 64));
        before.push(painted.to_rgb8());
        project.write("impasto.toml", manifest);
    }
    let [first, last, mixed] = &before[..] else { panic!("three") };
    assert!(apart(first, last) > 10.0, "{}", apart(first, last));
    assert!(apart(mixed, last) < apart(mixed, first));
}
