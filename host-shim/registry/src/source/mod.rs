//! Where plugins are got: a file, a directory registry, an OCI registry.

mod directory;
mod file;
mod oci;

use std::fmt;
use std::path::{Path, PathBuf};

use semver::Version;

use super::{Form, PluginName, PluginPin, place};
use crate::consent::Consent;
use crate::lock::is_sha256;
use mngr_contract::Result;
use mngr_contract::error::{invalid, not_found};
use mngr_engine::credentials::CredentialStore;
pub(super) use mngr_loader::COMPONENT_LIMIT;

/// The longest digest file or note, in bytes.
const NOTE_LIMIT: u64 = 4 << 10;

/// What may be named as a source.
const SOURCES: &str = "name a file, a directory, or oci://REGISTRY/REPOSITORY";

/// Where a plugin is got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or a directory, which of the two is seen when it is used.
    Path(PathBuf),
    /// A repository of an OCI registry.
    Oci(oci::Repository),
}

/// A version that a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Release {
    pub version: Version,
    /// Why it was withdrawn, where it was.
    pub yanked: Option<String>,
}

/// A plugin as it came, and what its source says of it. Nothing of it has been believed yet.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Where it is from, exactly.
    pub origin: String,
    pub bytes: Vec<u8>,
    pub version: Option<Version>,
    pub sha256: Option<String>,
    pub signature: Option<String>,
}

impl Source {
    /// What a person wrote: `oci://…`, or a path, relative to `directory`.
    ///
    /// # Errors
    /// `invalid-argument` for the field `from`.
    pub fn parse(text: &str, directory: &Path, home: Option<&Path>) -> Result<Self> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(invalid("from", text, "is no source", SOURCES));
        }
        if let Some(repository) = text.strip_prefix("oci://") {
            return match oci::Repository::parse(repository) {
                Ok(repository) => Ok(Self::Oci(repository)),
                Err(error) => Err(invalid("from", text, format!("is no repository: {error}"), SOURCES)),
            };
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(invalid(
                "from",
                text,
                format!("plugins are not got by `{scheme}`"),
                SOURCES,
            ));
        }
        let path = match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => directory.join(text),
        };
        // `./x` and `x` are one place, also in what is written down.
        Ok(Self::Path(path.components().collect()))
    }

    /// The best version that fits, as it is there now.
    pub(super) async fn fetch(
        &self,
        credentials: &CredentialStore,
        pin: &PluginPin,
        consent: Consent,
    ) -> Result<Fetched> {
        match self {
            Self::Oci(repository) => repository.fetch(credentials, pin, consent).await,
            Self::Path(path) if path.is_dir() => {
                let (form, releases) = offered(&pin.name, path.display(), consent, async |form| {
                    directory::releases(path, &pin.name, form)
                })
                .await?;
                let chosen = choose(&self.to_string(), pin, releases, consent)?;
                directory::fetch(path, &pin.name, &chosen, form)
            }
            Self::Path(path) => file::fetch(path),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Oci(repository) => write!(f, "{repository}"),
        }
    }
}

/// What a source has in the form that is wanted: native libraries for this machine where they are agreed to and there are any,
/// else components. Where there are only libraries, that is to be agreed to.
async fn offered(
    name: &PluginName,
    source: impl fmt::Display,
    consent: Consent,
    releases: impl AsyncFn(Form) -> Result<Vec<Release>>,
) -> Result<(Form, Vec<Release>)> {
    if consent.native {
        let libraries = releases(Form::Native).await?;
        if !libraries.is_empty() {
            return Ok((Form::Native, libraries));
        }
    }
    let components = releases(Form::Component).await?;
    if components.is_empty() && !consent.native && !releases(Form::Native).await?.is_empty() {
        consent.to_native(name, &source.to_string())?;
    }
    Ok((Form::Component, components))
}

