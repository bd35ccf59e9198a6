//! What gives a container power over the machine: privileges, capabilities, devices, GPUs, security options.

use mngr_contract::Result;
use mngr_contract::docker::ContainerSpec;
use mngr_contract::types::DeviceRequest;

use super::grant::{Grant, Need};
use super::{Policy, Rule, Wanted};

/// What the engine gives to a container whose image asks for it, by NVIDIA's runtime.
const VISIBLE_DEVICES: &str = "NVIDIA_VISIBLE_DEVICES=";

/// Capabilities that every engine gives to a container anyway: those of Podman, all of which are Docker's too. To add one after
/// `--cap-drop` asks for less than no word of it.
const ALWAYS_GIVEN: [&str; 11] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

impl Policy {
    pub(super) fn security(&self, spec: &ContainerSpec) -> Result<()> {
        if spec.privileged {
            self.may(Rule::Privileged, "--privileged")?;
        }
        for capability in &spec.cap_add {
            let plain = capability.trim().to_uppercase();
            let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
            if ALWAYS_GIVEN.contains(&plain) {
                continue;
            }
            self.may_name(Rule::Capabilities, &[plain], &format!("--cap-add {plain}"))?;
        }
        for device in spec.devices.iter().filter(|device| !is_gpu(&device.host_path)) {
            let path = device.host_path.as_str();
            // No other spelling than the one that is named.
            let names = if super::plain(path) == path { &[path][..] } else { &[] };
            self.may_name(Rule::Devices, names, &format!("--device {path}"))?;
        }
        for rule in &spec.device_cgroup_rules {
            self.may_name(Rule::DeviceRules, &[rule], &format!("--device-cgroup-rule {rule}"))?;
        }
        for (name, _) in &spec.sysctls {
            self.may_name(Rule::Sysctls, &[name], &format!("--sysctl {name}"))?;
        }
        if let Some(parent) = spec.cgroup_parent.as_deref().filter(|parent| !parent.is_empty()) {
            self.may_name(Rule::CgroupParent, &[parent], &format!("--cgroup-parent {parent}"))?;
        }
        for option in &spec.security_options {
            self.security_option(option)?;
        }
        if let Some(runtime) = spec.runtime.as_deref().filter(|runtime| !runtime.is_empty()) {
            self.may_name(Rule::Runtime, &[runtime], &format!("--runtime {runtime}"))?;
        }
        if !spec.annotations.is_empty() {
            self.may(Rule::Annotations, "--annotation")?;
        }
        if let Some(log) = spec.log_config.as_ref().filter(|log| !log.driver.is_empty()) {
            self.may_name(
                Rule::LogDrivers,
                &[&log.driver],
                &format!("--log-driver {}", log.driver),
            )?;
        }
        let nodes = spec.devices.iter().filter(|device| is_gpu(&device.host_path)).count();
        let by_environment = spec.env.iter().filter_map(|pair| pair.strip_prefix(VISIBLE_DEVICES));
        self.gpus(
            &spec.limits.gpus,
            nodes,
            by_environment.flat_map(|devices| devices.split(',')),
        )
    }

    /// What of the machine the options of a log driver name: sockets to write to, and certificates and keys to read.
    pub(super) fn log_places(&self, spec: &ContainerSpec) -> Result<Vec<Wanted>> {
        let log = spec.log_config.as_ref();
        let options = log.into_iter().flat_map(|log| &log.options);
        let mut places = Vec::new();
        for (key, value) in options {
            let value = value.trim();
            let scheme = value
                .split_once("://")
                .map(|(scheme, rest)| (scheme.to_lowercase(), rest));
            let (path, read_only) = match &scheme {
                Some((scheme, path)) if scheme.starts_with("unix") => (*path, false),
                Some((scheme, path)) if scheme == "file" => (*path, true),
                Some(_) => continue,
                None if value.starts_with('/') => (value, true),
                None => continue,
            };
            let what = format!("the log option {key}");
            if !path.starts_with('/') {
                self.may_name(
                    Rule::Binds,
                    &[],
                    &format!("{what} with a path that is not absolute, {path},"),
                )?;
            }
            places.push(Wanted {
                what,
                ..Wanted::mount(Rule::Binds, path, read_only)
            });
        }
        Ok(places)
    }

