//! Installing from a real OCI registry.

use std::collections::BTreeMap;

use mngr_docker_tests::{Registry, component_of_version, library_of, with_note};
use mngr_host_shim::contract::Result;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::loader::TARGET;
use mngr_host_shim::registry::{Consent, Form, Installed, Request, Source};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;

use super::shelf::{NAME, Shelf, digest, name, rule};

const CONFIGURATION: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT: &str = "application/wasm";

/// What is pushed besides the component.
struct Pushed<'a> {
    configuration: &'a str,
    layer: &'a str,
    annotations: &'a [(&'a str, &'a str)],
    auth: RegistryAuth,
}

impl Default for Pushed<'_> {
    fn default() -> Self {
        Self {
            configuration: CONFIGURATION,
            layer: COMPONENT,
            annotations: &[],
            auth: RegistryAuth::Anonymous,
        }
    }
}

/// Pushes as any OCI client does.
async fn push(registry: &Registry, tag: &str, bytes: &[u8], pushed: Pushed<'_>) {
    // Whoever is first decides: the shim has the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let reference = format!("{}/team/{NAME}:{tag}", registry.address());
    let config = r#"{"created":"2026-01-02T03:04:05Z","architecture":"wasm","os":"wasip2"}"#;
    let config = Config::new(config, pushed.configuration.to_owned(), None);
    let layers = [ImageLayer::new(bytes.to_vec(), pushed.layer.to_owned(), None)];
    let annotations: BTreeMap<_, _> = pushed
        .annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let manifest = OciImageManifest::build(&layers, &config, Some(annotations));
    let reference = reference.parse().expect("a reference");
    let pushed = client
        .push(&reference, &layers, config, &pushed.auth, Some(manifest))
        .await;
    pushed.expect("pushed");
}

fn source(registry: &Registry, tag: &str) -> Source {
    let text = format!("oci://{}/team/{NAME}{tag}", registry.address());
    let source = Source::parse(&text, "/".as_ref(), None).expect("a source");
    assert_eq!(source.to_string(), text);
    source
}

async fn install(shelf: &Shelf, pin: &str, from: Source, consent: Consent) -> Result<Installed> {
    let request = Request {
        from: Some(from),
        consent,
        ..shelf.request(pin)
    };
    shelf.registry.install(&shelf.loader(), request).await
}

#[tokio::test]
async fn versions_are_tags_and_updates_are_found_among_them() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    for tag in ["0.1.0", "latest", "nightly"] {
        push(&registry, tag, &component_of_version("0.1.0"), Pushed::default()).await;
    }
    let none = Consent::default();
    let installed = install(&shelf, "mngr-docker@^0.1", source(&registry, ""), none)
        .await
        .expect("installed");
    assert_eq!(installed.version.sha256, digest(&component_of_version("0.1.0")));
    let expected = format!("oci://{}/team/{NAME}:0.1.0@sha256:", registry.address());
    assert!(
        installed.version.source.starts_with(&expected),
        "{}",
        installed.version.source
    );
    push(&registry, "0.1.1", &component_of_version("0.1.1"), Pushed::default()).await;
    push(&registry, "0.2.0", &component_of_version("0.2.0"), Pushed::default()).await;
    let updated = shelf
        .registry
        .update(&shelf.loader(), &name(), none)
        .await
        .expect("updated");
    assert_eq!(updated.version.version.to_string(), "0.1.1");
    drop(registry);
    let pin = "mngr-docker".parse().expect("a pin");
    let locked = shelf.registry.resolve(&pin).expect("resolved").expect("installed");
    assert_eq!(
        shelf.registry.component(&name(), &locked).expect("kept"),
        component_of_version("0.1.1")
    );
    let gone = shelf
        .registry
        .update(&shelf.loader(), &name(), none)
        .await
        .expect_err("it is gone");
    assert_eq!(gone.kind(), "unavailable");
}

#[tokio::test]
async fn a_native_library_has_a_tag_and_media_types_of_its_own_and_is_taken_where_that_is_agreed_to() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    let native = || Pushed {
        configuration: "application/vnd.mngr.plugin.native.config.v0+json",
        layer: "application/vnd.mngr.plugin.native.v0+elf",
        ..Pushed::default()
    };
    let tag = format!("0.1.0-{TARGET}");
    push(&registry, &tag, &library_of("odd"), native()).await;
    let none = Consent::default();
    for from in ["".to_owned(), format!(":{tag}")] {
        let refused = install(&shelf, NAME, source(&registry, &from), none).await;
        assert_eq!(rule(refused), "plugin.native", "{from}");
    }
    let agreed = Consent { native: true, ..none };
    let installed = install(&shelf, NAME, source(&registry, ""), agreed)
        .await
        .expect("installed");
    assert_eq!(
        (installed.version.form, installed.version.sha256),
        (Form::Native, digest(&library_of("odd")))
    );

    push(&registry, "0.1.0", &component_of_version("0.1.0"), Pushed::default()).await;
    let other = Shelf::new();
    let component = install(&other, NAME, source(&registry, ""), none)
        .await
        .expect("installed");
    assert_eq!(component.version.form, Form::Component);
    // As a component it is not to be pushed.
    push(
        &registry,
        "wrong",
        &library_of("odd"),
        Pushed {
            layer: COMPONENT,
            ..native()
        },
    )
    .await;
    let refused = install(&other, NAME, source(&registry, ":wrong"), agreed)
        .await
        .expect_err("refused");
    assert!(refused.message().contains("application/wasm"), "{}", refused.message());
}

