//! The pictures that a run works on.

use impasto_types::{Common, Init, MAX_SIDE};

use crate::{EngineError, Image, Joins, Mask, Style};

/// The pictures that a recipe works on.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The asset's colours; they may be missing only where a texture is synthesised, whose size is
    /// then the recipe's.
    pub content: Option<Image>,
    /// How much of each of the content's pixels there is: its alpha, in its size; all of it where
    /// there is none. Colours are weighted by it where the content is resized.
    pub coverage: Option<Mask>,
    /// What a texture is synthesised on, in place of content: its size and shape are the result's,
    /// and where there is a mask, the result is it outside.
    pub ground: Option<Image>,
    /// At least one style image, unless a network has learned its style.
    pub styles: Vec<Style>,
    /// What to begin with, where the recipe says so.
    pub init: Option<Image>,
    /// What lies beyond the asset's borders, and so beyond the result's.
    pub joins: Joins,
    /// Where the asset or the ground is painted, in its size; everywhere where there is none.
    /// Outside, the result is what it was.
    pub mask: Option<Mask>,
}

impl Inputs {
    /// Checks that all pictures are there that a recipe needs, which begins with `init`, and that
    /// their sizes are supported.
    ///
    /// # Errors
    /// Names the picture that is missing or cannot be used.
    pub(crate) fn check(&self, init: Init) -> Result<(), EngineError> {
        if self.styles.is_empty() {
            return Err(EngineError::MissingInput("a style image"));
        }
        self.check_given(init)
    }

    /// The same where no style image is needed.
    pub(crate) fn check_given(&self, init: Init) -> Result<(), EngineError> {
        if init == Init::Content && self.content.is_none() {
            return Err(EngineError::MissingInput("a content image"));
        }
        if init == Init::Image && self.init.is_none() {
            return Err(EngineError::MissingInput("an image to begin with"));
        }
        let total: f32 = self.styles.iter().map(|style| style.share).sum();
        let is_weighted = total > 0.0 || self.styles.is_empty();
        if !(self.styles.iter().all(|style| style.share >= 0.0) && is_weighted && total.is_finite())
        {
            return Err(EngineError::StyleWeights(total));
        }
        let content = self.painted().map(|image| ("asset", image)).into_iter();
        let styles = self.styles.iter().map(|style| ("style image", &style.image));
        let init = self.init.iter().map(|image| ("image to begin with", image));
        for (what, image) in content.chain(styles).chain(init) {
            check_size(what, image)?;
        }
        self.styles.iter().try_for_each(Style::check)?;
        self.check_masks()?;
        // A run paints one view.
        Ok(self.joins.check(1)?)
    }

    fn check_masks(&self) -> Result<(), EngineError> {
        self.mask.iter().chain(&self.coverage).try_for_each(|mask| match self.painted() {
            Some(painted) => mask.check_size("asset", painted),
            None => Err(EngineError::MissingInput("a content image for its mask")),
        })
    }

    /// What is painted, if it is not made from nothing.
    fn painted(&self) -> Option<&Image> {
        self.content.as_ref().or(self.ground.as_ref())
    }

    /// The result's width and height: the recipe's, in the shape of the asset or the ground; a
    /// texture that is synthesised without either is square.
    pub(crate) fn output_size(&self, common: &Common) -> Result<(u32, u32), EngineError> {
        match (self.painted(), common.size) {
            (Some(painted), _) => {
                Ok(common.output_size(painted.width as u32, painted.height as u32))
            }
            (None, Some(size)) => Ok((size, size)),
            (None, None) => Err(EngineError::MissingInput("a size")),
        }
    }

    /// Names the inputs in a checkpoint.
    pub(crate) fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let mut add = |image: &Image, weight: f32| {
            hasher.update(&(image.width as u64).to_le_bytes());
            hasher.update(&(image.height as u64).to_le_bytes());
            hasher.update(&weight.to_le_bytes());
            image.rgb.iter().for_each(|value| {
                hasher.update(&value.to_le_bytes());
            });
        };
        self.content.iter().for_each(|image| add(image, 0.0));
        // No style image has such a share.
        self.ground.iter().for_each(|image| add(image, -1.0));
        self.styles.iter().for_each(|style| add(&style.image, style.share));
        self.init.iter().for_each(|image| add(image, 0.0));
        self.joins.digest_into(&mut hasher);
        let masks = self.styles.iter().map(|style| &style.weights);
        for mask in masks.chain([&self.coverage, &self.mask]) {
            hasher.update(&[u8::from(mask.is_some())]);
            mask.iter().flat_map(Mask::weights).for_each(|weight| {
                hasher.update(&weight.to_le_bytes());
            });
        }
        hasher.finalize()
    }
}

/// A side has to be within [`MAX_SIDE`], and there have to be three values for each pixel.
fn check_size(what: &'static str, image: &Image) -> Result<(), EngineError> {
    let max = MAX_SIDE;
    let sides = 1..=max as usize;
    let &Image { width, height, .. } = image;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(EngineError::Size { what, width, height, max });
    }
    if image.rgb.len() != 3 * width * height {
        return Err(EngineError::Values { what, width, height, values: image.rgb.len() });
    }
    Ok(())
}
