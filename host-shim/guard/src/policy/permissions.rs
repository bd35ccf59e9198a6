//! Every permission there is: what it is called, what values it takes, and what each preset says of it.
//!
//! This table is the only one. What a configuration may name, what is enforced, what a refusal tells and what
//! `mngr-docker plugin permissions` prints are read from it.

use super::grant::Grant;

/// What holds where a provider's `permissions` name nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// Nothing. The default for every plugin but the one that is built in.
    Strict,
    /// What agents need and users ask for with start arguments, and nothing that gives power over the engine's machine or
    /// over what others have on it. The default for the plugin that is built in.
    #[default]
    Standard,
    /// Everything, as `docker run`. Holds only where it is set by hand.
    Open,
}

impl Preset {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Standard, Self::Open];

    /// How it is written: `strict`, `standard` or `open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Standard => "standard",
            Self::Open => "open",
        }
    }

    /// The preset of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }
}

/// What values a permission takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, or `all`.
    Count,
    /// `none`, `own` (what this provider has made), `any`, or a list of names, `own` among them; `*` stands for any part.
    Things,
    /// `none`, `any`, or a list of words; `*` stands for any part.
    Words,
    /// `none`, `safe` (what is no system directory, no home and holds no credentials), `any`, or a list of directories,
    /// `safe` among them, each with all that lies below it.
    Directories,
}

impl Kind {
    /// What may be written, for people.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Flag => "true or false",
            Self::Count => "a whole number or `all`",
            Self::Things => "`none`, `own`, `any` or a list of names",
            Self::Words => "`none`, `any` or a list of words",
            Self::Directories => "`none`, `safe`, `any` or a list of directories",
        }
    }

    /// The word that stands for a part of everything.
    pub(super) fn part(self) -> Option<&'static str> {
        match self {
            Self::Things => Some("own"),
            Self::Directories => Some("safe"),
            Self::Flag | Self::Count | Self::Words => None,
        }
    }
}

/// One permission.
#[derive(Debug)]
pub struct Permission {
    /// As it is enforced.
    pub rule: Rule,
    /// As it is written and told.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it opens, in one line.
    pub meaning: &'static str,
    /// What `strict`, `standard` and `open` say, as it is shown.
    presets: [&'static str; 3],
}

impl Permission {
    /// What a preset says.
    pub fn preset(&self, preset: Preset) -> Grant {
        Grant::of_table(self.kind, self.presets[preset as usize])
    }

    /// The permission of that name. `_` is as good as `-`, as in other keys.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.replace('_', "-");
        PERMISSIONS.iter().find(|permission| permission.name == name)
    }
}

/// Rows of `Rule "name" Kind [strict, standard, open] "meaning";`.
macro_rules! permissions {
    ($($rule:ident $name:literal $kind:ident [$strict:literal, $standard:literal, $open:literal] $meaning:literal;)*) => {
        /// What is decided on, one for each permission.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $rule,)*
        }

        /// Every permission, in the order in which they are shown and of [`Rule`].
        pub static PERMISSIONS: &[Permission] = &[$(Permission {
            rule: Rule::$rule,
            name: $name,
            kind: Kind::$kind,
            meaning: $meaning,
            presets: [$strict, $standard, $open],
        }),*];
    };
}

