//! A picture that is to be painted, and what the network is asked about it.

use impasto_kernels::Layer;
use impasto_types::{Looks, Optimize, VggLayer};

use super::lap::Laps;
use super::view::View;
use crate::frame::Frame;

/// A picture that is to be painted.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    pub recipe: &'a Optimize,
    pub frame: Frame,
    /// Whether there is a content to compare with.
    pub content: bool,
    /// Whether a mask says where the picture is painted.
    pub masked: bool,
}

/// What the network is asked about a picture at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The width and the height of what it sees.
    pub size: (usize, usize),
    /// How it sees that, up to the deepest layer that is asked for.
    pub view: View,
    /// Whether the content loss is measured here.
    pub content: bool,
}

impl Work<'_> {
    /// The canvas's width.
    pub fn width(&self) -> usize {
        self.frame.width()
    }

    /// The canvas's height.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// Values of the canvas: three a pixel.
    pub fn len(&self) -> usize {
        self.width() * self.height() * 3
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The width and the height of what the network sees: of the canvas, or of that unrolled.
    pub fn seen(&self) -> (usize, usize) {
        Laps::of(self.frame).map_or((self.width(), self.height()), |laps| laps.seen())
    }

    /// Whether the canvas wraps, across and down.
    pub fn wraps(&self) -> (bool, bool) {
        (self.frame.wraps_across(), self.frame.wraps_down())
    }

    /// How the network sees the canvas at full size.
    pub fn view(&self) -> View {
        self.look().view
    }

    /// The look at the canvas at full size.
    pub fn look(&self) -> Look {
        let asked = || self.asked().filter(|&layer| !self.is_on_copy(layer));
        Look {
            size: self.seen(),
            // Where nothing is asked for, the least is prepared.
            view: View::of_canvas(self.recipe, self.frame)
                .up_to(asked().max().unwrap_or(Layer::Relu1_1)),
            content: self.content && asked().any(|layer| layer == Layer::CONTENT),
        }
    }

    /// The look at the canvas's reduced copy, if layers are evaluated there. Its sides are
    /// multiples of 16 pixels, so what wraps is not unrolled.
    pub fn copy(&self) -> Option<Look> {
        let (width, height) = self.looks().copy?;
        let asked = || self.asked().filter(|&layer| self.is_on_copy(layer));
        let view = View::of_copy(self.recipe, self.frame).up_to(asked().max()?);
        Some(Look {
            size: (width as usize, height as usize),
            view,
            content: asked().any(|layer| layer == Layer::CONTENT),
        })
    }

    /// Whether the content loss is measured at all.
    pub fn measures_content(&self) -> bool {
        self.look().content || self.copy().is_some_and(|copy| copy.content)
    }

    /// Whether a layer is too deep to be evaluated at full size. It is evaluated on the reduced
    /// copy if there is one.
    pub fn is_on_copy(&self, layer: Layer) -> bool {
        layer > kernels_layer(self.looks().full_size)
    }

    fn looks(&self) -> Looks {
        let sides = |(width, height): (usize, usize)| (width as u32, height as u32);
        self.recipe.looks(sides(self.frame.picture()), sides((self.width(), self.height())))
    }

    /// The layers that the recipe gives weight.
    fn asked(&self) -> impl Iterator<Item = Layer> {
        let styled = self.recipe.style_weight > 0.0;
        let weights = self.recipe.style_layers;
        let style = Layer::STYLE.into_iter().zip(weights);
        let style = style.filter(move |&(_, weight)| styled && weight > 0.0);
        style.map(|(layer, _)| layer).chain(self.content.then_some(Layer::CONTENT))
    }
}

fn kernels_layer(layer: VggLayer) -> Layer {
    match layer {
        VggLayer::Relu1_1 => Layer::Relu1_1,
        VggLayer::Relu2_1 => Layer::Relu2_1,
        VggLayer::Relu3_1 => Layer::Relu3_1,
        VggLayer::Relu4_1 => Layer::Relu4_1,
        VggLayer::Relu4_2 => Layer::Relu4_2,
        VggLayer::Relu5_1 => Layer::Relu5_1,
    }
}

