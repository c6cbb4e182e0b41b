//! A picture in memory, and the properties of its file.

use impasto_types::{ContainerFormat, Crop};

use crate::density::{Density, PixelAspect};
use crate::notes::Notes;
use crate::png_color::PngColor;
use crate::psd_layout::{LEAST_ALPHA, with_white};
use crate::{
    AssetError, AssetErrorKind, Color, DdsLayout, Depth, ExrLayout, GlbLayout, HdrLayout,
    Ktx2Layout, Orientation, PsdLayout, SheetLayout, TgaLayout, TiffLayout, ToneCurve,
};

/// A picture: colours as the file encodes them (gamma is unchanged), as levels from 0 to 255.
///
/// 16-bit samples keep their fractions (`v * 255 / 65535`); floating-point samples are `v * 255`
/// and may be outside that range.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `height * width * 3`, red, green, blue, row by row from the top.
    pub rgb: Vec<f32>,
    /// `height * width`, from 0 (transparent) to 1, if the file has alpha. Colours are not
    /// premultiplied.
    pub alpha: Option<Vec<f32>>,
    /// Samples that are neither colour nor alpha, each `height * width`, from 0 to 1 as alpha is;
    /// floating-point samples may be outside that range. Only TIFF, EXR, PSD, some TGA files and
    /// models have them: a model one, of the alpha that its materials do not use as opacity.
    pub extra: Vec<Vec<f32>>,
    pub origin: Origin,
}

/// The properties of a picture's file, which the result's file is to have too.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The name of the picture in errors.
    pub name: String,
    pub format: ContainerFormat,
    pub color: Color,
    pub depth: Depth,
    /// The ICC profile of the picture's pixels.
    pub icc: Option<Vec<u8>>,
    pub density: Option<Density>,
    /// The shape of its pixels, if the file tells it without a density.
    pub aspect: Option<PixelAspect>,
    pub png_color: Option<PngColor>,
    /// What the file says in words.
    pub notes: Notes,
    /// How the stored grid is turned to be looked at. [`Picture::upright`] turns it.
    pub orientation: Orientation,
    /// How the file stores alpha.
    pub alpha_kind: AlphaKind,
    /// Whether the file's colours are multiplied by alpha though it does not say so: see
    /// [`Picture::unmultiplied`].
    pub is_premultiplied: bool,
    /// Whether a file with associated alpha has colours where alpha is 0, which add light. Then
    /// such pixels are written as they are; otherwise they are written as black.
    pub additive: bool,
    /// Whether the channels are numbers and no colours, such as a normal map's: then a file's mips
    /// are plain averages. No decoder knows it.
    pub is_data: bool,
    /// Whether the file says that its levels are linear light, which QOI can.
    pub is_linear: bool,
    /// The curve that light has gone through, if [`Picture::to_display`] has put it there.
    pub tone: Option<ToneCurve>,
    /// What only TIFF can hold, if the file is one.
    pub tiff: Option<TiffLayout>,
    /// How the file is stored, if it is TGA.
    pub tga: Option<TgaLayout>,
    /// How the file is stored, if it is DDS.
    pub dds: Option<DdsLayout>,
    /// How the file is stored, if it is EXR.
    pub exr: Option<ExrLayout>,
    /// How the file is stored, if it is HDR.
    pub hdr: Option<HdrLayout>,
    /// How the file is stored, if it is KTX2.
    pub ktx2: Option<Ktx2Layout>,
    /// How the file is stored, if it is PSD.
    pub psd: Option<PsdLayout>,
    /// Where its pictures lie, if it is a texture of several: a cube map or an array.
    pub sheet: Option<SheetLayout>,
    /// Where the textures lie, if it is a model.
    pub glb: Option<GlbLayout>,
}

/// What a file's fourth sample means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlphaKind {
    /// Opacity; the colours are not multiplied by it.
    #[default]
    Straight,
    /// Opacity; the file's colours are multiplied by it, the [`Picture`]'s are not.
    Associated,
    /// Nothing that the file names: as a rule data, such as smoothness. It is kept as alpha, so
    /// that formats which have nothing but alpha keep it too.
    Unspecified,
}

impl Picture {
    pub fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The picture as it is to be looked at: rows run down, columns to the right. Every value is
    /// kept.
    #[must_use]
    pub fn upright(mut self) -> Self {
        let orientation = std::mem::take(&mut self.origin.orientation);
        self.turn(orientation);
        self
    }

