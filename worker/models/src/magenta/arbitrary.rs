//! `arbitrary_predict.onnx` and `arbitrary_transform.onnx`: weights of 8 bits with a scale for each
//! output channel, biases of 32 bits.
//!
//! The nodes that quantise values between the layers are passed over: they made the original
//! smaller and faster, not better.

use super::{
    Census, Convolution, check_census, check_scales, check_sources, dequantized, plain,
    plain_maker, read_graph, tensor,
};
use crate::onnx::{Attribute, Graph, Kind, Node, Refusal};
use crate::{ModelError, NamedTensor};

const PREDICT: &str = "arbitrary_predict.onnx";
const TRANSFORM: &str = "arbitrary_transform.onnx";

/// Numbers of a style's vector.
const VECTOR: usize = 100;

/// Reads both files and renames their weights.
pub(crate) fn read_arbitrary(
    predict: &[u8],
    transform: &[u8],
) -> Result<Vec<NamedTensor>, ModelError> {
    let mut tensors = read_graph(PREDICT, predict, read_predict)?;
    tensors.extend(read_graph(TRANSFORM, transform, read_transform)?);
    Ok(tensors)
}

/// Weights that are quantised count as part of their convolution.
fn counted(_: &str) -> bool {
    false
}

/// The weights of a convolution that is made of these, and its bias.
fn convolution(
    graph: &Graph<'_>,
    node: &Node<'_>,
    convolution: &Convolution,
    before: &[String],
) -> Result<[Vec<f32>; 2], Refusal> {
    let mut attributes = convolution.attributes().to_vec();
    if node.attributes.iter().all(|(name, _)| *name != "pads") {
        // Absent, it means none.
        let absent = attributes
            .iter()
            .position(|(name, pads)| *name == "pads" && *pads == Attribute::Integers(vec![0; 4]));
        absent.map(|place| attributes.remove(place));
    }
    node.check("Conv", &attributes)?;
    check_sources(graph, node.input(0)?, counted, before)?;
    let weights = dequantized(graph, node.input(1)?, Kind::I8, &convolution.shape())?;
    let bias = dequantized(graph, node.input(2)?, Kind::I32, &[convolution.outputs])?;
    Ok([weights, bias])
}

/// A block of MobileNetV2: channels within and after it, and its stride.
const BLOCKS: [(usize, usize, i64); 17] = [
    (32, 16, 1),
    (96, 24, 2),
    (144, 24, 1),
    (144, 32, 2),
    (192, 32, 1),
    (192, 32, 1),
    (192, 64, 2),
    (384, 64, 1),
    (384, 64, 1),
    (384, 64, 1),
    (384, 96, 1),
    (576, 96, 1),
    (576, 96, 1),
    (576, 160, 2),
    (960, 160, 1),
    (960, 160, 1),
    (960, 320, 1),
];

const STEM: usize = 32;
const HEAD: usize = 1280;

