//! A directory registry: any directory, local or mounted, that has
//!
//! ```text
//! NAME/VERSION.wasm            the component
//! NAME/VERSION-TARGET.so       the same as a native library for that target
//! NAME/VERSION.wasm.sha256     its digest, as `sha256sum` writes it; a library has one too
//! NAME/VERSION.wasm.minisig    its signature, where it is signed
//! NAME/VERSION.yanked          there where the version was withdrawn; holds the reason
//! ```
//!
//! A version without its digest is not there yet: whoever publishes one copies the digest last.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mngr_contract::Result;
use mngr_contract::error::not_found;
use mngr_loader::TARGET;
use semver::Version;

use super::{
    COMPONENT_LIMIT, Fetched, Form, NOTE_LIMIT, PluginName, Release, digest_in, signature_beside, with_suffix,
};
use crate::place;

/// What follows the version in the name of a file of that form.
fn ending(form: Form) -> String {
    match form {
        Form::Component => ".wasm".to_owned(),
        Form::Native => format!("-{TARGET}.so"),
    }
}

fn file_of(directory: &Path, name: &PluginName, version: &Version, form: Form) -> PathBuf {
    directory.join(name.as_str()).join(format!("{version}{}", ending(form)))
}

/// The versions of a plugin that are there whole in that form.
pub(super) fn releases(directory: &Path, name: &PluginName, form: Form) -> Result<Vec<Release>> {
    let folder = directory.join(name.as_str());
    let files = match fs::read_dir(&folder) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(place::failed("listed", &folder, &error)),
    };
    let mut releases = Vec::new();
    for file in files.flatten() {
        let file = file.file_name();
        let Some(stem) = file.to_str().and_then(|file| file.strip_suffix(&ending(form))) else {
            continue;
        };
        let Ok(version) = Version::parse(stem) else {
            continue;
        };
        if !with_suffix(&file_of(directory, name, &version, form), ".sha256").is_file() {
            continue;
        }
        let yanked = place::read(&folder.join(format!("{version}.yanked")), NOTE_LIMIT)?;
        releases.push(Release {
            version,
            yanked: yanked.map(|reason| String::from_utf8_lossy(&reason).trim().to_owned()),
        });
    }
    Ok(releases)
}

/// Reads one version.
pub(super) fn fetch(directory: &Path, name: &PluginName, version: &Version, form: Form) -> Result<Fetched> {
    let path = file_of(directory, name, version, form);
    let gone = || not_found(path.display().to_string(), "it went while it was read", "try again");
    Ok(Fetched {
        origin: path.display().to_string(),
        bytes: place::read(&path, COMPONENT_LIMIT)?.ok_or_else(gone)?,
        version: Some(version.clone()),
        sha256: Some(digest_in(&with_suffix(&path, ".sha256"))?.ok_or_else(gone)?),
        signature: signature_beside(&path)?,
    })
}
