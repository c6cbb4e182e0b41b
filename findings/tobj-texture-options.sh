#!/usr/bin/env bash
# tobj 4.0.3 takes the options of a texture statement in an MTL file for a part of the file's name.
#
# Expected: `map_Kd -s 2 2 1 wood.png` names wood.png, repeated twice; `map_Bump -bm 0.5 bump.png`
# names bump.png at half strength. Options before the name belong to the format, and exporters
# write them as soon as a material is scaled or a bump map is weakened.
# Seen: the names are "-s 2 2 1 wood.png" and "-bm 0.5 bump.png"; nothing is reported.
# It matters because a program that gathers the textures of a folder of models misses just these
# files, or calls them lost, and the bump strength is gone.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cargo init --quiet --bin --vcs none --name finding .
cat >>Cargo.toml <<'TOML'
tobj = { version = "=4.0.3", default-features = false }
[workspace]
TOML
cat >table.obj <<'OBJ'
mtllib table.mtl
v 0 0 0
v 1 0 0
v 0 1 0
usemtl wood
f 1 2 3
OBJ
cat >table.mtl <<'MTL'
newmtl wood
Kd 1 1 1
map_Kd -s 2 2 1 -o 0.5 0 0 wood.png
map_Bump -bm 0.5 bump.png
map_Ks gloss.png
MTL
cat >src/main.rs <<'RS'
fn main() {
    let (_, materials) = tobj::load_obj("table.obj", &tobj::GPU_LOAD_OPTIONS).unwrap();
    let wood = &materials.unwrap()[0];
    println!("map_Kd    {:?}", wood.diffuse_texture);
    println!("map_Bump  {:?}", wood.normal_texture);
    println!("map_Ks    {:?}", wood.specular_texture);

    let known = wood.diffuse_texture.as_deref() == Some("-s 2 2 1 -o 0.5 0 0 wood.png")
        && wood.normal_texture.as_deref() == Some("-bm 0.5 bump.png")
        && wood.specular_texture.as_deref() == Some("gloss.png");
    if !known {
        println!("changed: the names are others now");
        std::process::exit(1);
    }
}
RS
cargo tree --quiet --depth 1 --prefix none | grep -v '^finding'
cargo run --quiet
