//! Signatures: where a key is set, nothing that it did not sign is as much as parsed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mngr_docker_tests::component_of_version;
use mngr_host_shim::loader::Native;
use mngr_host_shim::registry::{Consent, Request, read_public_key};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::shelf::{Shelf, name, rule};

/// A pair of keys as minisign has them: Ed25519, with a number.
struct Keys {
    number: [u8; 8],
    pair: Ed25519KeyPair,
}

impl Keys {
    fn new() -> Self {
        let (random, mut seed, mut number) = (SystemRandom::new(), [0; 32], [0; 8]);
        random.fill(&mut seed).expect("random bytes");
        random.fill(&mut number).expect("random bytes");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("keys");
        Self { number, pair }
    }

    fn public(&self) -> String {
        STANDARD.encode([b"Ed", &self.number[..], self.pair.public_key().as_ref()].concat())
    }

    /// The text of a `.minisig`, in the form that signs the file itself.
    fn sign(&self, bytes: &[u8]) -> String {
        let signature = self.pair.sign(bytes);
        let trusted = self.pair.sign(&[signature.as_ref(), b"a plugin"].concat());
        let signature = STANDARD.encode([b"Ed", &self.number[..], signature.as_ref()].concat());
        let trusted = STANDARD.encode(trusted.as_ref());
        format!("untrusted comment: signature\n{signature}\ntrusted comment: a plugin\n{trusted}\n")
    }
}

#[tokio::test]
async fn a_plugin_that_its_key_signed_is_installed_and_every_update_must_be_signed_too() {
    let (shelf, keys) = (Shelf::new(), Keys::new());
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    std::fs::write(
        shelf.path("0.1.0.wasm.minisig"),
        keys.sign(&component_of_version("0.1.0")),
    )
    .expect("written");
    let request = Request {
        public_key: Some(keys.public()),
        ..shelf.request("mngr-docker@^0.1")
    };
    let installed = shelf
        .registry
        .install(&shelf.loader(), request)
        .await
        .expect("installed");
    assert_eq!(installed.version.public_key, Some(keys.public()));
    let update = async || {
        shelf
            .registry
            .update(&shelf.loader(), &name(), Consent::default())
            .await
    };

    let next = component_of_version("0.1.1");
    shelf.publish("0.1.1", &next);
    let unsigned = update().await;
    assert!(
        unsigned
            .as_ref()
            .expect_err("unsigned")
            .message()
            .contains("is not signed")
    );
    assert_eq!(rule(unsigned), "plugin.signature");
    for forged in [
        Keys::new().sign(&next),
        keys.sign(&component_of_version("0.1.0")),
        keys.sign(&next).replace("a plugin", "another"),
        "untrusted comment: nothing\n".to_owned(),
        String::new(),
    ] {
        std::fs::write(shelf.path("0.1.1.wasm.minisig"), &forged).expect("written");
        assert_eq!(rule(update().await), "plugin.signature", "{forged}");
    }
    std::fs::write(shelf.path("0.1.1.wasm.minisig"), keys.sign(&next)).expect("written");
    update().await.expect("signed");
    assert_eq!(shelf.active(), "0.1.1");
}

#[tokio::test]
async fn what_is_not_signed_is_not_parsed() {
    let (shelf, keys) = (Shelf::new(), Keys::new());
    // Whoever looked into it would say that it is no component.
    shelf.publish("0.1.0", b"#!/bin/sh\n");
    let request = Request {
        public_key: Some(keys.public()),
        ..shelf.request("mngr-docker")
    };
    assert_eq!(
        rule(shelf.registry.install(&shelf.loader(), request).await),
        "plugin.signature"
    );
    assert_eq!(shelf.state(), []);
}

#[tokio::test]
async fn a_signature_is_kept_and_looked_at_again_by_verify() {
    let (shelf, keys) = (Shelf::new(), Keys::new());
    shelf.publish("0.1.0", &component_of_version("0.1.0"));
    std::fs::write(
        shelf.path("0.1.0.wasm.minisig"),
        keys.sign(&component_of_version("0.1.0")),
    )
    .expect("written");
    let request = Request {
        public_key: Some(keys.public()),
        ..shelf.request("mngr-docker")
    };
    shelf
        .registry
        .install(&shelf.loader(), request)
        .await
        .expect("installed");
    let fault = async || {
        let verified = shelf
            .registry
            .verify(&shelf.loader(), None, Native::Refused)
            .await
            .expect("verified");
        verified.into_iter().next().and_then(|verified| verified.fault)
    };
    assert!(fault().await.is_none());
    let (kept, _) = shelf
        .state()
        .into_iter()
        .find(|(path, _)| path.extension().is_some_and(|ending| ending == "minisig"))
        .expect("it is kept");
    std::fs::write(&kept, Keys::new().sign(&component_of_version("0.1.0"))).expect("written");
    assert!(fault().await.expect("another's").message().contains("plugin.signature"));
    std::fs::remove_file(kept).expect("removed");
    assert!(fault().await.expect("gone").message().contains("is not signed"));
}

#[test]
fn a_key_is_given_as_such_or_as_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = Keys::new().public();
    let text = format!("untrusted comment: minisign public key\n{key}\n");
    std::fs::write(folder.path().join("minisign.pub"), text).expect("written");
    assert_eq!(read_public_key(&key, folder.path()).expect("a key"), key);
    assert_eq!(read_public_key("minisign.pub", folder.path()).expect("a key"), key);
    let error = read_public_key("RWnonsense", folder.path()).expect_err("no key");
    assert_eq!(error.field(), Some("public_key"));
}
