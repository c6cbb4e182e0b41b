//! Writes the layout that the reader reads, as the old `torch.save` did, for tests.

use super::{Element, PREFIX};

/// A tensor to be written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub name: String,
    pub element: Element,
    pub shape: Vec<usize>,
    pub data: Vec<u8>,
}

/// A file with these tensors; their storages are in reverse, since their order need not be the
/// dictionary's.
pub(crate) fn write_legacy(tensors: &[Written]) -> Vec<u8> {
    let mut file = PREFIX.to_vec();
    file.extend(b"\x80\x02}q\x00(");
    let mut slot = 1;
    let mut put = |file: &mut Vec<u8>| {
        match u8::try_from(slot) {
            Ok(short) => file.extend([b'q', short]),
            Err(_) => {
                file.push(b'r');
                file.extend(u32::to_le_bytes(slot));
            }
        }
        slot += 1;
    };
    for (index, tensor) in tensors.iter().enumerate() {
        text(&mut file, &tensor.name);
        put(&mut file);
        file.extend(b"ctorch._utils\n_rebuild_tensor_v2\n");
        put(&mut file);
        file.extend(b"((");
        text(&mut file, "storage");
        put(&mut file);
        file.extend(match tensor.element {
            Element::Byte => &b"ctorch\nByteStorage\n"[..],
            Element::Float => &b"ctorch\nFloatStorage\n"[..],
        });
        put(&mut file);
        text(&mut file, &index.to_string());
        put(&mut file);
        text(&mut file, "cpu");
        put(&mut file);
        int(&mut file, tensor.shape.iter().product());
        file.extend(b"NtQK\x00");
        ints(&mut file, &tensor.shape);
        put(&mut file);
        let strides: Vec<usize> =
            (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product()).collect();
        ints(&mut file, &strides);
        put(&mut file);
        file.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    file.extend(b"u.\x80\x02]q\x00(");
    for index in (0..tensors.len()).rev() {
        text(&mut file, &index.to_string());
    }
    file.extend(b"e.");
    for tensor in tensors.iter().rev() {
        let count: usize = tensor.shape.iter().product();
        file.extend((count as u64).to_le_bytes());
        file.extend(&tensor.data);
    }
    file
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.push(b'X');
    file.extend((text.len() as u32).to_le_bytes());
    file.extend(text.as_bytes());
}

fn int(file: &mut Vec<u8>, int: usize) {
    match (u8::try_from(int), u16::try_from(int)) {
        (Ok(byte), _) => file.extend([b'K', byte]),
        (_, Ok(short)) => {
            file.push(b'M');
            file.extend(short.to_le_bytes());
        }
        _ => {
            file.push(b'J');
            file.extend((int as i32).to_le_bytes());
        }
    }
}

fn ints(file: &mut Vec<u8>, values: &[usize]) {
    if let [value] = values {
        int(file, *value);
        file.push(b'\x85');
    } else {
        file.push(b'(');
        values.iter().for_each(|&value| int(file, value));
        file.push(b't');
    }
}
