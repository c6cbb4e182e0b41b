//! The files of a picture that is painted in this process, with those that models name.

use std::path::PathBuf;

use impasto_painter::{Gathered, OutputFile, Sources};
use impasto_types::{ContainerFormat, OutputSpec, Part};

use crate::Failure;
use crate::model_files::BesideModel;
use crate::output_file::OutputArgs;

/// What is read for a result. A model that is text is gathered with its files, and scattered to
/// text and files if the result is text, too.
pub(crate) struct Given {
    /// As it was read, if nothing is gathered.
    plain: Sources,
    gathered: Option<Gathered>,
    /// The files that models name.
    pub(crate) named: Vec<PathBuf>,
    /// Those that are written beside a result that is text.
    pub(crate) beside: Vec<(Part, PathBuf)>,
}

impl Given {
    /// What was read, and what is named by the model among it; `written` is where that is written
    /// as text.
    pub(crate) fn of(
        mut plain: Sources,
        files: Vec<BesideModel>,
        written: Option<&OutputArgs>,
    ) -> Result<Self, Failure> {
        let named = files.iter().map(|file| file.own_path().to_owned()).collect();
        let beside = written.map_or(Ok(Vec::new()), |output| beside(&files, output))?;
        plain.files.extend(files.into_iter().map(|file| (file.part, file.source)));
        let gathered = Gathered::of(&plain).map_err(Failure::usage)?;
        if gathered.is_some() {
            plain = Sources::default();
        }
        Ok(Self { plain, gathered, named, beside })
    }

    pub(crate) fn sources(&self) -> &Sources {
        self.gathered.as_ref().map_or(&self.plain, |gathered| &gathered.sources)
    }

    /// How the result is painted that is written as `output`.
    pub(crate) fn whole(&self, output: OutputSpec) -> OutputSpec {
        match (&self.gathered, output.format) {
            (Some(_), ContainerFormat::Gltf) => {
                OutputSpec { format: ContainerFormat::Glb, ..output }
            }
            _ => output,
        }
    }

    /// The files to write.
    pub(crate) fn results(
        &self,
        painted: Vec<OutputFile>,
        output: OutputSpec,
    ) -> Result<Vec<OutputFile>, Failure> {
        let beside = self.beside.iter().map(|(part, _)| OutputSpec { part: *part, ..output });
        let outputs: Vec<OutputSpec> = [output].into_iter().chain(beside).collect();
        match &self.gathered {
            Some(gathered) => gathered.scattered(painted, &outputs).map_err(Failure::here),
            None => Ok(painted),
        }
    }
}

/// Where the files of a model are written. They stay in the folder of the result, and replace
/// nothing there before the result itself is there.
fn beside(files: &[BesideModel], output: &OutputArgs) -> Result<Vec<(Part, PathBuf)>, Failure> {
    let place = |file: &BesideModel| {
        let path = output.beside(file);
        if !file.is_below() {
            let own = file.own_path().display();
            return Err(Failure::usage(format!(
                "{own} would be written to {}, outside of the folder of {}",
                path.display(),
                output.name()
            ))
            .hint("write the model in one file: give -o FILE.glb"));
        }
        if output.is_new() && path.exists() {
            let text = format!("{} is there already, but {} is not", path.display(), output.name());
            return Err(Failure::usage(text).hint("give an -o in another folder, or --force"));
        }
        Ok((file.part, path))
    };
    files.iter().map(place).collect()
}
