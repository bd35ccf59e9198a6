//! An OCI registry: a plugin's versions are the tags of one repository, each in the form that the CNCF's TAG Runtime gives for
//! components: a configuration `application/vnd.wasm.config.v0+json` and one layer `application/wasm`. A native library has a tag
//! `VERSION-TARGET` and media types of its own.
//!
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures::TryStreamExt;
use mngr_contract::error::{denied, invalid, not_found, unavailable};
use mngr_contract::{ProviderError, Result};
use mngr_engine::credentials::CredentialStore;
use mngr_loader::TARGET;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{ParseError, Reference};
use semver::Version;

use super::{COMPONENT_LIMIT, Fetched, Form, Release, choose, offered};
use crate::PluginPin;
use crate::consent::Consent;

const CONFIGURATION: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT: &str = "application/wasm";
const NATIVE_CONFIGURATION: &str = "application/vnd.mngr.plugin.native.config.v0+json";
const LIBRARY: &str = "application/vnd.mngr.plugin.native.v0+elf";
/// Of a manifest: the text of the component's `.minisig`.
const SIGNATURE: &str = "com.imbue.mngr.plugin.minisig";
/// Of a manifest whose version was withdrawn: the reason.
const YANKED: &str = "com.imbue.mngr.plugin.yanked";
/// How many tags are asked for at a time, and how many times.
const PAGE: usize = 1000;
const PAGES: usize = 50;
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(60);

/// A repository, and perhaps one tag or digest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    reference: Reference,
    /// Whether the tag was named, or is what the absence of one stands for.
    exact: bool,
}

impl Repository {
    /// `REGISTRY/REPOSITORY[:TAG|@DIGEST]`.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, ParseError> {
        let reference = Reference::try_from(text)?;
        let exact =
            reference.digest().is_some() || text.ends_with(&format!(":{}", reference.tag().unwrap_or_default()));
        Ok(Self { reference, exact })
    }

    fn repository(&self) -> String {
        format!("{}/{}", self.reference.registry(), self.reference.repository())
    }

    fn tagged(&self, tag: &str) -> Reference {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        Reference::with_tag(registry.to_owned(), repository.to_owned(), tag.to_owned())
    }

    /// The best version that fits, as it is there now.
    pub(super) async fn fetch(
        &self,
        credentials: &CredentialStore,
        pin: &PluginPin,
        consent: Consent,
    ) -> Result<Fetched> {
        let pull = Pull::new(&self.reference, credentials).await?;
        if self.exact {
            let artefact = pull.artefact(self.reference.clone()).await?;
            if artefact.form() == Form::Native {
                consent.to_native(&pin.name, &self.to_string())?;
            }
            if let Some(reason) = artefact.annotation(YANKED) {
                consent.to_yanked(&pin.name, &self.to_string(), reason)?;
            }
            return pull.component(artefact, None).await;
        }
        let releases = async |form| pull.releases(&self.reference, form).await;
        let (form, mut releases) = offered(&pin.name, self, consent, releases).await?;
        loop {
            // A manifest says whether its version was withdrawn, and only those that may be taken are asked for.
            let version = choose(&self.to_string(), pin, releases.clone(), consent)?;
            let artefact = pull.artefact(self.tagged(&tag_of(&version, form))).await?;
            let chosen = releases.iter_mut().find(|release| release.version == version);
            match (artefact.annotation(YANKED), chosen) {
                (Some(reason), Some(chosen)) if chosen.yanked.is_none() => chosen.yanked = Some(reason.to_owned()),
                _ => return pull.component(artefact, Some(version)).await,
            }
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact {
            true => write!(f, "oci://{}", self.reference),
            false => write!(f, "oci://{}", self.repository()),
        }
    }
}

/// A tag can not hold the `+` of a version, so it has `_` there, as is usual.
fn tag_of(version: &Version, form: Form) -> String {
    let tag = version.to_string().replace('+', "_");
    match form {
        Form::Component => tag,
        Form::Native => format!("{tag}-{TARGET}"),
    }
}

