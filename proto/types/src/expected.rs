//! What a result has to be, by its action and the asset's header.

use crate::{Action, AssetKind, ContainerFormat, Depth, Output, OutputSpec, Part};

/// The picture that is painted, as its header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetShape {
    /// Width and height in pixels: of the stored grid, or of the upright picture if the asset is a
    /// photograph.
    pub size: (u32, u32),
    pub alpha: bool,
    pub depth: Depth,
}

/// The file of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub part: Part,
    pub format: ContainerFormat,
    /// `None` if the asset's header is not known, or its kind is one of which only the painter
    /// knows what becomes of it.
    pub picture: Option<ExpectedPicture>,
}

/// The picture of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedPicture {
    /// In pixels.
    pub width: u32,
    pub height: u32,
    pub alpha: bool,
    pub depth: Depth,
}

/// Why a result is not that of its action. The text begins with what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongResult {
    #[error("it has the parts {given}, but its action asks for {asked}")]
    Parts { asked: String, given: String },
    #[error("{part} is a {given} file, but its action asks for {asked}")]
    Format { part: Part, asked: ContainerFormat, given: ContainerFormat },
    #[error(
        "{part} has {} x {} pixels, but its action makes {} x {}", given.0, given.1, asked.0,
        asked.1
    )]
    Size { part: Part, asked: (u32, u32), given: (u32, u32) },
    #[error("{part} has {} bits a sample, but its action makes {}", bits(*given), bits(*asked))]
    Depth { part: Part, asked: Depth, given: Depth },
    #[error("{part} is {} alpha, but its action makes it {} alpha", with(*given), with(!*given))]
    Alpha { part: Part, given: bool },
}

fn bits(depth: Depth) -> &'static str {
    match depth {
        Depth::Eight => "8",
        Depth::Sixteen => "16",
        Depth::Float => "floating-point",
    }
}

fn with(alpha: bool) -> &'static str {
    if alpha { "with" } else { "without" }
}

impl Action {
    /// What each output has to be, in the action's order. `asset` is the file of [`Part::Color`],
    /// if the action has one and its header is known.
    pub fn expected(&self, asset: Option<AssetShape>) -> Vec<Expected> {
        let is_material = self.kind == AssetKind::material();
        let known = is_material
            || self.kind == AssetKind::picture()
            || self.kind == AssetKind::photograph()
            || self.kind == AssetKind::model();
        // The maps of a material have sizes and depths of their own, and so have the textures of a
        // model.
        let follows = |output: &OutputSpec| {
            let is_map = is_material && output.part.is_surface();
            output.part.is_picture() && !is_map && !output.format.is_model()
        };
        let common = self.recipe.common();
        let shape = match (self.input(Part::Color), asset) {
            (Some(_), shape) => shape,
            // A texture that is made from its styles alone is square, unless it is by a map.
            (None, _) if self.input(Part::Regions).is_some() => None,
            (None, _) => common.size.map(|side| AssetShape {
                size: (side, side),
                alpha: false,
                depth: Depth::Eight,
            }),
        };
        let shape = shape.filter(|_| known);
        let expected = |output: &OutputSpec| Expected {
            part: output.part,
            format: output.format,
            picture: shape.filter(|_| follows(output)).map(|AssetShape { size, alpha, depth }| {
                let (width, height) = common.output_size(size.0, size.1);
                let depth = output.format.depth_of(depth);
                ExpectedPicture { width, height, alpha, depth }
            }),
        };
        self.outputs.iter().map(expected).collect()
    }

    /// Checks that a result has exactly the parts that the action asks for, in its order.
    ///
    /// # Errors
    /// [`WrongResult::Parts`].
    pub fn check_parts(&self, outputs: &[Output]) -> Result<(), WrongResult> {
        let asked = self.outputs.iter().map(|output| output.part);
        let given = outputs.iter().map(|output| output.part);
        if asked.clone().eq(given.clone()) {
            return Ok(());
        }
        Err(WrongResult::Parts { asked: list(asked), given: list(given) })
    }
}

/// How many parts an error names.
const SHOWN_PARTS: usize = 8;

