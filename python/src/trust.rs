//! Trust of settings files that mngr reads itself: what `mngr-docker trust` does, for the package to do too.

use std::path::PathBuf;

use mngr_host_shim::config::{self, SettingsFile};
use mngr_host_shim::environment::Environment;
use mngr_host_shim::trust::TrustStore;
use pyo3::prelude::*;
use serde_json::json;

use crate::convert::{Answer, to_python};
use crate::error;

/// Raises a `ProviderError` where the table of one provider in a directory's settings file has a setting that takes effect only once
/// the file is trusted. `remedy` is what to do then. A file that is not there, and the user's own in their home, is fine.
#[pyfunction]
pub fn check_trust(py: Python<'_>, path: PathBuf, provider: &str, remedy: &str) -> PyResult<()> {
    config::check_trust(&path, provider, remedy, &Environment::of_process())
        .map_err(|fault| error::raised(py, &fault.into()))
}

/// A settings file as it is now: a dict with its real `path`, the `sha256` of its bytes, whether it is `trusted`, and the `settings`
/// that take effect only then, each with `field`, `value` and `reason`.
#[pyfunction]
pub fn read_settings_file(py: Python<'_>, path: PathBuf) -> Answer<'_> {
    let environment = Environment::of_process();
    let read = SettingsFile::read(&path, &environment).map_err(|fault| error::raised(py, &fault.into()))?;
    let trusted = TrustStore::of_user(&environment)
        .and_then(|store| store.trusts(&read.path, &read.sha256))
        .map_err(|failure| error::raised(py, &failure))?;
    let settings = read.needs_trust.iter();
    let settings: Vec<_> = settings
        .map(|need| json!({ "field": need.field, "value": need.value, "reason": need.reason }))
        .collect();
    let path = read.path.display().to_string();
    to_python(
        py,
        &json!({ "path": path, "sha256": read.sha256, "trusted": trusted, "settings": settings }),
    )
}

/// Trusts the file at this real path with the bytes of that SHA-256, and with no others.
#[pyfunction]
pub fn trust_file(py: Python<'_>, path: PathBuf, sha256: &str) -> PyResult<()> {
    TrustStore::of_user(&Environment::of_process())
        .and_then(|store| store.trust(&path, sha256))
        .map_err(|failure| error::raised(py, &failure))
}

/// Trusts a file no longer. Whether it was trusted.
#[pyfunction]
pub fn revoke_trust(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
    let environment = Environment::of_process();
    let path = SettingsFile::real_path(&path, &environment);
    TrustStore::of_user(&environment)
        .and_then(|store| store.revoke(&path))
        .map_err(|failure| error::raised(py, &failure))
}
