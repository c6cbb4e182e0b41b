//! Data maps: images whose channels are not colours.

/// How files of normals, roughness, heights and the like end by custom, before their extension.
pub const DATA_MAP_SUFFIXES: [&str; 18] = [
    "_n",
    "_nrm",
    "_normal",
    "_normals",
    "_rough",
    "_roughness",
    "_metal",
    "_metallic",
    "_metalness",
    "_ao",
    "_height",
    "_disp",
    "_displacement",
    "_bump",
    "_orm",
    "_arm",
    "_rma",
    "_mra",
];

/// The suffix by which a file stem names a data map, if it does.
pub fn data_map_suffix(stem: &str) -> Option<&'static str> {
    let stem = stem.to_lowercase();
    DATA_MAP_SUFFIXES.into_iter().find(|suffix| stem.ends_with(suffix) && stem.len() > suffix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        for (stem, expected) in [
            ("brick_n", Some("_n")),
            ("brick_Normal", Some("_normal")),
            ("brick", None),
            ("man", None),
            ("_n", None),
            ("a_ORM", Some("_orm")),
        ] {
            assert_eq!(data_map_suffix(stem), expected, "{stem}");
        }
    }
}
