//! Materials whose maps follow the paint, with the real networks and program.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use impasto_tests::{Coordinator, Project, Worker, models_dir, pictures};

const SIDE: u32 = 96;

/// The height of a surface, in pixels.
fn height(x: u32, y: u32) -> f32 {
    let wave = |at: u32, period: f32| (at as f32 * std::f32::consts::TAU / period).sin();
    3.0 * wave(x, 32.0) * wave(y, 48.0)
}

/// Its normal map; green grows downwards in DirectX's.
fn normals(is_directx: bool) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (right, left) = ((x + 1) % SIDE, (x + SIDE - 1) % SIDE);
        let (below, above) = ((y + 1) % SIDE, (y + SIDE - 1) % SIDE);
        let across = (height(right, y) - height(left, y)) / 2.0;
        let down = (height(x, below) - height(x, above)) / 2.0;
        let length = (across * across + down * down + 1.0).sqrt();
        let green = if is_directx { -down } else { down };
        Rgb([-across, green, 1.0].map(|value| ((value / length + 1.0) * 127.5).round() as u8))
    })
}

/// Two walls with the same surface, one by each convention, and a roughness map of 16 bits.
fn project() -> Project {
    let project = Project::empty();
    project.write(
        "impasto.toml",
        "[project]\nname = \"street\"\nassets = \"art\"\noutput = \"game/{dir}/{name}\"\n\
         passthrough = \"copy\"\n\n[styles.night]\nimages = \"styles/night.png\"\n\n[[rules]]\n\
         match = [\"**/*_n_*\", \"**/*_rough*\", \"**/*_disp*\", \"**/*_metal*\"]\nskip = true\n\n\
         [[rules]]\nname = \"walls\"\nmatch = \"walls/**\"\nmethod = \"arbitrary\"\ntileable = \
         true\nrelief = 0.4\nnormal = \"art/{dir}/{material}_n{tail}.png\"\nheight = \
         \"art/{dir}/{material}_disp{tail}.png\"\nroughness = \
         \"art/{dir}/{material}_rough{tail}.png\"\n",
    );
    for (name, is_directx) in [("gl", false), ("dx", true)] {
        project.save(&format!("art/walls/{name}_diff_1k.png"), &pictures::bricks(SIDE, SIDE, 3));
        project.save(&format!("art/walls/{name}_n_1k.png"), &normals(is_directx));
    }
    let rough = ImageBuffer::<Luma<u16>, _>::from_pixel(48, 48, Luma([40_000]));
    project.save("art/walls/gl_rough_1k.png", &rough);
    let disp = GrayImage::from_fn(SIDE, SIDE, |x, y| {
        Luma([(128.0 + 255.0 / 8.0 * height(x, y)).round() as u8])
    });
    project.save("art/walls/gl_disp_1k.png", &disp);
    project.save("art/walls/gl_metal_1k.png", &disp);
    project
}

fn picture(project: &Project, name: &str) -> DynamicImage {
    image::open(project.path("game/walls").join(name)).expect("it is a picture")
}

#[test]
fn the_maps_of_a_material_follow_the_paint() {
    let project = project();
    let built = project.build();
    let summary = built.summary();
    let sheet = summary["contact_sheet"].as_str().expect("it is named");
    let page = std::fs::read_to_string(sheet).expect("it is written");
    assert_eq!(page.matches("class=\"stage lit\"").count(), 2, "both under a light");
    assert_eq!((summary["painted"].as_u64(), summary["copied"].as_u64()), (Some(2), Some(1)));
    let map = |name: &str| picture(&project, name).to_rgb8();
    let (opengl, directx) = (map("gl_n_1k.png"), map("dx_n_1k.png"));
    let before = normals(false);
    let mut changed = 0;
    for ((one, other), before) in opengl.pixels().zip(directx.pixels()).zip(before.pixels()) {
        // The same strokes, each in the map's own convention.
        assert!(one[0].abs_diff(other[0]) <= 1 && one[2].abs_diff(other[2]) <= 1);
        // The middle lies between two levels.
        assert!(one[1].abs_diff(255 - other[1]) <= 2, "{one:?} {other:?}");
        let vector = one.0.map(|level| f32::from(level) / 127.5 - 1.0);
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 0.01, "{one:?}");
        changed += u32::from(one[0].abs_diff(before[0]) > 4);
    }
    assert!(changed > SIDE * SIDE / 4, "the relief shows: {changed}");

    let rough = picture(&project, "gl_rough_1k.png");
    assert_eq!((rough.width(), rough.color()), (48, image::ColorType::L16));
    let levels = rough.to_luma16();
    let spread = |levels: &mut dyn Iterator<Item = u16>| {
        let levels: Vec<u16> = levels.collect();
        levels.iter().max().copied().unwrap_or(0) - levels.iter().min().copied().unwrap_or(0)
    };
    assert!(spread(&mut levels.pixels().map(|pixel| pixel[0])) > 1000);

    // The height map's own slopes are those of the normal map: white is eight pixels high.
    let disp = picture(&project, "gl_disp_1k.png").to_luma8();
    let (mut both, mut own, mut others) = (0.0, 0.0, 0.0);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = |x: u32| f32::from(disp.get_pixel(x % SIDE, y)[0]) / 255.0 * 8.0;
            let slope = (at(x + 1) - at(x + SIDE - 1)) / 2.0;
            let vector = opengl.get_pixel(x, y).0.map(|level| f32::from(level) / 127.5 - 1.0);
            let normal = -vector[0] / vector[2].max(0.05);
            both += slope * normal;
            own += slope * slope;
            others += normal * normal;
        }
    }
    let correlation = both / (own * others).sqrt();
    assert!(correlation > 0.95, "normals agree with heights: {correlation}");
    assert_eq!(
        project.read("game/walls/gl_metal_1k.png"),
        project.read("art/walls/gl_metal_1k.png")
    );
    let again = project.build().summary();
    assert_eq!((again["up_to_date"].as_u64(), again.get("copied")), (Some(2), None));

    // A map that changes is a reason to paint again, and previews show colours alone.
    project.save("art/walls/gl_n_1k.png", &normals(true));
    let plan = project.run(&["plan", "-v"]).expect_code(0).out;
    assert!(plan.contains("normal") && plan.contains("1 stale"), "{plan}");
    project.run(&["preview", "--size", "48"]).expect_code(0);
}

#[test]
fn a_farm_makes_the_same_material_and_a_bad_map_stops_no_other() {
    let (alone, project) = (project(), project());
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.save("art/walls/dx_n_1k.png", &pictures::bricks(SIDE, SIDE, 9));
    let built = project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]);
    let built = built.expect_code(1);
    assert!(built.err.contains("is no normal map"), "{built}");
    assert!(!project.path("game/walls/dx_diff_1k.png").exists(), "all of an asset or nothing");
    for name in ["gl_diff_1k.png", "gl_n_1k.png", "gl_rough_1k.png", "gl_disp_1k.png"] {
        let name = format!("game/walls/{name}");
        assert!(project.read(&name) == alone.read(&name), "{name}");
    }
}
