//! One plugin in a file, with its digest (`.sha256`) and its signature (`.minisig`) beside it where there are any.

use std::path::Path;

use mngr_contract::Result;
use mngr_contract::error::not_found;

use super::{COMPONENT_LIMIT, Fetched, digest_in, signature_beside, with_suffix};
use crate::place;

/// Reads it.
pub(super) fn fetch(path: &Path) -> Result<Fetched> {
    let Some(bytes) = place::read(path, COMPONENT_LIMIT)? else {
        return Err(not_found(
            format!("the source {}", path.display()),
            "there is no such file or directory",
            "name a plugin's file, or a directory with NAME/VERSION.wasm in it",
        ));
    };
    Ok(Fetched {
        origin: path.display().to_string(),
        bytes,
        version: None,
        sha256: digest_in(&with_suffix(path, ".sha256"))?,
        signature: signature_beside(path)?,
    })
}
