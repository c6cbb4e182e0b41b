use proptest::prelude::*;

use super::writer::{bytes, file, integers, node, number, tensor, varint};
use super::*;

fn sound() -> Vec<u8> {
    let conv = node("c", "Conv", &["x", "w"], &["y"], &[integers("pads", &[1, 1, 1, 1])]);
    let relu = node("r", "Relu", &["y"], &["z"], &[]);
    file(&[conv, relu], &[tensor("w", 3, &[2, 3], &[1, 2, 3, 0xFF, 0xFE, 0x80])])
}

#[test]
fn a_sound_file_is_read_whole() {
    let file = sound();
    let graph = Graph::read(&file).expect("it reads");
    let conv = graph.node("c").expect("a node");
    assert_eq!((&conv.inputs[..], conv.operator), (&["x", "w"][..], "Conv"));
    let pads = [("pads", Attribute::Integers(vec![1; 4]))];
    assert_eq!(conv.check("Conv", &pads), Ok(()));
    assert_eq!(graph.maker("z").map(|node| node.name), Some("r"));
    assert!(graph.maker("x").is_none());
    let weights = graph.tensor("w").expect("a tensor");
    assert_eq!((weights.kind, &weights.shape[..]), (Kind::I8, &[2, 3][..]));
    assert_eq!(weights.integers(), Some(vec![1, 2, 3, -1, -2, -128]));
    assert_eq!(weights.floats(), None);
}

#[test]
fn a_node_is_checked_by_its_operator_and_attributes() {
    let file = sound();
    let graph = Graph::read(&file).expect("it reads");
    let conv = graph.node("c").expect("a node");
    let refused = |operator, attributes: &[(&str, Attribute<'_>)], expected: &str| {
        let refusal = conv.check(operator, attributes).expect_err("refused");
        assert_eq!(refusal, Refusal::of("node", "c", expected));
    };
    let pads = |pad| ("pads", Attribute::Integers(vec![pad; 4]));
    refused("Relu", &[], "it is a Conv, not a Relu");
    refused("Conv", &[], "it has a pads, Integers([1, 1, 1, 1])");
    refused("Conv", &[pads(0)], "its pads is Integers([1, 1, 1, 1]), not Integers([0, 0, 0, 0])");
    refused("Conv", &[pads(1), ("group", Attribute::Integer(1))], "it has no group");
    assert_eq!(conv.input(2), Err(Refusal::of("node", "c", "it has no input 2")));
    assert_eq!(graph.node("d").err(), Some(Refusal::of("node", "d", "it is missing")));
    assert_eq!(graph.tensor("v").err(), Some(Refusal::of("tensor", "v", "it is missing")));
}

#[test]
fn what_no_known_file_has_is_refused_with_its_place() {
    let refused = |file: &[u8], place: &str, reason: &str| {
        let refusal = Graph::read(file).expect_err("refused");
        assert_eq!((&refusal.place[..], &refusal.reason[..]), (place, reason));
    };
    let of_graph = |content: &[u8]| bytes(7, content);
    refused(b"", "at byte 0", "there is no graph");
    refused(&number(99, 1), "at byte 0", "the model has the unknown field 99");
    refused(&of_graph(&number(3, 1)), "at byte 2", "the graph has the unknown field 3");
    refused(&[of_graph(b""), of_graph(b"")].concat(), "at byte 2", "there are two graphs");
    refused(&varint(7 << 3 | 3), "at byte 0", "a field of the wire type 3");
    refused(&[0x02], "at byte 0", "a field's number is out of range");
    refused(&[0xFF; 11], "at byte 0", "a number has more than 64 bits");
    // A length of nearly 2^64.
    let long = [varint(7 << 3 | 2), varint(u64::MAX)].concat();
    refused(&long, "at byte 11", "the file is truncated");
    let named = |tensor: Vec<u8>| file(&[], &[tensor]);
    refused(&named(tensor("w", 2, &[1], &[0])), "at byte 8", "the element type 2");
    refused(
        &named(tensor("w", 1, &[u64::MAX, u64::MAX], &[0; 4])),
        "tensor `w`",
        &format!("4 bytes are not F32 {:?} (at byte 4)", [usize::MAX; 2]),
    );
    refused(
        &named(tensor("w", 3, &[1; 9], &[0])),
        "at byte 22",
        "there are more than 8 of one kind",
    );
    let twice = tensor("w", 3, &[1], &[0]);
    refused(&file(&[], &[twice.clone(), twice]), "tensor `w`", "there are two of this name");
    let relu = |name: &str, output: &str| node(name, "Relu", &["x"], &[output], &[]);
    refused(
        &file(&[relu("a", "y"), relu("a", "z")], &[]),
        "node `a`",
        "there are two of this name",
    );
    refused(&file(&[relu("a", "y"), relu("b", "y")], &[]), "value `y`", "two nodes make it");
    let many: Vec<_> = (0..1001).map(|i| relu(&format!("n{i}"), &format!("v{i}"))).collect();
    assert_eq!(
        Graph::read(&file(&many, &[])).expect_err("refused").reason,
        "there are more than 1000 nodes"
    );
    let long = "n".repeat(257);
    assert_eq!(
        Graph::read(&file(&[relu(&long, "y")], &[])).expect_err("refused").reason,
        "a text is too long"
    );
}

proptest! {
    #[test]
    fn a_file_with_other_bytes_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = sound();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let _ = Graph::read(&file);
    }

    #[test]
    fn a_file_that_ends_early_is_refused(length in any::<prop::sample::Index>()) {
        let file = sound();
        prop_assert!(Graph::read(&file[..length.index(file.len())]).is_err());
    }

    #[test]
    fn any_bytes_never_panic(file in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Graph::read(&file);
        let _ = Graph::read(&bytes(7, &file));
        let _ = Graph::read(&bytes(7, &bytes(1, &file)));
        let _ = Graph::read(&bytes(7, &bytes(5, &file)));
    }
}
