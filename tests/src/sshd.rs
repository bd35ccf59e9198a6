//! An SSH server of a test's own, on loopback, with keys, known_hosts and configuration in a temporary directory. What is
//! behind it is this machine, and so the engine that the other tests use.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::engine::connect::{Address, endpoint};
use mngr_host_shim::engine::ssh::Settings;
use mngr_host_shim::environment::Environment;

use crate::until::happens;

/// Where Debian keeps the server, which must be started by its full path.
const SSHD: &str = "/usr/sbin/sshd";

/// A line of its configuration that makes its user's shell print a greeting, on both streams and with no line's end, and something
/// more when a command has ended.
pub const GREETING: &str = "ForceCommand echo welcome to the box; printf 'last login: '; echo be nice >&2; \
                            sh -c \"$SSH_ORIGINAL_COMMAND\"; status=$?; echo good bye; exit $status";

/// A server that runs until this is dropped.
pub struct Sshd {
    directory: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Sshd {
    /// Starts one with these lines in its configuration.
    ///
    /// # Panics
    /// Where there is no sshd: `cargo xtask setup` installs it.
    pub fn start(configuration: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for key in ["host", "user", "stranger"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(directory.path().join(key))
                .status();
            assert!(made.expect("ssh-keygen").success());
        }
        // sshd insists on it where it runs as root.
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = free_port();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             MaxStartups 200\nMaxSessions 10\n",
            path("host"),
            path("user.pub"),
        );
        // The first value of a key is the one that holds.
        let text = format!("{}\n{text}", configuration.join("\n"));
        std::fs::write(path("sshd_config"), text).expect("written");
        let log = std::fs::File::create(path("log")).expect("a log");
        let server = Command::new(SSHD)
            .args(["-D", "-e", "-f", &path("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{SSHD}: {error}; run `cargo xtask setup` first"));
        let sshd = Self {
            directory,
            port,
            server,
        };
        sshd.know("host");
        let listens = happens(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        assert!(listens, "sshd does not listen: {}", sshd.log());
        sshd
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file of its directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Writes a line of known_hosts for it, with the public key of that name.
    pub fn know(&self, key: &str) {
        self.know_as(self.port, "", key);
    }

    /// As [`Sshd::know`], for another port and with a marker.
    pub fn know_as(&self, port: u16, marker: &str, key: &str) {
        let public = std::fs::read_to_string(self.file(&format!("{key}.pub"))).expect("a key");
        let key = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let line = format!("{marker}[127.0.0.1]:{port} {key}\n");
        std::fs::write(self.file("known_hosts"), line).expect("written");
    }

    /// How to log in.
    pub fn settings(&self) -> Settings {
        Settings {
            // Whatever the machine's own configuration says, a test is the same everywhere.
            config_file: Some("/dev/null".into()),
            identity_file: Some(self.file("user")),
            known_hosts_file: Some(self.file("known_hosts")),
            ..Settings::default()
        }
    }

    /// A provider behind it, on the engine that the tests use.
    ///
    /// # Panics
    /// Where that engine has no socket.
    pub fn provider(&self, name: &str) -> ProviderConfig {
        self.provider_through(self.port, name)
    }

    /// As [`Sshd::provider`], through another port that leads there.
    ///
    /// # Panics
    /// Where that engine has no socket.
    pub fn provider_through(&self, port: u16, name: &str) -> ProviderConfig {
        let mut config = ProviderConfig::named(name);
        let local = endpoint(&config, &Environment::of_process()).expect("an engine's address");
        let Address::Unix(socket) = local.address else {
            panic!("{} has no socket on this machine", local.address)
        };
        config.host = Some(format!("ssh://{}@127.0.0.1:{port}{}", user(), socket.display()));
        config.ssh = self.settings();
        config
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The user that runs the tests.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The `ssh` processes that lead to a port of this machine.
///
/// # Panics
/// Where there is no /proc.
pub fn clients(port: u16) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).collect();
        let named = |at: usize, word: &str| words.get(at).is_some_and(|given| *given == word.as_bytes());
        if named(0, "ssh") && words.iter().any(|word| *word == port.to_string().as_bytes()) {
            found.push(pid);
        }
    }
    found
}
