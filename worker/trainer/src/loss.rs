//! What the frozen VGG-19 says of a painted square: how far it is from the style, and from what it
//! was. The loss is `optimize`'s own, in the same passes.

use std::sync::Arc;

use impasto_engine::optimize::device::{Cpu, Pass, Terms, TiledPass, Tiling, VggDevice, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_engine::{EngineError, Frame, Image, Interrupt, Joins, resize_plane};
use impasto_kernels::{Layer, Level, Moments, Precision};
use impasto_models::VggWeights;
use impasto_types::{Optimize, Padding, Profile};
use rayon::ThreadPool;

use crate::Settings;

/// Memory for measuring a style image, which is done once.
const STYLE_BYTES: u64 = 512 << 20;

/// What the layers' statistics are to become.
type Target = Vec<(Layer, StyleTarget)>;

#[derive(Debug)]
pub(crate) struct Loss {
    recipe: Optimize,
    cpu: Cpu,
    pass: TiledPass,
    /// Of each style.
    targets: Vec<Target>,
    label: String,
}

impl Loss {
    /// A loss without styles.
    pub(crate) fn new(
        vgg: &VggWeights,
        settings: &Settings,
        threads: Arc<ThreadPool>,
    ) -> Result<Self, EngineError> {
        let recipe = settings.recipe.clone();
        let precision = match recipe.common.profile {
            Profile::Fast => Precision::Bf16,
            Profile::Exact => Precision::Fp32,
        };
        let cpu = Cpu::new(vgg, Level::detect(), precision, threads)?;
        let side = settings.crop_px as usize;
        let pass = cpu.pass(Tiling::whole(View::of_style(&recipe), side, side));
        let label = cpu.label();
        Ok(Self { recipe, cpu, pass, targets: Vec::new(), label })
    }

    /// Measures another style, in the size that it has beside pictures of the settings' size.
    pub(crate) fn add_style(
        &mut self,
        settings: &Settings,
        style: &Image,
    ) -> Result<(), EngineError> {
        let style = style_in_size(&self.recipe, style, settings.size_px);
        let (target, _) = self.measured(&style)?;
        self.targets.push(target);
        Ok(())
    }

    /// Measures a square of a style as it is, which is the only style from now on. Returns the sums
    /// over its features, shallowest layer first.
    pub(crate) fn set_style(&mut self, style: &Image) -> Result<Vec<Moments>, EngineError> {
        let (target, moments) = self.measured(style)?;
        self.targets = vec![target];
        Ok(moments)
    }

    fn measured(&self, style: &Image) -> Result<(Target, Vec<Moments>), EngineError> {
        let Self { recipe, cpu, .. } = self;
        let (view, interrupt) = (View::of_style(recipe), Interrupt::default());
        let moments = cpu.moments(style, None, view, STYLE_BYTES, &interrupt)?;
        let statistics = moments.iter().map(LayerStatistics::of).collect();
        Ok((StyleTarget::layers(recipe, &[(statistics, 1.0)]), moments))
    }

    /// What computes it.
    pub(crate) fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The device, such as `cpu amx bf16`.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The loss of a painted square, whose gradient overwrites `gradient`. `content` is what it was
    /// painted from.
    pub(crate) fn evaluate(
        &mut self,
        style: usize,
        content: &Image,
        painted: &Image,
        gradient: &mut [f32],
    ) -> Result<Terms, EngineError> {
        if self.recipe.content_weight > 0.0 {
            self.pass.hold_content(content, &|sums| sums.weight(&self.recipe))?;
        }
        self.pass.evaluate(painted, &self.targets[style], gradient)
    }
}

/// A style image in the size that it has beside a picture of `size_px`, continued by its mirror
/// image to a multiple of 16 pixels, as `optimize` measures it.
fn style_in_size(recipe: &Optimize, style: &Image, size_px: u32) -> Image {
    let own = (style.width as u32, style.height as u32);
    let ratio = recipe.style_factor(own, (size_px, size_px), false);
    let side = |length: u32| ((f64::from(length) * ratio).round() as u32).max(1);
    let frame = Frame::new(&Joins::default(), Padding::Reflect, side(own.0), side(own.1));
    let (width, height) = frame.picture();
    let from = (style.width, style.height);
    let rgb = resize_plane(&style.rgb, 3, from, (width, height), (false, false));
    let mut image = Image { width, height, rgb };
    image.clamp();
    frame.surround(image)
}
