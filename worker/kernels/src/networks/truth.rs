//! The networks as they are defined, in plain loops of f64: what the tests compare with.

use super::{
    DecoderInput, DecoderLayout, FeedForwardLayout, MultiStyle, Picture, StylePredictor,
    StyleVector, Tensors, border::Border, predictor,
};

/// Weights of a network, as from a seeded generator: small enough that nothing saturates.
pub(super) struct Weights(Vec<(String, Vec<usize>, Vec<f32>)>);

impl Weights {
    fn add(&mut self, name: String, shape: &[usize]) {
        let fan_in: usize = shape[1..].iter().product();
        // Weights have the deviation of their fan-in; biases and tables are of the order of one.
        let scale = if shape.len() == 1 || name.ends_with("gamma") || name.ends_with("beta") {
            1.0
        } else {
            3.0 / (fan_in as f32).sqrt()
        };
        let seed = self.0.len() as u32 * 7919 + 1;
        let values = (0..shape.iter().product::<usize>() as u32).map(|i| scale * noise(seed, i));
        let values = values.collect();
        self.0.push((name, shape.to_vec(), values));
    }

    /// Of a network of our own.
    pub(super) fn of(layout: &FeedForwardLayout) -> Self {
        let mut weights = Self(Vec::new());
        layout.tensors().into_iter().for_each(|tensor| weights.add(tensor.name, &tensor.shape));
        weights
    }

    /// The same tensors with these values, one tensor after the other.
    pub(super) fn with(mut self, values: &[f32]) -> Self {
        let mut values = values.iter();
        let own = self.0.iter_mut().flat_map(|(.., own)| own);
        own.zip(&mut values).for_each(|(own, value)| *own = *value);
        self
    }

    pub(super) fn tensors(&self) -> Tensors<'_> {
        let tensors =
            self.0.iter().map(|(name, shape, values)| (&name[..], &shape[..], &values[..]));
        Tensors::new(tensors).expect("tensors")
    }

    pub(super) fn named(&self) -> &[(String, Vec<usize>, Vec<f32>)] {
        &self.0
    }

    fn get(&self, name: &str) -> &[f32] {
        let found = self.0.iter().find(|(own, ..)| own == name);
        &found.unwrap_or_else(|| panic!("no {name}")).2
    }
}

/// -0.5..0.5.
pub(super) fn noise(seed: u32, index: u32) -> f32 {
    let mut x = index.wrapping_mul(0x9E37_79B9) ^ seed.wrapping_mul(0x85EB_CA6B);
    x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
    x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
    ((x ^ (x >> 16)) >> 8) as f32 / (1 << 24) as f32 - 0.5
}

/// The weights of a [`MultiStyle`].
pub(super) fn multi_style() -> Weights {
    let mut weights = Weights(Vec::new());
    let mut layer = |name: String, shape: [usize; 4]| {
        weights.add(format!("{name}.weight"), &shape);
        for what in ["gamma", "beta"] {
            weights.add(format!("{name}.{what}"), &[MultiStyle::STYLES, shape[0]]);
        }
    };
    for (index, side) in [9, 3, 3].into_iter().enumerate() {
        layer(format!("contract.{index}"), [32, if index == 0 { 3 } else { 32 }, side, side]);
    }
    for index in 0..12 {
        layer(format!("residual.{}.{}", index / 2, index % 2), [32, 32, 3, 3]);
    }
    for (index, (out, before, side)) in [(8, 32, 3), (4, 8, 3), (3, 4, 9)].into_iter().enumerate() {
        layer(format!("expand.{index}"), [out, before, side, side]);
    }
    weights
}

