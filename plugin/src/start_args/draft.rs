//! A container spec as flags fill it in.

use super::flags::Flag;
use super::gpus::Conditions;
use super::{Bad, Fault, conflicts, network, parse, remount, values};
use crate::contract::docker::{ContainerSpec, Healthcheck, LogConfig, RestartPolicy};
use crate::labels::Pair;
use crate::limit_check;

/// A flag that was given, and its value (`true` or `false` for a switch).
#[derive(Debug, Clone)]
pub struct Given {
    pub(super) flag: &'static Flag,
    pub(super) value: String,
    pub(super) element: usize,
}

/// Words before an equals sign that speak of a secret.
const SECRETS: [&str; 5] = ["token=", "password=", "passwd=", "secret=", "credentials="];

impl Given {
    /// Whether a switch is set.
    pub(super) fn is_on(&self) -> bool {
        values::boolean(&self.value) == Ok(true)
    }

    pub(super) fn is_network(&self) -> bool {
        matches!(self.flag.long, "network" | "net")
    }

    /// Whether it says something of the network that is joined.
    fn is_of_a_network(&self) -> bool {
        let flags = [
            "network-alias",
            "net-alias",
            "ip",
            "ip6",
            "link-local-ip",
            "mac-address",
        ];
        flags.contains(&self.flag.long)
    }

    fn is_env(&self) -> bool {
        self.flag.long == "env"
    }

    /// Whether it takes a variable of the image away.
    fn is_removal(&self) -> bool {
        self.is_env() && !self.value.contains('=')
    }

    /// Whether its value may be a secret: it is then never shown and never written into a label. Labels go along with every
    /// image that is made of the container.
    fn is_private(&self) -> bool {
        let value = self.value.to_lowercase();
        (self.is_env() && !self.is_removal()) || SECRETS.iter().any(|secret| value.contains(secret))
    }

    /// What is wrong with it.
    pub(super) fn fault(&self, bad: Bad) -> Fault {
        let Bad {
            reason,
            remedy,
            is_unsupported,
        } = bad;
        Fault {
            element: self.element,
            shown: match self.is_private() {
                true => format!("--{}", self.flag.long),
                false => self.canonical(),
            },
            reason,
            remedy,
            is_unsupported,
        }
    }

    fn canonical(&self) -> String {
        format!("--{}={}", self.flag.long, self.value)
    }
}

/// When an agent's image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pull {
    /// Where the engine does not have it.
    #[default]
    Missing,
    /// For each new agent.
    Always,
    /// Not at all.
    Never,
}

/// What start arguments come to.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Everything but the name, the image, the command and the provider's own labels.
    pub spec: ContainerSpec,
    /// `os/architecture` of the image, where one is asked for.
    pub platform: Option<String>,
    /// When the image is pulled.
    pub pull: Pull,
    /// What must be true of the GPUs.
    pub gpu: Conditions,
    given: Vec<Given>,
}

impl Draft {
    /// What a container is made from where no flag says otherwise: an init that passes signals on, and no restarts, so that
    /// `kill 1` from inside ends the agent for good.
    pub fn new() -> Self {
        Self {
            spec: blank(),
            platform: None,
            pull: Pull::default(),
            gpu: Conditions::default(),
            given: Vec::new(),
        }
    }

    /// Adds arguments to those that are there; later ones win.
    ///
    /// # Errors
    /// The first argument at fault.
    pub fn take(&mut self, args: &[String]) -> Result<(), Fault> {
        let all = parse(args)?;
        if all.iter().any(Given::is_network) {
            // Networks are a list, and yet those given later do not come on top of those of the configuration.
            self.given.retain(|given| !given.is_network());
            network::leave_all(self);
            let of_their_own = self.given.iter().filter(|given| given.is_of_a_network());
            let of_their_own: Vec<_> = of_their_own.map(|given| (given.flag, given.value.clone())).collect();
            for (flag, value) in of_their_own {
                // It was taken before.
                let _ = (flag.apply)(self, &value);
            }
        }
        for given in all {
            let flag = given.flag;
            (flag.apply)(self, &given.value).map_err(|bad| given.fault(bad))?;
            self.given.push(given);
        }
        conflicts::check(&self.given, &self.spec)
    }

    /// The same for arguments of the settings. There nobody fills in the value of a variable that has none.
    ///
    /// # Errors
    /// The first argument at fault.
    pub fn take_of_settings(&mut self, args: &[String]) -> Result<(), Fault> {
        self.take(args)?;
        let removal = self.given.iter().find(|given| given.is_removal());
        removal.map_or(Ok(()), |given| {
            Err(Fault {
                is_unsupported: false,
                element: given.element,
                shown: given.canonical(),
                reason: "its value is missing: settings take none from your environment".to_owned(),
                remedy: "write --env NAME=VALUE".to_owned(),
            })
        })
    }

