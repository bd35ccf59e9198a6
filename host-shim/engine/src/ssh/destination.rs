//! A machine, the way to it, and the command line of `ssh` that leads there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use mngr_contract::ssh::Command as Question;
use tokio::process::Command;

use crate::endpoint::bracketed;
use crate::machine;

/// How long `ssh` may take to read its configuration, in milliseconds, and the most that is read of what it makes of it.
const RESOLVING_MS: u64 = 10_000;
const RESOLVED: u64 = 1 << 20;

/// Options of ssh_config(5) that `ssh_options` may set. None of them runs a program, weakens the check of a host's key, or
/// forwards anything; those belong into a person's own ssh_config.
pub const OPTIONS: &[&str] = &[
    "AddressFamily",
    "BindAddress",
    "BindInterface",
    "CertificateFile",
    "Ciphers",
    "Compression",
    "ConnectTimeout",
    "ConnectionAttempts",
    "GSSAPIAuthentication",
    "HostKeyAlgorithms",
    "HostKeyAlias",
    "HostName",
    "IPQoS",
    "IdentitiesOnly",
    "IdentityAgent",
    "KexAlgorithms",
    "MACs",
    "NumberOfPasswordPrompts",
    "PreferredAuthentications",
    "ProxyJump",
    "PubkeyAcceptedAlgorithms",
    "RekeyLimit",
    "ServerAliveCountMax",
    "ServerAliveInterval",
    "TCPKeepAlive",
    "VerifyHostKeyDNS",
];

/// What holds whatever a configuration says: nothing is asked of a person, nothing is forwarded but what is asked for by
/// name, no key is believed that is not known, no other connection is used.
const FIXED: &[&str] = &[
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "EscapeChar=none",
    "StreamLocalBindMask=0177",
    "ControlPersist=no",
    "LogLevel=DEBUG1",
];
/// Options that OpenSSH has since 8.7. An older one knows none of them, in no file either.
const FIXED_SINCE_8_7: &[&str] = &["SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no"];
/// What OpenSSH before 8.7 says of them.
const UNKNOWN: &str = "Bad configuration option: sessiontype";
/// Whether the `ssh` of this machine has said so.
static IS_BEFORE_8_7: AtomicBool = AtomicBool::new(false);
/// What holds where the provider's configuration does not say otherwise: a dead link is noticed after 45 seconds.
const DEFAULTS: &[(&str, &str)] = &[
    ("ConnectTimeout", "10"),
    ("ServerAliveInterval", "15"),
    ("ServerAliveCountMax", "3"),
];

/// What a provider's configuration says about the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// An ssh_config to use in place of the user's and the system's (`ssh_config_file`).
    pub config_file: Option<PathBuf>,
    /// The only key to offer (`identity_file`).
    pub identity_file: Option<PathBuf>,
    /// Which hosts' keys are known, in place of the user's and the system's files (`known_hosts_file`).
    pub known_hosts_file: Option<PathBuf>,
    /// Options of ssh_config(5), by name (`ssh_options`).
    pub options: BTreeMap<String, String>,
}

/// A machine and the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Who logs in; the choice of ssh_config where absent.
    pub user: Option<String>,
    /// Host name, address, or an alias of ssh_config.
    pub host: String,
    /// The choice of ssh_config where absent.
    pub port: Option<u16>,
    /// What the configuration says about the way.
    pub settings: Settings,
}

/// Why an option of ssh_config(5) can not be set so, and what to do: none where it can.
pub fn check_option(name: &str, value: &str) -> Option<(String, String)> {
    let known = OPTIONS.iter().any(|option| option.eq_ignore_ascii_case(name));
    if !known {
        return Some((
            "is no option that may be set here".to_owned(),
            format!("use any of: {}; or write it into your ssh_config", OPTIONS.join(", ")),
        ));
    }
    if value.is_empty()
        || value
            .chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\' | '`' | '$'))
    {
        return Some((
            "is empty, or holds a control character or one of \" \\ ` $".to_owned(),
            "write the value as ssh_config(5) has it, without quotes".to_owned(),
        ));
    }
    let names_host = ["HostName", "HostKeyAlias"]
        .iter()
        .any(|option| option.eq_ignore_ascii_case(name));
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if names_host && (value.starts_with('-') || !value.chars().all(plain)) {
        // It may become a part of a ProxyCommand, which a shell reads.
        return Some((
            "is no name of a host".to_owned(),
            "write a name or an address, and nothing else".to_owned(),
        ));
    }
    let hops = name.eq_ignore_ascii_case("ProxyJump") && value != "none";
    if hops && !value.split(',').all(is_hop) {
        return Some((
            "is no list of [USER@]HOST[:PORT]".to_owned(),
            "write the machines to go through, separated by commas: \"me@gate:2222\"".to_owned(),
        ));
    }
    None
}

