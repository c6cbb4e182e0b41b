//! The files of a result, and their delivery to a project.

use impasto_assets::{BadResult, check_result, result_header};
use impasto_models::{ModelError, verify_part};
use impasto_planner::PlannedOutput;
use impasto_project::{DeliveredFile, NewFile, Prepared, Project, ReplaceError, place_all};
use impasto_types::{Expected, Output, Part, TaskResult};

use crate::farm::FarmError;

/// A task that waits for a result.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Its index in the plan.
    pub(crate) place: usize,
    pub(crate) outputs: Box<[PlannedOutput]>,
    /// What the files of a result have to be.
    pub(crate) expected: Vec<Expected>,
}

/// The delivery of a result to each task that waited for it, by the task's index in the plan.
pub(crate) type Deliveries = Vec<(usize, Result<Vec<DeliveredFile>, ReplaceError>)>;

/// The content of each output of a result.
#[derive(Debug)]
pub(crate) struct ResultFiles(Vec<(Output, Vec<u8>)>);

/// Why a result is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadFiles {
    #[error("the result has the parts {given}, not {asked}")]
    Parts { asked: String, given: String },
    #[error(transparent)]
    File(#[from] BadResult),
    #[error(transparent)]
    Network(#[from] ModelError),
}

/// The result lacks a part that a task needs.
#[derive(Debug, thiserror::Error)]
#[error("the result has no {0}")]
struct NoSuchPart(Part);

impl ResultFiles {
    /// Assigns `files`, the contents of the result's outputs in their order, to their parts.
    ///
    /// # Errors
    /// The numbers of files and outputs differ.
    pub(crate) fn new(result: &TaskResult, files: Vec<Vec<u8>>) -> Result<Self, FarmError> {
        if let Some(output) = result.outputs.get(files.len()) {
            return Err(FarmError::Blob(NoSuchPart(output.part).into()));
        }
        Ok(Self(result.outputs.iter().copied().zip(files).collect()))
    }

    /// Checks that these are the files of the result that is waited for, by their headers: whoever
    /// made the result has read them as a whole.
    ///
    /// # Errors
    /// What is wrong with the result, so that nothing of it may be delivered or kept.
    pub(crate) fn check(&self, wanted: &[Wanted]) -> Result<(), BadFiles> {
        // Tasks that wait for the same action ask for the same files.
        let Some(Wanted { expected, .. }) = wanted.first() else { return Ok(()) };
        let asked = expected.iter().map(|expected| expected.part);
        let given = self.0.iter().map(|(output, _)| output.part);
        if !asked.clone().eq(given.clone()) {
            let list = |parts: &mut dyn Iterator<Item = Part>| {
                parts.map(|part| part.to_string()).collect::<Vec<_>>().join(", ")
            };
            let (asked, given) = (list(&mut asked.into_iter()), list(&mut given.into_iter()));
            return Err(BadFiles::Parts { asked, given });
        }
        for ((output, bytes), expected) in self.0.iter().zip(expected) {
            if expected.is_picture() {
                check_result(&result_header(bytes, output)?, output, expected)?;
            } else {
                verify_part(output.part, bytes)?;
            }
        }
        Ok(())
    }

    /// The contents, in the order of the result's outputs.
    pub(crate) fn contents(&self) -> Vec<&[u8]> {
        self.0.iter().map(|(_, bytes)| bytes.as_slice()).collect()
    }

    fn part(&self, part: Part) -> Result<&[u8], FarmError> {
        let found = self.0.iter().find(|(output, _)| output.part == part);
        let bytes = found.map(|(_, bytes)| bytes.as_slice());
        bytes.ok_or_else(|| FarmError::Blob(NoSuchPart(part).into()))
    }
}

/// A result whose files are on disk, but do not have their names yet: for each task that waited
/// for it, by the task's index in the plan.
#[derive(Debug)]
pub(crate) struct Preparations(Vec<(usize, Result<Prepared, ReplaceError>)>);

/// Writes a result for every task that waits for it, for each of them completely or not at all.
/// Blocks.
///
/// # Errors
/// The result lacks a part.
pub(crate) fn prepare<'w>(
    project: &Project,
    wanted: &'w [Wanted],
    files: &'w ResultFiles,
) -> Result<Preparations, FarmError> {
    let prepare = |Wanted { place, outputs, .. }: &'w Wanted| {
        let new = |PlannedOutput { part, path }: &'w PlannedOutput| {
            Ok(NewFile { output: path, bytes: files.part(*part)? })
        };
        let new: Vec<_> = outputs.iter().map(new).collect::<Result<_, FarmError>>()?;
        Ok((*place, impasto_project::prepare(project, &new)))
    };
    wanted.iter().map(prepare).collect::<Result<_, _>>().map(Preparations)
}

/// Gives the files of results their names. Blocks.
pub(crate) fn place(results: Vec<Preparations>) -> Vec<Deliveries> {
    let mut prepared = Vec::new();
    let mut places = Vec::new();
    for Preparations(tasks) in results {
        let mut of_result = Vec::new();
        for (place, files) in tasks {
            let failed = files.map(|files| prepared.push(files)).err();
            of_result.push((place, failed));
        }
        places.push(of_result);
    }
    let mut placed = place_all(prepared).into_iter();
    let mut delivered = |(place, failed): (usize, Option<ReplaceError>)| match failed {
        Some(error) => Some((place, Err(error))),
        None => Some((place, placed.next()?)),
    };
    places.into_iter().map(|tasks| tasks.into_iter().filter_map(&mut delivered).collect()).collect()
}

