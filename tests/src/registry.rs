//! A registry of a test's own: Debian's `docker-registry` on a port of the loopback, or one in memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use mngr_host_shim::sandbox::{SandboxEngine, SandboxRegistry};

/// Who may use a registry that asks for credentials, as `htpasswd -B` writes it.
const USERS: &str = "me:$2b$05$abcdefghijklmnopqrstuuC1vaJ4MncZTAykfF6yDAxrR4s1EBSK.\n";

/// Goes with what it holds when it is dropped.
pub struct Registry {
    address: String,
    /// Absent for one in memory.
    process: Option<(Child, tempfile::TempDir)>,
}

impl Registry {
    /// Name and password that a registry with users accepts, as the Docker CLI keeps them. Of this password the two alphabets
    /// of base64 make different texts, so that an engine which is sent the wrong one can not read it.
    pub const AUTH: &str = "bWU6b3BlbiBzZXNhbWU/Pn4=";
    /// The password of the user `me` alone.
    pub const PASSWORD: &str = "open sesame?>~";

    /// One that the sandbox engine reaches from now on.
    pub fn in_memory(engine: &SandboxEngine) -> Self {
        engine.use_registry(&SandboxRegistry::default());
        Self {
            address: "registry.test:5000".to_owned(),
            process: None,
        }
    }

    /// One that everybody may use.
    pub fn open() -> Self {
        Self::start(None)
    }

    /// One that asks for credentials.
    pub fn with_users() -> Self {
        Self::start(Some(USERS))
    }

    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// Where there is none to start; `cargo xtask setup` installs it.
    pub fn start(users: Option<&str>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            at("data").display()
        );
        if let Some(users) = users {
            std::fs::write(at("htpasswd"), users).expect("written");
            let path = at("htpasswd");
            config += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display());
        }
        std::fs::write(at("config.yml"), config).expect("written");
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(at("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry; run `cargo xtask setup`");
        let mut log = BufReader::new(process.stderr.take().expect("stderr")).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.split('"').next()?.to_owned()))
            .expect("a registry that listens");
        // What nobody reads would stop it some day.
        std::thread::spawn(move || log.count());
        Self {
            address,
            process: Some((process, directory)),
        }
    }

    /// `host:port`, as the names of its images begin.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether these bytes are in a file it keeps that is not compressed, as configurations and histories are.
    ///
    /// # Panics
    /// For one in memory.
    pub fn holds(&self, text: &str) -> bool {
        let (_, directory) = self.process.as_ref().expect("a registry with files");
        let found = Command::new("grep")
            .args(["-r", "-q", "-a", "-F", "-e", text])
            .arg(directory.path().join("data"))
            .status();
        found.expect("grep").success()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