fn read_predict(graph: &Graph<'_>) -> Result<Vec<NamedTensor>, Refusal> {
    let turned = [("perm", Attribute::Integers(vec![0, 3, 1, 2]))];
    let census: Census<'_> = &[
        ("Add", 10, Some(&[])),
        ("Clip", 35, Some(&[])),
        ("Conv", 53, None),
        ("DequantizeLinear", 171, None),
        ("GlobalAveragePool", 1, Some(&[])),
        ("QuantizeLinear", 65, Some(&[])),
        ("Reshape", 2, Some(&[])),
        ("Transpose", 1, Some(&turned)),
    ];
    check_census(graph, census)?;
    for node in graph.nodes.values().filter(|node| node.operator == "Clip") {
        check_clip(graph, node)?;
    }
    let mut tensors = Vec::new();
    let mut read =
        |theirs: String, ours: String, kernel: Convolution, shape: &[usize], before: &[String]| {
            let node = graph.node(&theirs)?;
            let [weights, bias] = convolution(graph, node, &kernel, before)?;
            tensors.push(tensor(format!("{ours}.weight"), shape, weights));
            tensors.push(tensor(format!("{ours}.bias"), &[kernel.outputs], bias));
            Ok(vec![node.name.to_owned()])
        };
    let pixel = |outputs, inputs| Convolution {
        outputs,
        inputs,
        side: 1,
        stride: 1,
        pads: [0, 0],
        groups: 1,
    };
    let three = |outputs, inputs, stride, groups| Convolution {
        outputs,
        inputs,
        side: 3,
        stride,
        pads: if stride == 1 { [1, 1] } else { [0, 1] },
        groups,
    };
    let stem = three(STEM, 3, 2, 1);
    let (theirs, ours) = ("MobilenetV2/Conv/Relu6_prequant", "predict.stem");
    let image = ["style_image".to_owned()];
    let mut before = read(theirs.to_owned(), ours.to_owned(), stem, &stem.shape(), &image)?;
    let mut channels = STEM;
    for (index, (inner, outer, stride)) in BLOCKS.into_iter().enumerate() {
        let theirs = match index {
            0 => "MobilenetV2/expanded_conv".to_owned(),
            _ => format!("MobilenetV2/expanded_conv_{index}"),
        };
        let ours = format!("predict.block.{index}");
        let mut inside = before.clone();
        if inner != channels {
            let (theirs, ours) =
                (format!("{theirs}/expand/Relu6_prequant"), format!("{ours}.expand"));
            inside = read(theirs, ours, pixel(inner, channels), &[inner, channels], &before)?;
        }
        let spread = three(inner, 1, stride, inner as i64);
        let name = format!("{theirs}/depthwise/Relu6_prequant");
        inside = read(name, format!("{ours}.depthwise"), spread, &[inner, 3, 3], &inside)?;
        let name = format!("{theirs}/project/BatchNorm/FusedBatchNormV3_prequant");
        let own =
            read(name, format!("{ours}.project"), pixel(outer, inner), &[outer, inner], &inside)?;
        if stride == 1 && outer == channels {
            before.extend(own);
        } else {
            before = own;
        }
        channels = outer;
    }
    let (theirs, ours) = ("MobilenetV2/Conv_1/Relu6_prequant", "predict.head");
    let head = pixel(HEAD, channels);
    before = read(theirs.to_owned(), ours.to_owned(), head, &[HEAD, channels], &before)?;
    let (theirs, ours) = ("mobilenet_conv/Conv/BiasAdd_int8_prequant", "predict.style");
    let style = pixel(VECTOR, HEAD);
    before = read(theirs.to_owned(), ours.to_owned(), style, &[VECTOR, HEAD], &before)?;
    check_sources(graph, "mobilenet_conv/Conv/BiasAdd", counted, &before)?;
    Ok(tensors)
}

/// That a value is clipped to 0..=6.
fn check_clip(graph: &Graph<'_>, node: &Node<'_>) -> Result<(), Refusal> {
    for (place, expected) in [(1, 0.0), (2, 6.0)] {
        let name = node.input(place)?;
        let found = graph.tensor(name)?.floats();
        if found.as_deref() != Some(&[expected]) {
            let reason = format!("it is {found:?}, not {expected}");
            return Err(Refusal::of("tensor", name, reason));
        }
    }
    Ok(())
}