fn version_of(tag: &str, form: Form) -> Option<Version> {
    let tag = match form {
        // Those of libraries for other machines are no versions either.
        Form::Component if tag.contains("-linux-") => return None,
        Form::Component => tag,
        Form::Native => tag.strip_suffix(TARGET)?.strip_suffix('-')?,
    };
    Version::parse(&tag.replace('_', "+")).ok()
}

/// Registries on this very machine are spoken to without TLS, as Docker does.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A manifest that is one of a plugin.
struct Artefact {
    reference: Reference,
    digest: String,
    manifest: OciImageManifest,
}

impl Artefact {
    fn annotation(&self, key: &str) -> Option<&str> {
        let annotations = self.manifest.annotations.as_ref()?;
        annotations.get(key).map(String::as_str)
    }

    fn form(&self) -> Form {
        match self.manifest.config.media_type.as_str() {
            NATIVE_CONFIGURATION => Form::Native,
            _ => Form::Component,
        }
    }

    /// The layer that is the plugin.
    fn layer(&self) -> Result<&OciDescriptor> {
        let OciImageManifest { config, layers, .. } = &self.manifest;
        let refuse = |reason: String| {
            Err(invalid(
                "from",
                self.reference.whole(),
                reason,
                "push it in the standard form for components, for example with `wkg oci push`",
            ))
        };
        let wanted = match self.form() {
            Form::Component => COMPONENT,
            Form::Native => LIBRARY,
        };
        if self.form() == Form::Component && config.media_type != CONFIGURATION {
            return refuse(format!(
                "is no component: its configuration is {} and not {CONFIGURATION}",
                config.media_type
            ));
        }
        match layers.as_slice() {
            [layer] if layer.media_type != wanted => {
                refuse(format!("its layer is {} and not {wanted}", layer.media_type))
            }
            [layer] if u64::try_from(layer.size).is_ok_and(|size| size <= COMPONENT_LIMIT) => Ok(layer),
            [layer] => refuse(format!(
                "is too large: {} bytes, and {COMPONENT_LIMIT} are allowed",
                layer.size
            )),
            layers => refuse(format!("has {} layers and not one", layers.len())),
        }
    }
}

/// A conversation with one registry.
struct Pull {
    client: Client,
    auth: RegistryAuth,
}

