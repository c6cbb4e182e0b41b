//! Starting, and refusing to start.

use impasto_coordinator::{
    Coordinator, ResumeError, Settings, SettingsError, StartError, StoreError,
};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Running, settings};

#[tokio::test]
async fn an_address_or_a_store_in_use_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(&folder.path().join("first"))).await;
    let same_port = Settings { listen: running.address, ..settings(&folder.path().join("second")) };
    let refused = Coordinator::bind(same_port).await.expect_err("the port is taken");
    assert_eq!(
        refused.to_string(),
        format!(
            "cannot listen on {}: another program uses it; stop it, or choose another address with \
             --listen",
            running.address
        )
    );
    assert!(!folder.path().join("second").exists());

    let refused = Coordinator::bind(settings(&folder.path().join("first")))
        .await
        .expect_err("the store is taken");
    assert!(
        matches!(refused, StartError::Resume(ResumeError::Store(StoreError::InUse { .. }))),
        "{refused:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn listening_beyond_this_machine_needs_insecure() {
    let folder = tempfile::tempdir().expect("a folder");
    let open =
        Settings { listen: "0.0.0.0:0".parse().expect("an address"), ..settings(folder.path()) };
    let refused = Coordinator::bind(open).await.expect_err("`insecure` is not set");
    assert!(matches!(refused, StartError::Settings(SettingsError::Insecure { .. })));
}

#[tokio::test]
async fn a_data_folder_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("it is written");
    let refused = Coordinator::bind(settings(&file)).await.expect_err("it is a file");
    assert_eq!(refused.to_string(), format!("cannot make the data folder {}", file.display()));
}

#[tokio::test]
async fn every_service_reports_that_it_is_healthy() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::start(settings(folder.path())).await;
    let mut health = HealthClient::new(running.channel.clone());
    for service in ["", "impasto.v1.Jobs", "impasto.v1.Workers", "impasto.v1.Blobs"] {
        let answer = health
            .check(HealthCheckRequest { service: service.to_owned() })
            .await
            .expect(service)
            .into_inner();
        assert_eq!(answer.status, i32::from(ServingStatus::Serving), "{service}");
    }
    running.stop().await;
}
