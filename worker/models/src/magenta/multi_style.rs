//! `multistyle26.onnx`: weights in f32, and a scale and an offset of each channel for 26 styles.

use super::{
    Census, Convolution, check_census, check_scales, check_sources, floats, read_graph, tensor,
};
use crate::network::{NetworkHeader, NetworkLayout, NetworkStyle};
use crate::onnx::{Attribute, Graph, Kind, Refusal, Tensor};
use crate::{ModelError, NamedTensor};

const FILE: &str = "multistyle26.onnx";

const STYLES: usize = 26;

/// Residual blocks.
const BLOCKS: usize = 6;

/// What the network's file says of itself, for a recipe that paints with it.
pub(crate) fn header(licence: &str) -> NetworkHeader {
    let style = |index: usize| NetworkStyle { name: index.to_string(), digest: None };
    NetworkHeader {
        layout: NetworkLayout::Learned { contract: [32, 32], blocks: BLOCKS, expand: [8, 4] },
        style_pictures: None,
        styles: (0..STYLES).map(style).collect(),
        noise: 0.0,
        recipe: None,
        training: None,
        licence: Some(licence.to_owned()),
    }
}

/// Reads the file and renames its weights.
pub(crate) fn read_multi_style(bytes: &[u8]) -> Result<Vec<NamedTensor>, ModelError> {
    read_graph(FILE, bytes, read)
}

/// A layer as the file calls it and as we do, and its convolution.
fn layers() -> Vec<(String, String, Convolution)> {
    let convolution = |outputs, inputs, side, stride| Convolution {
        outputs,
        inputs,
        side,
        stride,
        pads: [0, 0],
        groups: 1,
    };
    let same = |name: &str, convolution| (name.to_owned(), name.to_owned(), convolution);
    let mut layers = vec![
        same("contract.0", convolution(32, 3, 9, 1)),
        same("contract.1", convolution(32, 32, 3, 2)),
        same("contract.2", convolution(32, 32, 3, 2)),
    ];
    for (block, index) in (0..BLOCKS).flat_map(|block| [(block, 0), (block, 1)]) {
        let place = format!("{block}.{index}");
        let convolution = convolution(32, 32, 3, 1);
        layers.push((format!("res.{place}"), format!("residual.{place}"), convolution));
    }
    layers.extend([
        same("expand.0", convolution(8, 32, 3, 1)),
        same("expand.1", convolution(4, 8, 3, 1)),
        same("expand.2", convolution(3, 4, 9, 1)),
    ]);
    layers
}

fn read(graph: &Graph<'_>) -> Result<Vec<NamedTensor>, Refusal> {
    check(graph)?;
    let mut tensors = Vec::new();
    // The layers before, as a residual block needs them.
    let mut before = vec!["image".to_owned()];
    let mut sum = Vec::new();
    for (theirs, ours, convolution) in layers() {
        let node = graph.node(&format!("/{theirs}/Conv"))?;
        node.check("Conv", &convolution.attributes())?;
        let own =
            [format!("{theirs}.w"), format!("{theirs}.norm.gamma"), format!("{theirs}.norm.beta")];
        if node.input(1)? != own[0] {
            return Err(node.refuse(format!(
                "its weights are `{}`, not `{}`",
                node.input(1)?,
                own[0]
            )));
        }
        check_sources(graph, node.input(0)?, counted, &before)?;
        check_padding(graph, &theirs, convolution.side)?;
        if matches!(&theirs[..], "expand.0" | "expand.1") {
            let node = graph.node(&format!("/{theirs}/Resize"))?;
            let scales = constant(graph, node.input(2)?)?;
            check_scales(node.name, scales, &[1.0, 1.0, 2.0, 2.0])?;
        }
        let output =
            [node.name.to_owned(), "style_weights".to_owned(), own[1].clone(), own[2].clone()];
        if theirs == "contract.2" || (theirs.starts_with("res.") && theirs.ends_with(".1")) {
            sum.extend(output);
            before.clone_from(&sum);
        } else {
            before = output.to_vec();
        }
        let table = [STYLES, convolution.outputs];
        let [weights, gamma, beta] = own;
        let weights = floats(graph, &weights, &convolution.shape())?;
        tensors.push(tensor(format!("{ours}.weight"), &convolution.shape(), weights));
        tensors.push(tensor(format!("{ours}.gamma"), &table, floats(graph, &gamma, &table)?));
        tensors.push(tensor(format!("{ours}.beta"), &table, floats(graph, &beta, &table)?));
    }
    check_sources(graph, "stylized", counted, &before)?;
    if graph.tensors.len() == tensors.len() {
        Ok(tensors)
    } else {
        let reason = format!("there are {}, not {}", graph.tensors.len(), tensors.len());
        Err(Refusal::of("tensors of", FILE, reason))
    }
}

