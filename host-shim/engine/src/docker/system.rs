//! The engine itself: whether it is one, whether it is new enough, and what it says of itself.

use bollard::errors::Error;
use http::{HeaderMap, Method};
use mngr_contract::docker::{DiscoveredDevice, EngineInfo, EngineVersion};
use mngr_contract::error::{unavailable, unsupported};
use mngr_contract::{ProviderError, Result};

use super::DockerEngine;
use super::convert_values::{or_default, unsigned};
use super::requests::empty;

/// A version of the engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ApiVersion(pub(super) u32, pub(super) u32);

/// The oldest API that is spoken: Engine 20.10.
const OLDEST: ApiVersion = ApiVersion(1, 41);

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl DockerEngine {
    /// Finds out, once, whether the engine is there and new enough. A failure is not remembered.
    pub(super) async fn check(&self) -> Result<ApiVersion> {
        if let Some(api) = self.shared.api.get() {
            return Ok(*api);
        }
        let operation = self.reads("reach", "the engine", "");
        // The wait for another call's check counts too, so that a hundred calls to an engine that hangs end together.
        let checked = self.shared.api.get_or_try_init(|| async {
            let answer = self.run_now(operation, self.ping()).await?;
            self.judge(&answer)
        });
        match tokio::time::timeout(operation.deadline, checked).await {
            Ok(checked) => checked.copied(),
            Err(_) => Err(super::errors::late(&self.shared.endpoint, &operation)),
        }
    }

    async fn ping(&self) -> std::result::Result<HeaderMap, Error> {
        self.headers(self.request(Method::GET, "/_ping", &[], empty())?).await
    }

    fn judge(&self, ping: &HeaderMap) -> Result<ApiVersion> {
        let header = |name| ping.get(name).and_then(|value| value.to_str().ok());
        let api = header("api-version").and_then(ApiVersion::parse);
        let engine = header("server").unwrap_or("the engine");
        match api {
            None => Err(self.no_engine()),
            Some(api) if api < OLDEST => Err(unsupported(
                format!("the Docker engine at {}", self.shared.endpoint.address),
                format!(
                    "{engine} speaks API {}.{} at most, and {}.{} is needed",
                    api.0, api.1, OLDEST.0, OLDEST.1
                ),
                "upgrade Docker to 20.10 or later",
            )),
            Some(api) => Ok(api),
        }
    }

    fn no_engine(&self) -> ProviderError {
        unavailable(
            format!("the Docker engine at {}", self.shared.endpoint.address),
            "what answers there is no Docker engine: it does not name the API it speaks",
            "correct `host` or DOCKER_HOST",
        )
    }
}

pub(super) async fn version(engine: &DockerEngine) -> Result<EngineVersion> {
    let operation = engine.reads("ask the version of", "the engine", "");
    let version = engine.run(operation, engine.docker().version()).await?;
    Ok(EngineVersion {
        version: or_default(version.version),
        api_version: or_default(version.api_version),
        min_api_version: or_default(version.min_api_version),
        os: or_default(version.os),
        architecture: or_default(version.arch),
        kernel: or_default(version.kernel_version),
    })
}

pub(super) async fn info(engine: &DockerEngine) -> Result<EngineInfo> {
    let operation = engine.reads("ask about", "the engine", "");
    let info = engine.run(operation, engine.docker().info()).await?;
    let mut runtimes: Vec<_> = or_default(info.runtimes).into_keys().collect();
    runtimes.sort();
    let devices = or_default(info.discovered_devices).into_iter();
    Ok(EngineInfo {
        id: or_default(info.id),
        name: or_default(info.name),
        cpus: u32::try_from(or_default(info.ncpu)).unwrap_or_default(),
        memory_bytes: unsigned(info.mem_total),
        storage_driver: or_default(info.driver),
        cgroup_version: info
            .cgroup_version
            .map(|version| version.to_string())
            .unwrap_or_default(),
        root_dir: or_default(info.docker_root_dir),
        default_runtime: or_default(info.default_runtime),
        runtimes,
        security_options: or_default(info.security_options),
        discovered_devices: devices
            .map(|device| DiscoveredDevice {
                source: or_default(device.source),
                id: or_default(device.id),
            })
            .collect(),
        cdi_spec_dirs: or_default(info.cdi_spec_dirs),
        live_restore: or_default(info.live_restore_enabled),
        warnings: or_default(info.warnings),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(ApiVersion::parse("1.9") < ApiVersion::parse("1.41"));
        assert!(ApiVersion::parse("2.0") > ApiVersion::parse("1.53"));
        assert_eq!(ApiVersion::parse("new"), None);
    }
}