fn read_transform(graph: &Graph<'_>) -> Result<Vec<NamedTensor>, Refusal> {
    let mirrored = [("mode", Attribute::Text("reflect"))];
    let enlarging = [
        ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
        ("exclude_outside", Attribute::Integer(0)),
        ("mode", Attribute::Text("nearest")),
        ("nearest_mode", Attribute::Text("floor")),
    ];
    let census: Census<'_> = &[
        ("Add", 31, Some(&[])),
        ("Conv", 42, None),
        ("DequantizeLinear", 284, None),
        ("GlobalAveragePool", 26, Some(&[])),
        ("Mul", 52, Some(&[])),
        ("Pad", 16, Some(&mirrored)),
        ("QuantizeLinear", 195, Some(&[])),
        ("Reciprocal", 13, Some(&[])),
        ("Relu", 10, Some(&[])),
        ("Reshape", 26, Some(&[])),
        ("Resize", 3, Some(&enlarging)),
        ("Sigmoid", 1, Some(&[])),
        ("Sqrt", 13, Some(&[])),
        ("Sub", 26, Some(&[])),
        ("Transpose", 2, None),
    ];
    check_census(graph, census)?;
    check_enlarging(graph, &[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0], [1.0; 4]])?;
    let kernel = |outputs, inputs, side, stride| Convolution {
        outputs,
        inputs,
        side,
        stride,
        pads: [0, 0],
        groups: 1,
    };
    let mut tensors = Vec::new();
    let mut before = vec!["content_image".to_owned()];
    let contract = [kernel(8, 3, 9, 1), kernel(16, 8, 3, 2), kernel(32, 16, 3, 2)];
    for (index, kernel) in contract.into_iter().enumerate() {
        let node = graph.node(&format!("transformer/contract/conv{}/Relu_prequant", index + 1))?;
        let [weights, bias] = convolution(graph, node, &kernel, &before)?;
        check_padding(graph, node, kernel.side)?;
        before = vec![node.name.to_owned()];
        let ours = format!("transform.contract.{index}");
        tensors.push(tensor(format!("{ours}.weight"), &kernel.shape(), weights));
        tensors.push(tensor(format!("{ours}.bias"), &[kernel.outputs], bias));
    }
    let mut sum = before.clone();
    let residual = (0..10).map(|index| {
        let (block, half) = (index / 2, index % 2);
        let theirs = format!("residual/residual{}/conv{}", block + 1, half + 1);
        (theirs, format!("transform.residual.{block}.{half}"), kernel(32, 32, 3, 1), half == 1)
    });
    let expand = [kernel(16, 32, 3, 1), kernel(8, 16, 3, 1), kernel(3, 8, 9, 1)];
    let expand = expand.into_iter().enumerate().map(|(index, kernel)| {
        let theirs = format!("expand/conv{}/conv", index + 1);
        (theirs, format!("transform.expand.{index}"), kernel, false)
    });
    for (theirs, ours, kernel, adds) in residual.chain(expand) {
        let node = graph.node(&format!("transformer/{theirs}/Conv2D_prequant"))?;
        let [weights, bias] = convolution(graph, node, &kernel, &before)?;
        check_padding(graph, node, kernel.side)?;
        if let Some(at) = bias.iter().position(|bias| *bias != 0.0) {
            // A normalisation takes it away again.
            return Err(node.refuse(format!("its bias at {at} is {}, not 0", bias[at])));
        }
        tensors.push(tensor(format!("{ours}.weight"), &kernel.shape(), weights));
        let mut output = vec![node.name.to_owned()];
        for (theirs_factor, factor) in [("Conv_1", "gamma"), ("Conv", "beta")] {
            let name = format!(
                "style_params/transformer/{theirs}/StyleNorm/{theirs_factor}/BiasAdd_prequant"
            );
            let projection = self::kernel_of_vector(kernel.outputs);
            let node = graph.node(&name)?;
            let vector = ["mobilenet_conv/Conv/BiasAdd".to_owned()];
            let [weights, bias] = convolution(graph, node, &projection, &vector)?;
            let ours = format!("{ours}.{factor}");
            let shape = [kernel.outputs, VECTOR];
            tensors.push(tensor(format!("{ours}.weight"), &shape, weights));
            tensors.push(tensor(format!("{ours}.bias"), &shape[..1], bias));
            output.push(name);
        }
        if adds {
            sum.extend(output);
            before.clone_from(&sum);
        } else {
            before = output;
        }
    }
    check_sources(graph, "transformer/expand/conv3/conv/Sigmoid", counted, &before)?;
    Ok(tensors)
}

/// That the convolutions after the blocks read maps that were enlarged so.
fn check_enlarging(graph: &Graph<'_>, expected: &[[f32; 4]]) -> Result<(), Refusal> {
    for (index, expected) in expected.iter().enumerate() {
        let convolution = format!("transformer/expand/conv{}/conv/Conv2D_prequant", index + 1);
        let pad = plain_maker(graph, graph.node(&convolution)?.input(0)?)?;
        let resize = plain_maker(graph, pad.input(0)?)?;
        if resize.operator != "Resize" {
            return Err(resize.refuse(format!("it is a {}, not a Resize", resize.operator)));
        }
        check_scales(resize.name, graph.tensor(resize.input(2)?)?, expected)?;
    }
    Ok(())
}

/// A factor of each channel, as a convolution of the vector.
fn kernel_of_vector(outputs: usize) -> Convolution {
    Convolution { outputs, inputs: VECTOR, side: 1, stride: 1, pads: [0, 0], groups: 1 }
}

/// That a convolution's picture is continued by half a kernel on each side.
fn check_padding(graph: &Graph<'_>, node: &Node<'_>, side: usize) -> Result<(), Refusal> {
    let mut pad = plain_maker(graph, node.input(0)?)?;
    if pad.operator == "Transpose" {
        pad = plain_maker(graph, pad.input(0)?)?;
    }
    if pad.operator != "Pad" {
        return Err(pad.refuse(format!("it is a {}, not a Pad", pad.operator)));
    }
    let name = plain(graph, pad.input(1)?)?;
    let found = graph.tensor(name)?.integers().unwrap_or_default();
    let half = side as i64 / 2;
    let planes = [0, 0, half, half, 0, 0, half, half];
    // The first convolution's picture has its channels last.
    let pixels = [0, half, half, 0, 0, half, half, 0];
    if found == planes || (found == pixels && side == 9) {
        Ok(())
    } else {
        Err(Refusal::of("tensor", name, format!("it is {found:?}, not {planes:?}")))
    }
}