#[tokio::test]
async fn one_tag_or_digest_can_be_named() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    push(&registry, "stable", &component_of_version("0.1.0"), Pushed::default()).await;
    let none = Consent::default();
    let installed = install(&shelf, NAME, source(&registry, ":stable"), none)
        .await
        .expect("installed");
    let (_, digest) = installed.version.source.split_once('@').expect("a digest");
    let again = install(&shelf, NAME, source(&registry, &format!("@{digest}")), none)
        .await
        .expect("the same");
    assert!(again.unchanged);
    push(
        &registry,
        "stable",
        &with_note(component_of_version("0.1.0"), "other"),
        Pushed::default(),
    )
    .await;
    let changed = install(&shelf, NAME, source(&registry, ":stable"), none).await;
    assert_eq!(rule(changed), "plugin.changed");
}

#[tokio::test]
async fn a_version_that_was_withdrawn_is_passed_over_and_taken_only_where_that_is_agreed_to() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    push(&registry, "0.1.0", &component_of_version("0.1.0"), Pushed::default()).await;
    let yanked = Pushed {
        annotations: &[("com.imbue.mngr.plugin.yanked", "loses snapshots")],
        ..Pushed::default()
    };
    push(&registry, "0.1.1", &component_of_version("0.1.1"), yanked).await;
    let none = Consent::default();
    let installed = install(&shelf, NAME, source(&registry, ""), none)
        .await
        .expect("the other");
    assert_eq!(installed.version.version.to_string(), "0.1.0");
    for (pin, from) in [("mngr-docker@=0.1.1", ""), (NAME, ":0.1.1")] {
        let refused = install(&shelf, pin, source(&registry, from), none).await;
        assert!(
            refused
                .as_ref()
                .expect_err("withdrawn")
                .message()
                .contains("loses snapshots")
        );
        assert_eq!(rule(refused), "plugin.yanked");
    }
    let agreed = Consent { yanked: true, ..none };
    install(&shelf, "mngr-docker@=0.1.1", source(&registry, ""), agreed)
        .await
        .expect("agreed");
    assert_eq!(shelf.active(), "0.1.1");
}

#[tokio::test]
async fn what_is_no_component_is_told_by_its_media_type() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    let image = Pushed {
        configuration: "application/vnd.oci.image.config.v1+json",
        layer: "application/vnd.oci.image.layer.v1.tar",
        ..Pushed::default()
    };
    push(&registry, "0.1.0", b"a layer", image).await;
    let layer = Pushed {
        layer: "application/octet-stream",
        ..Pushed::default()
    };
    push(&registry, "0.1.1", &component_of_version("0.1.0"), layer).await;
    push(&registry, "0.1.2", b"not what it is called", Pushed::default()).await;
    for (pin, expected) in [
        ("mngr-docker@=0.1.0", "application/vnd.oci.image.config.v1+json"),
        ("mngr-docker@=0.1.1", "application/octet-stream"),
        ("mngr-docker@=0.1.2", "no WebAssembly"),
        ("mngr-docker@=0.7.0", "it has 0.1.0, 0.1.1, 0.1.2"),
    ] {
        let error = install(&shelf, pin, source(&registry, ""), Consent::default())
            .await
            .expect_err(pin);
        assert!(error.message().contains(expected), "{}", error.message());
        assert!(!error.remedy().is_empty());
    }
    assert_eq!(shelf.state(), []);
}

#[tokio::test]
async fn a_registry_that_asks_for_credentials_gets_those_of_the_docker_cli() {
    let (registry, folder) = (Registry::with_users(), tempfile::tempdir().expect("a folder"));
    let auth = RegistryAuth::Basic("me".to_owned(), Registry::PASSWORD.to_owned());
    push(
        &registry,
        "0.1.0",
        &component_of_version("0.1.0"),
        Pushed {
            auth,
            ..Pushed::default()
        },
    )
    .await;
    let home = folder.path().display().to_string();
    let environment = Environment::new([("HOME", home.as_str()), ("DOCKER_CONFIG", home.as_str())], "/");
    let own = mngr_host_shim::registry::Registry::of_user(&environment).expect("a registry");
    let shelf = Shelf::new();
    let install = async || {
        let request = Request {
            from: Some(source(&registry, "")),
            ..shelf.request(NAME)
        };
        own.install(&shelf.loader(), request).await
    };
    let refused = install().await;
    let remedy = refused.as_ref().expect_err("a stranger").remedy().to_owned();
    assert!(
        remedy.contains(&format!("docker login {}", registry.address())),
        "{remedy}"
    );
    assert_eq!(rule(refused), "plugin.registry");
    let config = format!(
        r#"{{"auths": {{"{}": {{"auth": "{}"}}}}}}"#,
        registry.address(),
        Registry::AUTH
    );
    std::fs::write(folder.path().join("config.json"), config).expect("written");
    assert_eq!(
        install().await.expect("a friend").version.sha256,
        digest(&component_of_version("0.1.0"))
    );
}

#[tokio::test]
async fn a_registry_or_repository_that_is_not_there_is_told_apart() {
    let (registry, shelf) = (Registry::open(), Shelf::new());
    let absent = install(&shelf, NAME, source(&registry, ""), Consent::default())
        .await
        .expect_err("not there");
    assert_eq!(absent.kind(), "not_found");
    let nowhere = Source::parse("oci://127.0.0.1:1/team/x", "/".as_ref(), None).expect("a source");
    let down = install(&shelf, NAME, nowhere, Consent::default())
        .await
        .expect_err("down");
    assert_eq!(down.kind(), "unavailable");
    assert!(Source::parse("oci://R/../x", "/".as_ref(), None).is_err());
}