    /// The same picture in a grid that needs `orientation` to be looked at.
    #[must_use]
    pub fn stored_as(self, orientation: Orientation) -> Self {
        let mut picture = self.upright();
        picture.turn(orientation.inverse());
        picture.origin.orientation = orientation;
        picture.origin.notes.turn(orientation);
        picture
    }

    /// The picture without what `crop` cuts off its sides.
    ///
    /// # Errors
    /// Too little of it would remain.
    pub fn cropped(mut self, crop: Crop) -> Result<Self, AssetError> {
        let (width, height) = crop
            .remaining(self.width, self.height)
            .map_err(|error| AssetErrorKind::Crop(error).of(&self.origin.name))?;
        let cut = |plane: &[f32], channels: usize| -> Vec<f32> {
            let row = channels * self.width as usize;
            let kept = channels * crop.left as usize..channels * (crop.left + width) as usize;
            let rows = plane.chunks_exact(row).skip(crop.top as usize).take(height as usize);
            rows.flat_map(|row| &row[kept.clone()]).copied().collect()
        };
        let rgb = cut(&self.rgb, 3);
        let alpha = self.alpha.as_ref().map(|alpha| cut(alpha, 1));
        let extra = self.extra.iter().map(|plane| cut(plane, 1)).collect();
        (self.width, self.height, self.rgb, self.alpha, self.extra) =
            (width, height, rgb, alpha, extra);
        Ok(self)
    }

    /// The same picture, of whose file somebody knows that its colours are multiplied by alpha.
    /// They are multiplied again when it is written, in any format.
    #[must_use]
    pub fn unmultiplied(mut self) -> Self {
        let is_known = self.origin.alpha_kind == AlphaKind::Associated;
        if !is_known && !self.origin.format.is_model() && self.alpha.is_some() {
            self.restore_white();
            self.divide_by_alpha();
            self.origin.is_premultiplied = true;
        }
        self
    }

    /// Undoes what was done because the colours of a PSD were taken for blended with white.
    fn restore_white(&mut self) {
        let (Some(psd), Some(alpha)) = (&mut self.origin.psd, &self.alpha) else { return };
        psd.is_blended = false;
        if !std::mem::take(&mut psd.has_lost_white) {
            return;
        }
        let pixels = self.rgb.as_chunks_mut::<3>().0.iter_mut().zip(alpha);
        for (pixel, &alpha) in pixels.filter(|(_, alpha)| **alpha >= LEAST_ALPHA) {
            pixel.iter_mut().for_each(|level| *level = with_white(*level, alpha));
        }
    }

    /// What a file of `format` says in words: what the asset says, if it is of that format.
    pub(crate) fn notes_in(&self, format: ContainerFormat) -> Option<&Notes> {
        (self.origin.format == format).then_some(&self.origin.notes)
    }

    /// The shape of pixels as a file of `format` tells it without a unit: as the asset does, if it
    /// is of that format.
    pub(crate) fn aspect_in(&self, format: ContainerFormat) -> Option<PixelAspect> {
        self.origin.aspect.filter(|_| self.origin.format == format)
    }

    fn turn(&mut self, orientation: Orientation) {
        if orientation == Orientation::Normal {
            return;
        }
        let size = (self.width, self.height);
        self.rgb = orientation.turned(&self.rgb, 3, size);
        for plane in self.alpha.iter_mut().chain(&mut self.extra) {
            *plane = orientation.turned(plane, 1, size);
        }
        (self.width, self.height) = orientation.upright_size(size);
        if let Some(Density { x, y }) = self.origin.density
            && orientation.swaps_sides()
        {
            self.origin.density = Some(Density { x: y, y: x });
        }
        if let Some(PixelAspect { x, y }) = self.origin.aspect
            && orientation.swaps_sides()
        {
            self.origin.aspect = Some(PixelAspect { x: y, y: x });
        }
        self.origin.notes.turn(Orientation::Normal);
    }
}

impl Origin {
    /// The origin of a picture without a file: 8-bit RGB without a profile.
    pub fn synthetic(name: &str, format: ContainerFormat) -> Self {
        Self {
            name: name.to_owned(),
            format,
            color: Color::Rgb,
            depth: Depth::Eight,
            icc: None,
            density: None,
            aspect: None,
            png_color: None,
            notes: Notes::default(),
            orientation: Orientation::Normal,
            alpha_kind: AlphaKind::Straight,
            is_premultiplied: false,
            additive: false,
            is_data: false,
            is_linear: false,
            tone: None,
            tiff: None,
            tga: None,
            dds: None,
            exr: None,
            hdr: None,
            ktx2: None,
            psd: None,
            sheet: None,
            glb: None,
        }
    }

