//! The words at the end of a texture's name that say what its channels hold, in lower case and
//! without separators. From the downloads of Poly Haven, ambientCG, Quixel, FreePBR and
//! textures.com, and the conventions of Substance 3D Painter, Unreal, Unity, Godot, glTF, Blender,
//! CryEngine and id Tech.

/// What a word says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A material's colours.
    Colour,
    /// The same, but one letter, which says little by itself.
    ColourLetter,
    /// Only data maps end so.
    Data,
    /// Data maps end so, and sometimes pictures do.
    Technical,
    /// An ordinary word, so pictures have it too: `left_arm`, `gas_mask`.
    Noun,
    /// The letter of normal maps.
    Normal,
    /// One letter, as in id Tech and Unreal. Sizes and sides are abbreviated with the same.
    Letter,
}

/// The kind of a word, if it is a texture's.
pub(super) fn kind(word: &str) -> Option<Kind> {
    WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(kind, _)| *kind)
}

const WORDS: [(Kind, &[&str]); 8] = [
    (Kind::Colour, &COLOURS),
    (Kind::ColourLetter, &["d", "c"]),
    (Kind::Data, &NORMALS),
    (Kind::Data, &DATA),
    (Kind::Technical, &TECHNICAL),
    (Kind::Noun, &NOUNS),
    (Kind::Normal, &["n"]),
    (Kind::Letter, &["s", "h", "g", "r", "m", "o", "p"]),
];

const COLOURS: [&str; 29] = [
    "color",
    "colour",
    "col",
    "colormap",
    "diffuse",
    "diffusemap",
    "diff",
    "dif",
    "albedo",
    "albedomap",
    "albedom",
    "alb",
    "albedotransparency",
    "albedosmoothness",
    "basecolor",
    "basecolour",
    "basecolortexture",
    "basecoloralpha",
    "basecoloropacity",
    "basemap",
    "bc",
    "maintex",
    "emissive",
    "emission",
    "emissioncolor",
    "emissivetexture",
    "emit",
    "glow",
    "luma",
];

/// Normals in tangent space, whose vectors lean around the surface's own.
pub(crate) const NORMALS: [&str; 16] = [
    "norgl",
    "nordx",
    "norogl",
    "nrm",
    "nrml",
    "nml",
    "nmap",
    "normals",
    "normalgl",
    "normaldx",
    "normalogl",
    "normalopengl",
    "normaldirectx",
    "normalmap",
    "normalmapgl",
    "normalmapdx",
];

const DATA: [&str; 102] = [
    // Other normals.
    "normaltexture",
    "normaltangent",
    "normalbase",
    "normalbump",
    "normalheight",
    "tangentnormal",
    "tangentspacenormal",
    "worldnormal",
    "worldspacenormal",
    "objectnormal",
    "objectspacenormal",
    "bentnormal",
    "bentnormals",
    "detailnormal",
    "detailnormalmap",
    "ddn",
    "ddna",
    // Roughness and its inverse.
    "roughness",
    "roughnessmap",
    "roughmap",
    "roughnesstexture",
    "rgh",
    "glossiness",
    "glossmap",
    "smoothness",
    "clearcoatroughness",
    // Metalness and reflection.
    "metalness",
    "metalnessmap",
    "metallicmap",
    "metallness",
    "mtl",
    "specularlevel",
    "specularmap",
    "specmap",
    "specularsmoothness",
    "specglossmap",
    "specularglossiness",
    // Occlusion.
    "ao",
    "aomap",
    "mixedao",
    "ambientocclusion",
    "ambientocclusionmap",
    "occlusionmap",
    "occlusiontexture",
    // Heights.
    "disp",
    "displ",
    "dsp",
    "displace",
    "displacement",
    "displacementmap",
    "heightmap",
    "bumpmap",
    "parallaxmap",
    "ssbump",
    // Several in the channels of one file.
    "orm",
    "aorm",
    "ormh",
    "ord",
    "ordp",
    "rma",
    "rmao",
    "rmah",
    "mra",
    "mrao",
    "mrah",
    "mro",
    "mads",
    "occlusionroughnessmetallic",
    "occlusionroughnessmetallictexture",
    "occlusionroughmetal",
    "aoroughnessmetallic",
    "ambientocclusionroughnessmetallic",
    "metallicroughness",
    "metallicroughnesstexture",
    "metallicsmoothness",
    "metallicgloss",
    "metallicglossmap",
    "roughao",
    "roughnessmetallic",
    "roughmetal",
    "metalroughness",
    "maskmap",
    "detailmask",
    "coatmask",
    "coatmaskmap",
    "iridescencemask",
    "subsurfacemask",
    "subsurfacemaskmap",
    "transmissionmask",
    "tangentmap",
    "anisotropymap",
    "detailmap",
    // Where a material is, how thick, how bent.
    "opacitymask",
    "opacitymap",
    "alphamap",
    "thicknessmap",
    "curvature",
    "curvaturemap",
    "anisotropy",
    "flowmap",
    "splatmap",
    "materialid",
];

const TECHNICAL: [&str; 25] = [
    "sss",
    "nm",
    "ard",
    "dpr",
    "nor",
    "norm",
    "local",
    "rough",
    "gloss",
    "glossy",
    "metallic",
    "metall",
    "occlusion",
    "occ",
    "bump",
    "bmp",
    "spec",
    "specular",
    "cavity",
    "transmission",
    "translucency",
    "translucent",
    "parallax",
    "fuzz",
    "phong",
];

const NOUNS: [&str; 12] = [
    "position",
    "id",
    "arm",
    "normal",
    "metal",
    "mask",
    "height",
    "depth",
    "opacity",
    "alpha",
    "thickness",
    "reflect",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_has_two_kinds() {
        let mut all: Vec<&str> =
            WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        assert!(all.iter().all(plain), "{all:?}");
    }
}