    fn security_option(&self, option: &str) -> Result<()> {
        let option = option.trim().replacen(':', "=", 1);
        let (name, value) = option.split_once('=').unwrap_or((&option, ""));
        let (name, value) = (name.to_lowercase(), value.trim().to_lowercase());
        let shown = format!("--security-opt {name}");
        let is_harmless = match name.as_str() {
            // As Go reads a truth. An engine may have it set for all, and `false` would take it off.
            "no-new-privileges" => matches!(value.as_str(), "" | "true" | "t" | "1"),
            "systempaths" => return self.may(Rule::MaskedPaths, &shown),
            // Also as a part of a stack, or in a namespace of its own.
            "apparmor" => !value.contains("unconfined"),
            // A profile of one's own may allow as much as none.
            "seccomp" => matches!(value.as_str(), "" | "builtin"),
            "label" => !value.contains("disable") && ["level=", "level:"].iter().any(|level| value.starts_with(level)),
            _ => false,
        };
        if is_harmless {
            return Ok(());
        }
        // A profile is a whole document.
        let named = match value.len() > 64 || value.contains('{') {
            true => format!("{name}=*"),
            false => format!("{name}={value}"),
        };
        let what = match value.as_str() {
            "unconfined" | "disable" => format!("--security-opt {named}"),
            _ => shown,
        };
        self.may_name(Rule::SecurityOptions, &[&named, &option], &what)
    }

    /// Whether a container may have these devices: those that are requested, nodes in `/dev`, and names in its environment.
    ///
    /// # Errors
    /// `denied` for more GPUs than are granted, and for devices that are none.
    pub fn gpus<'a>(
        &self,
        requests: &[DeviceRequest],
        nodes: usize,
        by_environment: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let mut count = u32::try_from(nodes).unwrap_or(u32::MAX);
        for request in requests {
            for id in request.device_ids.iter().filter(|id| !is_gpu_of_cdi(id)) {
                self.may_name(Rule::Devices, &[id], &format!("--device {id}"))?;
            }
            count = count.saturating_add(asked_for(request));
        }
        for name in by_environment.filter(|name| !matches!(*name, "" | "none" | "void")) {
            count = match name {
                "all" => u32::MAX,
                _ => count.saturating_add(1),
            };
        }
        match self.grant(Rule::Gpu) {
            Grant::Count(Some(most)) if count > *most => {
                let (need, what) = match count {
                    u32::MAX => (Need::Any, "all GPUs".to_owned()),
                    1 => (Need::Count(1), "a GPU".to_owned()),
                    count => (Need::Count(count), format!("{count} GPUs")),
                };
                Err(self.refusal(Rule::Gpu, need, &what))
            }
            _ => Ok(()),
        }
    }
}

/// How many a request asks for.
fn asked_for(request: &DeviceRequest) -> u32 {
    let named = u32::try_from(request.device_ids.len()).unwrap_or(u32::MAX);
    let is_all = request.device_ids.iter().any(|id| id == "all" || id.ends_with("=all"));
    match request.count {
        _ if is_all => u32::MAX,
        Some(count) if named == 0 => u32::try_from(count).unwrap_or(u32::MAX),
        None if named == 0 => u32::MAX,
        Some(_) | None => named,
    }
}

/// Whether it is a node through which a GPU of AMD or Intel is reached. They are to such a GPU what `--gpus` is to NVIDIA's.
pub(super) fn is_gpu(path: &str) -> bool {
    let numbered = |prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    path == "/dev/kfd" || numbered("/dev/dri/card") || numbered("/dev/dri/renderD")
}

/// Whether an id is a GPU's: one of CDI's names `VENDOR/CLASS=NAME` is where its class is `gpu`, any other id is the driver's.
fn is_gpu_of_cdi(id: &str) -> bool {
    match id.split_once('=') {
        Some((kind, _)) => kind.rsplit('/').next() == Some("gpu"),
        None => !id.contains('/'),
    }
}
