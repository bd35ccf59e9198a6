//! Installing from a directory: all of it or nothing, and nothing that was not agreed to.

use mngr_docker_tests::{component_of_version, with_note};
use mngr_host_shim::contract;
use mngr_host_shim::loader::Native;
use mngr_host_shim::registry::{Consent, PluginChoice};

use super::shelf::{Shelf, digest, name, rule};

#[tokio::test]
async fn the_newest_version_in_the_range_is_installed_and_locked() {
    let shelf = Shelf::new();
    let first = component_of_version("0.1.0");
    shelf.publish("0.1.0", &first);
    shelf.publish("0.2.0", &component_of_version("0.2.0"));
    let installed = shelf.install("mngr-docker@^0.1").await.expect("installed");
    assert_eq!(
        (installed.version.version.to_string().as_str(), installed.before),
        ("0.1.0", None)
    );
    assert_eq!(installed.version.sha256, digest(&first));
    assert_eq!(installed.version.size, first.len() as u64);
    assert_eq!(installed.version.contract.to_string(), contract::VERSION);
    assert!(
        installed.version.interfaces.contains(&"docker".to_owned()),
        "{:?}",
        installed.version.interfaces
    );
    let locked = &installed.version;
    assert_eq!(shelf.registry.component(&name(), locked).expect("kept"), first);

    shelf.publish("0.1.1", &component_of_version("0.1.1"));
    let updated = shelf
        .registry
        .update(&shelf.loader(), &name(), Consent::default())
        .await
        .expect("updated");
    assert_eq!(
        updated.version.version.to_string(),
        "0.1.1",
        "and not 0.2.0: the range was written down"
    );
    assert_eq!(
        updated.before.map(|before| before.to_string()).as_deref(),
        Some("0.1.0")
    );
    let again = shelf
        .registry
        .update(&shelf.loader(), &name(), Consent::default())
        .await
        .expect("nothing to do");
    assert!(again.unchanged);
}

#[tokio::test]
async fn what_is_installed_needs_its_source_no_more() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    shelf.install("mngr-docker").await.expect("installed");
    std::fs::remove_dir_all(shelf.path("")).expect("removed");
    let pin = "mngr-docker@=0.1.0".parse().expect("a pin");
    let locked = shelf.registry.resolve(&pin).expect("resolved").expect("installed");
    assert_eq!(
        shelf.registry.component(&name(), &locked).expect("kept"),
        component_of_version("0.1.0")
    );
    let verified = shelf
        .registry
        .verify(&shelf.loader(), None, Native::Refused)
        .await
        .expect("verified");
    assert!(verified.len() == 1 && verified[0].fault.is_none(), "{verified:?}");
}

#[tokio::test]
async fn each_thing_that_is_not_agreed_to_is_refused_by_its_rule_and_changes_nothing() {
    let shelf = Shelf::new();
    shelf.publish("0.1.1", &component_of_version("0.1.1"));
    shelf.install("mngr-docker").await.expect("installed");
    let before = shelf.state();

    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    assert_eq!(rule(shelf.install("mngr-docker@=0.1.0").await), "plugin.downgrade");
    shelf.publish("0.1.1", &with_note(component_of_version("0.1.1"), "changed"));
    assert_eq!(rule(shelf.install("mngr-docker@=0.1.1").await), "plugin.changed");
    shelf.publish("0.1.2", &component_of_version("0.1.2"));
    std::fs::write(shelf.path("0.1.2.yanked"), "loses snapshots\n").expect("written");
    let yanked = shelf.install("mngr-docker@=0.1.2").await;
    assert!(
        yanked
            .as_ref()
            .expect_err("withdrawn")
            .message()
            .contains("loses snapshots")
    );
    assert_eq!(rule(yanked), "plugin.yanked");
    assert_eq!(shelf.state(), before, "a refusal leaves everything as it was");

    let consent = Consent {
        downgrade: true,
        ..Consent::default()
    };
    shelf.install_with("mngr-docker@=0.1.0", consent).await.expect("agreed");
    assert_eq!(shelf.active(), "0.1.0");
    let consent = Consent {
        changed: true,
        ..Consent::default()
    };
    let changed = shelf.install_with("mngr-docker@=0.1.1", consent).await.expect("agreed");
    assert_eq!(
        changed.version.sha256,
        digest(&with_note(component_of_version("0.1.1"), "changed"))
    );
    let consent = Consent {
        yanked: true,
        ..Consent::default()
    };
    shelf.install_with("mngr-docker@=0.1.2", consent).await.expect("agreed");
    assert_eq!(shelf.active(), "0.1.2");
}

