//! Conversions to the wire and back lose nothing, and errors name malformed fields.

use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{
    Action, AssetKind, Attempt, BlobRef, Common, ComputeCapability, ContainerFormat, DeviceHealth,
    DeviceInfo, Digest, Epoch, Init, Input, InputRef, JobId, LeaseId, Losses, Method, ModelName,
    ModelRef, Optimize, Output, OutputSpec, Part, Preset, Recipe, RunReport, StyleRef, TaskIndex,
    TaskResult, TaskSpec, Tileable,
};
use proptest::prelude::*;
use prost::Message;

fn spec() -> TaskSpec {
    TaskSpec {
        asset: "walls/brick.png".parse().expect("it is a path"),
        action: Action {
            method_version: Method::Optimize.version(),
            recipe: Preset::Painterly.recipe(),
            kind: AssetKind::picture(),
            inputs: vec![input(Part::Color, BlobRef::of(b"content"))],
            styles: vec![StyleRef::whole(BlobRef::of(b"style"), 1.0)],
            regions: None,
            texture: None,
            models: vec![ModelRef { name: ModelName::Vgg19, blob: BlobRef::of(b"weights") }],
            outputs: vec![png()],
        },
        least_memory_bytes: 1 << 30,
        work: 512 * 512 * 40,
    }
}

fn input(part: Part, blob: BlobRef) -> Input {
    Input { part, source: InputRef::Blob(blob) }
}

fn png() -> OutputSpec {
    OutputSpec { part: Part::Color, format: ContainerFormat::Png, quality: 90 }
}

fn result() -> TaskResult {
    let report = RunReport {
        iterations: 40,
        losses: Some(Losses { total: 1.5, content: 1.0, style: 0.5 }),
        compute_ms: 900,
        device: "cpu avx2".to_owned(),
        warning: None,
    };
    let blob = BlobRef::of(b"picture");
    let output = Output { part: Part::Color, blob, width: 512, height: 256 };
    TaskResult { outputs: vec![output], report }
}

/// Checks that after `change` the message is refused with an error that begins with `expected`.
fn refused(expected: &str, change: impl FnOnce(&mut v1::TaskSpec)) {
    let mut message = to_proto::task_spec(&spec());
    change(&mut message);
    let error = from_proto::task_spec(message).expect_err(expected).to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn errors_of_malformed_tasks_name_the_field() {
    refused("asset is `../x`: path", |m| m.asset = "../x".to_owned());
    refused("action is missing", |m| m.action = None);
    let edited = |from: &'static str, to: &'static str| {
        move |m: &mut v1::TaskSpec| {
            let action = m.action.as_mut().expect("to_proto fills it in");
            let text = String::from_utf8(action.canonical.clone()).expect("it is text");
            assert!(text.contains(from), "{text}");
            action.canonical = text.replacen(from, to, 1).into_bytes();
        }
    };
    refused("action.canonical is refused: an action cannot be read", edited("{", "["));
    refused(
        "action.canonical is refused: recipe.iterations is 0",
        edited("\"iterations\":8", "\"iterations\":0"),
    );
    refused(
        "action.canonical is refused: an action cannot be read: unknown field `dither`",
        edited("\"inputs\"", "\"dither\":1,\"inputs\""),
    );
}

#[test]
fn errors_truncate_long_values() {
    let message = v1::JobSummary { state: "é".repeat(5000), ..v1::JobSummary::default() };
    let error = from_proto::job_summary(message).expect_err("there is no such state");
    assert!(error.problem.starts_with(&format!("is `{}...`", "é".repeat(80))), "{error}");
}

#[test]
fn errors_of_malformed_results_name_the_field() {
    let refused = |expected: &str, change: fn(&mut v1::TaskResult)| {
        let mut message = to_proto::task_result(&result());
        change(&mut message);
        assert_eq!(
            from_proto::task_result(message).map_err(|e| e.to_string()),
            Err(expected.to_owned())
        );
    };
    refused("outputs[0].width is 0, but has to be from 1 to 32768 pixels", |m| {
        m.outputs[0].width = 0;
    });
    refused("outputs[0].height is 40000, but has to be from 1 to 32768 pixels", |m| {
        m.outputs[0].height = 40_000;
    });
    refused("outputs[0].blob is missing", |m| m.outputs[0].blob = None);
    refused("report.losses.total is NaN, but has to be finite", |m| {
        let report = m.report.as_mut().expect("it is there");
        report.losses.as_mut().expect("they are there").total = f64::NAN;
    });
}

#[test]
fn an_error_is_an_invalid_argument() {
    let status = tonic::Status::from(FieldError::missing("digest").within("blob"));
    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::InvalidArgument, "blob.digest is missing")
    );
}

