//! The benchmark, at small sizes.

use impasto_tests::Project;
use serde_json::Value;

#[test]
fn a_benchmark_prints_one_json_document() {
    let project = Project::empty();
    let ran = project
        .run(&[
            "bench",
            "--json",
            "--size",
            "32",
            "--steps",
            "1",
            "--threads",
            "2",
            "--random-weights",
        ])
        .expect_code(0);
    let report = ran.document();
    let positive = |value: &Value, what: &str| {
        assert!(value.as_f64().is_some_and(|value| value > 0.0), "{what}: {ran}")
    };
    for text in ["version", "cpu", "device", "profile"] {
        assert!(report[text].is_string(), "{text}: {ran}");
    }
    positive(&report["peak_gflops"], "the peak");
    assert!(
        report["agreement"]["gradient_error"].as_f64() <= report["agreement"]["tolerance"].as_f64(),
        "{ran}"
    );
    assert!(
        report["levels"].as_array().is_some_and(|levels| levels.contains(&"scalar".into())),
        "{ran}"
    );
    assert_eq!(
        (report["threads"].as_u64(), report["sizes"].as_array().map(Vec::len)),
        (Some(2), Some(1)),
        "{ran}"
    );

    let size = &report["sizes"][0];
    for number in ["size", "iteration_ms", "pass_ms", "gflops", "peak_share", "statistics_ms"] {
        positive(&size[number], number);
    }
    if cfg!(target_os = "linux") {
        positive(&size["peak_memory_bytes"], "the memory");
    }
    assert!(
        size["optimizer_share"].as_f64().is_some_and(|share| (0.0..1.0).contains(&share)),
        "{ran}"
    );
    assert!(size["plan"].as_str().is_some_and(|plan| plan.starts_with("in one piece")), "{ran}");
    assert!(size["last_loss"].as_f64() < size["first_loss"].as_f64(), "{ran}");
    let layers = size["layers"].as_array().expect("a list");
    assert_eq!(
        (layers.len(), &layers[0]["layer"], &layers[12]["layer"]),
        (13, &"conv1_1".into(), &"conv5_1".into())
    );
    for layer in layers {
        for number in ["forward_ms", "forward_gflops", "backward_ms", "backward_gflops"] {
            positive(&layer[number], number);
        }
    }
}