#[tokio::test]
async fn a_version_that_imports_more_than_the_one_in_use_is_refused_by_what_it_imports() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    shelf.install("mngr-docker").await.expect("installed");
    // As if the installed one had done without.
    let text = std::fs::read_to_string(shelf.registry.lock_path()).expect("a lock");
    let narrower = text.replace("    \"docker\",\n", "");
    assert_ne!(text, narrower);
    std::fs::write(shelf.registry.lock_path(), narrower).expect("written");
    shelf.publish("0.1.1", &component_of_version("0.1.1"));
    let refused = shelf.install("mngr-docker").await;
    let message = refused.as_ref().expect_err("wider").message();
    assert!(
        message.contains("0.1.1 imports docker, which 0.1.0 does not"),
        "{message}"
    );
    assert_eq!(rule(refused), "plugin.wider");
    let consent = Consent {
        wider: true,
        ..Consent::default()
    };
    shelf.install_with("mngr-docker", consent).await.expect("agreed");
    assert_eq!(shelf.active(), "0.1.1");
}

#[tokio::test]
async fn what_is_not_whole_or_not_what_it_is_called_is_not_installed() {
    let shelf = Shelf::new();
    let whole = component_of_version("0.1.0");
    let refused = async |pin: &str| {
        let error = shelf.install(pin).await.expect_err("refused");
        assert_eq!(shelf.state(), [], "{}", error.message());
        error.message()
    };
    for length in [0, 4, 8, 1000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(shelf.path("0.1.0.wasm"), &whole[..length]).expect("written");
        shelf.publish_digest("0.1.0", &digest(&whole));
        let message = refused("mngr-docker").await;
        assert!(message.contains("SHA-256"), "{message}");
        // Its digest was made of what is there: it is then no component.
        shelf.publish_digest("0.1.0", &digest(&whole[..length]));
        refused("mngr-docker").await;
    }
    shelf.publish("0.1.5", &whole);
    let message = refused("mngr-docker@=0.1.5").await;
    assert!(
        message.contains("calls it 0.1.5") && message.contains("0.1.0"),
        "{message}"
    );
    std::fs::write(shelf.path("0.1.7.wasm"), &whole).expect("written");
    let message = refused("mngr-docker@=0.1.7").await;
    assert!(
        message.contains("no version in that range"),
        "a digest that is not there yet: {message}"
    );
    std::fs::write(shelf.path("0.1.7.wasm.sha256"), "not a digest\n").expect("written");
    refused("mngr-docker@=0.1.7").await;
}

#[tokio::test]
async fn a_contract_that_this_shim_does_not_speak_is_never_installed() {
    let shelf = Shelf::new();
    let later = wat::parse_str(r#"(component (import "mngr:provider/docker@0.9.0" (instance)))"#).expect("a component");
    shelf.publish("0.1.0", &later);
    let all = Consent {
        wider: true,
        changed: true,
        yanked: true,
        downgrade: true,
        native: false,
    };
    let error = shelf.install_with("mngr-docker", all).await.expect_err("refused");
    assert!(error.message().contains("0.9.0"), "{}", error.message());
    let exported = wat::parse_str(
        r#"(component (component $c (instance $i) (export "mngr:provider/backend@0.2.0" (instance $i)))
           (instance $x (instantiate $c)) (alias export $x "mngr:provider/backend@0.2.0" (instance $b))
           (export "mngr:provider/backend@0.2.0" (instance $b)))"#,
    );
    shelf.publish("0.1.0", &exported.expect("a component"));
    let error = shelf.install_with("mngr-docker", all).await.expect_err("refused");
    assert!(
        error.message().contains("version 0.2.0 of the contract"),
        "{}",
        error.message()
    );
    assert_eq!(shelf.state(), []);
}

#[tokio::test]
async fn versions_stand_side_by_side_and_pins_find_theirs() {
    let shelf = Shelf::new();
    for version in ["0.1.0", "0.1.1", "0.2.0"] {
        shelf.publish(version, &component_of_version(version));
        shelf
            .install(&format!("mngr-docker@={version}"))
            .await
            .expect("installed");
    }
    let resolved = |pin: &str| {
        let locked = shelf.registry.resolve(&pin.parse().expect("a pin"));
        locked.expect("resolved").map(|locked| locked.version.to_string())
    };
    assert_eq!(resolved("mngr-docker").as_deref(), Some("0.2.0"));
    assert_eq!(resolved("mngr-docker@^0.1").as_deref(), Some("0.1.1"));
    assert_eq!(resolved("mngr-docker@=0.1.0").as_deref(), Some("0.1.0"));

    let back = shelf.registry.rollback(&name(), None).await.expect("back");
    assert_eq!(
        (back.before.to_string().as_str(), shelf.active().as_str()),
        ("0.2.0", "0.1.1")
    );
    shelf.registry.rollback(&name(), None).await.expect("further back");
    assert_eq!(shelf.active(), "0.1.0");
    let end = shelf.registry.rollback(&name(), None).await.expect_err("no further");
    assert_eq!(end.kind(), "conflict");
    let pin = |text: &str| text.parse().expect("a pin");
    let pinned = shelf
        .registry
        .pin(&pin("mngr-docker@>=0.1.1, <0.2"), Consent::default())
        .await
        .expect("pinned");
    assert_eq!(pinned.version.version.to_string(), "0.1.1");
    let absent = shelf
        .registry
        .pin(&pin("mngr-docker@^0.7"), Consent::default())
        .await
        .expect_err("not there");
    assert!(absent.message().contains("0.1.0, 0.1.1, 0.2.0"), "{}", absent.message());
    assert_eq!(
        rule(shelf.registry.pin(&pin("mngr-docker@=0.1.0"), Consent::default()).await),
        "plugin.downgrade"
    );

    let used = shelf
        .registry
        .remove(&name(), Some(&"0.1.1".parse().expect("a version")))
        .await;
    assert_eq!(used.expect_err("in use").kind(), "conflict");
    shelf
        .registry
        .remove(&name(), Some(&"0.2.0".parse().expect("a version")))
        .await
        .expect("removed");
    let kept = |state: &[(std::path::PathBuf, Vec<u8>)]| {
        state
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|ending| ending == "wasm"))
            .count()
    };
    assert_eq!(kept(&shelf.state()), 2);
    let removed = shelf.registry.remove(&name(), None).await.expect("removed");
    assert!(removed.whole && kept(&shelf.state()) == 0);
    assert!(shelf.registry.wanted().expect("wanted").plugins.is_empty());
}