    /// Bytes that it holds beside the pixels: a model's whole file, profiles, text, and what grows
    /// with a picture's size.
    pub fn bytes(&self) -> u64 {
        let icc = self.icc.as_ref().map_or(0, Vec::len);
        let exponents =
            self.hdr.as_ref().and_then(|hdr| hdr.exponents.as_ref()).map_or(0, Vec::len);
        let model = self.glb.as_ref().map_or(0, |glb| glb.file.len());
        let psd = self.psd.as_ref().map_or(0, PsdLayout::bytes);
        (icc + exponents + model) as u64 + psd + self.notes.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of three pixels, whose alpha counts from one; upright, by rows.
    #[test]
    fn all_eight_orientations_are_exact() {
        let check = |exif: u16, rows: &[&[f32]]| {
            let orientation = Orientation::from_exif(exif).expect("a value of EXIF");
            let alpha: Vec<f32> = (1..=6_u8).map(f32::from).collect();
            let picture = Picture {
                width: 3,
                height: 2,
                rgb: alpha.iter().flat_map(|&a| [a, a + 10.0, a + 20.0]).collect(),
                alpha: Some(alpha.clone()),
                extra: vec![alpha],
                origin: Origin {
                    orientation,
                    density: Some(Density { x: 1.0, y: 2.0 }),
                    ..Origin::synthetic("a", ContainerFormat::Png)
                },
            };
            assert_eq!(picture.clone().upright().stored_as(orientation), picture, "{exif}");
            let upright = picture.upright();
            let expected = rows.concat();
            assert_eq!(upright.alpha.as_deref(), Some(&expected[..]), "{exif}");
            assert_eq!(upright.extra, std::slice::from_ref(&expected), "{exif}");
            let colors: Vec<f32> = expected.iter().flat_map(|&a| [a, a + 10.0, a + 20.0]).collect();
            assert_eq!(upright.rgb, colors, "{exif}");
            let size = (upright.width as usize, upright.height as usize);
            assert_eq!(size, (rows[0].len(), rows.len()), "{exif}");
            assert_eq!(upright.origin.orientation, Orientation::Normal, "{exif}");
            let across = if exif < 5 { 1.0 } else { 2.0 };
            assert_eq!(upright.origin.density.map(|density| density.x), Some(across), "{exif}");
            assert_eq!(orientation.exif(), exif);
        };
        check(1, &[&[1., 2., 3.], &[4., 5., 6.]]);
        check(2, &[&[3., 2., 1.], &[6., 5., 4.]]);
        check(3, &[&[6., 5., 4.], &[3., 2., 1.]]);
        check(4, &[&[4., 5., 6.], &[1., 2., 3.]]);
        check(5, &[&[1., 4.], &[2., 5.], &[3., 6.]]);
        check(6, &[&[4., 1.], &[5., 2.], &[6., 3.]]);
        check(7, &[&[6., 3.], &[5., 2.], &[4., 1.]]);
        check(8, &[&[3., 6.], &[2., 5.], &[1., 4.]]);
        assert_eq!((Orientation::from_exif(0), Orientation::from_exif(9)), (None, None));
    }

    #[test]
    fn a_crop_cuts_its_sides_off_every_plane() {
        let places: Vec<(f32, f32)> =
            (0..20 * 19).map(|at| ((at % 20) as f32, (at / 20) as f32)).collect();
        let sums: Vec<f32> = places.iter().map(|(x, y)| x + y).collect();
        let picture = Picture {
            width: 20,
            height: 19,
            rgb: places.iter().flat_map(|(x, y)| [*x, *y, x + y]).collect(),
            alpha: Some(sums.clone()),
            extra: vec![sums],
            origin: Origin::synthetic("a", ContainerFormat::Png),
        };
        let crop = Crop { left: 1, top: 3, right: 2, bottom: 0 };
        let cut = picture.clone().cropped(crop).expect("it fits");
        assert_eq!((cut.width, cut.height, cut.rgb.len()), (17, 16, 3 * 17 * 16));
        assert_eq!(
            (&cut.rgb[..3], &cut.rgb[3 * 17 * 16 - 3..]),
            (&[1.0, 3.0, 4.0][..], &[17.0, 18.0, 35.0][..])
        );
        let alpha = cut.alpha.expect("it is kept");
        assert_eq!((alpha[0], alpha.len(), &cut.extra[0]), (4.0, 17 * 16, &alpha));
        assert!(picture.cropped(Crop::all(2)).is_err());
    }
}
