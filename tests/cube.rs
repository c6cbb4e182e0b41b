//! Cube maps, with the real networks and program.

use impasto_tests::{Coordinator, Project, Worker, models_dir};

/// The pixels of a face's side.
const SIDE: usize = 64;
const HEAD: usize = 128;

/// Where a face looks at a share of its width and height: +x, -x, +y, -y, +z, -z, as in Direct3D.
fn direction(face: usize, right: f32, down: f32) -> [f32; 3] {
    let (u, v) = (2.0 * right - 1.0, 2.0 * down - 1.0);
    [[1.0, -v, -u], [-1.0, -v, u], [u, 1.0, v], [u, -1.0, -v], [u, -v, 1.0], [-u, -v, -1.0]][face]
}

/// A sky without seams.
fn sky(at: [f32; 3]) -> [u8; 3] {
    let length = at.iter().map(|part| part * part).sum::<f32>().sqrt();
    let [x, y, z] = at.map(|part| part / length);
    let cloud = (5.0 * x + 3.0 * y).sin() + (4.0 * z - 2.0 * x).cos();
    [120.0 + 30.0 * cloud, 140.0 + 30.0 * cloud + 40.0 * y, 190.0 + 50.0 * y]
        .map(|level| level as u8)
}

/// A cube map of six faces with two mips, BGRX without compression, in the header of Direct3D 9.
fn cube_map() -> Vec<u8> {
    const MIPS: u32 = 2;
    let mut words = vec![u32::from_le_bytes(*b"DDS "), 124, 0x2_100f, SIDE as u32, SIDE as u32];
    words.extend([4 * SIDE as u32, 0, MIPS]);
    words.extend([0; 11]);
    words.extend([32, 0x40, 0, 32, 0xff_0000, 0xff00, 0xff, 0]);
    words.extend([0x40_1008, 0xfe00, 0, 0, 0]);
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    for face in 0..6 {
        for side in [SIDE, SIDE / 2] {
            let share = |at: usize| (at as f32 + 0.5) / side as f32;
            for (x, y) in (0..side * side).map(|at| (at % side, at / side)) {
                let [red, green, blue] = sky(direction(face, share(x), share(y)));
                bytes.extend([blue, green, red, 255]);
            }
        }
    }
    bytes
}

/// A pixel of the first picture of a face.
fn pixel(file: &[u8], face: usize, x: usize, y: usize) -> [u8; 3] {
    let of_face = 4 * (SIDE * SIDE + SIDE * SIDE / 4);
    let at = HEAD + face * of_face + 4 * (y * SIDE + x);
    [file[at + 2], file[at + 1], file[at]]
}

fn apart(one: [u8; 3], other: [u8; 3]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(one.abs_diff(other))).sum()
}

/// The mean difference of pixels that touch across the edges of faces, and of pixels beside each
/// other within them.
fn seams(file: &[u8]) -> (f64, f64) {
    let key = |at: [f32; 3]| at.map(|part| (part * 4096.0).round() as i32);
    // The middles of the outer sides of border pixels, on the cube.
    let mut borders = Vec::new();
    for face in 0..6 {
        for along in 0..SIDE {
            let middle = (along as f32 + 0.5) / SIDE as f32;
            let last = SIDE - 1;
            for (x, y, right, down) in [
                (along, 0, middle, 0.0),
                (along, last, middle, 1.0),
                (0, along, 0.0, middle),
                (last, along, 1.0, middle),
            ] {
                borders.push((key(direction(face, right, down)), pixel(file, face, x, y)));
            }
        }
    }
    borders.sort_unstable();
    let pairs: Vec<_> = borders.chunk_by(|one, other| one.0 == other.0).collect();
    assert!(pairs.iter().all(|pair| pair.len() == 2), "each has a neighbour");
    let across: f64 = pairs.iter().map(|pair| apart(pair[0].1, pair[1].1)).sum();
    let mut within = (0.0, 0.0);
    for face in 0..6 {
        for (x, y) in (0..SIDE * (SIDE - 1)).map(|at| (at % (SIDE - 1), at / (SIDE - 1))) {
            within.0 += apart(pixel(file, face, x, y), pixel(file, face, x + 1, y));
            within.1 += 1.0;
        }
    }
    (across / pairs.len() as f64, within.0 / within.1)
}

