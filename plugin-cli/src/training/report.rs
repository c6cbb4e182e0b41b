//! What a run shows: a sheet of held-out pictures beside what the network makes of them, and a page
//! with the losses.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage, imageops};
use impasto_models::{NetworkHeader, NetworkTraining, StylePictures};
use impasto_trainer::{Held, Image, Sample};
use serde::Serialize;

use crate::contact_sheet::{escape, loss_text};

/// Columns of samples on a sheet, each of a content, the style if the network has not learned it,
/// and the painting.
const COLUMNS: usize = 2;

/// Pixels between pictures.
const GAP: u32 = 8;

/// The result of a run, as it is printed and shown.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) model: String,
    #[serde(flatten)]
    pub(crate) header: &'a NetworkHeader,
    /// Whether the loss of unseen pictures had stopped to fall before the last step.
    pub(crate) settled: bool,
    /// Of this command, not of those before an interruption.
    pub(crate) seconds: f64,
    pub(crate) looks: &'a [Held],
}

/// A PNG of held-out pictures, each beside what the network makes of it.
pub(crate) fn sheet(samples: &[Sample]) -> Result<Vec<u8>, image::ImageError> {
    let (width, height) =
        samples.first().map_or((1, 1), |own| (own.content.width as u32, own.content.height as u32));
    let rows = samples.len().div_ceil(COLUMNS) as u32;
    let own = if samples.iter().any(|sample| sample.style_image.is_some()) { 3 } else { 2 };
    let cells = (own * COLUMNS) as u32;
    let size = (cells * (width + GAP) + GAP, rows * (height + GAP) + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, image::Rgb([255; 3]));
    for (index, sample) in samples.iter().enumerate() {
        let shown = [Some(&sample.content), sample.style_image.as_ref(), Some(&sample.painted)];
        for (cell, image) in shown.into_iter().flatten().enumerate() {
            let column = (own * (index % COLUMNS) + cell) as u32;
            let row = (index / COLUMNS) as u32;
            let at = (GAP + column * (width + GAP), GAP + row * (height + GAP));
            // A style's square is as large as what is painted of a training picture.
            let image = imageops::crop_imm(&bytes(image), 0, 0, width, height).to_image();
            imageops::replace(&mut sheet, &image, i64::from(at.0), i64::from(at.1));
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn bytes(image: &Image) -> RgbImage {
    let levels = image.rgb.iter().map(|value| value.round().clamp(0.0, 255.0) as u8).collect();
    RgbImage::from_raw(image.width as u32, image.height as u32, levels)
        .unwrap_or_else(|| RgbImage::new(image.width as u32, image.height as u32))
}

impl Report<'_> {
    /// The page, which shows the sheet beside it.
    pub(crate) fn page(&self, sheet: &Path) -> String {
        let NetworkHeader { styles, style_pictures, training, licence, .. } = self.header;
        let training = training.iter().map(trained_on).collect::<String>();
        let styles: Vec<String> = match style_pictures {
            Some(StylePictures { pictures, .. }) => {
                vec![format!("any, learned from {pictures} pictures")]
            }
            None => styles.iter().map(|style| escape(&style.name)).collect(),
        };
        let sheet = sheet.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let licence = licence
            .as_ref()
            .map_or(String::new(), |text| format!("<dt>Licence</dt><dd>{}</dd>", escape(text)));
        let last = self.looks.last().map_or(0.0, Held::total);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{model}</title>\n<style>\n\
             body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; \
             padding: 0 1rem; color: #222 }}\n\
             dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem }}\n\
             dt {{ color: #666 }} dd {{ margin: 0 }} img, svg {{ max-width: 100% }}\n\
             </style>\n<h1>{model}</h1>\n<dl>\
             <dt>Styles</dt><dd>{styles}</dd>\
             {training}<dt>Loss of unseen pictures</dt><dd>{loss}</dd>{licence}</dl>\n{curve}\n\
             <p>Pictures that it was never trained on, and what it makes of them:</p>\n\
             <img src=\"{sheet}\" alt=\"unseen pictures and paintings of them\">\n</html>\n",
            model = escape(&self.model),
            styles = styles.join(", "),
            loss = loss_text(last),
            curve = curve(self.looks),
            sheet = escape(&sheet),
        )
    }
}

fn trained_on(training: &NetworkTraining) -> String {
    let NetworkTraining { pictures, steps, batch, crop_px, device, .. } = training;
    format!(
        "<dt>Trained on</dt><dd>{pictures} pictures, {steps} steps of {batch} squares of {crop_px} \
         px, on {}</dd>",
        escape(device)
    )
}

/// The losses of unseen pictures as a drawing: style, content and both, over the steps.
fn curve(looks: &[Held]) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 240.0;
    let (Some(last), most) =
        (looks.last(), looks.iter().map(Held::total).fold(f64::MIN_POSITIVE, f64::max))
    else {
        return String::new();
    };
    let line = |color: &str, name: &str, value: &dyn Fn(&Held) -> f64| {
        let points: Vec<String> = looks
            .iter()
            .map(|look| {
                let x = WIDTH * f64::from(look.step) / f64::from(last.step.max(1));
                format!("{x:.1},{:.1}", HEIGHT * (1.0 - value(look) / most))
            })
            .collect();
        let at = (HEIGHT * (1.0 - value(last) / most) + 5.0).min(HEIGHT);
        format!(
            "<polyline fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{at:.1}\" fill=\"{color}\">{name} {}</text>",
            points.join(" "),
            WIDTH + 6.0,
            loss_text(value(last)),
        )
    };
    format!(
        "<svg viewBox=\"0 -10 780 280\" width=\"780\" font-size=\"14\" role=\"img\" \
         aria-label=\"loss over steps\"><path d=\"M0 0V{HEIGHT}H{WIDTH}\" fill=\"none\" \
         stroke=\"#bbb\"/><text x=\"4\" y=\"4\" fill=\"#666\">{}</text>\
         <text x=\"{}\" y=\"258\" fill=\"#666\" text-anchor=\"end\">step {}</text>{}{}{}</svg>",
        loss_text(most),
        WIDTH,
        last.step,
        line("#222", "loss", &Held::total),
        line("#b5541c", "style", &|look| look.style),
        line("#2a6f97", "content", &|look| look.content),
    )
}
