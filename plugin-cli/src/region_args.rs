//! Regions on the command line: an ID map, and what its colours stand for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use impasto_types::{BlobRef, Crop, HexColor, Region, Regions, StyleRef};

use crate::style_arg::StyleArg;

/// The flags of regions.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RegionArgs {
    #[command(flatten)]
    pub(crate) styled: StyledRegionArgs,
    /// A colour of the ID map whose region stays as it is; repeat for more
    #[arg(long = "keep", value_name = "COLOR", requires = "map")]
    kept: Vec<HexColor>,
}

/// The flags of regions that are painted.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StyledRegionArgs {
    /// An ID map, whose colours name regions: see --region
    #[arg(long = "regions", value_name = "IMAGE")]
    pub(crate) map: Option<PathBuf>,
    /// The style of a region, by its colour in the ID map, such as '#ff8000=moss.jpg'; repeat for
    /// more regions, or to blend styles in one. What has another colour is painted in the style
    /// of the whole
    #[arg(long = "region", value_name = "COLOR=STYLE[:WEIGHT]", requires = "map")]
    regions: Vec<RegionArg>,
}

/// `COLOR=FILE` or `COLOR=FILE:WEIGHT`.
#[derive(Debug, Clone, PartialEq)]
struct RegionArg {
    color: HexColor,
    style: StyleArg,
}

/// Why the flags cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegionArgsError {
    #[error("--regions needs a --region or a --keep, to say what its colours stand for")]
    Nothing,
    #[error("--regions needs a --region, to say what its colours stand for")]
    NoStyle,
    #[error("{0} is both a --region and a --keep")]
    Both(HexColor),
}

impl FromStr for RegionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (color, style) =
            text.split_once('=').ok_or("a region is COLOR=FILE, such as '#ff8000=moss.jpg'")?;
        let color = color.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { color, style: style.parse()? })
    }
}

impl RegionArgs {
    /// # Errors
    /// A map without colours, or a colour with two meanings.
    pub(crate) fn check(&self) -> Result<(), RegionArgsError> {
        let StyledRegionArgs { map, regions } = &self.styled;
        if map.is_some() && regions.is_empty() && self.kept.is_empty() {
            return Err(RegionArgsError::Nothing);
        }
        let kept = |region: &&RegionArg| self.kept.contains(&region.color);
        match regions.iter().find(kept) {
            None => Ok(()),
            Some(region) => Err(RegionArgsError::Both(region.color)),
        }
    }

    /// The style images in the order in which an action names them: by colour.
    pub(crate) fn styles(&self) -> impl Iterator<Item = &StyleArg> {
        self.styled.by_color().into_iter().map(|region| &region.style)
    }

    /// The regions, whose style images have this content, in the order of [`Self::styles`].
    pub(crate) fn regions(&self, content: &[BlobRef], crop: Option<Crop>) -> Option<Regions> {
        self.styled.map.as_ref()?;
        let mut named: BTreeMap<HexColor, Vec<StyleRef>> =
            self.kept.iter().map(|color| (*color, Vec::new())).collect();
        for (region, blob) in self.styled.by_color().into_iter().zip(content) {
            let style = StyleRef { blob: *blob, weight: region.style.weight, crop };
            named.entry(region.color).or_default().push(style);
        }
        let named = named.into_iter();
        Some(Regions {
            named: named.map(|(color, styles)| Region { color, styles, recipe: None }).collect(),
            tolerance: Regions::TOLERANCE,
            softness: Regions::SOFTNESS,
            keeps_others: false,
        })
    }
}

impl StyledRegionArgs {
    /// # Errors
    /// A map without colours.
    pub(crate) fn check(&self) -> Result<(), RegionArgsError> {
        match self.map.is_some() && self.regions.is_empty() {
            true => Err(RegionArgsError::NoStyle),
            false => Ok(()),
        }
    }

    /// In the order in which an action names them; those of a colour as they were given.
    fn by_color(&self) -> Vec<&RegionArg> {
        let mut regions: Vec<&RegionArg> = self.regions.iter().collect();
        regions.sort_by_key(|region| region.color);
        regions
    }
}

impl From<StyledRegionArgs> for RegionArgs {
    fn from(styled: StyledRegionArgs) -> Self {
        Self { styled, kept: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_styles_in_the_order_of_their_colours() {
        let region = |text: &str| text.parse::<RegionArg>().expect("a region");
        let regions =
            vec![region("#ff8000=b.jpg:2"), region("#0000ff=C:\\a.jpg"), region("#ff8000=c.jpg")];
        let styled = StyledRegionArgs { map: Some("id.png".into()), regions };
        let args = RegionArgs { styled, kept: vec![HexColor([0, 255, 0])] };
        args.check().expect("it is clear");
        let names: Vec<_> = args.styles().map(|style| style.path.clone()).collect();
        assert_eq!(names, ["C:\\a.jpg", "b.jpg", "c.jpg"].map(PathBuf::from));
        let blobs = [b"a", b"b", b"c"].map(|content| BlobRef::of(content));
        let regions = args.regions(&blobs, None).expect("there is a map");
        let styles = regions.named.iter().map(|region| (region.color.to_string(), &region.styles));
        let styles: Vec<_> = styles.map(|(color, styles)| (color, styles.len())).collect();
        let expected = [("#0000ff", 1), ("#00ff00", 0), ("#ff8000", 2)];
        assert_eq!(styles, expected.map(|(color, count)| (color.to_owned(), count)));
        assert_eq!(regions.named[2].styles[0].weight, 2.0);
    }

    #[test]
    fn flags_that_say_nothing_or_two_things_are_refused() {
        let styled = |regions| StyledRegionArgs { map: Some("id.png".into()), regions };
        assert!(matches!(styled(vec![]).check(), Err(RegionArgsError::NoStyle)));
        let nothing = RegionArgs::from(styled(vec![]));
        assert!(matches!(nothing.check(), Err(RegionArgsError::Nothing)));
        let region: RegionArg = "#ff8000=b.jpg".parse().expect("a region");
        let both = RegionArgs { kept: vec![region.color], styled: styled(vec![region]) };
        assert_eq!(
            both.check().expect_err("it is unclear").to_string(),
            "#ff8000 is both a --region and a --keep"
        );
        for text in ["#ff8000", "ff8000=a.jpg", "#ff8000=", "#ff8000=a.jpg:0"] {
            assert!(text.parse::<RegionArg>().is_err(), "{text}");
        }
    }
}
