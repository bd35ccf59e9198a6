//! What is asked again and again: events, stats, and what the engine says of itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{EngineInfo, EngineVersion, Event, MountKind, StatsSample};

use super::commands::system::KERNEL;
use super::state::labels_fit;
use super::{SandboxEngine, cpus, errors, locked};

/// Memory of the machine that the engine makes believe it runs on.
const MACHINE_BYTES: u64 = 8 << 30;

/// What a process counts as, and a command's CPU time.
const PROCESS_BYTES: u64 = 1 << 20;
const COMMAND_NANOSECONDS: u64 = 1_000_000;

impl SandboxEngine {
    /// Forgets what happened, as an engine does that is started anew while its containers go on.
    pub fn forget_events(&self) {
        let mut state = self.state();
        state.events.clear();
        state.happened.send_replace(0);
    }

    pub(super) async fn events(&self, labels: Vec<String>, since: u64, wait_ms: u64) -> Result<Vec<Event>> {
        let mut happened = self.state().happened.subscribe();
        let find = || {
            let state = self.state();
            let fit = |event: &&Event| {
                let attribute = |key: &str| {
                    let found = event.attributes.iter().find(|(known, _)| known == key);
                    found.map(|(_, value)| value.as_str())
                };
                event.time > since && labels_fit(attribute, &labels)
            };
            state.events.iter().filter(fit).cloned().collect::<Vec<_>>()
        };
        let wait_for_some = async {
            loop {
                let found = find();
                if !found.is_empty() {
                    return found;
                }
                // The engine holds the sender for as long as it is borrowed here.
                let _ = happened.changed().await;
            }
        };
        let wait = Duration::from_millis(wait_ms);
        Ok(tokio::time::timeout(wait, wait_for_some).await.unwrap_or_default())
    }

    pub(super) async fn stats(&self, id: &str) -> Result<StatsSample> {
        let state = self.state();
        let container = state.container(id)?;
        let uptime = u64::try_from(self.uptime().as_nanos()).unwrap_or(u64::MAX);
        let Some(life) = &container.life else {
            let reason = "only a running container uses anything";
            return Err(errors::in_the_way("container", id, "not running", reason));
        };
        let others = u64::try_from(life.others.load(Ordering::Relaxed)).unwrap_or_default();
        let pids = 1 + u64::from(life.init) + others;
        let tmpfs = container
            .mounts
            .iter()
            .filter(|mount| mount.point.kind == MountKind::Tmpfs);
        let trees = tmpfs
            .map(|mount| &mount.tree)
            .chain(container.scratch.iter().map(|layer| &layer.tree));
        let in_memory: u64 = trees.map(|tree| locked(tree).size()).sum();
        let limit = container
            .spec
            .limits
            .memory_bytes
            .and_then(|bytes| u64::try_from(bytes).ok());
        Ok(StatsSample {
            read_at: Timestamp::now().to_string(),
            cpu_total: life.commands.load(Ordering::Relaxed) * COMMAND_NANOSECONDS,
            system_cpu_total: uptime.saturating_mul(u64::from(cpus())),
            online_cpus: cpus(),
            memory_bytes: pids * PROCESS_BYTES + in_memory,
            memory_limit_bytes: limit.filter(|bytes| *bytes > 0).unwrap_or(MACHINE_BYTES),
            network_received_bytes: 0,
            network_sent_bytes: 0,
            block_read_bytes: 0,
            block_written_bytes: 0,
            pids,
        })
    }

    pub(super) async fn version(&self) -> Result<EngineVersion> {
        Ok(EngineVersion {
            version: concat!("sandbox ", env!("CARGO_PKG_VERSION")).to_owned(),
            api_version: "1.41".to_owned(),
            min_api_version: "1.12".to_owned(),
            os: "linux".to_owned(),
            architecture: std::env::consts::ARCH
                .replace("x86_64", "amd64")
                .replace("aarch64", "arm64"),
            kernel: KERNEL.to_owned(),
        })
    }

    pub(super) async fn info(&self) -> Result<EngineInfo> {
        Ok(EngineInfo {
            id: "SANDBOX".to_owned(),
            name: "sandbox".to_owned(),
            cpus: cpus(),
            memory_bytes: MACHINE_BYTES,
            storage_driver: "memory".to_owned(),
            cgroup_version: "2".to_owned(),
            root_dir: "/var/lib/docker".to_owned(),
            default_runtime: "runc".to_owned(),
            runtimes: vec!["runc".to_owned()],
            security_options: Vec::new(),
            discovered_devices: Vec::new(),
            cdi_spec_dirs: Vec::new(),
            live_restore: false,
            warnings: Vec::new(),
        })
    }
}
