//! One card of the sheet.

use std::fmt::Write as _;
use std::time::Duration;

use impasto_types::{Losses, RunReport, Tileable};

use super::escape::escape;
use super::size::MESSAGE_CHARS;
use super::{Card, CardOutcome, Settings, THUMBNAILS_DIR, Thumbnail};
use crate::units;

/// When a browser loads a card's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loading {
    /// With the page, so that a screenshot of the loaded page shows them.
    Eager,
    /// When they are about to be seen.
    Lazy,
}

/// About 30 MB of thumbnails: more than fits on a screen, and read within a second.
const EAGER_CARDS: usize = 256;

impl Loading {
    /// For the card at this place in the page, from 0.
    pub(super) fn of(place: usize) -> Self {
        if place < EAGER_CARDS { Self::Eager } else { Self::Lazy }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::Eager => "decoding=\"sync\"",
            Self::Lazy => "loading=\"lazy\" decoding=\"async\"",
        }
    }
}

pub(super) fn render(card: &Card, loading: Loading) -> String {
    let mut html = String::new();
    write_card(&mut html, card, loading).expect("a string takes everything");
    html
}

fn write_card(html: &mut String, card: &Card, loading: Loading) -> std::fmt::Result {
    let (class, word) = (card.outcome.class(), card.outcome.word());
    let search = escape(&format!("{} {} {word}", card.asset, card.style).to_lowercase());
    writeln!(html, "<article class=\"card {class}\" data-search=\"{search}\">")?;
    write_stage(html, card, loading)?;
    write_lit(html, card, loading)?;
    let (folder, name) = card
        .asset
        .rsplit_once('/')
        .map_or(("", card.asset.as_str()), |(folder, name)| (folder, name));
    write!(html, "<header><h2 title=\"{}\">{}</h2>", escape(&card.output), escape(name))?;
    writeln!(html, "<span class=\"badge\">{word}</span></header>")?;
    if !folder.is_empty() {
        writeln!(html, "<p class=\"folder\">{}</p>", escape(folder))?;
    }
    if let CardOutcome::Failed { message } = &card.outcome {
        let shown: String = message.chars().take(MESSAGE_CHARS).collect();
        let rest = if shown.len() < message.len() { " ..." } else { "" };
        writeln!(html, "<p class=\"message\">{}{rest}</p>", escape(&shown))?;
    }
    write_style(html, card, loading)?;
    if let Some(settings) = &card.settings {
        write_settings(html, settings)?;
    }
    if let Some(report) = &card.report {
        write_report(html, report)?;
    }
    html.push_str("</article>\n");
    Ok(())
}

/// The pictures before and after with a slider between them, or the only one there is.
fn write_stage(html: &mut String, card: &Card, loading: Loading) -> std::fmt::Result {
    let shape = card
        .after
        .as_ref()
        .or(card.before.as_ref())
        .map_or((4, 3), |picture| (picture.width, picture.height));
    write!(html, "<div class=\"stage\" style=\"aspect-ratio:{}/{}\">", shape.0, shape.1)?;
    match (&card.before, &card.after) {
        (Some(before), Some(after)) => {
            write_picture(html, loading, "before", &format!("{} before", card.asset), before)?;
            write_picture(html, loading, "after", &format!("{} after", card.asset), after)?;
            html.push_str(
                "<i class=\"line\"></i><span class=\"tag left\">before</span>\
                 <span class=\"tag right\">after</span>",
            );
            write!(
                html,
                "<input type=\"range\" min=\"0\" max=\"100\" value=\"50\" step=\"0.5\" \
                 aria-label=\"Before or after, for {}\">",
                escape(&card.asset)
            )?;
        }
        (Some(before), None) => write_picture(html, loading, "before", &card.asset, before)?,
        (None, Some(after)) => write_picture(html, loading, "only", &card.asset, after)?,
        (None, None) => html.push_str("<p class=\"nothing\">no picture</p>"),
    }
    if card.tileable != Tileable::None && card.after.is_some() {
        let axes = match card.tileable {
            Tileable::X => "repeat-x",
            Tileable::Y => "repeat-y",
            Tileable::Both | Tileable::None => "repeat",
        };
        write!(html, "<div class=\"repeated\" data-repeat=\"{axes}\" hidden></div>")?;
        html.push_str(
            "<button type=\"button\" class=\"repeat\" aria-pressed=\"false\" \
             title=\"Show it repeated\">2&times;2</button>",
        );
    }
    html.push_str("</div>\n");
    Ok(())
}

