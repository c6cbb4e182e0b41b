//! Which channels of an EXR file are a picture's colours and alpha.
//!
//! A channel's name may begin with that of a layer: `diffuse.R`. Colours are `R`, `G` and `B`, grey
//! is `Y`, alpha is `A`, in upper or lower case, of the one layer that has them. A file of a single
//! channel is grey whatever it is called, such as a height in `Z`. All others are extra samples.

use exr::meta::attribute::SampleType;

use super::{damaged, unsupported};
use crate::AssetErrorKind;
use crate::exr_layout::{ExrChannel, ExrRole};

/// Reads the value of the attribute `channels`.
pub(super) fn read(list: &[u8]) -> Result<Vec<ExrChannel>, AssetErrorKind> {
    let (mut rest, mut channels) = (list, Vec::<ExrChannel>::new());
    let cut_short = || damaged("its list of channels is cut short");
    loop {
        let end = rest.iter().position(|&byte| byte == 0).ok_or_else(cut_short)?;
        let name = rest[..end].to_vec();
        rest = &rest[end + 1..];
        if name.is_empty() {
            break;
        }
        let (fields, after) = rest.split_first_chunk::<16>().ok_or_else(cut_short)?;
        rest = after;
        let word = |at: usize| fields[at..].first_chunk().map_or(0, |b| i32::from_le_bytes(*b));
        let sample = match word(0) {
            0 => SampleType::U32,
            1 => SampleType::F16,
            2 => SampleType::F32,
            other => return Err(unsupported(format!("samples of type {other}"))),
        };
        let (across, down) = (word(8), word(12));
        if (across, down) != (1, 1) {
            let name = name.escape_ascii();
            return Err(unsupported(format!(
                "the channel `{name}`, of which only every pixel in {across} x {down} is there"
            )));
        }
        if channels.last().is_some_and(|before| before.name >= name) {
            return Err(damaged("its channels are not in order"));
        }
        let (is_linear, role) = (fields[4] != 0, ExrRole::Extra(0));
        channels.push(ExrChannel { name, sample, is_linear, role });
    }
    if channels.is_empty() {
        return Err(damaged("it has no channels"));
    }
    give_roles(&mut channels)?;
    Ok(channels)
}

fn give_roles(channels: &mut [ExrChannel]) -> Result<(), AssetErrorKind> {
    let names: Vec<(&[u8], &[u8])> =
        channels.iter().map(|channel| (channel.layer(), channel.own_name())).collect();
    let place = |layer: &[u8], name: u8| {
        let upper = names.iter().position(|one| *one == (layer, &[name]));
        upper.or_else(|| names.iter().position(|one| *one == (layer, &[name.to_ascii_lowercase()])))
    };
    let main_of = |layer: &[u8]| {
        let colors = [b'R', b'G', b'B'].map(|name| place(layer, name));
        let alpha = place(layer, b'A');
        match (colors, place(layer, b'Y')) {
            ([Some(red), Some(green), Some(blue)], _) => Some((vec![red, green, blue], alpha)),
            (_, Some(gray)) => Some((vec![gray], alpha)),
            _ => None,
        }
    };
    let mut layers: Vec<&[u8]> = names.iter().map(|(layer, _)| *layer).collect();
    layers.dedup();
    // Channels without a layer come before others.
    let of_layers: Vec<_> =
        layers.iter().filter_map(|layer| Some((*layer, main_of(layer)?))).collect();
    let main = match &of_layers[..] {
        [(_, main)] => Some(main.clone()),
        [(b"", main), ..] => Some(main.clone()),
        [] if channels.len() == 1 => Some((vec![0], None)),
        [] => None,
        several => {
            let names = several.iter().map(|(layer, _)| layer[..layer.len() - 1].escape_ascii());
            let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            return Err(unsupported(format!("colours in the layers {}", names.join(", "))));
        }
    };
    let Some((colors, alpha)) = main else {
        let names: Vec<String> =
            channels.iter().map(|one| format!("`{}`", one.name.escape_ascii())).collect();
        return Err(unsupported(format!("the channels {}, but no R, G and B", names.join(", "))));
    };
    let mut extra = 0;
    for (at, channel) in channels.iter_mut().enumerate() {
        channel.role = match colors.iter().position(|color| *color == at) {
            Some(_) if colors.len() == 1 => ExrRole::Gray,
            Some(color) => ExrRole::Color(color),
            None if alpha == Some(at) => ExrRole::Alpha,
            None => {
                extra += 1;
                ExrRole::Extra(extra - 1)
            }
        };
        let is_number = matches!(channel.role, ExrRole::Extra(_));
        if channel.sample == SampleType::U32 && !is_number {
            let name = channel.name.escape_ascii();
            return Err(unsupported(format!("32-bit integers in the channel `{name}`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Result<Vec<ExrRole>, String> {
        let mut list = Vec::new();
        for name in names {
            list.extend(name.as_bytes());
            list.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        }
        list.push(0);
        let channels = read(&list).map_err(|error| error.to_string())?;
        Ok(channels.into_iter().map(|channel| channel.role).collect())
    }

    #[test]
    fn colours_are_found_by_their_names() {
        use ExrRole::{Alpha, Color, Extra, Gray};
        let check = |names: &[&str], expected: &[ExrRole]| {
            assert_eq!(roles(names).as_deref(), Ok(expected), "{names:?}");
        };
        check(&["B", "G", "R"], &[Color(2), Color(1), Color(0)]);
        check(&["A", "B", "G", "R", "Z"], &[Alpha, Color(2), Color(1), Color(0), Extra(0)]);
        check(&["a", "b", "g", "r"], &[Alpha, Color(2), Color(1), Color(0)]);
        check(&["Y"], &[Gray]);
        check(&["A", "Y"], &[Alpha, Gray]);
        check(&["Z"], &[Gray]);
        check(&["all.B", "all.G", "all.R", "id.X"], &[Color(2), Color(1), Color(0), Extra(0)]);
        // Layers beside the picture.
        check(
            &["B", "G", "R", "normal.B", "normal.G", "normal.R"],
            &[Color(2), Color(1), Color(0), Extra(0), Extra(1), Extra(2)],
        );
    }

    #[test]
    fn channels_without_a_picture_are_named() {
        let check = |names: &[&str], expected: &str| {
            let error = roles(names).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        };
        check(&["G", "R"], "the channels `G`, `R`, but no R, G and B");
        check(&["a.B", "a.G", "a.R", "b.Y"], "colours in the layers `a`, `b`");
        check(&["R", "G", "B"], "is damaged");
        check(&[], "is damaged");
    }
}