impl Pull {
    async fn new(reference: &Reference, credentials: &CredentialStore) -> Result<Self> {
        // Whoever was first decides; both know the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let registry = reference.resolve_registry();
        let protocol = match is_loopback(registry) {
            true => ClientProtocol::HttpsExcept(vec![registry.to_owned()]),
            false => ClientProtocol::Https,
        };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            user_agent: concat!("mngr-docker/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| failed(reference, error))?;
        let found = credentials.find(&reference.whole()).await;
        let auth = match found.and_then(|found| found.basic()) {
            Some((user, password)) => RegistryAuth::Basic(user, password),
            None => RegistryAuth::Anonymous,
        };
        Ok(Self { client, auth })
    }

    async fn releases(&self, reference: &Reference, form: Form) -> Result<Vec<Release>> {
        let mut versions = BTreeSet::new();
        let mut last: Option<String> = None;
        for _ in 0..PAGES {
            let page = self
                .client
                .list_tags(reference, &self.auth, Some(PAGE), last.as_deref());
            let tags = page.await.map_err(|error| failed(reference, error))?.tags;
            let known = versions.len();
            versions.extend(tags.iter().filter_map(|tag| version_of(tag, form)));
            // Registries that know no pages give all of them again.
            let fresh = versions.len() > known || tags.last() != last.as_ref();
            match tags.into_iter().next_back() {
                Some(tag) if fresh => last = Some(tag),
                _ => break,
            }
        }
        let release = |version| Release { version, yanked: None };
        Ok(versions.into_iter().map(release).collect())
    }

    async fn artefact(&self, reference: Reference) -> Result<Artefact> {
        let (manifest, digest) = self
            .client
            .pull_manifest(&reference, &self.auth)
            .await
            .map_err(|error| failed(&reference, error))?;
        match manifest {
            OciManifest::Image(manifest) => Ok(Artefact {
                reference,
                digest,
                manifest,
            }),
            OciManifest::ImageIndex(_) => Err(invalid(
                "from",
                reference.whole(),
                "is an index of images for several platforms",
                "name a component, which is for all platforms, or the tag of a native library for this one",
            )),
        }
    }

    /// The plugin's bytes. That they are those of the manifest is looked at where all sources are.
    async fn component(&self, artefact: Artefact, version: Option<Version>) -> Result<Fetched> {
        let layer = artefact.layer()?;
        let reference = &artefact.reference;
        let fault = |error| failed(reference, error);
        let mut stream = self.client.pull_blob_stream(reference, layer).await.map_err(fault)?;
        let mut bytes = Vec::new();
        loop {
            let piece = stream.try_next().await.map_err(|error| fault(error.into()))?;
            let Some(piece) = piece else { break };
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > COMPONENT_LIMIT {
                return Err(invalid(
                    "from",
                    reference.whole(),
                    "its layer does not end",
                    "tell whoever keeps the registry",
                ));
            }
        }
        let Some(sha256) = layer.digest.strip_prefix("sha256:") else {
            return Err(invalid(
                "from",
                reference.whole(),
                format!("its layer is named by {}, and only SHA-256 is taken", layer.digest),
                "push it again with a usual client",
            ));
        };
        Ok(Fetched {
            origin: format!(
                "oci://{}@{}",
                reference.whole().split('@').next().unwrap_or_default(),
                artefact.digest
            ),
            bytes,
            version,
            sha256: Some(sha256.to_owned()),
            signature: artefact.annotation(SIGNATURE).map(str::to_owned),
        })
    }
}

/// What the registry's answer, or its silence, means.
fn failed(reference: &Reference, error: OciDistributionError) -> ProviderError {
    let registry = reference.resolve_registry();
    let subject = format!("oci://{}", reference.whole());
    let log_in = || {
        denied(
            "plugin.registry",
            format!(
                "the registry {registry} does not let us have {}",
                reference.repository()
            ),
            format!("log in: docker login {registry}"),
        )
    };
    let absent = || not_found(&subject, "the registry has no such thing", "check its name and its tag");
    match error {
        OciDistributionError::RegistryError { envelope, .. } => {
            let has = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
            if has(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::BlobUnknown,
            ]) {
                return absent();
            }
            if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                return log_in();
            }
            unavailable(
                subject,
                envelope.to_string(),
                "try again, or ask whoever keeps the registry",
            )
        }
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            absent()
        }
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401 | 403, .. } => log_in(),
        error => unavailable(subject, chain(&error), "see that the registry is there and speaks OCI"),
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_written_as_it_was_named() {
        for text in ["r.example:5000/team/x", "r.example/x:0.1.0", "127.0.0.1:5000/x"] {
            assert_eq!(
                Repository::parse(text).expect("a repository").to_string(),
                format!("oci://{text}")
            );
        }
        let digest = format!("r.example/x@sha256:{}", "ab".repeat(32));
        assert!(Repository::parse(&digest).expect("a digest").exact);
        assert!(Repository::parse("R/../x").is_err());
    }

    #[test]
    fn tags_are_versions_where_they_can_be() {
        let version = Version::parse("0.1.0+build.7").expect("a version");
        let form = Form::Component;
        assert_eq!(tag_of(&version, form), "0.1.0_build.7");
        assert_eq!(version_of("0.1.0_build.7", form), Some(version.clone()));
        assert_eq!(version_of("latest", form), None);
        let library = tag_of(&version, Form::Native);
        assert_eq!(library, format!("0.1.0_build.7-{TARGET}"));
        assert_eq!(version_of(&library, Form::Native), Some(version));
        assert_eq!(version_of(&library, form), None);
        assert_eq!(version_of("0.1.0-riscv64gc-unknown-linux-gnu", form), None);
        assert_eq!(version_of("0.1.0", Form::Native), None);
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for registry in ["127.0.0.1:5000", "localhost", "[::1]:5000", "127.8.8.8:1"] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in [
            "r.example:5000",
            "10.0.0.1",
            "localhost.example",
            "127.0.0.1.example:80",
        ] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }
}