/// A material under a light, before and after, with a slider between them.
fn write_lit(html: &mut String, card: &Card, loading: Loading) -> std::fmt::Result {
    let Some([before, after]) = &card.lit else { return Ok(()) };
    let (width, height) = (after.width, after.height);
    write!(html, "<div class=\"stage lit\" style=\"aspect-ratio:{width}/{height}\">")?;
    write_picture(html, loading, "before", &format!("{} lit, before", card.asset), before)?;
    write_picture(html, loading, "after", &format!("{} lit, after", card.asset), after)?;
    writeln!(
        html,
        "<i class=\"line\"></i><span class=\"tag left\">lit</span><input type=\"range\" min=\"0\" \
         max=\"100\" value=\"50\" step=\"0.5\" aria-label=\"Before or after under a light, for \
         {}\"></div>",
        escape(&card.asset)
    )
}

fn write_picture(
    html: &mut String,
    loading: Loading,
    class: &str,
    alt: &str,
    picture: &Thumbnail,
) -> std::fmt::Result {
    let Thumbnail { file, width, height } = picture;
    let alt = escape(alt);
    write!(
        html,
        "<img class=\"{class}\" alt=\"{alt}\" width=\"{width}\" height=\"{height}\" \
         {} src=\"{THUMBNAILS_DIR}/{file}\">",
        loading.attributes()
    )
}

fn write_style(html: &mut String, card: &Card, loading: Loading) -> std::fmt::Result {
    html.push_str("<p class=\"style\">");
    for picture in &card.styles {
        write_picture(html, loading, "swatch", &format!("style {}", card.style), picture)?;
    }
    writeln!(html, "<span>{}</span></p>", escape(&card.style))
}

fn write_settings(html: &mut String, settings: &Settings) -> std::fmt::Result {
    write!(html, "<ul class=\"settings\"><li class=\"preset\">{}</li>", settings.preset.as_str())?;
    for setting in &settings.changes {
        write!(
            html,
            "<li>{} <b>{}</b></li>",
            escape(&setting.name.replace('_', " ")),
            escape(&setting.value)
        )?;
    }
    html.push_str("</ul>\n");
    Ok(())
}

fn write_report(html: &mut String, report: &RunReport) -> std::fmt::Result {
    let time = units::time(Duration::from_millis(report.compute_ms));
    let RunReport { iterations, losses, device, .. } = report;
    write!(
        html,
        "<dl><div><dt>time</dt><dd>{time}</dd></div><div><dt>steps</dt><dd>{iterations}</dd></div>"
    )?;
    if let Some(Losses { total, content, style }) = losses {
        let parts = format!("content {content:.4}, style {style:.4}");
        let total = loss_text(*total);
        write!(html, "<div title=\"{parts}\"><dt>loss</dt><dd>{total}</dd></div>")?;
    }
    writeln!(html, "<div><dt>device</dt><dd>{}</dd></div></dl>", escape(device))
}

/// Three significant digits: losses range from millionths to millions, depending on the preset.
pub(crate) fn loss_text(loss: f64) -> String {
    match loss.abs() {
        0.001..1000.0 => {
            let decimals = (2 - loss.abs().log10().floor() as i32).clamp(0, 5);
            format!("{loss:.*}", decimals.unsigned_abs() as usize)
        }
        0.0 => "0".to_owned(),
        _ => format!("{loss:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_three_digits() {
        for (loss, text) in [
            (0.0, "0"),
            (1.2345, "1.23"),
            (123.45, "123"),
            (0.012345, "0.0123"),
            (1.5e6, "1.50e6"),
            (2e-7, "2.00e-7"),
        ] {
            assert_eq!(loss_text(loss), text);
        }
    }
}