fn list(parts: impl Iterator<Item = Part> + Clone) -> String {
    let count = parts.clone().count();
    let shown: Vec<String> = parts.take(SHOWN_PARTS).map(|part| part.to_string()).collect();
    match (count, count.saturating_sub(SHOWN_PARTS)) {
        (0, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

impl ContainerFormat {
    /// The depth of a file in this format whose asset has this depth: the nearest that it has.
    pub fn depth_of(self, asset: Depth) -> Depth {
        match (self, asset) {
            (Self::Tiff | Self::Dds | Self::Ktx2 | Self::Psd | Self::Glb | Self::Gltf, depth) => {
                depth
            }
            (Self::Exr | Self::Hdr, _) => Depth::Float,
            (Self::Png, Depth::Sixteen | Depth::Float) => Depth::Sixteen,
            (Self::Png, Depth::Eight)
            | (Self::Jpeg | Self::Tga | Self::Webp | Self::Bmp | Self::Qoi, _) => Depth::Eight,
        }
    }
}

impl Expected {
    /// Whether the file is a picture; otherwise it is a network, a state of training, or a buffer
    /// of a model, which may hold anything.
    pub fn is_picture(&self) -> bool {
        match self.part {
            Part::File(_) => !self.format.is_model(),
            part => part.is_picture(),
        }
    }

    /// Checks a file by what its header says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(
        &self,
        format: ContainerFormat,
        given: ExpectedPicture,
    ) -> Result<(), WrongResult> {
        let part = self.part;
        if format != self.format {
            return Err(WrongResult::Format { part, asked: self.format, given: format });
        }
        let Some(asked) = self.picture else { return Ok(()) };
        let size = |picture: ExpectedPicture| (picture.width, picture.height);
        if size(given) != size(asked) {
            return Err(WrongResult::Size { part, asked: size(asked), given: size(given) });
        }
        if given.depth != asked.depth {
            let (asked, given) = (asked.depth, given.depth);
            return Err(WrongResult::Depth { part, asked, given });
        }
        if given.alpha != asked.alpha {
            return Err(WrongResult::Alpha { part, given: given.alpha });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlobRef, Input, Preset, StyleRef};

    fn action(format: ContainerFormat, size: Option<u32>) -> Action {
        let blob = BlobRef::of(b"a");
        let mut recipe = Preset::Painterly.recipe();
        recipe.common_mut().size = size;
        Action {
            method_version: recipe.method().version(),
            recipe,
            kind: AssetKind::picture(),
            inputs: vec![Input::blob(Part::Color, blob)],
            styles: vec![StyleRef::whole(blob, 1.0)],
            regions: None,
            texture: None,
            models: vec![],
            outputs: vec![OutputSpec { part: Part::Color, format, quality: 90 }],
        }
    }

    const ASSET: AssetShape = AssetShape { size: (64, 32), alpha: true, depth: Depth::Float };

    #[test]
    fn a_result_has_the_asset_s_shape_as_far_as_its_format_can() {
        let check = |format, size, expected: (u32, u32, Depth)| {
            let picture = action(format, size).expected(Some(ASSET))[0].picture.expect("known");
            assert_eq!((picture.width, picture.height, picture.depth), expected, "{format}");
            assert!(picture.alpha);
        };
        check(ContainerFormat::Png, None, (64, 32, Depth::Sixteen));
        check(ContainerFormat::Tiff, Some(128), (128, 64, Depth::Float));
        check(ContainerFormat::Webp, Some(16), (16, 8, Depth::Eight));
        let png = action(ContainerFormat::Png, None);
        assert_eq!(png.expected(None)[0].picture, None);
        let other = Action { kind: "relief".to_owned().try_into().expect("a kind"), ..png.clone() };
        assert_eq!(other.expected(Some(ASSET))[0].picture, None);
        let texture = Action { inputs: vec![], ..action(ContainerFormat::Png, Some(48)) };
        let picture = texture.expected(None)[0].picture.expect("known");
        assert_eq!((picture.width, picture.height, picture.alpha), (48, 48, false));
        let map = vec![Input::blob(Part::Regions, BlobRef::of(b"map"))];
        assert_eq!(Action { inputs: map, ..texture }.expected(None)[0].picture, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let expected = action(ContainerFormat::Png, None).expected(Some(ASSET))[0];
        let right = expected.picture.expect("known");
        assert_eq!(expected.check(ContainerFormat::Png, right), Ok(()));
        let check = |format, given: ExpectedPicture, text: &str| {
            let wrong = expected.check(format, given).expect_err(text);
            assert_eq!(wrong.to_string(), text);
        };
        check(ContainerFormat::Jpeg, right, "color is a jpg file, but its action asks for png");
        check(
            ContainerFormat::Png,
            ExpectedPicture { width: 63, ..right },
            "color has 63 x 32 pixels, but its action makes 64 x 32",
        );
        check(
            ContainerFormat::Png,
            ExpectedPicture { depth: Depth::Eight, ..right },
            "color has 8 bits a sample, but its action makes 16",
        );
        check(
            ContainerFormat::Png,
            ExpectedPicture { alpha: false, ..right },
            "color is without alpha, but its action makes it with alpha",
        );
    }

    #[test]
    fn parts_are_exactly_those_that_are_asked_for() {
        let action = action(ContainerFormat::Png, None);
        let output = Output::picture(BlobRef::of(b"a"), 1, 1);
        let normal = Output { part: Part::Normal, ..output };
        assert_eq!(action.check_parts(&[output]), Ok(()));
        for (given, named) in [
            (&[][..], "none"),
            (&[normal][..], "normal"),
            (&[output, output][..], "color, color"),
            (&[output, normal][..], "color, normal"),
            (&[output; 10][..], "and 2 more"),
        ] {
            let wrong = action.check_parts(given).expect_err(named).to_string();
            assert!(wrong.contains(named) && wrong.ends_with("asks for color"), "{wrong}");
        }
    }
}
