//! A closer look at what is about to be painted, before anything is: whether its outputs can be
//! written, and what its pixels show.
//!
//! Nothing is decoded for what is up to date, and each file only once: the stat cache keeps what
//! was seen.

use std::collections::BTreeMap;
use std::fs;

use impasto_assets::{Limits, decode, look, read_header};
use impasto_planner::{ImageHeader, Look, Note, Plan, PlannedTask};
use impasto_types::{AssetPath, FileTrait};
use rayon::prelude::*;

use crate::deliver::refuse_link;
use crate::project::Project;
use crate::replace::ReplaceError;
use crate::stat_cache::StatCache;

/// The memory in bytes for the pictures that are decoded at a time, on all threads together. One
/// that takes more is not looked at.
const BYTES_AT_ONCE: u64 = 512 << 20;

/// Examines what a plan is about to paint, on several threads, and returns warnings. Updates
/// `cache`, which the caller has to save.
///
/// # Errors
/// An output is a link or leads through one, so it could not be written.
pub fn examine(
    project: &Project,
    plan: &Plan,
    cache: &mut StatCache,
) -> Result<Vec<Note>, ReplaceError> {
    let outputs: Vec<&AssetPath> = plan.stale().flat_map(PlannedTask::output_paths).collect();
    outputs.par_iter().try_for_each(|output| refuse_link(project, output).map(drop))?;

    let manifest = project.manifest();
    let mut looks = BTreeMap::new();
    let mut unseen = Vec::new();
    for path in plan.to_be_looked_at(manifest) {
        match cache.seen(&path) {
            None => {}
            Some((_, Some(look))) => {
                looks.insert(path, look);
            }
            Some((header, None)) => unseen.push((path, header)),
        }
    }
    for batch in batches(unseen) {
        let seen: Vec<_> = batch.par_iter().map(|path| (path, look_at(project, path))).collect();
        for (path, look) in seen {
            if let Some(look) = look {
                cache.note_look(path, look);
                looks.insert(path.clone(), look);
            }
        }
    }
    Ok(plan.notes_on_pixels(manifest, &looks))
}

/// Divides files so that the pictures of each batch fit into memory together.
fn batches(files: Vec<(AssetPath, ImageHeader)>) -> Vec<Vec<AssetPath>> {
    let mut batches: Vec<Vec<AssetPath>> = Vec::new();
    let mut room = 0;
    for (path, header) in files {
        let bytes = look_bytes(&header);
        if bytes > BYTES_AT_ONCE {
            continue;
        }
        match batches.last_mut().filter(|_| bytes <= room) {
            Some(batch) => batch.push(path),
            None => {
                room = BYTES_AT_ONCE;
                batches.push(vec![path]);
            }
        }
        room -= bytes;
    }
    batches
}

/// The most memory that a look at a picture takes: its decoding, or a turned copy of it.
fn look_bytes(header: &ImageHeader) -> u64 {
    let footprint = header.footprint();
    let turned = header.traits.iter().any(|one| one == FileTrait::Orientation);
    let copy = if turned { footprint.held_bytes() } else { 0 };
    footprint.decoding_bytes().max(footprint.held_bytes() + copy)
}

/// `None` if the file cannot be read now, or has become larger; the build says why.
fn look_at(project: &Project, path: &AssetPath) -> Option<Look> {
    let bytes = fs::read(project.resolve_input(path).ok()?).ok()?;
    let header = read_header(&bytes, path.as_str(), &Limits::default()).ok()?;
    if header.footprint().decoding_bytes() > BYTES_AT_ONCE {
        return None;
    }
    // The sides of a border are those of the picture as it is looked at.
    let picture = decode(&bytes, path.as_str(), &Limits::default()).ok()?.upright();
    let impasto_assets::Look { normal_map, hidden_colors, magenta_ground, border } = look(&picture);
    Some(Look { normal_map, hidden_colors, magenta_ground, border })
}

#[cfg(test)]
mod tests {
    use impasto_planner::{Findings, plan};

