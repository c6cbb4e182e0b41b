#!/usr/bin/env bash
# exr 1.74.2 writes the same picture with other bytes in each run, if it has attributes of its own.
#
# Expected: reading an OpenEXR file and writing it again keeps its attributes in their order, or at
# least in one order: the same picture gives the same file.
# Seen: attributes beyond the standard ones are kept in a hash map with a random seed for each
# process, and are written in its order. Five attributes come in another order in nearly every run.
# It matters because farms, caches and version control compare outputs by their digests: files that
# nobody changed look changed, and two workers disagree on one result.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
exr = { version = "=1.74.2", default-features = false }
[profile.dev]
debug = false
[workspace]
TOML
cat >src/main.rs <<'RS'
use exr::prelude::*;

fn main() -> Result<()> {
    let channels = SpecificChannels::rgb(|place: Vec2<usize>| (place.x() as f32, 0.5_f32, 1.0_f32));
    let mut image = Image::from_channels((8, 8), channels);
    for name in ["artist", "camera", "lens", "project", "shot"] {
        let value = AttributeValue::Text(Text::from(name));
        image.layer_data.attributes.other.insert(Text::from(name), value);
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write().to_buffered(&mut bytes)?;
    let bytes = bytes.into_inner();
    let place = |name: &str| {
        let name = [name.as_bytes(), b"\0"].concat();
        bytes.windows(name.len()).position(|window| window == name)
    };
    let mut names = ["artist", "camera", "lens", "project", "shot"];
    names.sort_by_key(|name| place(name));
    println!("{}", names.join(" "));
    Ok(())
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo build --quiet
orders=$(for _ in $(seq 12); do target/debug/finding; done | sort | uniq -c | sort -rn)
echo "$orders"
if [ "$(wc -l <<<"$orders")" -lt 2 ]; then
    echo "changed: the order is the same in every run now"
    exit 1
fi