/// The weights of a [`super::StyleTransformer`].
pub(super) fn transformer() -> Weights {
    let mut weights = Weights(Vec::new());
    for (index, (out, before, side)) in [(8, 3, 9), (16, 8, 3), (32, 16, 3)].into_iter().enumerate()
    {
        weights.add(format!("transform.contract.{index}.weight"), &[out, before, side, side]);
        weights.add(format!("transform.contract.{index}.bias"), &[out]);
    }
    let mut layer = |name: String, shape: [usize; 4]| {
        weights.add(format!("transform.{name}.weight"), &shape);
        for what in ["gamma", "beta"] {
            weights.add(format!("transform.{name}.{what}.weight"), &[shape[0], StyleVector::LEN]);
            weights.add(format!("transform.{name}.{what}.bias"), &[shape[0]]);
        }
    };
    for index in 0..10 {
        layer(format!("residual.{}.{}", index / 2, index % 2), [32, 32, 3, 3]);
    }
    for (index, (out, before, side)) in [(16, 32, 3), (8, 16, 3), (3, 8, 9)].into_iter().enumerate()
    {
        layer(format!("expand.{index}"), [out, before, side, side]);
    }
    weights
}

/// The weights of a [`StylePredictor`].
pub(super) fn predictor() -> Weights {
    let mut weights = Weights(Vec::new());
    let mut layer = |name: &str, shape: &[usize]| {
        weights.add(format!("predict.{name}.weight"), shape);
        weights.add(format!("predict.{name}.bias"), &shape[..1]);
    };
    layer("stem", &[32, 3, 3, 3]);
    let mut before = 32;
    for (index, (inner, outer, _)) in predictor::blocks().enumerate() {
        if inner != before {
            layer(&format!("block.{index}.expand"), &[inner, before]);
        }
        layer(&format!("block.{index}.depthwise"), &[inner, 3, 3]);
        layer(&format!("block.{index}.project"), &[outer, inner]);
        before = outer;
    }
    layer("head", &[1280, before]);
    layer("style", &[StyleVector::LEN, 1280]);
    weights
}

/// Planes of a map.
#[derive(Clone)]
struct Planes {
    width: usize,
    height: usize,
    planes: Vec<Vec<f64>>,
}

impl Planes {
    fn of(picture: &Picture<'_>) -> Self {
        let plane = |channel: usize| {
            let values = picture.rgb.iter().skip(channel).step_by(3);
            values.map(|value| f64::from(*value) / 255.0).collect()
        };
        let Picture { width, height, .. } = *picture;
        Self { width, height, planes: (0..3).map(plane).collect() }
    }

    fn at(&self, channel: usize, x: isize, y: isize, [border_x, border_y]: [Border; 2]) -> f64 {
        match (border_x.source(x, self.width), border_y.source(y, self.height)) {
            (Some(x), Some(y)) => self.planes[channel][y * self.width + x],
            _ => 0.0,
        }
    }

    fn each(&mut self, change: impl Fn(f64) -> f64) {
        self.planes.iter_mut().flatten().for_each(|value| *value = change(*value));
    }

    /// A convolution; with `grouped`, of each channel by itself.
    fn convolved(
        &self,
        weights: &[f32],
        bias: Option<&[f32]>,
        (side, before, stride): (usize, isize, usize),
        borders: [Border; 2],
        grouped: bool,
    ) -> Self {
        let [width, height] = [self.width, self.height].map(|len| len.div_ceil(stride));
        let inputs = if grouped { 1 } else { self.planes.len() };
        let outputs = weights.len() / (inputs * side * side);
        let plane = |output: usize| {
            let mut plane = Vec::with_capacity(width * height);
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let mut sum = bias.map_or(0.0, |bias| f64::from(bias[output]));
                for (input, tap) in (0..inputs).flat_map(|i| (0..side * side).map(move |t| (i, t)))
                {
                    let weight = weights[(output * inputs + input) * side * side + tap];
                    let (across, down) = ((tap % side) as isize, (tap / side) as isize);
                    let channel = if grouped { output } else { input };
                    let (x, y) = ((x * stride) as isize, (y * stride) as isize);
                    let value = self.at(channel, x + across - before, y + down - before, borders);
                    sum += f64::from(weight) * value;
                }
                plane.push(sum);
            }
            plane
        };
        Self { width, height, planes: (0..outputs).map(plane).collect() }
    }

    fn enlarged(&self) -> Self {
        let (width, height) = (2 * self.width, 2 * self.height);
        let enlarge = |plane: &Vec<f64>| {
            (0..width * height).map(|i| plane[i / width / 2 * self.width + i % width / 2]).collect()
        };
        Self { width, height, planes: self.planes.iter().map(enlarge).collect() }
    }

    fn normalized(&mut self, gamma: &[f64], beta: &[f64]) {
        for ((plane, gamma), beta) in self.planes.iter_mut().zip(gamma).zip(beta) {
            let count = plane.len() as f64;
            let mean = plane.iter().sum::<f64>() / count;
            let variance = plane.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            let scale = gamma / (variance + 1e-5).sqrt();
            plane.iter_mut().for_each(|value| *value = (*value - mean) * scale + beta);
        }
    }

    fn add(&mut self, other: &Self) {
        for (own, other) in self.planes.iter_mut().zip(&other.planes) {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }
}