    /// Whether a flag was given.
    pub fn has(&self, long: &str) -> bool {
        self.given.iter().any(|given| given.flag.long == long)
    }

    /// The arguments in one spelling, from which the same spec comes out again, less what may be secret.
    pub fn canonical(&self) -> Vec<String> {
        // A later value takes a removal's place, and is not told.
        let holds = |given: &&Given| !given.is_removal() || self.spec.env.contains(&given.value);
        let open = self.given.iter().filter(|given| !given.is_private());
        open.filter(holds).map(Given::canonical).collect()
    }

    /// The flags that [`canonical`](Self::canonical) leaves out, other than the environment.
    pub fn omitted(&self) -> Vec<String> {
        let secret = self.given.iter().filter(|given| given.is_private() && !given.is_env());
        secret.map(|given| format!("--{}", given.flag.long)).collect()
    }

    /// The names of the environment variables that have a value.
    pub fn env_names(&self) -> Vec<String> {
        let name = |variable: &String| Some(variable.split_once('=')?.0.to_owned());
        self.spec.env.iter().filter_map(name).collect()
    }

    /// The last argument that mounts something at that path, in its one spelling.
    pub fn mount_at(&self, path: &str) -> Option<String> {
        let mounts = self.given.iter().rev().map(Given::canonical);
        mounts
            .into_iter()
            .find(|argument| remount::target(argument).as_deref() == Some(path))
    }

    /// The same arguments with these mounts, each with its path, in place of what is mounted at those paths.
    ///
    /// # Errors
    /// The first mount at fault.
    pub fn remounted(&self, mounts: &[(String, String)]) -> Result<Self, Fault> {
        let replaced = |argument: &String| {
            let target = remount::target(argument);
            mounts.iter().any(|(path, _)| target.as_ref() == Some(path))
        };
        let kept = self
            .given
            .iter()
            .map(Given::canonical)
            .filter(|argument| !replaced(argument));
        let args: Vec<_> = kept.chain(mounts.iter().map(|(_, mount)| mount.clone())).collect();
        let mut draft = Self::new();
        draft.take(&args)?;
        Ok(draft)
    }

    pub(super) fn healthcheck(&mut self) -> &mut Healthcheck {
        self.spec.healthcheck.get_or_insert_with(|| Healthcheck {
            test: Vec::new(),
            interval: None,
            timeout: None,
            start_period: None,
            start_interval: None,
            retries: None,
        })
    }

    pub(super) fn log_config(&mut self) -> &mut LogConfig {
        self.spec.log_config.get_or_insert_with(|| LogConfig {
            driver: String::new(),
            options: Vec::new(),
        })
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self::new()
    }
}

/// Sets a name's value in a list where each name stands once.
pub(super) fn set(pairs: &mut Vec<Pair>, name: &str, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => pairs.push((name.to_owned(), value.to_owned())),
    }
}

fn blank() -> ContainerSpec {
    ContainerSpec {
        name: String::new(),
        image: String::new(),
        labels: Vec::new(),
        annotations: Vec::new(),
        command: None,
        entrypoint: None,
        env: Vec::new(),
        working_dir: None,
        user: None,
        hostname: None,
        domainname: None,
        mac_address: None,
        tty: false,
        open_stdin: false,
        stop_signal: None,
        stop_timeout_seconds: None,
        healthcheck: None,
        exposed_ports: Vec::new(),
        volumes: Vec::new(),
        ports: Vec::new(),
        publish_all_ports: false,
        binds: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        volumes_from: Vec::new(),
        limits: limit_check::none(),
        blkio_weight_devices: Vec::new(),
        oom_score_adj: None,
        oom_kill_disable: None,
        devices: Vec::new(),
        device_cgroup_rules: Vec::new(),
        network_mode: None,
        network_aliases: Vec::new(),
        ipv4_address: None,
        ipv6_address: None,
        link_local_addresses: Vec::new(),
        networks: Vec::new(),
        dns: Vec::new(),
        dns_options: Vec::new(),
        dns_search: Vec::new(),
        extra_hosts: Vec::new(),
        links: Vec::new(),
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        group_add: Vec::new(),
        privileged: false,
        read_only_rootfs: false,
        security_options: Vec::new(),
        storage_options: Vec::new(),
        sysctls: Vec::new(),
        ipc_mode: None,
        pid_mode: None,
        uts_mode: None,
        userns_mode: None,
        cgroupns_mode: None,
        cgroup_parent: None,
        runtime: None,
        log_config: None,
        init: true,
        restart_policy: RestartPolicy {
            name: "no".to_owned(),
            max_retries: None,
        },
    }
}
