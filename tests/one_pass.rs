//! Pictures and projects painted in one pass, with the real networks and program.

use image::{DynamicImage, Pixel, Rgb, RgbImage, imageops};
use impasto_tests::{Project, pictures, pictures::apart};

const STYLIZE: [&str; 5] = ["stylize", "--method", "arbitrary", "--style", "styles/night.png"];

/// Paints `asset` with these flags, and opens the result.
fn stylize(project: &Project, asset: &str, flags: &[&str]) -> DynamicImage {
    let name = asset.rsplit_once('/').map_or(asset, |(_, name)| name);
    let painted = format!("painted_{name}");
    project.run(&[&STYLIZE[..], &[asset, "-o", &painted], flags].concat()).expect_code(0);
    image::open(project.path(&painted)).expect("it is a picture")
}

fn mean(picture: &RgbImage) -> [f64; 3] {
    let sum = |channel: usize| picture.pixels().map(|pixel| f64::from(pixel[channel])).sum::<f64>();
    [0, 1, 2].map(|channel| sum(channel) / f64::from(picture.width() * picture.height()))
}

#[test]
fn a_picture_takes_the_style_by_its_strength() {
    let project = Project::empty();
    let wall = pictures::bricks(150, 97, 1);
    project.save("wall.png", &wall);
    let style = image::open(project.path("styles/night.png")).expect("it is a picture").to_rgb8();
    let off_style = |picture: &RgbImage| {
        let pairs = mean(picture).into_iter().zip(mean(&style));
        pairs.map(|(a, b)| (a - b).abs()).sum::<f64>()
    };
    let at = |strength: &str| {
        stylize(&project, "wall.png", &["--strength", strength, "--palette", "0"]).to_rgb8()
    };
    let [none, half, whole] = ["0", "0.5", "1"].map(at);
    assert_eq!(whole.dimensions(), (150, 97));
    assert!(apart(&none, &wall) < apart(&half, &wall), "half of the style is seen");
    assert!(apart(&half, &wall) < apart(&whole, &wall), "all of it is seen more");
    assert!(off_style(&whole) < 0.5 * off_style(&wall), "it has the style's colours");
    // Forms stay: what was dark beside what was light still is.
    let light = |picture: &RgbImage, at: (u32, u32)| {
        picture.get_pixel(at.0, at.1).0.iter().map(|x| i32::from(*x)).sum::<i32>()
    };
    let rows = (16..90).step_by(12).filter(|y| {
        // Mortar, then brick.
        (20..130).map(|x| light(&whole, (x, y - 3)) - light(&whole, (x, y + 2))).sum::<i32>() > 0
    });
    assert!(rows.count() > 3, "mortar is lighter than bricks");
}

#[test]
fn threads_and_scales_change_no_byte_that_they_should_not() {
    let project = Project::empty();
    project.save("waves.png", &pictures::waves(92));
    for preset in ["painterly", "texture"] {
        let [one, two] = ["1", "2"].map(|threads| {
            let flags = ["--preset", preset, "--threads", threads, "--tileable", "both"];
            stylize(&project, "waves.png", &[&flags[..], &["--min-scale", "32"]].concat());
            project.read("painted_waves.png")
        });
        assert!(one == two, "{preset}");
    }
}

#[test]
fn larger_scales_keep_light_and_dark() {
    let project = Project::empty();
    let wall = pictures::bricks(256, 192, 1);
    let shaded = RgbImage::from_fn(256, 192, |x, y| {
        let by = if x + y > 224 { 2 } else { 1 };
        wall.get_pixel(x, y).map(|value| value / by)
    });
    project.save("wall.png", &shaded);
    let painted = |flags: &[&str]| {
        let flags = [flags, &["--detail", "0", "--palette", "0"]].concat();
        stylize(&project, "wall.png", &flags).to_rgb8()
    };
    let forms = |picture: &RgbImage| imageops::thumbnail(picture, 8, 6);
    let (coarse, large) = (painted(&["--size", "64"]), painted(&["--min-scale", "64"]));
    let kept = apart(&forms(&coarse), &forms(&large));
    assert!(kept < 5.0, "{kept} levels apart");
    let strokes = imageops::resize(&coarse, 256, 192, imageops::FilterType::CatmullRom);
    assert!(apart(&strokes, &large) > 2.0 * kept, "there are new strokes");
}