#[tokio::test]
async fn a_component_that_was_changed_in_the_store_is_found_and_never_loaded() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    let installed = shelf.install("mngr-docker").await.expect("installed");
    let (stored, bytes) = shelf
        .state()
        .into_iter()
        .find(|(path, _)| path.extension().is_some_and(|ending| ending == "wasm"))
        .expect("a component");
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&stored, &changed).expect("written");
    assert_eq!(
        shelf
            .registry
            .component(&name(), &installed.version)
            .expect_err("changed")
            .kind(),
        "internal"
    );
    let verified = shelf
        .registry
        .verify(&shelf.loader(), Some(&name()), Native::Refused)
        .await
        .expect("verified");
    let fault = verified[0].fault.as_ref().expect("a fault");
    assert!(
        fault.message().contains("is not what was installed"),
        "{}",
        fault.message()
    );
    assert!(
        fault.remedy().contains("plugin install mngr-docker@=0.1.0"),
        "{}",
        fault.remedy()
    );
    let repaired = shelf.install("mngr-docker@=0.1.0").await.expect("repaired");
    assert!(repaired.unchanged);
    assert_eq!(
        shelf.registry.component(&name(), &installed.version).expect("whole"),
        bytes
    );
}

#[tokio::test]
async fn a_name_that_is_not_installed_is_told_what_is() {
    let shelf = Shelf::new();
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    shelf.install("mngr-docker").await.expect("installed");
    for (text, expected) in [
        ("other", "other is not installed; installed: mngr-docker"),
        (
            "mngr-docker@^99",
            concat!(
                "no version in that range is installed; installed: 0.1.0; built in: ",
                env!("CARGO_PKG_VERSION")
            ),
        ),
    ] {
        let Ok(Some(PluginChoice::Installed(pin))) = PluginChoice::parse(text) else {
            panic!("a pin")
        };
        let error = shelf.registry.resolve(&pin).expect_err("not there");
        assert_eq!(error.field(), Some("plugin"));
        assert!(error.message().contains(expected), "{}", error.message());
        assert!(
            error.remedy().contains(&format!("plugin install \"{text}\"")),
            "{}",
            error.remedy()
        );
    }
}

#[tokio::test]
async fn the_file_that_is_read_is_the_one_that_is_kept_though_it_changes_at_once() {
    let shelf = Shelf::new();
    let (one, two) = (
        component_of_version("0.1.0"),
        with_note(component_of_version("0.1.0"), "other"),
    );
    shelf.publish("0.1.0", &one);
    let path = shelf.path("0.1.0.wasm");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let changing = {
        let (stop, one, two) = (stop.clone(), one.clone(), two.clone());
        std::thread::spawn(move || {
            let other = path.with_extension("next");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for bytes in [&two, &one] {
                    std::fs::write(&other, bytes).expect("written");
                    std::fs::rename(&other, &path).expect("renamed");
                }
            }
        })
    };
    let mut installed = 0;
    for _ in 0..40 {
        match shelf.install("mngr-docker").await {
            Ok(_) => installed += 1,
            Err(error) => assert!(error.message().contains("SHA-256"), "{}", error.message()),
        }
        for (path, bytes) in shelf.state() {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if path.extension().is_some_and(|ending| ending == "wasm") {
                assert_eq!(
                    (stem, &bytes),
                    (digest(&one).as_str(), &one),
                    "only what its digest names"
                );
            }
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    changing.join().expect("it ends");
    shelf.install("mngr-docker").await.expect("at rest");
    assert!(installed <= 40);
}
