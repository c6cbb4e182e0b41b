//! The kernels, compiled for the host: what they refuse, and that what goes back is the transpose
//! of what goes forward. That they are right as a whole pass is what the engine's tests compare
//! with the kernels of the CPU.

use candle_core::{DType, Device, Result, Tensor};
use half::bf16;
use impasto_cuda::halving::HalvedAxis;
use impasto_cuda::maps::{self, Edges, Keep, Pulled, Route, Sides, Through};
use impasto_cuda::sums::{self, Summand};
use impasto_cuda::{Convolution, convolve, history, picture, products, tile};
use impasto_kernels::{Edge, Pool};
use proptest::prelude::*;

const EDGES: [Edge; 4] = [Edge::Zero, Edge::Replicate, Edge::Reflect, Edge::Wrap];

/// Numbers from -1 to 1 that are the same in every run.
fn numbers(shape: &[usize], seed: u64) -> Result<Tensor> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

fn product(a: &Tensor, b: &Tensor) -> Result<f64> {
    (a.to_dtype(DType::F64)? * b.to_dtype(DType::F64)?)?.sum_all()?.to_scalar()
}

fn sides(width: usize, height: usize) -> Sides {
    Sides { width, height, seam_x: 0, seam_y: 0 }
}

/// A layer with so large a bias that every ReLU is open: forward without that bias, and back, from
/// (height, width, channels).
struct Layer {
    convolution: Convolution,
    back: Convolution,
    bias: Tensor,
    edges: Edges,
}

const BIAS: f64 = 64.0;

impl Layer {
    fn new(edges: Edges) -> Result<Self> {
        let weights = numbers(&[16, 8, 3, 3], 1)?;
        let flipped = weights.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?;
        Ok(Self {
            convolution: Convolution::new(&weights, DType::F32)?,
            back: Convolution::new(&flipped, DType::F32)?,
            bias: Tensor::full(BIAS as f32, 16, &Device::Cpu)?,
            edges,
        })
    }

    /// What of the layer's output is linear in its input, and a mask.
    fn forward(&self, map: &Tensor) -> Result<(Tensor, Tensor)> {
        let convolved = convolve(&self.framed(map)?, &self.convolution, (0, 0))?;
        let kept = maps::activate(
            &convolved,
            &self.bias,
            self.edges,
            Keep { features: true, mask: true, framed: false },
        )?;
        Ok((
            (kept.features.expect("it was asked for") - BIAS)?,
            kept.mask.expect("it was asked for"),
        ))
    }

    /// A map that is not negative, so that a ReLU without a bias leaves it alone.
    fn framed(&self, map: &Tensor) -> Result<Tensor> {
        let none = Tensor::zeros(8, DType::F32, &Device::Cpu)?;
        let kept =
            maps::activate(map, &none, self.edges, Keep { framed: true, ..Keep::default() })?;
        Ok(kept.framed.expect("it was asked for"))
    }
}

#[test]
fn back_is_the_transpose_of_forward() -> Result<()> {
    for edges in EDGES.into_iter().flat_map(|x| EDGES.map(|y| Edges { x, y })) {
        let layer = Layer::new(edges)?;
        for (height, width) in [(5, 8), (1, 3), (2, 1), (4, 2)] {
            let map = numbers(&[height, width, 8], 2)?.abs()?;
            let gradient = numbers(&[height, width, 16], 3)?;
            let (there, mask) = layer.forward(&map)?;
            let pulled = Pulled { at: gradient.clone(), everywhere: None, weights: None };
            let framed =
                maps::gate(None, Some(&pulled), Through::Mask(&mask), sides(width, height), edges)?;
            let back = convolve(&framed, &layer.back, edges.folds())?;
            // What was read beyond the border is added where it was read by the gate of the layer
            // below, whose ReLU is open here.
            let open = Tensor::ones((height, width, 8), DType::F32, &Device::Cpu)?;
            let below = maps::gate(
                Some(&back),
                None,
                Through::Features(&open),
                sides(width, height),
                edges,
            )?;
            let inside = below.narrow(0, 1, height)?.narrow(1, 1, width)?;
            let (one, other) = (product(&there, &gradient)?, product(&map, &inside)?);
            assert!((one - other).abs() < 1e-3, "{edges:?} {height}x{width}: {one} {other}");
        }
    }
    Ok(())
}