/// The newest version that fits and was not withdrawn; one that was only where that is agreed to.
fn choose(source: &str, pin: &PluginPin, releases: Vec<Release>, consent: Consent) -> Result<Version> {
    let fits = |version: &Version| match &pin.range {
        Some(range) => range.matches(version),
        // What is not finished is taken only where a range names it.
        None => version.pre.is_empty(),
    };
    let newest = |yanked: bool| {
        let fitting = releases.iter().filter(|release| fits(&release.version));
        fitting
            .filter(|release| yanked || release.yanked.is_none())
            .max_by(|a, b| a.version.cmp(&b.version))
    };
    if let Some(release) = newest(false) {
        return Ok(release.version.clone());
    }
    if let Some(Release { version, yanked }) = newest(true) {
        consent.to_yanked(&pin.name, &version.to_string(), yanked.as_deref().unwrap_or_default())?;
        return Ok(version.clone());
    }
    let mut versions: Vec<_> = releases.iter().map(|release| &release.version).collect();
    versions.sort();
    let versions: Vec<_> = versions.into_iter().map(ToString::to_string).collect();
    Err(not_found(
        format!("plugin `{pin}`"),
        match versions.is_empty() {
            true => format!("{source} has no version of {}", pin.name),
            false => format!("{source} has no version in that range; it has {}", versions.join(", ")),
        },
        "name another range or another source",
    ))
}

/// The digest in a file as `sha256sum` writes it.
fn digest_in(path: &Path) -> Result<Option<String>> {
    let Some(bytes) = place::read(path, NOTE_LIMIT)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let word = text
        .split_ascii_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if is_sha256(&word) {
        return Ok(Some(word));
    }
    Err(invalid(
        "from",
        path.display().to_string(),
        "it does not begin with a SHA-256",
        "make it with `sha256sum FILE.wasm > FILE.wasm.sha256`",
    ))
}

/// The path with this behind its name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn signature_beside(path: &Path) -> Result<Option<String>> {
    let bytes = place::read(&with_suffix(path, ".minisig"), super::store::SIGNATURE_LIMIT)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, yanked: Option<&str>) -> Release {
        Release {
            version: version.parse().expect("a version"),
            yanked: yanked.map(str::to_owned),
        }
    }

    fn chosen(pin: &str, consent: Consent) -> Result<String> {
        let releases = vec![
            release("0.1.0", None),
            release("0.1.2", Some("loses data")),
            release("0.1.1", None),
            release("0.2.0", Some("")),
            release("0.3.0-rc.1", None),
        ];
        choose("/srv", &pin.parse().expect("a pin"), releases, consent).map(|version| version.to_string())
    }

    #[test]
    fn the_newest_version_that_fits_and_was_not_withdrawn_is_chosen() {
        let none = Consent::default();
        assert_eq!(chosen("x", none).as_deref().ok(), Some("0.1.1"));
        assert_eq!(chosen("x@=0.1.0", none).as_deref().ok(), Some("0.1.0"));
        assert_eq!(chosen("x@>=0.3.0-rc", none).as_deref().ok(), Some("0.3.0-rc.1"));
        let yanked = chosen("x@=0.1.2", none).expect_err("withdrawn").message();
        assert!(
            yanked.contains("plugin.yanked") && yanked.contains("loses data"),
            "{yanked}"
        );
        let agreed = Consent { yanked: true, ..none };
        assert_eq!(chosen("x@^0.2", agreed).as_deref().ok(), Some("0.2.0"));
        assert_eq!(
            chosen("x@^0.1", agreed).as_deref().ok(),
            Some("0.1.1"),
            "one that was not is better"
        );
        let absent = chosen("x@^7", none).expect_err("not there").message();
        assert!(absent.contains("0.1.0, 0.1.1, 0.1.2, 0.2.0"), "{absent}");
    }

    #[test]
    fn a_source_is_a_path_that_holds_wherever_it_is_read() {
        let parse = |text: &str| Source::parse(text, Path::new("/srv"), Some(Path::new("/home/me")));
        assert_eq!(parse("./x.wasm").expect("a path").to_string(), "/srv/x.wasm");
        assert_eq!(parse("~/plugins/").expect("a path").to_string(), "/home/me/plugins");
        assert_eq!(parse("/srv").expect("a path").to_string(), "/srv");
        assert!(parse("ftp://x/y").expect_err("no").message().contains("`ftp`"));
        assert!(parse("").is_err());
    }
}