#[cfg(test)]
mod tests {
    use impasto_types::{AssetPath, BlobRef, ContainerFormat, Depth, ExpectedPicture, RunReport};

    use super::*;
    use crate::test_project::TestProject;

    fn result(files: &[(Part, &[u8])]) -> (TaskResult, Vec<Vec<u8>>) {
        let outputs = files
            .iter()
            .map(|&(part, bytes)| Output { part, ..Output::picture(BlobRef::of(bytes), 32, 32) });
        let report = RunReport {
            iterations: 1,
            losses: None,
            compute_ms: 1,
            device: "fake".to_owned(),
            warning: None,
        };
        let contents = files.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        (TaskResult { outputs: outputs.collect(), report }, contents)
    }

    fn wanted(place: usize, outputs: &[(Part, &str)]) -> Wanted {
        let path = |path: &str| path.parse::<AssetPath>().expect("a path");
        let planned = |&(part, name): &(Part, &str)| PlannedOutput { part, path: path(name) };
        Wanted { place, outputs: outputs.iter().map(planned).collect(), expected: vec![] }
    }

    /// A PNG of 32 x 32 pixels, 8 bits and no alpha, or a larger one.
    fn file(side: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&vec![7; (side * side * 3) as usize]).expect("pixels");
        writer.finish().expect("an end");
        bytes
    }

    #[test]
    fn only_the_files_that_are_asked_for_are_used() {
        let picture = ExpectedPicture { width: 32, height: 32, alpha: false, depth: Depth::Eight };
        let expected = |format, depth| Expected {
            part: Part::Color,
            format,
            picture: Some(ExpectedPicture { depth, ..picture }),
        };
        let right = expected(ContainerFormat::Png, Depth::Eight);
        let check = |files: &[(Part, &[u8])], expected: Expected, refused: Option<&str>| {
            let (result, contents) = result(files);
            let files = ResultFiles::new(&result, contents).expect("they are all there");
            let wanted =
                Wanted { expected: vec![expected], ..wanted(0, &[(Part::Color, "out/a.png")]) };
            match (files.check(&[wanted]), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(reason)) => {
                    let text = error.to_string();
                    assert!(text.contains(reason), "{text} / {reason}");
                }
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        let (good, large) = (file(32), file(33));
        check(&[(Part::Color, &good)], right, None);
        check(&[(Part::Color, b"text")], right, Some("is not an image"));
        check(&[(Part::Color, &good[..20])], right, Some("the color output"));
        check(&[(Part::Color, &large)], right, Some("33 x 33 pixels"));
        let jpeg = expected(ContainerFormat::Jpeg, Depth::Eight);
        check(&[(Part::Color, &good)], jpeg, Some("asks for jpg"));
        let deep = expected(ContainerFormat::Png, Depth::Sixteen);
        check(&[(Part::Color, &good)], deep, Some("8 bits"));
        check(&[(Part::Normal, &good)], right, Some("parts normal, not color"));
        check(&[], right, Some("not color"));
        check(&[(Part::Color, &good), (Part::Color, &good)], right, Some("color, color"));
    }

    #[test]
    fn each_part_is_written_to_its_output() {
        let test = TestProject::new(&["a.png"]);
        let project = test.open();
        let (result, contents) = result(&[(Part::Normal, b"normal"), (Part::Color, b"color")]);
        let files = ResultFiles::new(&result, contents).expect("they are all there");
        let color_first = [(Part::Color, "out/a.png"), (Part::Normal, "out/a_n.png")];
        let wanted = vec![wanted(3, &color_first), wanted(5, &[(Part::Color, "out/b.png")])];
        let prepared = prepare(&project, &wanted, &files).expect("it has both parts");
        assert_eq!(test.read("out/a.png"), None, "it has no name yet");
        let [delivered] = <[_; 1]>::try_from(place(vec![prepared])).expect("one result");
        let placed: Vec<_> = delivered
            .iter()
            .map(|(place, files)| (*place, files.as_ref().expect("they are written").len()))
            .collect();
        assert_eq!(placed, [(3, 2), (5, 1)]);
        assert_eq!(test.read("out/a.png").as_deref(), Some(&b"color"[..]));
        assert_eq!(test.read("out/a_n.png").as_deref(), Some(&b"normal"[..]));
        assert_eq!(test.read("out/b.png").as_deref(), Some(&b"color"[..]));
    }

    #[test]
    fn a_result_without_a_part_delivers_nothing() {
        let test = TestProject::new(&["a.png"]);
        let project = test.open();
        let (result, contents) = result(&[(Part::Color, b"color")]);
        let files = ResultFiles::new(&result, contents).expect("it is there");
        let both = [(Part::Color, "out/a.png"), (Part::Normal, "out/a_n.png")];
        let error =
            prepare(&project, &[wanted(0, &both)], &files).expect_err("there is no normal map");
        assert_eq!(error.to_string(), "the result has no normal");
        assert_eq!(test.read("out/a.png"), None);
        assert!(ResultFiles::new(&result, vec![]).is_err());
    }
}
