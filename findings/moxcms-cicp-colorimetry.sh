#!/usr/bin/env bash
# moxcms 0.9.2: update_rgb_colorimetry_from_cicp returns false although it has changed the profile.
#
# Expected: true where the code points name a space that is understood and the profile now has its
# primaries and curve; false where nothing was changed. Its early returns of false say so.
# Seen: false in both cases. For Display P3 (12, 13) the profile converts like the library's own
# Display P3; for unspecified code points (2, 2) it is left as it was.
# It matters because a program that goes by the answer drops the colours of every PNG with cICP,
# which Blender 5 and phones write, and shows wide-gamut pictures faded.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
moxcms = "=0.9.2"
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use moxcms::{
    CicpColorPrimaries, CicpProfile, CmsError, ColorProfile, Layout, MatrixCoefficients,
    TransferCharacteristics, TransformOptions,
};

fn in_srgb(profile: &ColorProfile) -> Result<[f32; 3], CmsError> {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_f32(Layout::Rgb, &srgb, Layout::Rgb, options)?;
    let mut color = [0.0; 3];
    transform.transform(&[0.8, 0.3, 0.2], &mut color)?;
    Ok(color.map(|level| (level * 255.0).round()))
}

fn main() -> Result<(), CmsError> {
    let before = in_srgb(&ColorProfile::new_srgb())?;
    let expected = in_srgb(&ColorProfile::new_display_p3())?;
    println!("(0.8, 0.3, 0.2) as sRGB {before:?}, as Display P3 {expected:?}");
    let mut same = before != expected;
    for (primaries, transfer, wanted) in [(12, 13, expected), (2, 2, before)] {
        let mut profile = ColorProfile::new_srgb();
        let answer = profile.update_rgb_colorimetry_from_cicp(CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(primaries)?,
            transfer_characteristics: TransferCharacteristics::try_from(transfer)?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        let color = in_srgb(&profile)?;
        println!("code points {primaries}, {transfer}: answer {answer}, colour {color:?}");
        let near = color.iter().zip(wanted).all(|(one, other)| (one - other).abs() <= 1.0);
        same &= !answer && near;
    }
    if !same {
        println!("changed: the answer or the colours are others now");
        std::process::exit(1);
    }
    Ok(())
}
RS
cargo run --quiet
