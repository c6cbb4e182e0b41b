//! Projects that the coordinator watches and builds.

use std::path::Path;

use impasto_coordinator::Settings;
use impasto_models::ModelStore;
use impasto_types::ModelName;

use crate::support::{FakeWorker, Running, painted, settings};

const MANIFEST: &str = r#"
[project]
name = "village"
output = "stylized/{dir}/{name}"

[styles.night]
images = ["styles/night.png"]

[[rules]]
match = ["walls/**"]
style = "night"
"#;

/// A picture of one shade.
fn png(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 32, 32);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[shade; 32 * 32]).expect("the pixels");
    writer.finish().expect("the end");
    bytes
}

/// Writes a file by a rename, as some editors do.
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().expect("it has a folder")).expect("its folder is made");
    std::fs::write(file.with_extension("tmp"), bytes).expect("it is written");
    std::fs::rename(file.with_extension("tmp"), file).expect("it is renamed");
}

/// A file in place of the weights' blob: no worker reads it here.
fn put_model(data_dir: &Path, models_dir: &Path) {
    let models = ModelStore::open(Some(models_dir)).expect("it opens");
    let blob = models.meaning(ModelName::Vgg19).expect("it means something").blob;
    let hex = blob.digest.to_hex();
    let folder = data_dir.join("blobs").join(&hex[..2]);
    std::fs::create_dir_all(&folder).expect("it is made");
    let file = std::fs::File::create(folder.join(hex)).expect("it is made");
    file.set_len(blob.size_bytes).expect("it is as long as the weights");
}

#[tokio::test]
async fn a_watched_project_is_built_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (project, data, models) =
        (folder.path().join("project"), folder.path().join("data"), folder.path().join("models"));
    put(&project, "impasto.toml", MANIFEST.as_bytes());
    put(&project, "styles/night.png", &png(1));
    put(&project, "walls/brick.png", &png(2));
    put_model(&data, &models);
    let watching = || Settings {
        watch: vec![project.clone()],
        models_dir: Some(models.clone()),
        ..settings(&data)
    };

    let running = Running::start(watching()).await;
    let (mut worker, _) = FakeWorker::attach(&running, "one", vec![]).await;
    let (lease, task) = worker.take().await;
    assert_eq!(task.asset, "walls/brick.png");
    worker.succeed(&lease, b"painted bricks").await;
    // The build of the next change shows that the earlier delivery is done.
    put(&project, "walls/door.png", &png(3));
    let (lease, task) = worker.take().await;
    assert_eq!(task.asset, "walls/door.png");
    assert_eq!(
        std::fs::read(project.join("stylized/walls/brick.png")).expect("it is delivered"),
        painted(b"painted bricks")
    );

    // The coordinator restarts while the door is painted, and finds the job again; an output
    // removed meanwhile is restored from the cache.
    running.stop().await;
    std::fs::remove_file(project.join("stylized/walls/brick.png")).expect("it is removed");
    let running = Running::start(watching()).await;
    let (mut worker, welcome) = FakeWorker::attach(&running, "one", vec![lease]).await;
    assert_eq!(welcome.stale, vec![]);
    worker.succeed(&lease, b"painted door").await;
    put(&project, "walls/roof.png", &png(4));
    let (_, task) = worker.take().await;
    assert_eq!(task.asset, "walls/roof.png");
    for (name, bytes) in [("brick", &b"painted bricks"[..]), ("door", b"painted door")] {
        assert_eq!(
            std::fs::read(project.join(format!("stylized/walls/{name}.png")))
                .expect("it is delivered"),
            painted(bytes)
        );
    }
    running.stop().await;
}