/// A hop becomes a part of a command line that a shell reads, so it is held to what a host in a URL is.
fn is_hop(hop: &str) -> bool {
    !hop.contains(['/', '%']) && crate::endpoint::Address::parse("ProxyJump", &format!("ssh://{hop}")).is_ok()
}

/// Whether `ssh` has ended because it is older than an option that it was given. It is not given that again.
pub(super) fn is_older(said: &[String]) -> bool {
    let is_older = said.iter().any(|line| line.contains(UNKNOWN));
    is_older && !IS_BEFORE_8_7.swap(true, Ordering::Relaxed)
}

impl Destination {
    /// The one child: a multiplexing master at `control` whose session runs `session`.
    pub(super) fn master(&self, control: &Path, session: &str) -> Command {
        let mut ssh = self.session();
        ssh.args(["-o", "ControlMaster=yes", "-o"])
            .arg(option("ControlPath", control))
            .args(["--", &self.host, session]);
        ssh
    }

    /// A connection of its own for one command, which is a line for the shell of the user on the other side.
    pub(super) fn apart(&self, command: &str) -> Command {
        let mut ssh = self.session();
        // The last level given holds: what is printed then is the command's own.
        ssh.args(["-q", "-o", "ControlMaster=no", "-o", "ControlPath=none"])
            .args(["--", &self.host, command]);
        ssh
    }

    /// `ssh` for a session on the other side, whatever a configuration says of sessions.
    fn session(&self) -> Command {
        let mut ssh = self.ssh();
        if !IS_BEFORE_8_7.load(Ordering::Relaxed) {
            for option in FIXED_SINCE_8_7 {
                ssh.args(["-o", option]);
            }
        }
        ssh
    }

    /// `ssh` with everything but where to and what for. A later `-o` does not change an earlier one, so what is fixed comes
    /// first.
    fn ssh(&self) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(["-T", "-a", "-x"]);
        for option in FIXED {
            ssh.args(["-o", option]);
        }
        let settings = &self.settings;
        for (name, value) in &settings.options {
            ssh.args(["-o", &format!("{name}={value}")]);
        }
        for (name, value) in DEFAULTS {
            ssh.args(["-o", &format!("{name}={value}")]);
        }
        if let Some(file) = &settings.config_file {
            ssh.arg("-F").arg(file);
        }
        if let Some(file) = &settings.identity_file {
            ssh.arg("-o")
                .arg(option("IdentityFile", file))
                .args(["-o", "IdentitiesOnly=yes"]);
        }
        if let Some(file) = &settings.known_hosts_file {
            ssh.arg("-o").arg(option("UserKnownHostsFile", file));
            ssh.args(["-o", "GlobalKnownHostsFile=none"]);
        }
        if let Some(user) = &self.user {
            ssh.args(["-l", user]);
        }
        if let Some(port) = self.port {
            ssh.args(["-p", &port.to_string()]);
        }
        // A proxy's own ssh would ask on the terminal, of which it has none this way.
        ssh.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        ssh.process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh
    }

    /// The machine's own name or address, which an alias of ssh_config stands for.
    pub async fn host_name(&self) -> String {
        let mut ssh = self.ssh();
        ssh.args(["-G", "--", &self.host]);
        let question = Question {
            argv: vec!["ssh".to_owned()],
            stdin: Vec::new(),
            timeout_ms: RESOLVING_MS,
            max_output_bytes: RESOLVED,
        };
        let asked = machine::run_child(ssh, &question).await;
        let text = asked
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        let name = text.lines().find_map(|line| line.strip_prefix("hostname "));
        name.unwrap_or(&self.host).to_owned()
    }

    /// The command by which a person logs in the same way, up to the host's name; for remedies.
    pub(super) fn by_hand(&self, options: &[&str]) -> String {
        let quoted = |word: &str| shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into);
        let file = |path: &Path| quoted(&path.display().to_string());
        let settings = &self.settings;
        let mut line = String::from("ssh");
        if let Some(config) = &settings.config_file {
            line += &format!(" -F {}", file(config));
        }
        if let Some(known) = &settings.known_hosts_file {
            line += &format!(" -o UserKnownHostsFile={}", file(known));
        }
        if let Some(key) = &settings.identity_file {
            line += &format!(" -i {}", file(key));
        }
        for option in options {
            line += &format!(" -o {option}");
        }
        for (name, value) in &settings.options {
            line += &format!(" -o {name}={}", quoted(value));
        }
        if let Some(port) = self.port {
            line += &format!(" -p {port}");
        }
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        line + &format!(" {user}{}", self.host)
    }
}

