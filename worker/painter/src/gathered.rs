//! glTF models as text: gathered with their files to one, which is painted as any model is, and
//! scattered again.

use std::collections::BTreeMap;

use impasto_assets::{
    AssetError, AssetErrorKind, Limits, Scattered, gather_model, is_text_model, read_header,
    scatter_model,
};
use impasto_types::{Action, ContainerFormat, OutputSpec, Part};

use crate::{OutputFile, Source, Sources};

/// The files of an action, with models that are text gathered to one file each.
#[derive(Debug)]
pub struct Gathered {
    /// The same without what was gathered.
    pub sources: Sources,
    /// The asset, if it is such a model.
    model: Option<Text>,
}

/// A model as text, with the files that it names, by their numbers.
#[derive(Debug)]
struct Text {
    source: Source,
    files: BTreeMap<usize, Vec<u8>>,
}

impl Gathered {
    /// Gathers [`Part::Color`] or [`Part::Mesh`] with their [`Part::File`]s; none if neither is
    /// such a model.
    ///
    /// # Errors
    /// If a model is damaged, or a buffer's file is shorter than it says.
    pub fn of(sources: &Sources) -> Result<Option<Self>, AssetError> {
        let is_text = |part: &Part| {
            let source = sources.files.get(part);
            source.is_some_and(|source| is_text_model(&source.bytes, &source.name))
        };
        let Some(part) = [Part::Color, Part::Mesh].into_iter().find(is_text) else {
            return Ok(None);
        };
        let mut sources = sources.clone();
        // They are the last of all parts.
        let files = sources.files.split_off(&Part::File(0)).into_iter();
        let numbered = |(part, file): (Part, Source)| match part {
            Part::File(number) => Some((usize::from(number), file.bytes)),
            _ => None,
        };
        let files = files.filter_map(numbered).collect();
        let Some(source) = sources.files.remove(&part) else { return Ok(None) };
        let text = Text { source, files };
        let glb = text.glb()?;
        let model = if part == Part::Color { Some(text) } else { None };
        sources.files.insert(part, glb);
        Ok(Some(Self { sources, model }))
    }

    /// The action that paints the gathered files.
    pub fn action(&self, action: &Action) -> Action {
        let mut action = action.clone();
        action.inputs.retain(|input| !matches!(input.part, Part::File(_)));
        if self.model.is_some() {
            action.outputs.retain(|output| !matches!(output.part, Part::File(_)));
            let models = action.outputs.iter_mut().filter(|output| output.format.is_model());
            models.for_each(|output| output.format = ContainerFormat::Glb);
        }
        action
    }

    /// The memory that it takes beside its sources, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let text = self.model.iter().map(|text| text.source.bytes.len());
        let files = self.model.iter().flat_map(|text| text.files.values()).map(Vec::len);
        text.chain(files).sum::<usize>() as u64
    }

    /// What `outputs` ask for, of the painted files of [`Self::action`]: the model as text with its
    /// files, or in one file, as it is painted.
    ///
    /// # Errors
    /// If these are not files of the model.
    pub fn scattered(
        &self,
        mut painted: Vec<OutputFile>,
        outputs: &[OutputSpec],
    ) -> Result<Vec<OutputFile>, AssetError> {
        let is_text = outputs.iter().any(|output| output.format == ContainerFormat::Gltf);
        let Some(Text { source, files }) = self.model.as_ref().filter(|_| is_text) else {
            return Ok(painted);
        };
        let Some(place) = painted.iter().position(|file| file.part == Part::Color) else {
            return Ok(painted);
        };
        let after = painted.remove(place).bytes;
        let before = self.sources.files.get(&Part::Color).map_or(&[][..], |glb| &glb.bytes);
        let contents = files.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
        let Scattered { text, files: mut changed } =
            scatter_model(&source.bytes, &source.name, &contents, (before, &after))?;
        let header = read_header(&text, &source.name, &Limits::default())?;
        let (width, height) = (header.width, header.height);
        painted.push(OutputFile { part: Part::Color, bytes: text, width, height });
        for output in outputs {
            let Part::File(number) = output.part else { continue };
            let number = usize::from(number);
            let bytes = changed.remove(&number).or_else(|| files.get(&number).cloned());
            let absent = || AssetError {
                name: source.name.clone(),
                kind: AssetErrorKind::Encode {
                    format: ContainerFormat::Gltf,
                    source: format!("file {number}, which it names, is not there").into(),
                },
            };
            let bytes = bytes.ok_or_else(absent)?;
            let (width, height) = match output.format.is_model() {
                // A buffer.
                true => (0, 0),
                false => {
                    // Its own name is not known here, and may say another format.
                    let name = format!("file {number}");
                    let header = read_header(&bytes, &name, &Limits::default())?;
                    (header.width, header.height)
                }
            };
            painted.push(OutputFile { part: output.part, bytes, width, height });
        }
        painted.sort_by_key(|file| file.part);
        Ok(painted)
    }
}

impl Text {
    /// The model in one file. Its name has no extension, since it is no text.
    fn glb(&self) -> Result<Source, AssetError> {
        let Source { name, bytes } = &self.source;
        let contents = self.files.iter().map(|(number, bytes)| (*number, &bytes[..])).collect();
        let glb = gather_model(bytes, name, &contents)?;
        let name = match name.rsplit_once('.') {
            Some((stem, extension)) if extension.eq_ignore_ascii_case("gltf") => stem,
            _ => name,
        };
        Ok(Source { name: name.to_owned(), bytes: glb })
    }
}