#[test]
fn a_texture_has_no_seam_wherever_it_begins() {
    let project = Project::empty();
    let waves = pictures::waves(64);
    let rolled = |picture: &RgbImage, by: u32| {
        RgbImage::from_fn(64, 64, |x, y| *picture.get_pixel((x + by) % 64, (y + by) % 64))
    };
    project.save("waves.png", &waves);
    project.save("rolled.png", &rolled(&waves, 36));
    let flags = ["--tileable", "both"];
    let painted = stylize(&project, "waves.png", &flags).to_rgb8();
    let later = rolled(&stylize(&project, "rolled.png", &flags).to_rgb8(), 64 - 36);
    let most = painted.as_raw().iter().zip(later.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(most <= Some(2), "{most:?}");

    // No multiple of four.
    project.save("waves.png", &pictures::waves(90));
    let seam = pictures::seam(&stylize(&project, "waves.png", &flags));
    assert!(seam < 1.25, "{seam:.2} times as rough at its seam as within");
}

#[test]
fn outputs_keep_depth_alpha_and_what_a_mask_leaves() {
    let project = Project::empty();
    let leaf = pictures::leaf(40);
    project.save("leaf.png", &leaf);
    let painted = stylize(&project, "leaf.png", &[]);
    assert_eq!(painted.color(), image::ColorType::Rgba8);
    let alpha = |picture: &image::RgbaImage| picture.pixels().map(|it| it[3]).collect::<Vec<_>>();
    assert_eq!(alpha(&painted.to_rgba8()), alpha(&leaf));

    pictures::deep_slope(47, 33).save(project.path("slope.png")).expect("it is written");
    assert_eq!(stylize(&project, "slope.png", &[]).color(), image::ColorType::Rgba16);

    let wall = pictures::bricks(64, 48, 1);
    project.save("wall.png", &wall);
    let half = RgbImage::from_fn(64, 48, |x, _| Rgb([if x < 32 { 255 } else { 0 }; 3]));
    project.save("mask.png", &half);
    let masked = stylize(&project, "wall.png", &["--mask", "mask.png"]).to_rgb8();
    let kept = |picture: &RgbImage| {
        picture.enumerate_pixels().filter(|(x, ..)| *x >= 32).map(|it| *it.2).collect::<Vec<_>>()
    };
    assert_eq!(kept(&masked), kept(&wall));
    assert!(apart(&masked, &wall) > 5.0);
}

#[test]
fn a_project_paints_by_both_methods_and_repaints_only_what_changed() {
    let project = Project::empty();
    let rules = "[[rules]]\nname = \"props\"\nmatch = \"textures/props/**\"\nmethod = \
                 \"arbitrary\"\nstrength = 0.8\n\n[[rules]]\nmatch = \"textures/**\"\n";
    project.replace("impasto.toml", "[[rules]]\nmatch = \"textures/**\"\n", rules);
    project.save("textures/wall.png", &pictures::bricks(48, 48, 1));
    for seed in 2..5 {
        let name = format!("textures/props/{seed}.png");
        project.save(&name, &pictures::bricks(64, 40, seed));
    }
    let plan = project.run(&["plan"]).expect_code(0).out;
    assert_eq!(plan.matches("arbitrary").count(), 1, "the rule's method: {plan}");
    assert_eq!(project.build().summary()["painted"], 4);
    let first = project.painted();
    assert_eq!(project.build().summary()["painted"], 0);

    project.replace("impasto.toml", "strength = 0.8", "strength = 0.4");
    let plan = project.run(&["plan", "--json"]).expect_code(0).document();
    assert_eq!((plan["stale"].as_u64(), plan["up_to_date"].as_u64()), (Some(3), Some(1)));
    assert_eq!(project.build().summary()["painted"], 3);
    let second = project.painted();
    assert!(first.iter().all(|(name, bytes)| (second[name] == *bytes) != name.contains("props")));
}

#[test]
fn a_sheet_compares_styles_methods_and_strengths() {
    let project = Project::empty();
    project.save("wall.png", &pictures::bricks(48, 40, 1));
    project.save("styles/day.png", &pictures::swirls(64, 1));
    let sheet = ["sheet", "wall.png", "--style", "styles/night.png", "-o", "sheet.html"];
    let other = ["--style", "styles/day.png", "--tileable", "both"];
    let run = project.run(&[&sheet[..], &other].concat()).expect_code(0);
    assert_eq!(run.out, "wrote sheet.html, 6 pictures\n", "{run}");
    let page = String::from_utf8(project.read("sheet.html")).expect("it is text");
    // The asset, two styles, and three pictures in each.
    assert_eq!(page.matches("src=\"data:image/").count(), 1 + 2 + 6);
    for lines in [
        "[styles.night]\nimages = [&quot;styles/night.png&quot;]\nmethod = &quot;optimize&quot;\n",
        "method = &quot;arbitrary&quot;\ntileable = &quot;both&quot;\nstrength = 0.5\n",
        "tileable = &quot;both&quot;\nstrength = 1\n",
    ] {
        assert!(page.contains(lines) || page.contains(&lines.replace("&quot;", "\"")), "{lines}");
    }
    let refused = |flags: &[&str]| {
        let run = project.run(&[&sheet[..4], flags].concat()).expect_code(2);
        assert!(!project.path("other.html").exists());
        run.err
    };
    let error = refused(&["-o", "other.png"]);
    assert!(error.contains("other.png is no name for a page"), "{error}");
    let error = refused(&["-o", "other.html", "--method", "feedforward"]);
    assert!(error.contains("method feedforward needs a network"), "{error}");
    let error = refused(&["-o", "other.html", "--strength", "2", "--method", "arbitrary"]);
    assert!(error.contains("strength is 2, but has to be from 0 to 1"), "{error}");
}

#[test]
fn keys_of_another_method_are_named() {
    let project = Project::empty();
    project.save("wall.png", &pictures::bricks(48, 48, 1));
    let refused = |flags: &[&str]| {
        let style = ["stylize", "wall.png", "--style", "styles/night.png", "-o", "o.png"];
        project.run(&[&style[..], flags].concat()).expect_code(2).error().to_owned()
    };
    let error = refused(&["--method", "arbitrary", "--iterations", "7"]);
    assert!(error.contains("iterations is 7"), "{error}");
    assert!(error.contains("method arbitrary does not have it"), "{error}");
    let error = refused(&["--strength", "0.5"]);
    assert!(error.contains("method optimize does not have it"), "{error}");
    let error = refused(&["--method", "arbitrary", "--strength", "2"]);
    assert!(error.contains("strength is 2, but has to be from 0 to 1"), "{error}");
    let error = refused(&["--method", "synthesize"]);
    assert!(error.contains("impasto synth"), "{error}");

    project.replace(
        "impasto.toml",
        "[[rules]]\nmatch",
        "[[rules]]\nmethod = \"arbitrary\"\nstyle_weight = 2\nmatch",
    );
    let error = project.run(&["check"]).expect_code(2).error().to_owned();
    assert!(error.contains("style_weight") && error.contains("impasto.toml"), "{error}");
}