#[test]
fn names_are_bounded() {
    for (text, good) in [
        ("a", true),
        ("", false),
        ("a\nb", false),
        (&*"x".repeat(256), true),
        (&*"x".repeat(257), false),
    ] {
        assert_eq!(from_proto::name("key", text.to_owned()).is_ok(), good, "{text:?}");
    }
}

prop_compose! {
    fn blobs()(bytes in any::<[u8; 32]>(), size_bytes: u64) -> BlobRef {
        BlobRef { digest: Digest::from_bytes(bytes), size_bytes }
    }
}

prop_compose! {
    fn recipes()(
        preset in prop::sample::select(Preset::ALL.to_vec()),
        size in prop::option::of(16_u32..=32_768),
        iterations in 1_u32..=100_000,
        style_weight in 0.0_f32..1e9,
        style_layers in prop::array::uniform5(0.0_f32..10.0),
        tileable in prop::sample::select(vec![Tileable::None, Tileable::X, Tileable::Both]),
        init in prop::sample::select(vec![
            Init::Content,
            Init::Noise,
            Init::Arbitrary,
            Init::Image,
        ]),
        seed: u64,
    ) -> Recipe {
        let preset = preset.optimize();
        let common = Common { size, tileable, seed, ..preset.common };
        Recipe::Optimize(Optimize {
            common,
            iterations,
            style_weight,
            style_layers,
            init,
            ..preset
        })
    }
}

prop_compose! {
    fn specs()(
        recipe in recipes(),
        content in blobs(),
        init in blobs(),
        styles in prop::collection::vec((blobs(), 0.0_f32..1e6), 1..=16),
        format in prop::sample::select(ContainerFormat::ALL.to_vec()),
        quality in 1_u8..=100,
        least_memory_bytes: u64,
        work: u64,
    ) -> TaskSpec {
        let mut spec = spec();
        spec.action = Action {
            recipe,
            inputs: vec![input(Part::Color, content), input(Part::Init, init)],
            styles: styles
                .into_iter()
                .map(|(blob, weight)| StyleRef::whole(blob, weight))
                .collect(),
            outputs: vec![OutputSpec { format, quality, ..png() }],
            ..spec.action
        };
        TaskSpec { least_memory_bytes, work, ..spec }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_task_survives_the_wire(spec in specs()) {
        let bytes = to_proto::task_spec(&spec).encode_to_vec();
        let decoded = v1::TaskSpec::decode(&bytes[..]).expect("it was just encoded");
        let back = from_proto::task_spec(decoded).expect("it is valid");
        prop_assert_eq!(back.action.digest(), spec.action.digest());
        prop_assert_eq!(back, spec);
    }

    #[test]
    fn a_result_survives_the_wire(
        blob in blobs(),
        total in prop::option::of(-1e300..1e300),
        width in 1_u32..=32_768,
        compute_ms: u64,
        warning in prop::option::of("[a-z ]{1,40}"),
    ) {
        let mut result = result();
        let losses = total.map(|total| Losses { total, content: 0.5, style: -0.0 });
        result.report = RunReport { losses, compute_ms, warning, ..result.report };
        result.outputs.push(Output { part: Part::Mask, blob, width, height: 7 });
        prop_assert_eq!(from_proto::task_result(to_proto::task_result(&result)), Ok(result));
    }

    #[test]
    fn a_lease_survives_the_wire(job: u64, task: u32, attempt: u32, epoch: u64) {
        let lease = LeaseId { job: JobId(job), task: TaskIndex(task), attempt: Attempt(attempt),
            epoch: Epoch(epoch) };
        prop_assert_eq!(from_proto::lease(to_proto::lease(&lease)), Ok(lease));
    }

    #[test]
    fn a_device_survives_the_wire(
        memory_bytes: u64,
        capability in prop::option::of((0_u32..20, 0_u32..10)),
        temperature_c: Option<u32>,
        ecc_errors: Option<u64>,
    ) {
        let compute_capability =
            capability.map(|(major, minor)| ComputeCapability { major, minor });
        let info = DeviceInfo { name: "cuda:0".to_owned(), model: "canvas".to_owned(), memory_bytes,
            compute_capability };
        prop_assert_eq!(from_proto::device_info(to_proto::device_info(&info)), Ok(info));
        let health = DeviceHealth { temperature_c, ecc_errors, slowed_by: "heat".to_owned(),
            ..DeviceHealth::default() };
        prop_assert_eq!(from_proto::device_health(to_proto::device_health(&health)), Ok(health));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = v1::Heartbeat::decode(&bytes[..]) {
            message.devices.into_iter().for_each(|device| drop(from_proto::device_health(device)));
        }
        if let Ok(message) = v1::TaskSpec::decode(&bytes[..]) {
            let _ = from_proto::task_spec(message);
        }
    }
}
