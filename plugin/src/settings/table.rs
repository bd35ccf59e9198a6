//! The table of settings: what each is called, what it must be, and who reads it.

use core::net::IpAddr;

use mngr_docker_grammar::size;
use mngr_docker_grammar::words::shown;
use serde_json::Value;

use super::{Wrong, conditions};
use crate::contract::backend::SettingType;
use crate::start_args::Draft;
use crate::{agent, findings, labels};

/// One setting.
pub struct Key {
    pub name: &'static str,
    pub kind: SettingType,
    /// As JSON; absent where there is none.
    pub default: Option<&'static str>,
    pub help: &'static str,
    /// A value that would be right, as TOML writes it.
    pub example: &'static str,
    /// What the type alone does not say.
    pub check: fn(&Value) -> Result<(), Wrong>,
}

/// Settings that the host keeps for itself. They are here so that a misspelt one is recognised.
pub const HOST_KEYS: [&str; 18] = [
    "backend",
    "host",
    "docker_context",
    "identity_file",
    "known_hosts_file",
    "ssh_config_file",
    "ssh_options",
    "tls_directory",
    "plugin",
    "allow_native",
    "plugin_limits",
    "policy",
    "permissions",
    "audit_log",
    "ledger",
    "engine_timeout_seconds",
    "docker_proxies",
    "is_enabled",
];

/// Most bytes of what containers' names begin with.
const MAX_PREFIX: usize = 64;

/// Rows of `name kind (default) [example] help => check;`.
macro_rules! keys {
    ($($name:literal $kind:ident $(($default:literal))? [$example:literal] $help:literal => $check:expr;)*) => {
        [$(Key {
            name: $name,
            kind: SettingType::$kind,
            default: keys!(@option $($default)?),
            help: $help,
            example: $example,
            check: $check,
        }),*]
    };
    (@option) => { None };
    (@option $given:literal) => { Some($given) };
}