/// An option whose value is a path: quoted, and with the sign of ssh's own tokens doubled.
fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(format!("{name}=\""));
    option.push(path.display().to_string().replace('%', "%%"));
    option.push("\"");
    option
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{user}{}{port}", bracketed(&self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination() -> Destination {
        Destination {
            user: Some("me".into()),
            host: "build1".into(),
            port: Some(2222),
            settings: Settings {
                identity_file: Some("/keys/50% off".into()),
                options: BTreeMap::from([("ConnectTimeout".into(), "3".into())]),
                ..Settings::default()
            },
        }
    }

    fn words(command: &Command) -> Vec<String> {
        let words = command.as_std().get_args();
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_host_comes_after_the_end_of_the_options_and_is_followed_by_one_command() {
        let master = words(&destination().master(Path::new("/d/c"), "echo x; exec cat"));
        assert_eq!(master[master.len() - 3..], ["--", "build1", "echo x; exec cat"]);
        let apart = words(&destination().apart("df"));
        assert_eq!(apart[apart.len() - 3..], ["--", "build1", "df"]);
    }

    #[test]
    fn what_is_fixed_comes_before_what_is_configured_and_that_before_the_defaults() {
        let words = words(&destination().apart("df"));
        let at = |option: &str| words.iter().position(|word| word == option).expect("an option");
        assert!(at("StrictHostKeyChecking=yes") < at("ConnectTimeout=3"));
        assert!(at("ConnectTimeout=3") < at("ConnectTimeout=10"));
        assert!(words.contains(&"IdentityFile=\"/keys/50%% off\"".to_owned()));
    }

    #[test]
    fn an_older_ssh_is_told_by_what_it_says_of_an_option() {
        let other = "command-line: line 0: Bad configuration option: nonsense".to_owned();
        assert!(!is_older(&[other, "Connection refused".to_owned()]));
    }

    #[test]
    fn options_that_run_programs_or_trust_anyone_are_refused() {
        for name in [
            "ProxyCommand",
            "LocalCommand",
            "KnownHostsCommand",
            "StrictHostKeyChecking",
            "Include",
            "nonsense",
        ] {
            let (_, remedy) = check_option(name, "yes").expect(name);
            assert!(remedy.contains("ssh_config"));
        }
        assert_eq!(check_option("proxyjump", "me@gate:22,[::1]"), None);
        assert_eq!(check_option("ProxyJump", "none"), None);
        for hops in ["-oProxyCommand=x", "a;id", "a,", "a b", "$(id)", "a/../b", "a\nb"] {
            assert!(check_option("ProxyJump", hops).is_some(), "{hops}");
        }
        for host in ["-oProxyCommand=x", "h;id", "h id", "%h"] {
            assert!(check_option("HostName", host).is_some(), "{host}");
        }
        assert_eq!(check_option("HostName", "10.0.0.5"), None);
        assert!(check_option("IdentityAgent", "a\"b").is_some());
        assert!(check_option("Ciphers", "").is_some());
    }

    #[test]
    fn by_hand_a_person_goes_the_same_way() {
        let line = destination().by_hand(&["StrictHostKeyChecking=ask"]);
        assert_eq!(
            line,
            "ssh -i '/keys/50% off' -o StrictHostKeyChecking=ask -o ConnectTimeout=3 -p 2222 me@build1"
        );
    }
}
