//! What only later engines can: an older one would drop it without a word, so it is refused before it is asked.

use mngr_contract::Result;
use mngr_contract::docker::ContainerSpec;
use mngr_contract::error::unsupported;

use super::system::ApiVersion;

/// Whether an engine that speaks `api` takes all of the spec.
///
/// # Errors
/// `unsupported`, naming the flag, the version that is needed and the one that is there.
pub(super) fn check(spec: &ContainerSpec, api: ApiVersion) -> Result<()> {
    let mounts = |wanted: &[&str]| {
        let has = |kind: &str| wanted.contains(&kind);
        spec.mounts
            .iter()
            .any(|mount| mount.bind_recursive.as_deref().is_some_and(has))
    };
    let subpath = spec.mounts.iter().any(|mount| mount.volume_subpath.is_some());
    let start_interval = spec
        .healthcheck
        .as_ref()
        .is_some_and(|check| check.start_interval.is_some());
    let newer = [
        ("--annotation", !spec.annotations.is_empty(), ApiVersion(1, 43), "24.0"),
        (
            "more than one --network",
            !spec.networks.is_empty(),
            ApiVersion(1, 44),
            "25.0",
        ),
        ("--health-start-interval", start_interval, ApiVersion(1, 44), "25.0"),
        (
            "--mount bind-recursive",
            mounts(&["writable", "readonly"]),
            ApiVersion(1, 44),
            "25.0",
        ),
        ("--mount volume-subpath", subpath, ApiVersion(1, 45), "26.0"),
    ];
    match newer
        .into_iter()
        .find(|(_, asked_for, needs, _)| *asked_for && api < *needs)
    {
        None => Ok(()),
        Some((flag, _, needs, engine)) => Err(unsupported(
            flag,
            format!(
                "it needs API {}.{} (Docker Engine {engine}), and this engine speaks {}.{}",
                needs.0, needs.1, api.0, api.1
            ),
            "leave it out, or use a newer engine",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_is_too_old_for_names_both_versions() {
        let spec = ContainerSpec {
            annotations: vec![("a".to_owned(), "b".to_owned())],
            ..ContainerSpec::default()
        };
        let error = check(&spec, ApiVersion(1, 41)).expect_err("too old");
        assert_eq!(error.kind(), "unsupported");
        for part in ["--annotation", "1.43", "1.41"] {
            assert!(error.message().contains(part), "{}", error.message());
        }
        assert!(check(&spec, ApiVersion(1, 43)).is_ok());
        assert!(check(&ContainerSpec::default(), ApiVersion(1, 41)).is_ok());
    }
}
