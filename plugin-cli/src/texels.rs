//! The size of an example's pixels in a texture that is made from it.

use impasto_types::{Action, Recipe};

/// Scales the first style image so that a texture that is made from it has pixels of the same size,
/// however large the texture is.
pub(crate) fn keep_texels(recipe: &mut Recipe, styles: &[(u32, u32)]) {
    let (Recipe::Synthesize(optimize), Some((width, height))) = (recipe, styles.first()) else {
        return;
    };
    if let Some(size) = optimize.common.size {
        optimize.style_scale = *width.max(height) as f32 / size as f32;
    }
}

/// The same for each region of such a texture, whose first style image may have another size.
/// `styles` are the sizes of all images of regions, in the action's order.
pub(crate) fn keep_texels_of_regions(action: &mut Action, styles: &[(u32, u32)]) {
    let mut styles = styles.iter().copied();
    for region in action.regions.iter_mut().flat_map(|regions| &mut regions.named) {
        let own: Vec<_> = styles.by_ref().take(region.styles.len()).collect();
        let mut recipe = action.recipe.clone();
        keep_texels(&mut recipe, &own);
        region.recipe = Some(recipe).filter(|recipe| *recipe != action.recipe);
    }
}

#[cfg(test)]
mod tests {
    use impasto_types::{Method, RecipePatch};

    use super::*;

    #[test]
    fn a_synthesised_texture_keeps_the_size_of_its_examples_pixels() {
        let scale = |method: Method, size: u32, styles: &[(u32, u32)]| {
            let mut patch = RecipePatch { method: Some(method), ..RecipePatch::default() };
            patch.common.size = Some(size);
            let mut recipe = patch.resolve().expect("it resolves");
            keep_texels(&mut recipe, styles);
            recipe.check().expect("it is in range, but for its init");
            let (Recipe::Optimize(optimize) | Recipe::Synthesize(optimize)) = &recipe else {
                panic!("{method} has one pass")
            };
            // How much a style image is scaled at the finest scale.
            let factor = optimize.style_factor(styles[0], (size, size), false);
            (optimize.style_scale, factor)
        };
        assert_eq!(scale(Method::Synthesize, 256, &[(1024, 512)]), (4.0, 1.0));
        assert_eq!(scale(Method::Synthesize, 512, &[(128, 96), (900, 900)]), (0.25, 1.0));
        assert_eq!(scale(Method::Synthesize, 32, &[(4096, 4096)]), (128.0, 1.0));
        assert_eq!(scale(Method::Optimize, 256, &[(1024, 512)]), (1.0, 0.25));
    }
}
