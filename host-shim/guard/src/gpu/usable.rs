//! Whether the engine can hand a device out, how, and why not.

use mngr_contract::docker::EngineInfo;
use mngr_contract::gpu::HandOut;

use super::sighting::Sighting;

/// What the engine and its machine have for that.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// NVIDIA's hook, where it was found.
    pub hook: Option<String>,
    /// The engine has a runtime called `nvidia`.
    pub runtime: bool,
    /// The engine knows CDI.
    pub cdi: bool,
    /// Names that the engine has found by CDI itself.
    pub discovered: Vec<String>,
    /// `/dev/kfd` and its group, without which AMD's devices do not compute.
    pub kfd: bool,
    /// Whether the machine was asked.
    pub complete: bool,
    /// What `nvidia-smi` said in place of an answer.
    pub driver_fault: Option<String>,
}

/// Directories of programs that an engine has on its PATH.
pub const PROGRAM_DIRECTORIES: [&str; 7] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
    "/sbin",
    "/usr/local/nvidia/toolkit",
];
/// What an engine looks for at its start to know NVIDIA's driver.
pub const HOOK: &str = "nvidia-container-runtime-hook";

impl Means {
    /// What the engine alone tells.
    pub fn of_engine(info: &EngineInfo) -> Self {
        let discovered: Vec<_> = info
            .discovered_devices
            .iter()
            .filter(|device| device.source == "cdi")
            .map(|device| device.id.clone())
            .collect();
        Self {
            runtime: info.runtimes.iter().any(|name| name == "nvidia"),
            cdi: !info.cdi_spec_dirs.is_empty() || !discovered.is_empty(),
            discovered,
            ..Self::default()
        }
    }

    /// The ways in which a device can be handed out, the best first, or why there is none.
    pub fn judge(&self, device: &Sighting) -> (Vec<HandOut>, Option<String>) {
        let by_cdi = self.cdi && device.cdi_name.is_some();
        let mut ways = Vec::new();
        let reason = match device.vendor {
            "nvidia" => {
                ways.extend(self.hook.is_some().then_some(HandOut::DeviceRequest));
                ways.extend(by_cdi.then_some(HandOut::Cdi));
                ways.extend(self.runtime.then_some(HandOut::Runtime));
                self.nvidia_reason(device)
            }
            vendor => {
                let no_kfd = vendor == "amd" && !self.kfd && self.complete;
                ways.extend(by_cdi.then_some(HandOut::Cdi));
                ways.extend((!device.nodes.is_empty() && !no_kfd).then_some(HandOut::Nodes));
                match (no_kfd, device.nodes.is_empty()) {
                    (true, _) => {
                        "the machine has no /dev/kfd: load the kernel module amdgpu with its compute driver".to_owned()
                    }
                    (false, true) => "it has no node in /dev/dri: load the kernel module of its driver".to_owned(),
                    (false, false) => String::new(),
                }
            }
        };
        let fault = match device.vendor {
            "nvidia" if device.partitioned => {
                Some("MIG mode is on, so its partitions are handed out in its place".to_owned())
            }
            "nvidia" => {
                let own = device.fault.as_ref();
                let own = own.map(|fault| format!("NVIDIA's driver says of it: {fault}"));
                let of_all = self.driver_fault.as_ref();
                own.or_else(|| of_all.map(|fault| format!("NVIDIA's driver does not work: {fault}")))
            }
            _ => None,
        };
        match fault.or_else(|| ways.is_empty().then_some(reason)) {
            Some(reason) => (Vec::new(), Some(reason)),
            None => (ways, None),
        }
    }

    fn nvidia_reason(&self, device: &Sighting) -> String {
        let cdi = match (self.cdi, &device.cdi_name) {
            (false, Some(name)) => {
                format!("its CDI name is {name}, but the engine has no CDI (25.0 or later, with the feature `cdi`)")
            }
            (false, None) => "the engine has no CDI".to_owned(),
            (true, _) => {
                "no CDI specification names it (nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml)".to_owned()
            }
        };
        format!(
            "the engine has no runtime `nvidia`, {HOOK} is not in {}, and {cdi}: install nvidia-container-toolkit and restart the engine",
            PROGRAM_DIRECTORIES.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Sighting {
        Sighting {
            cdi_name: Some("nvidia.com/gpu=0".to_owned()),
            ..Sighting::new("test", "nvidia")
        }
    }

    #[test]
    fn the_hook_comes_before_cdi_and_cdi_before_the_runtime() {
        let all = Means {
            hook: Some("/usr/bin/hook".to_owned()),
            runtime: true,
            cdi: true,
            ..Means::default()
        };
        let (ways, reason) = all.judge(&card());
        assert_eq!(ways, [HandOut::DeviceRequest, HandOut::Cdi, HandOut::Runtime]);
        assert!(reason.is_none());
        let runtime = Means {
            runtime: true,
            ..Means::default()
        };
        assert_eq!(runtime.judge(&card()).0, [HandOut::Runtime]);
    }

    #[test]
    fn without_any_of_them_the_reason_names_all_three() {
        let (ways, reason) = Means::default().judge(&card());
        let reason = reason.expect("a reason");
        assert!(ways.is_empty());
        for word in ["nvidia-container-toolkit", HOOK, "nvidia.com/gpu=0", "runtime `nvidia`"] {
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn a_driver_that_does_not_work_and_a_card_in_mig_mode_are_not_handed_out() {
        let means = Means {
            hook: Some("hook".to_owned()),
            driver_fault: Some("Driver/library version mismatch".to_owned()),
            ..Means::default()
        };
        let (ways, reason) = means.judge(&card());
        assert!(ways.is_empty() && reason.expect("a reason").contains("version mismatch"));
        let card = Sighting {
            partitioned: true,
            ..card()
        };
        assert!(means.judge(&card).1.expect("a reason").contains("MIG"));
    }

    #[test]
    fn amd_needs_its_nodes_and_kfd() {
        let node = mngr_contract::gpu::Node {
            path: "/dev/dri/renderD128".to_owned(),
            group: 109,
        };
        let card = Sighting {
            nodes: vec![node],
            ..Sighting::new("test", "amd")
        };
        let means = |kfd| Means {
            kfd,
            complete: true,
            ..Means::default()
        };
        assert_eq!(means(true).judge(&card).0, [HandOut::Nodes]);
        assert!(means(false).judge(&card).1.expect("a reason").contains("/dev/kfd"));
    }
}