    use super::*;
    use crate::scan;
    use crate::test_project::{TestProject, path, png};

    fn planned(test: &TestProject, cache: &mut StatCache) -> Plan {
        let scan = scan(test.project(), cache).expect("it is scanned");
        let none = BTreeMap::new();
        let findings = Findings {
            listing: &scan.listing,
            inputs: &scan.inputs,
            networks: &scan.networks,
            models: &[],
            previous: &none,
            present: &BTreeMap::new(),
        };
        plan(test.project().manifest(), &findings).expect("it can be planned")
    }

    /// A PNG file of these pixels, 32 x 32.
    fn drawn(pixel: impl Fn(f32, f32) -> [f32; 3]) -> Vec<u8> {
        let places = (0..32 * 32).map(|at| ((at % 32) as f32, (at / 32) as f32));
        let pixels: Vec<u8> =
            places.flat_map(|(x, y)| pixel(x, y)).map(|level| level.round() as u8).collect();
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 32, 32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&pixels).expect("pixels");
        writer.finish().expect("an end");
        bytes
    }

    #[test]
    fn pixels_are_looked_at_once_and_only_before_painting() {
        let test = TestProject::new();
        let vector = |x: f32, y: f32| {
            let (dx, dy) = (x.sin() * 0.4, y.cos() * 0.4);
            let length = (dx * dx + dy * dy + 1.0).sqrt();
            [-dx, -dy, 1.0].map(|n| (n / length + 1.0) * 127.5)
        };
        test.write("walls/bumps.png", &drawn(vector));
        test.write("walls/picture.png", &png(32, 32));
        test.write("styles/night.png", &png(32, 32));
        let mut cache = StatCache::default();
        let plan = planned(&test, &mut cache);
        let notes = examine(test.project(), &plan, &mut cache).expect("nothing is linked");
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("walls/bumps.png, by its pixels a normal map"), "{notes:?}");
        let seen = |cache: &StatCache, name: &str| cache.seen(&path(name)).and_then(|seen| seen.1);
        assert!(seen(&cache, "walls/bumps.png").is_some_and(|look| look.normal_map));

        // The file is not decoded again: it could not be.
        test.write("walls/bumps.png", b"");
        let again = examine(test.project(), &plan, &mut cache).expect("nothing is linked");
        assert_eq!(again.len(), 1);
        let nothing = Plan::default();
        let mut cache = StatCache::default();
        planned(&test, &mut cache);
        assert_eq!(examine(test.project(), &nothing, &mut cache).expect("no output"), []);
        assert_eq!(seen(&cache, "walls/picture.png"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_linked_folder_of_outputs_is_refused_before_painting() {
        let outside = tempfile::tempdir().expect("a folder");
        let test = TestProject::new();
        test.write("walls/a.png", &png(32, 32));
        test.write("styles/night.png", &png(32, 32));
        std::os::unix::fs::symlink(outside.path(), test.dir().join("stylized")).expect("a link");
        let mut cache = StatCache::default();
        let plan = planned(&test, &mut cache);
        let refused = examine(test.project(), &plan, &mut cache).expect_err("it leads outside");
        assert!(refused.to_string().starts_with("`stylized/walls/a.png` is a link out of"));
    }

    #[test]
    fn batches_fit_into_memory_and_large_pictures_are_left_out() {
        let file = |name: &str, side: u32| {
            let header = ImageHeader {
                width: side,
                height: side,
                format: impasto_types::ContainerFormat::Png,
                alpha: false,
                depth: impasto_types::Depth::Eight,
                swaps_sides: false,
                traits: Default::default(),
                largest: None,
                array: false,
                layers: 0,
            };
            (path(name), header)
        };
        // 15 bytes a pixel: 228 MiB and 515 MiB.
        let files = vec![file("a", 4000), file("b", 4000), file("c", 4000), file("d", 6000)];
        assert_eq!(batches(files), [vec![path("a"), path("b")], vec![path("c")]]);
    }
}
