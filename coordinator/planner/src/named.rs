//! The files of glTF models that are text: their outputs keep the places that the models name.

use impasto_types::{AssetPath, ContainerFormat, Input, Part};

use crate::{Listing, Manifest, NamedFile, ProblemCause};

/// What the model of an asset names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// What is read of it.
    pub(crate) inputs: Vec<Input>,
    /// What is painted of it.
    pub(crate) painted: Vec<PlacedFile>,
    /// What is copied beside the results.
    pub(crate) kept: Vec<PlacedFile>,
}

/// A file that a model names, and the place of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedFile {
    pub(crate) file: NamedFile,
    pub(crate) output: AssetPath,
}

/// The files that a model among the assets or the companions names; none of any other file.
fn files_of<'a>(listing: &'a Listing, model: &AssetPath) -> &'a [NamedFile] {
    listing.named.get(model).map_or(&[], Vec::as_slice)
}

impl Named {
    /// Of an asset with a result at `output`, if it names anything; or of the mesh that shows it,
    /// of which only the surface is read.
    ///
    /// # Errors
    /// A file would have its result where no output of the project is.
    pub(crate) fn of(
        manifest: &Manifest,
        listing: &Listing,
        (asset, mesh): (&AssetPath, Option<&AssetPath>),
        output: &AssetPath,
        has_relief: bool,
    ) -> Result<Self, ProblemCause> {
        let own = files_of(listing, asset);
        let mesh = mesh.map_or(&[][..], |mesh| files_of(listing, mesh));
        let is_read = |file: &&NamedFile| file.is_buffer() || file.role.is_painted(has_relief);
        let read = own.iter().filter(is_read);
        let inputs = read.chain(mesh.iter().filter(|file| file.is_buffer())).map(NamedFile::input);
        let mut named = Self { inputs: inputs.collect(), ..Self::default() };
        for file in own {
            let placed = output.beside(&file.relative).ok();
            let Some(placed) = placed.filter(|placed| manifest.is_output(placed)) else {
                let (relative, model) = (file.relative.clone(), output.clone());
                return Err(ProblemCause::NamedElsewhere { relative, model });
            };
            let placed = PlacedFile { file: file.clone(), output: placed };
            match file.role.is_painted(has_relief) {
                true => named.painted.push(placed),
                false => named.kept.push(placed),
            }
        }
        Ok(named)
    }

    /// Where the result of a file is.
    pub(crate) fn output(&self, part: Part) -> Option<&AssetPath> {
        let found = self.painted.iter().find(|placed| placed.file.part() == part);
        found.map(|placed| &placed.output)
    }

    /// How many bytes of it are read.
    pub(crate) fn bytes(&self) -> u64 {
        self.inputs.iter().filter_map(|input| input.source.blob()).map(|blob| blob.size_bytes).sum()
    }
}

impl NamedFile {
    /// Its part in an asset.
    pub(crate) fn part(&self) -> Part {
        Part::File(self.number)
    }

    fn input(&self) -> Input {
        Input::blob(self.part(), self.blob)
    }

    /// Whether surfaces lie in it.
    fn is_buffer(&self) -> bool {
        self.format.is_none()
    }

    /// The format of its result; that of the model, of which a buffer is a part.
    pub(crate) fn output_format(&self) -> ContainerFormat {
        self.format.unwrap_or(ContainerFormat::Gltf)
    }
}
