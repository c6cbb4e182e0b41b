//! How a picture is painted at a scale.

use super::pass::Pass;
use crate::sources::Sources;
use crate::{EngineError, Image, Interrupt};

/// The coarser scale's picture enlarged, less what the asset's own would show of a share `detail`
/// of it. The asset's is to be added: with `E` for enlarging, `E (picture - detail * small)`.
pub(super) fn enlarged(
    sources: &Sources,
    mut coarse: Image,
    size: (usize, usize),
    detail: f32,
) -> Option<Image> {
    if detail > 0.0 {
        coarse.add(-detail, &sources.target_at((coarse.width, coarse.height))?);
    }
    Some(sources.enlarged(&coarse, size))
}

/// Forms are held where they are larger than so many pixels.
const FORMS_PX: usize = 8;

/// What a scale begins with.
#[derive(Debug)]
pub(super) struct Begun {
    picture: Image,
    /// Its forms, which the result keeps.
    forms: Option<Image>,
}

impl Begun {
    /// The first scale begins with the asset.
    pub(super) fn first(asset: Image) -> Self {
        Self { picture: asset, forms: None }
    }

    /// Each larger one with what [`enlarged`] makes, and the asset's own share, `detail` of it in
    /// this size; none where that is nothing. A network leaves less of light and dark each time
    /// that it paints, so what the coarser scale could show stays as it is there, but for strokes.
    pub(super) fn larger(
        sources: &Sources,
        mut picture: Image,
        asset: Option<Image>,
        detail: f32,
    ) -> Self {
        if let Some(asset) = asset {
            picture.add(detail, &asset);
        }
        picture.clamp();
        let forms = Some(forms_of(sources, &picture));
        Self { picture, forms }
    }
}

/// What is larger than [`FORMS_PX`] in a picture, reduced by as much.
fn forms_of(sources: &Sources, picture: &Image) -> Image {
    let [width, height] = [picture.width, picture.height].map(|len| len.div_ceil(FORMS_PX));
    sources.fit(picture, width, height)
}

/// Gives a picture the forms that it is to keep.
fn hold_forms(sources: &Sources, picture: &mut Image, forms: Image) {
    let mut apart = forms;
    apart.add(-1.0, &forms_of(sources, picture));
    picture.add(1.0, &sources.enlarged(&apart, (picture.width, picture.height)));
    picture.clamp();
}

/// What a network makes of the picture that a scale begins with, by the styles that it looked at
/// last: `share` of it, and of the asset for the rest. Outside a mask it is what was there.
pub(super) fn painted(
    network: &dyn Pass,
    sources: &Sources,
    begun: Begun,
    share: f32,
    interrupt: &Interrupt,
) -> Result<Image, EngineError> {
    let Begun { mut picture, forms } = begun;
    let (workshop, size) = (network.workshop(), (picture.width, picture.height));
    workshop.install(|| network.stir(&mut picture));
    let wraps = sources.joins().repeats();
    let mut picture = workshop
        .paint(picture, wraps, |workspace, picture| network.paint(workspace, picture, interrupt))?;
    workshop.install(|| {
        if let Some(forms) = forms {
            hold_forms(sources, &mut picture, forms);
        }
        if let Some(asset) = (share < 1.0).then(|| sources.target_at(size)).flatten() {
            let both = picture.rgb.iter_mut().zip(&asset.rgb);
            both.for_each(|(x, own)| *x = own + share * (*x - own));
        }
        if let Some((weights, own)) = sources.painted_at(size) {
            let pixels = picture.rgb.chunks_exact_mut(3).zip(own.rgb.chunks_exact(3));
            for ((pixel, own), weight) in pixels.zip(weights) {
                pixel.iter_mut().zip(own).for_each(|(x, own)| *x = own + weight * (*x - own));
            }
        }
        if let Some(correction) = sources.correction(&picture) {
            correction.apply(&mut picture);
        }
    });
    Ok(picture)
}
