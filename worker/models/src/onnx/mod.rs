//! Reads ONNX files strictly: those fields of the format that the known files use, and no others.
//!
//! The file is borrowed, not copied. What is allocated is bounded by limits below, whatever the
//! file says.

mod tensor;
#[cfg(test)]
mod tests;
mod wire;
#[cfg(test)]
pub(crate) mod writer;

use std::collections::BTreeMap;

pub(crate) use tensor::{Kind, Tensor};
use wire::{Field, Message};

/// Why a file is refused: a place in it, and a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub place: String,
    pub reason: String,
}

impl Refusal {
    pub(crate) fn at(byte: usize, reason: impl Into<String>) -> Self {
        Self { place: format!("at byte {byte}"), reason: reason.into() }
    }

    /// Of a node, a tensor or the like.
    pub(crate) fn of(kind: &str, name: &str, reason: impl Into<String>) -> Self {
        Self { place: format!("{kind} `{name}`"), reason: reason.into() }
    }
}

/// More nodes and tensors than any known file has, and more than any node or tensor has of the
/// rest.
const MAX_NODES: usize = 1000;
const MAX_TENSORS: usize = 1000;
const MAX_PARTS: usize = 8;

/// The graph of a file.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    /// By name.
    pub nodes: BTreeMap<&'a str, Node<'a>>,
    /// The initialisers, by name.
    pub tensors: BTreeMap<&'a str, Tensor<'a>>,
    /// Which node makes a value.
    makers: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Node<'a> {
    pub name: &'a str,
    pub operator: &'a str,
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    pub attributes: Vec<(&'a str, Attribute<'a>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute<'a> {
    Integer(i64),
    Integers(Vec<i64>),
    Float(f32),
    Text(&'a str),
    Tensor(Tensor<'a>),
}

impl<'a> Graph<'a> {
    /// Reads a file.
    pub(crate) fn read(file: &'a [u8]) -> Result<Self, Refusal> {
        let mut model = Message::new(file, 0);
        let mut graph = None;
        while let Some(field) = model.next()? {
            match field.number {
                // Versions and names of the program that wrote the file.
                1 | 5 => _ = field.number()?,
                2 | 3 => _ = field.text()?,
                8 => _ = field.message()?,
                7 if graph.is_none() => graph = Some(Self::of(field.message()?)?),
                7 => return Err(Refusal::at(field.at, "there are two graphs")),
                _ => return field.unknown("the model"),
            }
        }
        graph.ok_or_else(|| Refusal::at(file.len(), "there is no graph"))
    }

    fn of(mut message: Message<'a>) -> Result<Self, Refusal> {
        let mut graph = Self::default();
        while let Some(field) = message.next()? {
            match field.number {
                1 => graph.add_node(&field)?,
                5 => graph.add_tensor(&field)?,
                // A name, a description; inputs and outputs, which the nodes name as well.
                2 | 10 => _ = field.text()?,
                11 | 12 => _ = field.message()?,
                _ => return field.unknown("the graph"),
            }
        }
        Ok(graph)
    }

    fn add_node(&mut self, field: &Field<'a>) -> Result<(), Refusal> {
        let node = Node::of(field)?;
        if self.nodes.len() == MAX_NODES {
            return Err(Refusal::at(field.at, format!("there are more than {MAX_NODES} nodes")));
        }
        for output in &node.outputs {
            if self.makers.insert(output, node.name).is_some() {
                return Err(Refusal::of("value", output, "two nodes make it"));
            }
        }
        let name = node.name;
        match self.nodes.insert(name, node) {
            None => Ok(()),
            Some(_) => Err(Refusal::of("node", name, "there are two of this name")),
        }
    }

    fn add_tensor(&mut self, field: &Field<'a>) -> Result<(), Refusal> {
        let (name, tensor) = Tensor::of(field)?;
        if self.tensors.len() == MAX_TENSORS {
            return Err(Refusal::at(
                field.at,
                format!("there are more than {MAX_TENSORS} tensors"),
            ));
        }
        match self.tensors.insert(name, tensor) {
            None => Ok(()),
            Some(_) => Err(Refusal::of("tensor", name, "there are two of this name")),
        }
    }

    /// The node that makes a value.
    pub(crate) fn maker(&self, value: &str) -> Option<&Node<'a>> {
        self.makers.get(value).and_then(|name| self.nodes.get(name))
    }

    pub(crate) fn node(&self, name: &str) -> Result<&Node<'a>, Refusal> {
        self.nodes.get(name).ok_or_else(|| Refusal::of("node", name, "it is missing"))
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor<'a>, Refusal> {
        self.tensors.get(name).ok_or_else(|| Refusal::of("tensor", name, "it is missing"))
    }
}

