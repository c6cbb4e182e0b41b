//! Writes the files that fuzzing begins with: those of the fixtures of the tests, and one of each
//! format as the program writes it. The argument is the folder.

#[path = "../../worker/assets/tests/fixtures/mod.rs"]
mod fixtures;

use std::path::Path;
use std::{env, fs};

use impasto_assets::{Origin, Picture, encode};
use impasto_types::{ContainerFormat, OutputSpec, Part};

fn main() {
    let folder = env::args_os().nth(1).expect("the folder of the corpus");
    let folder = Path::new(&folder);
    fs::create_dir_all(folder).expect("the folder is made");
    let write = |name: String, bytes: Vec<u8>| {
        fs::write(folder.join(name), bytes).expect("the file is written");
    };
    for (at, exr) in fixtures::exr::every_kind().into_iter().enumerate() {
        let exr = fixtures::exr::Exr { width: 9, height: 5, ..exr };
        write(format!("{at}.exr"), exr.file(at as u32));
    }
    for (at, dds) in fixtures::dds::every_kind(6, 5).into_iter().enumerate() {
        write(format!("{at}.dds"), dds.noise(at as u32));
    }
    for (at, ktx2) in fixtures::ktx2::every_kind().into_iter().enumerate() {
        write(format!("{at}.ktx2"), ktx2.file(&ktx2.noise(at as u32)));
    }
    for (at, psd) in fixtures::psd::every_kind().into_iter().enumerate() {
        let psd = fixtures::psd::Psd { width: 7, height: 3, ..psd };
        write(format!("{at}.psd"), psd.noise(at as u32));
    }
    for (at, (name, file, _)) in fixtures::cube::every_kind().into_iter().enumerate() {
        write(format!("cube-{at}-{name}"), file);
    }
    for (at, (name, file, ..)) in fixtures::array::every_kind().into_iter().enumerate() {
        write(format!("array-{at}-{name}"), file);
    }
    for (at, glb) in fixtures::glb::every_kind().into_iter().enumerate() {
        write(format!("{at}.glb"), glb.file());
        for (form, own) in fixtures::gltf::FORMS.into_iter().enumerate() {
            let model = fixtures::gltf::Text::of(&glb, own);
            // As the target of models as text takes them.
            let content = model.files.first().map_or(&[][..], |(_, bytes)| bytes);
            let text = [model.text.as_bytes(), &[0], content].concat();
            write(format!("{at}-{form}.gltf"), text);
        }
    }
    for format in ContainerFormat::pictures() {
        for alpha in [false, true] {
            if alpha && !format.holds_alpha() {
                continue;
            }
            let picture = Picture {
                width: 9,
                height: 5,
                rgb: (0..3 * 45).map(|at| (at * 37 % 256) as f32).collect(),
                alpha: alpha.then(|| (0..45).map(|at| at as f32 / 44.0).collect()),
                extra: Vec::new(),
                origin: Origin::synthetic("a", format),
            };
            let output = OutputSpec { part: Part::Color, format, quality: 90 };
            let bytes = encode(&picture, output).expect("it encodes");
            write(format!("own-{alpha}.{format}"), bytes);
        }
    }
}