#[cfg(test)]
mod tests {
    use impasto_kernels::{Edge, vgg};
    use impasto_types::{Padding, Tileable};

    use super::*;
    use crate::Joins;

    #[test]
    fn a_layer_costs_what_its_convolutions_multiply() {
        for layer in VggLayer::ALL {
            let last = kernels_layer(layer).convolution();
            assert_eq!(format!("{:?}", kernels_layer(layer)), format!("{layer:?}"));
            let multiply_adds = |convolution: usize| {
                let inputs = convolution.checked_sub(1).map_or(3, |before| vgg::CHANNELS[before]);
                (9 * inputs * vgg::CHANNELS[convolution]) >> (2 * vgg::HALVINGS[convolution])
            };
            let expected: usize = (0..=last).map(multiply_adds).sum();
            assert_eq!(layer.multiply_adds(), expected as u64, "{layer:?}");
        }
    }

    fn recipe(rules: &str) -> Optimize {
        let layers_by_scale = rules.parse().expect("they are rules");
        Optimize { layers_by_scale, ..Optimize::painterly() }
    }

    fn work(recipe: &Optimize, content: bool) -> Work<'_> {
        let joins = recipe.common.tileable.into();
        let frame = Frame::new(&joins, recipe.padding, 500, 300);
        Work { recipe, frame, content, masked: false }
    }

    #[test]
    fn without_rules_everything_is_seen_at_full_size() {
        let recipe = recipe("");
        let work = work(&recipe, true);
        assert_eq!((work.look().view.deepest, work.look().content), (Layer::Relu5_1, true));
        assert_eq!(work.copy(), None);
    }

    #[test]
    fn each_layer_has_one_look() {
        let recipe = recipe("256:relu3_1:half");
        let (look, copy) = (work(&recipe, true).look(), work(&recipe, true).copy());
        assert_eq!(
            (look.size, look.view.deepest, look.content),
            ((528, 320), Layer::Relu3_1, false)
        );
        let copy = copy.expect("there is one");
        assert_eq!(
            (copy.size, copy.view.deepest, copy.content),
            ((272, 160), Layer::Relu5_1, true)
        );
        assert_eq!((copy.view.edge_x, copy.view.edge_y), (Edge::Wrap, Edge::Wrap));
        // Neither goes deeper than what has weight.
        let fine = Optimize { style_layers: [1.0, 1.0, 0.0, 0.0, 0.0], ..recipe.clone() };
        assert_eq!(work(&fine, true).look().view.deepest, Layer::Relu2_1);
        assert_eq!(work(&fine, true).copy().map(|copy| copy.view.deepest), Some(Layer::CONTENT));
        assert_eq!(work(&fine, false).copy(), None);
    }

    #[test]
    fn without_a_copy_deep_layers_have_no_say() {
        let recipe = recipe("256:relu3_1:none");
        let work = work(&recipe, true);
        assert_eq!((work.look().view.deepest, work.copy()), (Layer::Relu3_1, None));
        assert!(!work.measures_content());
    }

    #[test]
    fn a_copy_wraps_where_the_canvas_does() {
        let recipe = Optimize { padding: Padding::Reflect, ..recipe("256:relu1_1:half") }
            .with(|common| common.tileable = Tileable::X);
        let frame = Frame::new(&Joins::repeating(true, false), recipe.padding, 501, 300);
        let work = Work { recipe: &recipe, frame, content: true, masked: false };
        // Unrolled at full size, but not on the copy.
        assert_eq!((work.look().size, work.look().view.edge_x), ((544, 304), Edge::Reflect));
        let copy = work.copy().expect("there is one");
        assert_eq!(
            (copy.size, copy.view.edge_x, copy.view.edge_y),
            ((256, 160), Edge::Wrap, Edge::Reflect)
        );
    }
}