/// A picture painted by a network with this prefix; `factors` are gamma and beta of a layer.
pub(super) fn painted(
    weights: &Weights,
    prefix: &str,
    picture: &Picture<'_>,
    has_bias: bool,
    factors: &dyn Fn(&str) -> [Vec<f64>; 2],
) -> Vec<f64> {
    let borders = [picture.wrap_x, picture.wrap_y]
        .map(|wraps| if wraps { Border::Wrap } else { Border::Reflect });
    let layer = |map: &Planes, name: String, geometry: (usize, isize, usize), rectify: bool| {
        let name = format!("{prefix}{name}");
        let kernel = weights.get(&format!("{name}.weight"));
        let biased = has_bias && name.contains("contract");
        let bias = biased.then(|| weights.get(&format!("{name}.bias")));
        let mut map = map.convolved(kernel, bias, geometry, borders, false);
        if !biased {
            let [gamma, beta] = factors(&name);
            map.normalized(&gamma, &beta);
        }
        if rectify {
            map.each(|value| value.max(0.0));
        }
        map
    };
    let mut map = Planes::of(picture);
    map = layer(&map, "contract.0".to_owned(), (9, 4, 1), true);
    for index in 1..3 {
        map = layer(&map, format!("contract.{index}"), (3, 1, 2), true);
    }
    let blocks = (0..).take_while(|block| {
        weights.0.iter().any(|(name, ..)| *name == format!("{prefix}residual.{block}.0.weight"))
    });
    for block in blocks {
        let inner = layer(&map, format!("residual.{block}.0"), (3, 1, 1), true);
        map.add(&layer(&inner, format!("residual.{block}.1"), (3, 1, 1), false));
    }
    for index in 0..2 {
        map = layer(&map.enlarged(), format!("expand.{index}"), (3, 1, 1), true);
    }
    map = layer(&map, "expand.2".to_owned(), (9, 4, 1), false);
    map.each(|value| 255.0 / (1.0 + (-value).exp()));
    let pixels = (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y)));
    pixels
        .flat_map(|(x, y)| map.planes.iter().map(move |p| (p, x, y)))
        .map(|(p, x, y)| p[y * map.width + x])
        .collect()
}

/// Gamma and beta of a mixture of styles.
pub(super) fn mixed(weights: &Weights, name: &str, styles: &[f32]) -> [Vec<f64>; 2] {
    ["gamma", "beta"].map(|what| {
        let table = weights.get(&format!("{name}.{what}"));
        let channels = table.len() / styles.len();
        let sum = |channel: usize| {
            let of = |(style, weight): (usize, &f32)| {
                f64::from(*weight) * f64::from(table[style * channels + channel])
            };
            styles.iter().enumerate().map(of).sum()
        };
        (0..channels).map(sum).collect()
    })
}

/// Gamma and beta of a vector.
pub(super) fn projected(weights: &Weights, name: &str, style: &[f32]) -> [Vec<f64>; 2] {
    ["gamma", "beta"].map(|what| {
        let rows = weights.get(&format!("{name}.{what}.weight")).chunks_exact(style.len());
        let bias = weights.get(&format!("{name}.{what}.bias"));
        rows.zip(bias)
            .map(|(row, bias)| linear(row, style.iter().map(|x| f64::from(*x)), *bias))
            .collect()
    })
}

fn linear(row: &[f32], inputs: impl Iterator<Item = f64>, bias: f32) -> f64 {
    row.iter().zip(inputs).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(bias)
}

