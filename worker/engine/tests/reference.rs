//! The CPU's pass against candle's operations, and both against finite differences.

mod candle;

use std::sync::Arc;

use impasto_engine::Image;
use impasto_engine::optimize::device::{Cpu, Pass, Tiling, View};
use impasto_engine::optimize::objective::{LayerStatistics, StyleTarget};
use impasto_kernels::{Edge, Layer, Level, Pool, Precision};
use impasto_models::{Convolution, VggWeights};
use impasto_types::{LossNorm, Optimize};

use self::candle::Candle;

/// VGG-19's topology with few channels: quick, and every code path of the real one but its width.
fn small_vgg() -> VggWeights {
    vgg(&[3, 8, 8, 12, 12, 16, 16, 16, 16, 20, 20, 20, 20, 24])
}

/// He's initialisation keeps feature maps of one size through thirteen layers.
fn vgg(channels: &[usize]) -> VggWeights {
    let mut noise = Noise(11);
    let convolutions = channels
        .windows(2)
        .enumerate()
        .map(|(index, pair)| {
            let (in_channels, out_channels) = (pair[0], pair[1]);
            let deviation = (2.0 / (9.0 * in_channels as f32)).sqrt();
            Convolution {
                name: format!("conv{index}"),
                in_channels,
                out_channels,
                weights: (0..out_channels * in_channels * 9)
                    .map(|_| noise.next() * 1.7 * deviation)
                    .collect(),
                bias: (0..out_channels).map(|_| noise.next() * 2.0).collect(),
            }
        })
        .collect();
    VggWeights { convolutions }
}

/// Uniform in [-1, 1): a linear congruential generator is noise enough for weights.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn picture(width: usize, height: usize, seed: u64) -> Image {
    let mut noise = Noise(seed);
    Image {
        width,
        height,
        rgb: (0..width * height * 3).map(|_| 128.0 + 100.0 * noise.next()).collect(),
    }
}

fn cpu(weights: &VggWeights, level: Level) -> Cpu {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    Cpu::new(weights, level, Precision::Fp32, Arc::new(threads)).expect("the weights fit together")
}

/// A picture's size, how it is seen, and what for.
#[derive(Debug)]
struct Case {
    width: usize,
    height: usize,
    view: View,
    recipe: Optimize,
}

impl Case {
    /// A pass of the CPU that holds the content.
    fn cpu(&self, cpu: &Cpu) -> Box<dyn Pass> {
        self.holding(Box::new(cpu.pass(Tiling::whole(self.view, self.width, self.height))))
    }

    fn candle(&self, candle: &Candle) -> Box<dyn Pass> {
        self.holding(Box::new(candle.pass(self.view)))
    }

    fn holding(&self, mut pass: Box<dyn Pass>) -> Box<dyn Pass> {
        let content = picture(self.width, self.height, 6);
        pass.hold_content(&content, &|sums| sums.weight(&self.recipe)).expect("it runs");
        pass
    }

    /// A style picture's targets, as `candle` measures them.
    fn style(&self, candle: &Candle) -> Vec<(Layer, StyleTarget)> {
        let view = View { edge_x: Edge::Reflect, edge_y: Edge::Reflect, ..self.view };
        let moments = candle.pass(view).moments(&picture(40, 36, 5)).expect("it runs");
        let statistics = moments.iter().map(LayerStatistics::of).collect();
        StyleTarget::layers(&self.recipe, &[(statistics, 1.0)])
    }
}

/// Even and odd sizes, every edge, both poolings.
fn cases() -> Vec<Case> {
    let case = |width, height, edge_x, edge_y, pool, loss_norm, stats_weight| {
        let recipe =
            Optimize { loss_norm, stats_weight, content_weight: 2.0, ..Optimize::painterly() };
        Case { width, height, view: View::new(edge_x, edge_y, pool), recipe }
    };
    vec![
        case(32, 32, Edge::Zero, Edge::Zero, Pool::Max, LossNorm::Absolute, 0.0),
        case(33, 27, Edge::Reflect, Edge::Reflect, Pool::Average, LossNorm::Relative, 1.0),
        case(48, 32, Edge::Wrap, Edge::Wrap, Pool::Average, LossNorm::Variance, 1.0),
        case(31, 45, Edge::Wrap, Edge::Replicate, Pool::Max, LossNorm::Variance, 0.5),
    ]
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn the_cpu_agrees_with_candle() {
    let weights = small_vgg();
    let candle = Candle::new(&weights, candle_core::Device::Cpu).expect("a device");
    for level in Level::available() {
        let cpu = cpu(&weights, level);
        for case in cases() {
            let style = case.style(&candle);
            let image = picture(case.width, case.height, 7);
            let mut expected = vec![0.0; image.rgb.len()];
            let mut gradient = vec![f32::NAN; image.rgb.len()];
            let reference =
                case.candle(&candle).evaluate(&image, &style, &mut expected).expect("it runs");
            let terms = case.cpu(&cpu).evaluate(&image, &style, &mut gradient).expect("it runs");
            // Winograd rounds at about 1e-4 of a layer's size; thirteen layers add up to less than
            // 1e-3.
            assert!(
                (terms.style - reference.style).abs() < 2e-3 * reference.style,
                "{level} {case:?}: {terms:?} {reference:?}"
            );
            assert!(
                (terms.content - reference.content).abs() < 2e-3 * reference.content,
                "{level} {case:?}: {terms:?} {reference:?}"
            );
            // A rounding that turns a ReLU or a maximum changes single values, so directions are
            // compared.
            let cosine = cosine(&gradient, &expected);
            assert!(cosine > 0.999, "{level} {case:?}: {cosine}");
        }
    }
}

#[test]
fn finite_differences_confirm_the_gradient_of_the_whole_loss() {
    let weights = small_vgg();
    let candle = Candle::new(&weights, candle_core::Device::Cpu).expect("a device");
    for level in Level::available() {
        let cpu = cpu(&weights, level);
        for case in cases() {
            let style = case.style(&candle);
            let image = picture(case.width, case.height, 8);
            let mut pass = case.cpu(&cpu);
            let mut gradient = vec![0.0; image.rgb.len()];
            pass.evaluate(&image, &style, &mut gradient).expect("it runs");
            // Along the gradient itself the loss changes most, so rounding matters least.
            let norm = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
            let mut moved = |distance: f64| {
                let rgb = image
                    .rgb
                    .iter()
                    .zip(&gradient)
                    .map(|(&x, &g)| (f64::from(x) + distance * f64::from(g) / norm) as f32)
                    .collect();
                let terms = pass
                    .evaluate(&Image { rgb, ..image }, &style, &mut vec![0.0; image.rgb.len()])
                    .expect("it runs");
                terms.content + terms.style
            };
            let distance = 0.5;
            let finite = (moved(distance) - moved(-distance)) / (2.0 * distance);
            assert!(
                (finite - norm).abs() < 2e-2 * norm,
                "{level} {case:?}: {finite} along a gradient of length {norm}"
            );
        }
    }
}
