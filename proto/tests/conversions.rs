//! What goes to the wire comes back the same, and what is malformed is refused by name.

use impasto_proto::{FieldError, from_proto, to_proto, v1};
use impasto_types::{
    Action, Attempt, BlobRef, ComputeCapability, ContainerFormat, DeviceHealth, DeviceInfo, Digest,
    ENGINE_VERSION, Epoch, FailureKind, Init, JobId, LeaseId, ModelName, ModelRef, OutputSpec,
    Preset, Recipe, RunReport, StyleRef, TaskIndex, TaskResult, TaskSpec, Tileable,
};
use proptest::prelude::*;
use prost::Message;

fn spec() -> TaskSpec {
    TaskSpec {
        asset: "walls/brick.png".parse().expect("it is a path"),
        action: Action {
            engine_version: ENGINE_VERSION,
            recipe: Preset::Painterly.recipe(),
            content: Some(BlobRef::of(b"content")),
            styles: vec![StyleRef { blob: BlobRef::of(b"style"), weight: 1.0 }],
            init: None,
            models: vec![ModelRef { name: ModelName::Vgg19, blob: BlobRef::of(b"weights") }],
            output: OutputSpec { format: ContainerFormat::Png, quality: 90 },
        },
        memory_bytes: 1 << 30,
        work: 512 * 512 * 40,
    }
}

fn result() -> TaskResult {
    let report = RunReport {
        iterations: 40,
        loss: 1.5,
        content_loss: 1.0,
        style_loss: 0.5,
        compute_ms: 900,
        device: "cpu avx2".to_owned(),
    };
    TaskResult { output: BlobRef::of(b"picture"), width: 512, height: 256, report }
}

/// `change` makes the message malformed, and the error begins with `expected`.
fn refused(expected: &str, change: impl FnOnce(&mut v1::TaskSpec)) {
    let mut message = to_proto::task_spec(&spec());
    change(&mut message);
    let error = from_proto::task_spec(message).expect_err(expected).to_string();
    assert!(error.starts_with(expected), "{error}");
}

fn recipe(message: &mut v1::TaskSpec) -> &mut v1::Recipe {
    message.action.as_mut().and_then(|action| action.recipe.as_mut()).expect("to_proto fills it in")
}

fn action(message: &mut v1::TaskSpec) -> &mut v1::Action {
    message.action.as_mut().expect("to_proto fills it in")
}

#[test]
fn malformed_tasks_are_refused_by_field() {
    refused("asset is `../x`: path", |m| m.asset = "../x".to_owned());
    refused("action is missing", |m| m.action = None);
    refused("action.recipe is missing", |m| action(m).recipe = None);
    refused("action.recipe.method is `paint`: unknown variant `paint`, expected", |m| {
        recipe(m).method = "paint".to_owned()
    });
    refused("action.recipe.tileable is ``: ", |m| recipe(m).tileable.clear());
    refused("action.recipe.style_layers is 4 weights long, but has to be 5", |m| {
        recipe(m).style_layers.truncate(4)
    });
    refused("action.recipe.style_weight is NaN, but has to be from 0", |m| {
        recipe(m).style_weight = f32::NAN
    });
    refused("action.recipe.iterations is 4294967295, but", |m| recipe(m).iterations = u32::MAX);
    refused("action.content is missing", |m| action(m).content = None);
    refused("action.init is missing", |m| recipe(m).init = "image".to_owned());
    refused("action.styles is missing", |m| action(m).styles.clear());
    refused("action.styles is 17 entries long, but has to be at most 16", |m| {
        let style = action(m).styles[0].clone();
        action(m).styles = vec![style; 17];
    });
    refused("action.styles[0].blob.digest is 3 bytes long, but has to be 32", |m| {
        action(m).styles[0].blob = Some(v1::Blob { digest: vec![1, 2, 3], size_bytes: 3 });
    });
    refused("action.styles[0].weight is -1, but", |m| action(m).styles[0].weight = -1.0);
    refused("action.models[0].name is `vgg20`: there is no model", |m| {
        action(m).models[0].name = "vgg20".to_owned()
    });
    refused("action.output.quality is 256, but", |m| {
        action(m).output.as_mut().expect("it is there").quality = 256
    });
    refused("action.output.format is `gif`: unknown variant", |m| {
        action(m).output.as_mut().expect("it is there").format = "gif".to_owned();
    });
}