fn project(rule: &str) -> Project {
    let project = Project::of_art(&format!("method = \"arbitrary\"\n{rule}"));
    project.write("art/sky.dds", cube_map());
    project
}

#[test]
fn a_sky_comes_back_without_seams() {
    let project = project("");
    let built = project.build();
    assert_eq!(built.summary()["painted"].as_u64(), Some(1), "{built}");
    let (before, after) = (cube_map(), project.read("out/sky.dds"));
    assert_eq!(after.len(), before.len());
    assert_eq!(after[..HEAD], before[..HEAD], "the header");
    let changed = (0..6).all(|face| pixel(&before, face, 30, 30) != pixel(&after, face, 30, 30));
    assert!(changed, "all faces are painted");
    let (across, within) = seams(&after);
    assert!(across < 1.5 * within, "{across} across, {within} within");
    assert_eq!(project.build().summary()["up_to_date"].as_u64(), Some(1));
    // A size is that of a face.
    project.replace("impasto.toml", "method", "size = 32\nmethod");
    project.build();
    let small = project.read("out/sky.dds");
    assert_eq!(small.len(), HEAD + (before.len() - HEAD) / 4);
    assert_eq!((small[12], small[16]), (32, 32));
    project.run(&["preview", "--size", "32"]).expect_code(0);
}

#[test]
fn a_farm_paints_the_same_sky_and_so_does_one_command() {
    let (alone, project) = (project(""), project(""));
    alone.build();
    let coordinator = Coordinator::start(&project);
    let _worker = Worker::start(&project, &coordinator.url, "a", models_dir());
    coordinator.await_workers(&project, 1);
    project.run(&["build", "--require-farm", "--coordinator", &coordinator.url]).expect_code(0);
    assert!(project.read("out/sky.dds") == alone.read("out/sky.dds"), "as on one machine");
    let one = ["stylize", "art/sky.dds", "--style", "styles/swirls.png", "--method", "arbitrary"];
    project.run(&[&one[..], &["-o", "one.dds"]].concat()).expect_code(0);
    assert!(project.read("one.dds") == alone.read("out/sky.dds"), "as in the project");
    let refused = project.run(&[&one[..], &["-o", "one.png"]].concat()).expect_code(2);
    let expected = "whose pictures stay in their format: it can be written as dds only";
    assert!(refused.err.contains(expected), "{refused}");
    let seen = project.run(&["inspect", "art/sky.dds"]).expect_code(0);
    assert!(seen.out.contains("sRGB\n"), "{seen}");
    assert!(seen.out.contains("a cube map, whose faces have 64 x 64 pixels"), "{seen}");
}

#[test]
fn a_cube_map_is_no_style_and_no_mask_and_has_no_other_format() {
    let refused = |rule: &str, code: i32| project(rule).run(&["build"]).expect_code(code).err;
    let text = refused("format = \"png\"", 1);
    assert!(text.contains("art/sky.dds: its result is a cube map or an array"), "{text}");
    let project = project("mask = \"masks/sky.dds\"");
    project.write("masks/sky.dds", cube_map());
    let text = project.run(&["build"]).expect_code(1).err;
    assert!(
        text.contains("it is a model, a cube map or an array, where a picture is needed"),
        "{text}"
    );
    let style = ["stylize", "styles/swirls.png", "--style", "art/sky.dds", "-o", "no.png"];
    let text = project.run(&style).expect_code(2).err;
    assert!(text.contains("is a model, a cube map or an array, no style"), "{text}");
    // A face is missing.
    let mut bytes = cube_map();
    bytes[113] = 0x7e;
    project.write("art/five.dds", &bytes);
    let seen = project.run(&["inspect", "art/five.dds"]).expect_code(1);
    assert!(seen.out.contains("a cube map of five faces"), "{seen}");
}