/// Which weights count as what a value depends on.
fn counted(name: &str) -> bool {
    name.contains(".norm.")
}

fn check(graph: &Graph<'_>) -> Result<(), Refusal> {
    let axes = [("axes", Attribute::Integers(vec![2, 3])), ("keepdims", Attribute::Integer(1))];
    let enlarging = [
        ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
        ("cubic_coeff_a", Attribute::Float(-0.75)),
        ("mode", Attribute::Text("nearest")),
        ("nearest_mode", Attribute::Text("floor")),
    ];
    let first_axis = [("axis", Attribute::Integer(0))];
    let summed = [("keepdims", Attribute::Integer(0))];
    let strict = [("allowzero", Attribute::Integer(0))];
    let turned = [("perm", Attribute::Integers(vec![1, 0]))];
    let whole = [("to", Attribute::Integer(7))];
    let mirrored = [("mode", Attribute::Text("reflect"))];
    let census: Census<'_> = &[
        ("Add", 42, Some(&[])),
        ("Cast", 18, Some(&whole)),
        ("Concat", 18, Some(&first_axis)),
        ("Constant", 238, None),
        ("ConstantOfShape", 18, None),
        ("Conv", 18, None),
        ("Div", 18, Some(&[])),
        ("Mul", 72, Some(&[])),
        ("Pad", 18, Some(&mirrored)),
        ("Pow", 18, Some(&[])),
        ("ReduceMean", 36, Some(&axes)),
        ("ReduceSum", 36, Some(&summed)),
        ("Relu", 11, Some(&[])),
        ("Reshape", 72, Some(&strict)),
        ("Resize", 2, Some(&enlarging)),
        ("Sigmoid", 1, Some(&[])),
        ("Slice", 18, Some(&[])),
        ("Sqrt", 18, Some(&[])),
        ("Sub", 18, Some(&[])),
        ("Transpose", 18, Some(&turned)),
        ("Unsqueeze", 1, Some(&[])),
    ];
    check_census(graph, census)
}

/// That a layer's picture is continued by half a kernel on each side.
fn check_padding(graph: &Graph<'_>, layer: &str, side: usize) -> Result<(), Refusal> {
    let name = graph.node(&format!("/{layer}/Concat"))?.input(0)?;
    let found = constant(graph, name)?;
    let expected = vec![side as i64 / 2; 4];
    match found.integers() {
        Some(pads) if found.kind == Kind::I64 && pads == expected => Ok(()),
        other => Err(Refusal::of("value", name, format!("it is {other:?}, not {expected:?}"))),
    }
}

/// The tensor of a constant.
fn constant<'g, 'a>(graph: &'g Graph<'a>, value: &str) -> Result<&'g Tensor<'a>, Refusal> {
    match graph.maker(value).map(|node| (node.operator, &node.attributes[..])) {
        Some(("Constant", [("value", Attribute::Tensor(tensor))])) => Ok(tensor),
        _ => Err(Refusal::of("value", value, "it is no constant")),
    }
}