#[test]
fn a_long_value_is_cut_in_the_error() {
    let error =
        from_proto::failure_kind("kind", &"é".repeat(5000)).expect_err("there is no such kind");
    assert!(error.problem.starts_with(&format!("is `{}...`", "é".repeat(80))), "{error}");
}

#[test]
fn malformed_results_are_refused_by_field() {
    let refused = |expected: &str, change: fn(&mut v1::TaskResult)| {
        let mut message = to_proto::task_result(&result());
        change(&mut message);
        assert_eq!(
            from_proto::task_result(message).map_err(|e| e.to_string()),
            Err(expected.to_owned())
        );
    };
    refused("width is 0, but has to be from 1 to 32768 pixels", |m| m.width = 0);
    refused("height is 40000, but has to be from 1 to 32768 pixels", |m| m.height = 40_000);
    refused("output is missing", |m| m.output = None);
    refused("report.loss is NaN, but has to be finite", |m| {
        m.report.as_mut().expect("it is there").loss = f64::NAN
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

#[test]
fn a_failure_kind_keeps_its_word() {
    for kind in [FailureKind::Input, FailureKind::Transient, FailureKind::Shortage] {
        assert_eq!(from_proto::failure_kind("kind", &to_proto::failure_kind(kind)), Ok(kind));
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
        tileable in prop::sample::select(vec![Tileable::None, Tileable::X, Tileable::Y, Tileable::Both]),
        init in prop::sample::select(vec![Init::Content, Init::Noise, Init::Image]),
        seed: u64,
    ) -> Recipe {
        Recipe { size, iterations, style_weight, style_layers, tileable, init, seed, ..preset.recipe() }
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
        memory_bytes: u64,
        work: u64,
    ) -> TaskSpec {
        let mut spec = spec();
        spec.action = Action {
            recipe,
            content: Some(content),
            init: Some(init),
            styles: styles.into_iter().map(|(blob, weight)| StyleRef { blob, weight }).collect(),
            output: OutputSpec { format, quality },
            ..spec.action
        };
        TaskSpec { memory_bytes, work, ..spec }
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
    fn a_result_survives_the_wire(output in blobs(), loss in -1e300..1e300, width in 1_u32..=32_768, compute_ms: u64) {
        let result = TaskResult { output, width, report: RunReport { loss, compute_ms, ..result().report }, ..result() };
        prop_assert_eq!(from_proto::task_result(to_proto::task_result(&result)), Ok(result));
    }

    #[test]
    fn a_lease_survives_the_wire(job: u64, task: u32, attempt: u32, epoch: u64) {
        let lease = LeaseId { job: JobId(job), task: TaskIndex(task), attempt: Attempt(attempt), epoch: Epoch(epoch) };
        prop_assert_eq!(from_proto::lease(to_proto::lease(&lease)), Ok(lease));
    }

    #[test]
    fn a_device_survives_the_wire(memory_bytes: u64, capability in prop::option::of((0_u32..20, 0_u32..10)), temperature_c: Option<u32>, ecc_errors: Option<u64>) {
        let compute_capability = capability.map(|(major, minor)| ComputeCapability { major, minor });
        let info = DeviceInfo { name: "cuda:0".to_owned(), model: "canvas".to_owned(), memory_bytes, compute_capability };
        prop_assert_eq!(from_proto::device_info(to_proto::device_info(&info)), Ok(info));
        let health = DeviceHealth { temperature_c, ecc_errors, slowed_by: "heat".to_owned(), ..DeviceHealth::default() };
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
