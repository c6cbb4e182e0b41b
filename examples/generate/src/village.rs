//! Textures of a village in a game.

mod brick_wall;
mod cobblestones;
mod grass;
mod ivy;
mod map;
mod planks;
mod roof_tiles;
mod vase;

use impasto_assets::Depth;

use crate::Example;

pub(crate) fn textures() -> Vec<Example> {
    let (brick_wall, brick_wall_normals) = brick_wall::paint();
    vec![
        Example::new("village/textures/brick_wall.png", brick_wall),
        Example::new("village/textures/brick_wall_n.png", brick_wall_normals),
        Example::new("village/textures/cobblestones.png", cobblestones::paint()),
        Example::new("village/textures/grass.jpg", grass::paint()),
        Example { has_alpha: true, ..Example::new("village/textures/ivy.png", ivy::paint()) },
        Example {
            depth: Depth::Sixteen,
            ..Example::new("village/textures/island_map_16.png", map::paint())
        },
        Example::new("village/regions/island_map_16.png", map::regions()),
        Example::new("village/textures/planks.png", planks::paint()),
        Example::new("village/textures/roof_tiles.png", roof_tiles::paint()),
        Example {
            mesh: Some(vase::mesh()),
            ..Example::new("village/textures/vase.glb", vase::texture())
        },
    ]
}
