//! An OCI registry: a plugin's versions are the tags of one repository, each in the form that the CNCF's TAG Runtime gives for
//! components: a configuration `application/vnd.wasm.config.v0+json` and one layer `application/wasm`. A native library has a tag
//! `VERSION-TARGET` and media types of its own.
//!
//! <https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>

mod conversation;

use std::collections::BTreeSet;
use std::fmt;

use mngr_contract::error::{denied, invalid, not_found, unavailable};
use mngr_contract::limits::{PLUGIN, REGISTRY_ANSWER, TAGS};
use mngr_contract::{ProviderError, Result};
use mngr_engine::credentials::CredentialStore;
use mngr_loader::{TARGET, sha256};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageManifest, OciManifest,
};
use oci_client::{ParseError, Reference};
use semver::Version;
use serde::Deserialize;

use self::conversation::{Conversation, Failure};
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
const PAGE: &str = "1000";
const PAGES: usize = 50;
/// Kinds of manifests that are known, of which one is taken: a registry may have nothing for one who does not know what it has.
const MANIFESTS: [&str; 4] = [
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
];

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

/// Gets what a plugin is made of out of a repository.
struct Pull {
    with: Conversation,
}

/// A page of a repository's tags.
#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Pull {
    async fn new(reference: &Reference, credentials: &CredentialStore) -> Result<Self> {
        let found = credentials.find(&reference.whole()).await;
        let login = found.and_then(|found| found.basic());
        let with = Conversation::new(reference, login).map_err(|failure| failed(reference, failure))?;
        Ok(Self { with })
    }

    async fn releases(&self, reference: &Reference, form: Form) -> Result<Vec<Release>> {
        let (mut versions, mut told) = (BTreeSet::new(), 0);
        let mut last: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = vec![("n", PAGE)];
            query.extend(last.as_deref().map(|last| ("last", last)));
            let page = self
                .with
                .get("tags/list", &query, "application/json", REGISTRY_ANSWER)
                .await;
            let page = page.map_err(|failure| failed(reference, failure))?;
            let tags = serde_json::from_slice::<Tags>(&page)
                .map_err(|error| not_understood(reference, &error))?
                .tags;
            let tags = tags.unwrap_or_default();
            told += tags.len();
            TAGS.check(told)
                .map_err(|exceeded| exceeded.about(subject(reference)))?;
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
        let named = reference.digest().or(reference.tag()).unwrap_or("latest");
        let path = format!("manifests/{named}");
        let body = self.with.get(&path, &[], &MANIFESTS.join(", "), REGISTRY_ANSWER).await;
        let body = body.map_err(|failure| failed(&reference, failure))?;
        let digest = format!("sha256:{}", sha256(&body));
        if let Some(wanted) = reference.digest().filter(|wanted| *wanted != digest) {
            return Err(unavailable(
                subject(&reference),
                format!("the registry sent the manifest {digest} for {wanted}"),
                "tell whoever keeps the registry, and trust nothing it sends",
            ));
        }
        match serde_json::from_slice(&body).map_err(|error| not_understood(&reference, &error))? {
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
        let Some(sha256) = layer.digest.strip_prefix("sha256:") else {
            return Err(invalid(
                "from",
                reference.whole(),
                format!("its layer is named by {}, and only SHA-256 is taken", layer.digest),
                "push it again with a usual client",
            ));
        };
        let path = format!("blobs/{}", layer.digest);
        let bytes = self.with.get(&path, &[], "*/*", PLUGIN).await;
        Ok(Fetched {
            origin: format!(
                "oci://{}@{}",
                reference.whole().split('@').next().unwrap_or_default(),
                artefact.digest
            ),
            bytes: bytes.map_err(|failure| failed(reference, failure))?,
            version,
            sha256: Some(sha256.to_owned()),
            signature: artefact.annotation(SIGNATURE).map(str::to_owned),
        })
    }
}

fn subject(reference: &Reference) -> String {
    format!("oci://{}", reference.whole())
}

fn not_understood(reference: &Reference, error: &serde_json::Error) -> ProviderError {
    unavailable(
        subject(reference),
        format!("the registry's answer was not understood: {error}"),
        "see that the registry is there and speaks OCI",
    )
}

/// What the registry's answer, or its silence, means.
fn failed(reference: &Reference, failure: Failure) -> ProviderError {
    let registry = reference.resolve_registry();
    match failure {
        Failure::Absent => not_found(
            subject(reference),
            "the registry has no such thing",
            "check its name and its tag",
        ),
        Failure::NotLetIn => denied(
            "plugin.registry",
            format!(
                "the registry {registry} does not let us have {}",
                reference.repository()
            ),
            format!("log in: docker login {registry}"),
        ),
        Failure::Exceeded(exceeded) => exceeded.about(subject(reference)),
        Failure::Broken(reason) => unavailable(
            subject(reference),
            reason,
            "see that the registry is there and speaks OCI, or ask whoever keeps it",
        ),
    }
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
}