#[test]
fn a_pooled_gradient_goes_where_the_pooling_read() -> Result<()> {
    let edges = Edges { x: Edge::Wrap, y: Edge::Zero };
    for (pool, seam_x, seam_y) in
        [(Pool::Max, 0, 0), (Pool::Average, 0, 0), (Pool::Max, 3, 0), (Pool::Average, 5, 3)]
    {
        let all = Sides { width: 9, height: 6, seam_x, seam_y };
        let (map, none) = (numbers(&[6, 9, 8], 4)?, Tensor::zeros(8, DType::F32, &Device::Cpu)?);
        let (framed, route) = maps::activate_pooled(&map, &none, edges, pool, all, true)?;
        let Sides { width, height, .. } = all.pooled();
        let pooled = framed.narrow(0, 1, height)?.narrow(1, 1, width)?;
        let gradient = numbers(&[height, width, 8], 5)?;
        let back = maps::gate_pooled(&gradient, &route.expect("it was asked for"), all, edges)?;
        let inside = back.narrow(0, 1, 6)?.narrow(1, 1, 9)?;
        // Both poolings are linear where the same values win.
        let (one, other) = (product(&pooled, &gradient)?, product(&map, &inside)?);
        assert!((one - other).abs() < 1e-4, "{pool:?} {seam_x} {seam_y}: {one} {other}");
    }
    Ok(())
}