permissions! {
    Info "docker.info" Flag ["false", "true", "true"]
        "ask for the engine's version and set-up, and for networks";
    Containers "docker.containers" Things ["none", "own", "any"]
        "containers to make, look at, start, stop, change and remove";
    ForeignLabels "docker.foreign-labels" Flag ["false", "false", "true"]
        "give a thing the labels of another provider or agent";
    Commit "docker.commit" Flag ["false", "true", "true"]
        "make images of containers (snapshots)";
    Exec "docker.exec" Flag ["false", "true", "true"]
        "run commands in containers";
    Archives "docker.archives" Flag ["false", "true", "true"]
        "copy files into containers and out of them";
    Logs "docker.logs" Flag ["false", "true", "true"]
        "read what containers print";
    BaseImages "docker.base-images" Words ["none", "any", "any"]
        "images to make containers of, unless another provider made them";
    Images "docker.images" Things ["none", "own", "any"]
        "images to read, name, derive from, save, send and remove";
    Pull "docker.pull" Words ["none", "any", "any"]
        "images to pull from registries";
    Push "docker.push" Words ["none", "any", "any"]
        "names to push own images to registries under";
    Build "docker.build" Flag ["false", "true", "true"]
        "build images";
    Volumes "docker.volumes" Things ["none", "own", "any"]
        "volumes to make, mount, fill, read and remove; one that is not there yet is made as own";
    VolumeDrivers "docker.volume-drivers" Words ["none", "any", "any"]
        "volume drivers besides `local`";
    VolumeBinds "docker.volume-binds" Directories ["none", "none", "any"]
        "what a volume of the driver `local` may lay over the machine's files or devices";
    Binds "docker.binds" Directories ["none", "safe", "any"]
        "directories of the engine's machine to mount";
    EngineSocket "docker.engine-socket" Flag ["false", "false", "true"]
        "mount the socket of Docker, containerd, Podman or CRI-O: full control of the machine";
    Propagation "docker.propagation" Words ["none", "[private, rprivate, slave, rslave]", "any"]
        "mount propagation of binds; `shared` lets mounts out of the container";
    VolumesFrom "docker.volumes-from" Things ["none", "none", "any"]
        "containers whose volumes may be mounted (--volumes-from)";
    Network "docker.network" Words ["none", "any", "any"]
        "networks to join, unless they are the machine's own; `none` always";
    Namespaces "docker.namespaces" Things ["none", "own", "any"]
        "namespaces of other containers or of the machine: pid=host, network=container:db";
    Ports "docker.ports" Words ["none", "any", "any"]
        "addresses and ports of the machine to publish on: 127.0.0.1:*, 0.0.0.0:8080";
    Privileged "docker.privileged" Flag ["false", "false", "true"]
        "all capabilities and all devices of the machine (--privileged)";
    Capabilities "docker.capabilities" Words ["none", "none", "any"]
        "Linux capabilities to add (--cap-add)";
    Devices "docker.devices" Words ["none", "none", "any"]
        "devices of the machine but GPUs (--device), CDI devices too";
    DeviceRules "docker.device-rules" Words ["none", "none", "any"]
        "device cgroup rules (--device-cgroup-rule)";
    Sysctls "docker.sysctls" Words ["none", "none", "any"]
        "kernel parameters (--sysctl)";
    SecurityOptions "docker.security-options" Words ["none", "none", "any"]
        "security options that turn something off or bring a profile: seccomp=unconfined, apparmor=unconfined, label=disable";
    MaskedPaths "docker.masked-paths" Flag ["false", "false", "true"]
        "show the system paths that engines mask in containers (systempaths=unconfined)";
    CgroupParent "docker.cgroup-parent" Words ["none", "none", "any"]
        "cgroups to be put under (--cgroup-parent)";
    Runtime "docker.runtime" Words ["none", "any", "any"]
        "runtimes of the engine besides its default one (--runtime)";
    Annotations "docker.annotations" Flag ["false", "true", "true"]
        "words to the OCI runtime (--annotation)";
    LogDrivers "docker.log-drivers" Words ["none", "any", "any"]
        "log drivers besides the engine's default one (--log-driver)";
    Gpu "gpu" Count ["0", "all", "all"]
        "how many GPUs a container may have";
    GpuProbe "gpu-probe" Flag ["false", "true", "true"]
        "look for GPUs on the engine's machine";
    SshExec "ssh.exec" Words ["none", "[df, du, findmnt, stat]", "any"]
        "programs to run on the engine's machine";
}

impl Rule {
    /// Its row of the table.
    pub fn permission(self) -> &'static Permission {
        &PERMISSIONS[self as usize]
    }

    /// As it is written and told.
    pub fn name(self) -> &'static str {
        self.permission().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_own_row_by_its_number_and_by_its_name() {
        for (position, permission) in PERMISSIONS.iter().enumerate() {
            assert_eq!(permission.rule as usize, position, "{}", permission.name);
            assert_eq!(
                Permission::named(&permission.name.replace('-', "_")).map(|found| found.rule),
                Some(permission.rule)
            );
        }
        assert!(Permission::named("docker.privilege").is_none());
    }

    #[test]
    fn the_table_of_the_readme_is_this_one() {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("a README");
        let policy = readme.split("\n### ").find(|part| part.starts_with("Policy\n"));
        let policy = policy.expect("the policy's part of it");
        let rows = |beginning: &str| {
            policy
                .lines()
                .filter(|line| line.starts_with(beginning))
                .collect::<Vec<_>>()
        };
        let written: Vec<_> = ["| `docker.", "| `gpu` ", "| `gpu-probe` ", "| `ssh.exec` "]
            .map(rows)
            .concat();
        let told = |permission: &Permission| {
            let [strict, standard, _] = permission.presets;
            let takes = match permission.kind {
                Kind::Flag => "true or false",
                Kind::Count => "a number, `all`",
                Kind::Things => "`none`, `own`, `any`, [names]",
                Kind::Words => "`none`, `any`, [words]",
                Kind::Directories => "`none`, `safe`, `any`, [directories]",
            };
            let Permission { name, meaning, .. } = permission;
            format!("| `{name}` | {takes} | `{strict}` | `{standard}` | {meaning} |")
        };
        assert_eq!(written, PERMISSIONS.iter().map(told).collect::<Vec<_>>());
    }

    #[test]
    fn strict_grants_nothing_and_open_everything() {
        for permission in PERMISSIONS {
            assert!(permission.preset(Preset::Strict).is_nothing(), "{}", permission.name);
            assert!(permission.preset(Preset::Open).is_everything(), "{}", permission.name);
        }
    }

    #[test]
    fn what_a_preset_shows_is_what_it_grants() {
        for permission in PERMISSIONS {
            for preset in Preset::ALL {
                assert_eq!(
                    permission.preset(preset).to_string(),
                    permission.presets[preset as usize],
                    "{}",
                    permission.name
                );
            }
        }
    }
}
