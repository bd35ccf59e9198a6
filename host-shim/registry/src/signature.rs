//! Signatures by minisign: who made a component, checked before a byte of it is looked at.

use std::path::Path;

use minisign_verify::{PublicKey, Signature};
use mngr_contract::error::{denied, invalid};
use mngr_contract::{ProviderError, Result};

use super::store::SIGNATURE_LIMIT;
use super::{PluginName, place};

/// A minisign public key, as `plugins.toml` has it.
pub(super) fn key(text: &str) -> Result<PublicKey> {
    PublicKey::from_base64(text.trim()).map_err(|error| {
        invalid(
            "public_key",
            text,
            format!("is no minisign key: {error}"),
            "give the second line of minisign.pub, 56 characters that begin with RW, or the path of that file",
        )
    })
}

/// A minisign public key as a person gives it: the key itself, or the path of the file that `minisign -G` wrote.
///
/// # Errors
/// `invalid-argument` for the field `public_key`.
pub fn read_public_key(text: &str, directory: &Path) -> Result<String> {
    if PublicKey::from_base64(text.trim()).is_ok() {
        return Ok(text.trim().to_owned());
    }
    let path = directory.join(text);
    let Ok(Some(bytes)) = place::read(&path, SIGNATURE_LIMIT) else {
        return key(text).map(|_| text.to_owned());
    };
    let written = String::from_utf8_lossy(&bytes);
    let line = written
        .lines()
        .find(|line| !line.starts_with("untrusted comment:"))
        .unwrap_or_default();
    key(line).map(|_| line.trim().to_owned())
}

/// Whether these bytes were signed with that key.
///
/// # Errors
/// `denied` by the rule `plugin.signature`, for a missing signature too.
pub(super) fn check(name: &PluginName, key_text: &str, bytes: &[u8], signature: Option<&str>) -> Result<()> {
    let refuse = |reason: String, remedy: &str| -> ProviderError { denied("plugin.signature", reason, remedy) };
    let key = key(key_text)?;
    let Some(signature) = signature else {
        return Err(refuse(
            format!("{name} is not signed, and plugins.toml has a public_key for it"),
            "get a version that is signed: its .minisig is beside the component",
        ));
    };
    let signature = Signature::decode(signature).map_err(|error| {
        refuse(
            format!("the signature of {name} is none: {error}"),
            "get the plugin and its .minisig again",
        )
    })?;
    key.verify(bytes, &signature, true).map_err(|error| {
        refuse(
            format!("the signature of {name} does not hold: {error}"),
            "it was changed, or signed by somebody else: ask its author, or correct public_key in plugins.toml",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature of `test` in the form that minisign writes today, which signs the file's hash.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";

    #[test]
    fn a_signature_by_minisign_itself_holds_for_those_very_bytes() {
        let name = "x".parse().expect("a name");
        check(&name, KEY, b"test", Some(SIGNATURE)).expect("it holds");
        assert!(check(&name, KEY, b"Test", Some(SIGNATURE)).is_err());
        assert!(check(&name, KEY, b"test", None).is_err());
        let commented = SIGNATURE.replace("file:test", "file:rest");
        assert!(check(&name, KEY, b"test", Some(&commented)).is_err());
        let error = check(&name, "nonsense", b"test", Some(SIGNATURE)).expect_err("no key");
        assert_eq!(error.field(), Some("public_key"));
    }
}