/// Every setting, this provider's own first.
pub static KEYS: &[Key] = &keys! {
    "default_image" Text (r#""debian:bookworm-slim""#) [r#""debian:bookworm-slim""#]
        "Image of an agent that names none" => filled;
    "default_agent_type" Text (r#""command""#) [r#""command""#]
        "Type of an agent that names none" => word;
    "default_start_args" TextList ("[]") [r#"["--tmpfs", "/run"]"#]
        "Flags of `docker run` for every new agent; those given at create win" => arguments;
    "container_prefix" Text (r#""mngr-""#) [r#""work-""#]
        "What the names of agents' containers begin with; mngr gives its own prefix" => prefix;
    "default_cpus" Number ["2"]
        "CPUs of a new agent that names none (--cpus)" => cpus;
    "default_memory" Text [r#""8g""#]
        "Memory of a new agent that names none (--memory, with no swap on top)" => memory;
    "docker_runtime" Text [r#""runsc""#]
        "Runtime of a new agent that names none (--runtime)" => filled;
    "ssh_bind_address" Text [r#""127.0.0.1""#]
        "Address of the engine's machine on which a host's SSH port is published, in place of the one that suits" => address;
    "stop_timeout_seconds" Integer ("10") ["10"]
        "Seconds a new agent has to end before SIGKILL" => not_negative;
    "snapshot_pause" Boolean ("true") ["true"]
        "Freeze an agent while a snapshot of it is taken" => any;
    "snapshot_findings" TextTable ("{}") [r#"{ bind_mount = "warn", tmpfs = "ignore" }"#]
        "What a kind of finding does to a snapshot: warn, block or ignore" => findings;
    "gpu" TextTable ("{}") [r#"{ count = 1, memory-min = "40g" }"#]
        "GPUs of a new agent that names none, and what must be true of them: count, memory-min, model, exclusive" => gpu;
    "gpu_when_stopped" Text (r#""keep""#) [r#""release""#]
        "Whether a stopped agent keeps its GPUs: keep, or release" => gpu_when_stopped;
    "secret_env" TextList ("[]") [r#"["*_TOKEN", "*_KEY"]"#]
        "Environment variables, `*` for any part of a name, that never leave the engine with a snapshot" => variables;
    "build_timeout_seconds" Integer ("600") ["600"]
        "Most seconds an image may take to be built" => positive;

    "default_idle_timeout" Integer ("800") ["800"]
        "Read by mngr itself: seconds until a host is idle" => not_negative;
    "default_idle_mode" Text (r#""IO""#) [r#""IO""#]
        "Read by mngr itself: what counts as idle" => idle_mode;
    "default_activity_sources" TextList (r#"["CREATE","BOOT","START","SSH","PROCESS","AGENT","USER"]"#)
        [r#"["SSH", "AGENT"]"#]
        "Read by mngr itself: what counts as activity" => activity_sources;
    "host_dir" Text [r#""/mngr""#]
        "Read by mngr itself: directory of its data in a container" => filled;
    "volume_mount_path" Text [r#""/home/user""#]
        "Read by mngr itself: where a host's volume is mounted" => filled;
    "builder" Text (r#""DOCKER""#) [r#""DOCKER""#]
        "Read by mngr itself: what builds images" => builder;
    "is_host_volume_created" Boolean ("true") ["true"]
        "Read by mngr itself: keep a host's data on a volume" => any;
    "isolate_host_volumes" Boolean ["true"]
        "Read by mngr itself: give each host its own part of the volume" => any;
    "destroyed_host_persisted_seconds" Number ["604800"]
        "Read by mngr itself: how long records of a destroyed host are kept" => not_negative;
    "min_online_host_age_seconds" Number ["600"]
        "Read by mngr itself: least age of an idle host that is collected" => not_negative;
    "host_log_dir" Text [r#""/var/log/mngr""#]
        "Read by mngr itself: directory of its logs in a container" => filled;
    "discovery_poll_interval_seconds" Number ("30.0") ["30"]
        "Read by mngr itself: time between two polls" => positive;
    "host_discovery_poll_interval_seconds" Number ("3.0") ["3"]
        "Read by mngr itself: time between two looks at one host" => positive;
    "discovery_warn_seconds" Number ("20.0") ["20"]
        "Read by mngr itself: when a poll is called slow" => positive;
    "discovery_error_timeout_seconds" Number ("120.0") ["120"]
        "Read by mngr itself: when a poll is called failed" => positive;
    "host_discovery_timeout_seconds" Number ("30.0") ["30"]
        "Read by mngr itself: most time for one host" => positive;
    "agent_discovery_timeout_seconds" Number ("30.0") ["30"]
        "Read by mngr itself: most time for one agent" => positive;
};

#[expect(clippy::unnecessary_wraps, reason = "one shape for all checks")]
fn any(_: &Value) -> Result<(), Wrong> {
    Ok(())
}

fn variables(value: &Value) -> Result<(), Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '*' | '?');
    for (element, pattern) in super::strings(value).iter().enumerate() {
        if pattern.is_empty() || !pattern.chars().all(plain) {
            return Err(Wrong {
                element: u32::try_from(element).ok(),
                ..Wrong::new(format!("`{}` can fit no variable's name", shown(pattern)))
            });
        }
    }
    Ok(())
}

fn findings(value: &Value) -> Result<(), Wrong> {
    let table = value.as_object().into_iter().flatten();
    table.into_iter().try_for_each(|(kind, severity)| {
        match findings::check_setting(kind, severity.as_str().unwrap_or_default()) {
            Some((reason, remedy)) => Err(Wrong {
                element: None,
                reason,
                remedy: Some(remedy),
            }),
            None => Ok(()),
        }
    })
}

fn gpu(value: &Value) -> Result<(), Wrong> {
    let mut table = value.as_object().into_iter().flatten();
    match table.find_map(|(key, value)| conditions::check(key, value)) {
        None => Ok(()),
        Some((reason, remedy)) => Err(Wrong {
            element: None,
            reason,
            remedy: Some(remedy),
        }),
    }
}

fn gpu_when_stopped(value: &Value) -> Result<(), Wrong> {
    match text(value) {
        "keep" | "release" => Ok(()),
        other => Err(Wrong {
            element: None,
            reason: format!("`{}` is not one of its values", shown(other)),
            remedy: Some("use one of: keep, release".to_owned()),
        }),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn filled(value: &Value) -> Result<(), Wrong> {
    let text = text(value);
    match text.trim().is_empty() || text.chars().any(char::is_control) {
        true => Err(Wrong::new("it is empty or holds a control character")),
        false => Ok(()),
    }
}

/// The rest of a container's name is a provider's and an agent's.
fn prefix(value: &Value) -> Result<(), Wrong> {
    let text = text(value);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let fits = (1..=MAX_PREFIX).contains(&text.len())
        && text.bytes().all(plain)
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.ends_with(['-', '_']);
    match fits {
        true => Ok(()),
        false => Err(Wrong {
            element: None,
            reason: "no container's name can begin like this".to_owned(),
            remedy: Some(format!(
                "use at most {MAX_PREFIX} of the characters a-z A-Z 0-9 _ - with a letter or digit first and `-` or `_` last"
            )),
        }),
    }
}

fn word(value: &Value) -> Result<(), Wrong> {
    match labels::is_word(text(value)) {
        true => Ok(()),
        false => Err(Wrong::new("it is not one plain word")),
    }
}

fn positive(value: &Value) -> Result<(), Wrong> {
    match value.as_f64() {
        Some(number) if number > 0.0 => Ok(()),
        _ => Err(Wrong::new("it must be more than zero")),
    }
}

fn cpus(value: &Value) -> Result<(), Wrong> {
    match value.as_f64() {
        Some(number) if (0.01..=1_000_000.0).contains(&number) => Ok(()),
        _ => Err(Wrong::new("it is not a number of CPUs")),
    }
}

fn not_negative(value: &Value) -> Result<(), Wrong> {
    match value.as_f64() {
        Some(number) if (0.0..=f64::from(i32::MAX)).contains(&number) => Ok(()),
        _ => Err(Wrong::new("it is below zero, or far too large")),
    }
}

fn memory(value: &Value) -> Result<(), Wrong> {
    match size::parse(text(value)) {
        Ok(bytes) if bytes > 0 => Ok(()),
        _ => Err(Wrong::new("it is not a size as Docker spells one")),
    }
}

fn address(value: &Value) -> Result<(), Wrong> {
    match text(value).parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Wrong::new("it is not an IP address")),
    }
}

fn arguments(value: &Value) -> Result<(), Wrong> {
    let args: Vec<String> = super::strings(value);
    Draft::new().take_of_settings(&args).map_err(|fault| Wrong {
        element: u32::try_from(fault.element).ok(),
        reason: format!("{}: {}", shown(&fault.shown), fault.reason),
        remedy: Some(fault.remedy),
    })
}

fn choice(element: Option<usize>, given: &str, choices: &[&str]) -> Result<(), Wrong> {
    if choices.iter().any(|known| known.eq_ignore_ascii_case(given)) {
        return Ok(());
    }
    Err(Wrong {
        element: element.and_then(|element| u32::try_from(element).ok()),
        reason: format!("`{}` is not one of its values", shown(given)),
        remedy: Some(format!("use one of: {}", choices.join(", "))),
    })
}

fn builder(value: &Value) -> Result<(), Wrong> {
    choice(None, text(value), &["DOCKER", "DEPOT"])
}

fn idle_mode(value: &Value) -> Result<(), Wrong> {
    let modes = [
        "IO", "USER", "AGENT", "SSH", "CREATE", "BOOT", "START", "RUN", "CUSTOM", "DISABLED",
    ];
    choice(None, text(value), &modes)
}

fn activity_sources(value: &Value) -> Result<(), Wrong> {
    let sources = ["CREATE", "BOOT", "START", "SSH", "PROCESS", "AGENT", "USER"];
    super::strings(value)
        .iter()
        .enumerate()
        .try_for_each(|(element, given)| choice(Some(element), given, &sources))
}

/// What a provider may be called, as a problem of the configuration.
pub fn check_name(name: &str) -> Result<(), Wrong> {
    use crate::contract::types::ProviderError;
    match agent::check_provider_name(name) {
        Err(ProviderError::InvalidArgument(error)) => Err(Wrong {
            element: None,
            reason: format!("`{}`: {}", error.value, error.reason),
            remedy: Some(error.remedy),
        }),
        _ => Ok(()),
    }
}