#[test]
fn many_sums_are_fetched_at_once() -> Result<()> {
    let lens = [1, 7, 4096, 300_000];
    let summands = (0..70).map(|i| {
        let values = numbers(&[lens[i % 4]], i as u64)?;
        Ok(if i % 3 == 0 {
            Summand::Products(values.clone(), numbers(&[lens[i % 4]], 99)?)
        } else {
            Summand::Values(values)
        })
    });
    let summands = summands.collect::<Result<Vec<_>>>()?;
    let beside = numbers(&[2, 3], 7)?;
    let (found, values) = sums::sums(&summands, Some(&beside))?;
    assert_eq!(found.len(), 70);
    assert_eq!(values, beside.flatten_all()?.to_vec1::<f32>()?);
    for (summand, found) in summands.iter().zip(found) {
        let expected = match summand {
            Summand::Values(values) => {
                values.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?
            }
            Summand::Products(a, b) => product(a, b)?,
        };
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    assert!(sums::sums(&[], None)?.0.is_empty());
    Ok(())
}

#[test]
fn a_history_is_multiplied_and_followed() -> Result<()> {
    // One block, and so many that products are added up in rounds; the last is not full.
    for (len, blocks) in [(50, 1), (64 * 40 - 7, 40)] {
        let rows = numbers(&[6, blocks * 64], 1)?;
        let zeros = Tensor::zeros((6, blocks * 64 - len), DType::F32, &Device::Cpu)?;
        let rows = Tensor::cat(&[rows.narrow(1, 0, len)?, zeros], 1)?;
        let remembered = rows.reshape((6, blocks, 64))?.transpose(0, 1)?.contiguous()?;
        let [a, b, own] = [2, 3, 4].map(|seed| numbers(&[len], seed));
        let (a, b, own) = (a?, b?, own?);
        let rows = rows.narrow(1, 0, len)?;
        let expected = rows.matmul(&Tensor::stack(&[&a, &b], 1)?)?;
        let apart = |found: &Tensor, expected: &Tensor| {
            (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()
        };
        assert!(apart(&history::products(&remembered, [&a, &b])?, &expected)? < 1e-3);
        // In the middle of the range nothing is held or cut.
        let start = ((numbers(&[len], 5)? * 10.0)? + 100.0)?;
        let scales = [0.5_f32, 0.0, -1.0, 2.0, 0.0, 0.25];
        let found = history::follow(&start, &a, &own, 3.0, &remembered, &scales, 0.5)?;
        let direction =
            (Tensor::new(&[scales], &Device::Cpu)?.matmul(&rows)?.squeeze(0)? + (own * 3.0)?)?;
        assert!(apart(&found, &(start + (direction * 0.5)?)?)? < 1e-3);
        assert!(history::products(&remembered, [&a, &numbers(&[len + 1], 1)?]).is_err());
        assert!(history::follow(&a, &a, &a, 1.0, &remembered, &[1.0; 5], 1.0).is_err());
    }
    Ok(())
}

#[test]
fn moments_over_many_stretches_are_those_of_one() -> Result<()> {
    for (height, width) in [(1, 1), (64, 64), (90, 100), (1, 8192)] {
        let features = numbers(&[height, width, 8], 6)?;
        let rows = features.reshape((height * width, 8))?.to_dtype(DType::F64)?;
        let expected = Tensor::cat(&[rows.t()?.matmul(&rows)?, rows.sum_keepdim(0)?], 0)?;
        let apart = (products::gram(&features, None)?.to_dtype(DType::F64)? - expected)?
            .abs()?
            .max_all()?
            .to_scalar::<f64>()?;
        assert!(apart < 1e-2, "{height}x{width}: {apart}");
    }
    Ok(())
}

#[test]
fn weights_count_once_in_moments_squares_and_gradients() -> Result<()> {
    for dtype in [DType::F32, DType::BF16] {
        let features = numbers(&[9, 7, 8], 6)?.abs()?.to_dtype(dtype)?;
        let weights = ((numbers(&[9, 7], 7)? * 0.5)? + 0.5)?;
        let column = weights.unsqueeze(2)?.to_dtype(DType::F64)?;
        let exact = features.to_dtype(DType::F64)?;
        let weighted = exact.broadcast_mul(&column)?;
        let rows = |map: &Tensor| map.reshape((63, 8));
        let largest = |found: &Tensor, expected: &Tensor| {
            (found.to_dtype(DType::F64)? - expected)?.abs()?.max_all()?.to_scalar::<f64>()
        };
        // A weighted value is rounded to the features' type.
        let near = if dtype == DType::F32 { 1e-5 } else { 0.1 };
        let moments = products::gram(&features, Some(&weights))?;
        let products = rows(&weighted)?.t()?.matmul(&rows(&exact)?)?;
        let expected = Tensor::cat(&[products, rows(&weighted)?.sum_keepdim(0)?], 0)?;
        assert!(largest(&moments, &expected)? < near);

        let (target, all) = (numbers(&[9, 7, 8], 8)?.to_dtype(dtype)?, sides(7, 9));
        let window = tile::Window { x: 1..6, y: 2..9 };
        let squares =
            tile::squared_differences(&features, &target, (0, 0), all, &window, Some(&weights))?;
        let difference = (&exact - target.to_dtype(DType::F64)?)?.sqr()?.broadcast_mul(&column)?;
        let expected = difference.narrow(0, 2, 7)?.narrow(1, 1, 5)?.sum_all()?;
        assert!(largest(&squares.to_dtype(DType::F64)?.sum_all()?, &expected)? < 1e-4);

        let everywhere = numbers(&[8], 9)?;
        let pulled = Pulled {
            at: target.clone(),
            everywhere: Some(everywhere.clone()),
            weights: Some(weights.clone()),
        };
        let edges = Edges { x: Edge::Zero, y: Edge::Zero };
        let open = Tensor::ones((9, 7, 8), dtype, &Device::Cpu)?;
        let gated = maps::gate(None, Some(&pulled), Through::Features(&open), all, edges)?;
        let own = target.to_dtype(DType::F64)?.broadcast_add(&everywhere.to_dtype(DType::F64)?)?;
        let inside = gated.narrow(0, 1, 9)?.narrow(1, 1, 7)?;
        assert!(largest(&inside, &own.broadcast_mul(&column)?)? < near);
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<()> {
    let edges = Edges { x: Edge::Zero, y: Edge::Zero };
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
    let (map, bias) = (zeros(&[4, 6, 8], DType::F32)?, zeros(&[8], DType::F32)?);
    let all = Keep { framed: true, features: true, mask: true };
    for (map, bias) in [
        (zeros(&[4, 6, 12], DType::F32)?, zeros(&[12], DType::F32)?),
        (zeros(&[4, 6], DType::F32)?, bias.clone()),
        (zeros(&[0, 6, 8], DType::F32)?, bias.clone()),
        (zeros(&[4, 6, 8], DType::F16)?, bias.clone()),
        (map.clone(), zeros(&[16], DType::F32)?),
        (map.clone(), zeros(&[8], DType::BF16)?),
    ] {
        assert!(maps::activate(&map, &bias, edges, all).is_err(), "{map:?} {bias:?}");
    }
    for wrong in [sides(6, 5), sides(4, 6), Sides { seam_x: 6, ..sides(6, 4) }] {
        assert!(
            maps::activate_pooled(&map, &bias, edges, Pool::Max, wrong, true).is_err(),
            "{wrong:?}"
        );
    }
    let mask = zeros(&[4, 6, 1], DType::U8)?;
    let folding = Edges { x: Edge::Reflect, y: Edge::Zero };
    let gate = |above: &Tensor, mask: &Tensor, edges| {
        maps::gate(Some(above), None, Through::Mask(mask), sides(6, 4), edges)
    };
    assert!(gate(&map, &mask, edges).is_ok());
    assert!(gate(&map, &mask, folding).is_err(), "the gradient has no frame");
    assert!(gate(&map, &zeros(&[4, 6, 8], DType::U8)?, edges).is_err());
    assert!(gate(&map, &mask.to_dtype(DType::F32)?, edges).is_err());
    assert!(maps::gate(None, None, Through::Mask(&mask), sides(6, 4), edges).is_err());
    let winner = Route::Winner(zeros(&[2, 3, 16], DType::U8)?);
    assert!(
        maps::gate_pooled(&zeros(&[2, 3, 8], DType::F32)?, &winner, sides(6, 4), edges).is_err()
    );
    let picture = zeros(&[4, 6, 3], DType::F32)?;
    for (origin, of) in
        [((1, 0), sides(6, 4)), ((0, 0), sides(6, 5)), ((4, 0), Sides { seam_x: 3, ..sides(6, 4) })]
    {
        assert!(
            tile::enter(&picture, origin, of, edges, [0.0; 3], DType::F32).is_err(),
            "{origin:?} {of:?}"
        );
    }
    let taps = zeros(&[6 * 8, 32], DType::F32)?;
    assert!(tile::exit(&taps, sides(6, 4), edges, 0..6, 0..4).is_ok());
    assert!(tile::exit(&taps, sides(6, 4), edges, 0..7, 0..4).is_err());
    assert!(tile::exit(&taps, sides(5, 4), edges, 0..5, 0..4).is_err());
    let target = zeros(&[8, 9, 8], DType::F32)?;
    let window = |x, y| tile::Window { x, y };
    let squares = |target: &Tensor, origin, window: &tile::Window| {
        tile::squared_differences(&map, target, origin, sides(6, 4), window, None)
    };
    assert!(squares(&target, (3, 4), &window(1..6, 0..4)).is_ok());
    assert!(
        squares(&target, (4, 4), &window(1..6, 0..4)).is_err(),
        "the tile reaches beyond its target"
    );
    assert!(
        squares(&target, (3, 4), &window(1..7, 0..4)).is_err(),
        "the window reaches beyond the tile"
    );
    assert!(squares(&target.to_dtype(DType::BF16)?, (3, 4), &window(1..6, 0..4)).is_err());
    assert!(
        HalvedAxis::new(
            &[[0, 1, 2, 3]],
            &[[0.25; 4]],
            &[vec![(0, 1.0)], vec![(1, 1.0)]],
            &Device::Cpu
        )
        .is_err()
    );
    assert!(picture::free(&picture, &map).is_err());
    assert!(sums::sums(&[Summand::Products(picture.clone(), map.clone())], None).is_err());
    assert!(
        convolve(&map, &Convolution::new(&zeros(&[8, 16, 3, 3], DType::F32)?, DType::F32)?, (0, 0))
            .is_err()
    );
    assert!(products::product(&zeros(&[3, 4], DType::F32)?, &zeros(&[3, 4], DType::F32)?).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The kernels round to bf16 as everybody does.
    #[test]
    fn rounding_is_that_of_half(bits in prop::collection::vec(any::<u32>(), 8)) {
        let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits))
            .filter(|value| value.is_finite()).chain([0.0; 8]).take(8).collect();
        let expected: Vec<_> = values.iter().map(|&value| bf16::from_f32(value)).collect();
        let picture = Tensor::from_slice(&values[..3], (1, 1, 3), &Device::Cpu)
            .expect("it has room");
        let edges = Edges { x: Edge::Zero, y: Edge::Zero };
        let framed = tile::enter(&picture, (0, 0), sides(1, 1), edges, [0.0; 3], DType::BF16)
            .expect("it fits");
        let found = framed.flatten_all().and_then(|map| map.to_vec1::<bf16>())
            .expect("it is there");
        // The pixel in the middle of nine; blue, green and red.
        for channel in 0..3 {
            prop_assert_eq!(found[4 * 8 + channel].to_bits(), expected[2 - channel].to_bits());
        }
    }
}
