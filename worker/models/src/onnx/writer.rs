//! Writes ONNX files for tests.

/// A field with a number.
pub(crate) fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field with bytes: a text, a message, packed numbers.
pub(crate) fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A tensor's message.
pub(crate) fn tensor(name: &str, kind: u64, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let shape = shape.iter().flat_map(|axis| number(1, *axis)).collect();
    [shape, number(2, kind), bytes(8, name.as_bytes()), bytes(9, data)].concat()
}

/// A node's message; attributes are messages.
pub(crate) fn node(
    name: &str,
    operator: &str,
    inputs: &[&str],
    outputs: &[&str],
    attributes: &[Vec<u8>],
) -> Vec<u8> {
    let texts = |field: u64, texts: &[&str]| -> Vec<u8> {
        texts.iter().flat_map(|text| bytes(field, text.as_bytes())).collect()
    };
    let attributes = attributes.iter().flat_map(|attribute| bytes(5, attribute)).collect();
    let named = [bytes(3, name.as_bytes()), bytes(4, operator.as_bytes())].concat();
    [texts(1, inputs), texts(2, outputs), named, attributes].concat()
}

/// An attribute of whole numbers.
pub(crate) fn integers(name: &str, values: &[u64]) -> Vec<u8> {
    let values = values.iter().flat_map(|value| number(8, *value)).collect();
    [bytes(1, name.as_bytes()), values, number(20, 7)].concat()
}

/// A file.
pub(crate) fn file(nodes: &[Vec<u8>], tensors: &[Vec<u8>]) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|node| bytes(1, node)).collect();
    let tensors = tensors.iter().flat_map(|tensor| bytes(5, tensor)).collect();
    [number(1, 8), bytes(7, &[nodes, tensors].concat())].concat()
}