impl<'a> Node<'a> {
    fn of(field: &Field<'a>) -> Result<Self, Refusal> {
        let mut node = Self::default();
        let mut message = field.message()?;
        while let Some(field) = message.next()? {
            match field.number {
                1 => push(&mut node.inputs, field.text()?, &field)?,
                2 => push(&mut node.outputs, field.text()?, &field)?,
                3 => node.name = field.text()?,
                4 => node.operator = field.text()?,
                5 => push(&mut node.attributes, Attribute::of(&field)?, &field)?,
                6 | 7 if field.text()?.is_empty() => {}
                _ => return field.unknown("a node"),
            }
        }
        Ok(node)
    }

    /// An input by its place.
    pub(crate) fn input(&self, place: usize) -> Result<&'a str, Refusal> {
        let missing = || self.refuse(format!("it has no input {place}"));
        self.inputs.get(place).copied().ok_or_else(missing)
    }

    /// That the operator and all attributes are these, in any order.
    pub(crate) fn check(
        &self,
        operator: &str,
        attributes: &[(&str, Attribute<'_>)],
    ) -> Result<(), Refusal> {
        if self.operator != operator {
            return Err(self.refuse(format!("it is a {}, not a {operator}", self.operator)));
        }
        for (name, expected) in attributes {
            match self.attributes.iter().find(|(own, _)| own == name) {
                Some((_, found)) if found == expected => {}
                Some((_, found)) => {
                    return Err(self.refuse(format!("its {name} is {found:?}, not {expected:?}")));
                }
                None => return Err(self.refuse(format!("it has no {name}"))),
            }
        }
        let known = |name: &str| attributes.iter().any(|(known, _)| *known == name);
        match self.attributes.iter().find(|(name, _)| !known(name)) {
            Some((name, found)) => Err(self.refuse(format!("it has a {name}, {found:?}"))),
            None => Ok(()),
        }
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::of("node", self.name, reason)
    }
}

impl<'a> Attribute<'a> {
    fn of(field: &Field<'a>) -> Result<(&'a str, Self), Refusal> {
        let (mut name, mut kind, mut integers) = ("", None, Vec::new());
        let mut value = None;
        let mut message = field.message()?;
        while let Some(field) = message.next()? {
            match (field.number, field.value) {
                (1, _) => name = field.text()?,
                (20, _) => kind = Some(field.number()?),
                (2, wire::Value::Float(float)) => value = Some(Self::Float(float)),
                (3, _) => value = Some(Self::Integer(field.integer()?)),
                (4, _) => value = Some(Self::Text(field.text()?)),
                (5, _) => value = Some(Self::Tensor(Tensor::of(&field)?.1)),
                (8, _) => push(&mut integers, field.integer()?, &field)?,
                _ => return field.unknown("an attribute"),
            }
        }
        let attribute = match (kind, value) {
            (Some(1), Some(value @ Self::Float(_)))
            | (Some(2), Some(value @ Self::Integer(_)))
            | (Some(3), Some(value @ Self::Text(_)))
            | (Some(4), Some(value @ Self::Tensor(_))) => value,
            (Some(7), None) => return Ok((name, Self::Integers(integers))),
            _ => return Err(Refusal::at(field.at, format!("the attribute `{name}` has no value"))),
        };
        if integers.is_empty() {
            Ok((name, attribute))
        } else {
            Err(Refusal::at(field.at, format!("the attribute `{name}` has two values")))
        }
    }
}

/// Adds to a list of few.
fn push<T>(list: &mut Vec<T>, item: T, field: &Field<'_>) -> Result<(), Refusal> {
    if list.len() == MAX_PARTS {
        return Err(Refusal::at(field.at, format!("there are more than {MAX_PARTS} of one kind")));
    }
    list.push(item);
    Ok(())
}
