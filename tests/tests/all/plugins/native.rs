//! Native libraries in the registry: locked, pinned and rolled back as components are, and never taken unasked.

use mngr_docker_tests::{component_of_version, library_of, written_over};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{Loader, Native, TARGET};
use mngr_host_shim::registry::{Consent, Form, PluginChoice, Request, Source};

use super::shelf::{Shelf, digest, name, rule};

/// As `tests/native/odd.rs` has it.
const VERSION: &str = "0.1.0                           ";

/// A library that says that it is that version.
fn library(version: &str) -> Vec<u8> {
    written_over(
        library_of("odd"),
        &format!("{version:width$}", width = VERSION.len()),
        VERSION,
    )
}

fn agreed() -> Consent {
    Consent {
        native: true,
        ..Consent::default()
    }
}

#[tokio::test]
async fn a_library_is_installed_only_where_that_is_agreed_to_and_is_locked_with_its_form_and_target() {
    let shelf = Shelf::new();
    shelf.publish_library("0.1.0", &library("0.1.0"));
    assert_eq!(rule(shelf.install("mngr-docker").await), "plugin.native");
    assert_eq!(shelf.state(), []);
    let installed = shelf.install_with("mngr-docker", agreed()).await.expect("installed");
    let locked = &installed.version;
    assert_eq!((locked.form, locked.target.as_deref()), (Form::Native, Some(TARGET)));
    assert_eq!(locked.sha256, digest(&library("0.1.0")));
    let text = std::fs::read_to_string(shelf.registry.lock_path()).expect("a lock");
    assert!(text.contains("form = \"native\"") && text.contains(TARGET), "{text}");
    assert_eq!(
        shelf.registry.component(&name(), locked).expect("kept"),
        library("0.1.0")
    );
}

#[tokio::test]
async fn of_a_source_with_both_forms_the_component_is_taken_unless_the_library_is_agreed_to() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    shelf.publish_library("0.1.1", &library("0.1.1"));
    let component = shelf.install("mngr-docker").await.expect("installed");
    assert_eq!(
        (component.version.form, shelf.active().as_str()),
        (Form::Component, "0.1.0")
    );
    let library = shelf.install_with("mngr-docker", agreed()).await.expect("installed");
    assert_eq!((library.version.form, shelf.active().as_str()), (Form::Native, "0.1.1"));
}

#[tokio::test]
async fn libraries_are_pinned_updated_verified_and_rolled_back_as_components_are() {
    let shelf = Shelf::new();
    shelf.publish_library("0.1.0", &library("0.1.0"));
    shelf
        .install_with("mngr-docker@^0.1", agreed())
        .await
        .expect("installed");
    shelf.publish_library("0.1.1", &library("0.1.1"));
    let loader = shelf.loader();
    let updated = shelf
        .registry
        .update(&loader, &name(), agreed())
        .await
        .expect("updated");
    assert_eq!(updated.version.version.to_string(), "0.1.1");
    let back = shelf.registry.rollback(&name(), None).await.expect("back");
    assert_eq!(back.version.version.to_string(), "0.1.0");
    let pin = "mngr-docker@=0.1.1".parse().expect("a pin");
    shelf.registry.pin(&pin, Consent::default()).await.expect("pinned");
    assert_eq!(shelf.active(), "0.1.1");
    for native in [Native::Refused, Native::Allowed] {
        let verified = shelf.registry.verify(&loader, None, native).await.expect("verified");
        assert!(verified.iter().all(|verified| verified.fault.is_none()), "{verified:?}");
        assert_eq!(verified.len(), 2);
    }
    let (stored, mut bytes) = shelf
        .state()
        .into_iter()
        .find(|(path, _)| path.ends_with(format!("{}.so", updated.version.sha256)))
        .expect("it is kept under its digest");
    bytes.push(0);
    std::fs::write(stored, bytes).expect("written");
    let verified = shelf
        .registry
        .verify(&loader, None, Native::Refused)
        .await
        .expect("verified");
    assert_eq!(verified.iter().filter(|verified| verified.fault.is_some()).count(), 1);
}

#[tokio::test]
async fn what_is_no_library_that_can_be_opened_is_not_installed() {
    let shelf = Shelf::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.so");
    for (bytes, expected) in [
        (library_of("no_plugin"), "exports no root module"),
        (library_of("later_contract"), "0.2.0 of the contract"),
        (library_of("odd")[..5000].to_vec(), "cut short"),
    ] {
        std::fs::write(&path, bytes).expect("written");
        let request = Request {
            from: Some(Source::parse(path.to_str().expect("UTF-8"), folder.path(), None).expect("a source")),
            consent: agreed(),
            ..shelf.request("mngr-docker")
        };
        let error = shelf
            .registry
            .install(&shelf.loader(), request)
            .await
            .expect_err("refused");
        assert!(error.message().contains(expected), "{}", error.message());
        assert_eq!(shelf.state(), []);
    }
}

#[tokio::test]
async fn an_installed_library_is_used_only_where_the_configuration_allows_it() {
    let shelf = Shelf::new();
    shelf.publish_library("0.1.0", &library("0.1.0"));
    shelf.install_with("mngr-docker", agreed()).await.expect("installed");
    let directory = |path: &std::path::Path| path.display().to_string();
    let config = shelf.registry.lock_path().parent().expect("a folder");
    let home = tempfile::tempdir().expect("a folder");
    let (xdg_config, xdg_data) = (home.path().join("config"), home.path().join("data"));
    std::fs::create_dir_all(xdg_data.join("mngr-docker")).expect("made");
    std::fs::create_dir_all(&xdg_config).expect("made");
    std::os::unix::fs::symlink(config, xdg_config.join("mngr-docker")).expect("a link");
    let data = config.parent().expect("a folder").join("data");
    std::os::unix::fs::symlink(data, xdg_data.join("mngr-docker/plugins")).expect("a link");
    let variables = [
        ("XDG_CONFIG_HOME", directory(&xdg_config)),
        ("XDG_DATA_HOME", directory(&xdg_data)),
    ];
    let host = Host::with(Loader::new(None).expect("a loader"), Environment::new(variables, "/"));
    let mut config = ProviderConfig {
        plugin: PluginChoice::parse("mngr-docker@^0.1").expect("a choice"),
        ..ProviderConfig::named("docker")
    };
    assert_eq!(
        host.plugin(&config).await.expect_err("refused").field(),
        Some("allow_native")
    );
    config.allow_native = true;
    assert!(host.plugin(&config).await.expect("it is taken").is_native());
}