/// The vector of a style image.
pub(super) fn predicted(weights: &Weights, rgb: &[f32]) -> Vec<f64> {
    let side = StylePredictor::SIDE;
    let picture = Picture { rgb, width: side, height: side, wrap_x: false, wrap_y: false };
    let layer = |map: &Planes, name: &str, geometry: (usize, isize, usize), six: bool| {
        let kernel = weights.get(&format!("predict.{name}.weight"));
        let bias = weights.get(&format!("predict.{name}.bias"));
        let grouped = name.ends_with("depthwise");
        let mut map = map.convolved(kernel, Some(bias), geometry, [Border::Zero; 2], grouped);
        if six {
            map.each(|value| value.clamp(0.0, 6.0));
        }
        map
    };
    let mut map = layer(&Planes::of(&picture), "stem", (3, 0, 2), true);
    for (index, (inner, outer, stride)) in predictor::blocks().enumerate() {
        let (block, adds) = (format!("block.{index}"), stride == 1 && map.planes.len() == outer);
        let wide = if inner == map.planes.len() {
            map.clone()
        } else {
            layer(&map, &format!("{block}.expand"), (1, 0, 1), true)
        };
        let before = isize::from(stride == 1);
        let spread = layer(&wide, &format!("{block}.depthwise"), (3, before, stride), true);
        let mut narrow = layer(&spread, &format!("{block}.project"), (1, 0, 1), false);
        if adds {
            narrow.add(&map);
        }
        map = narrow;
    }
    let head = layer(&map, "head", (1, 0, 1), true);
    let mean = |plane: &Vec<f64>| plane.iter().sum::<f64>() / plane.len() as f64;
    let means: Vec<f64> = head.planes.iter().map(mean).collect();
    let rows = weights.get("predict.style.weight").chunks_exact(means.len());
    let bias = weights.get("predict.style.bias");
    rows.zip(bias).map(|(row, bias)| linear(row, means.iter().copied(), *bias)).collect()
}

/// What a decoder of these parameters makes.
pub(super) fn decoded(
    layout: &DecoderLayout,
    parameters: &[f32],
    input: &DecoderInput<'_>,
) -> Vec<f64> {
    let tensors = layout.tensors();
    let get = |name: String| {
        let found = tensors.iter().find(|tensor| tensor.name == name);
        found.map(|tensor| &parameters[tensor.range.clone()])
    };
    let layer = |map: &Planes, name: &str, geometry, border| {
        let weights = get(format!("{name}.weight")).unwrap_or_else(|| panic!("no {name}"));
        map.convolved(weights, get(format!("{name}.bias")), geometry, [border; 2], false)
    };
    let read = |level: usize| {
        let (width, height) = (input.width >> level, input.height >> level);
        let channels = DecoderLayout::READ[level];
        let plane = |channel: usize| {
            let values = input.maps[level].iter().skip(channel).step_by(channels);
            values.map(|value| f64::from(*value)).collect()
        };
        Planes { width, height, planes: (0..channels).map(plane).collect() }
    };
    let small = (3, 1, 1);
    let mut made: Option<Planes> = None;
    for level in (0..DecoderLayout::READ.len()).rev() {
        let name = |what: &str| format!("level.{level}.{what}");
        let mut map = layer(&read(level), &name("read"), small, Border::Replicate);
        if let Some(coarser) = made {
            map.add(&layer(&coarser.enlarged(), &name("enlarge"), small, Border::Replicate));
        }
        map.each(|value| value.max(0.2 * value));
        if level > 0 {
            map.add(&layer(&map, &name("inner"), small, Border::Replicate));
            map.each(|value| value.max(0.2 * value));
        }
        made = Some(map);
    }
    let finest = made.expect("the finest level");
    let added = layer(&finest, "colors", (9, 4, 1), Border::Reflect);
    let colors = input.colors.iter().map(|value| f64::from(*value));
    let added = (0..input.width * input.height)
        .flat_map(|place| added.planes.iter().map(move |plane| plane[place]));
    colors.zip(added).map(|(own, added)| own + 64.0 * added).collect()
}
