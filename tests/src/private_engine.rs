//! A second real engine, as on another machine: a dockerd with a data directory and a network namespace of its own.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mngr_host_shim::engine::Engine;

/// Goes with all it holds when it is dropped.
pub struct PrivateEngine {
    process: Child,
    directory: tempfile::TempDir,
}

impl PrivateEngine {
    /// Starts one with the storage driver of `like`, and waits until it listens. None where this process is not root, which
    /// is said loudly; where `CI` is set that is a failure.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start(like: &dyn Engine) -> Option<Self> {
        let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !root {
            assert!(
                std::env::var_os("CI").is_none(),
                "a second engine can only be started by root"
            );
            eprintln!("SKIPPED: a second engine can only be started by root");
            return None;
        }
        let driver = like.info().await.expect("the first engine").storage_driver;
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name).display().to_string();
        // The machine's own configuration must not be read, nor its bridge touched.
        std::fs::write(at("daemon.json"), "{}").expect("written");
        let mut process = Command::new("unshare")
            .args(["--net", "dockerd", "--iptables=false", "--storage-driver", &driver])
            .args(["--config-file", &at("daemon.json")])
            .args([
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("exec"),
                "--pidfile",
                &at("pid"),
            ])
            .args(["--host", &format!("unix://{}", at("docker.sock"))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("dockerd");
        let mut log = BufReader::new(process.stderr.take().expect("stderr")).lines();
        let mut said = Vec::new();
        let listens = log.by_ref().map_while(Result::ok).any(|line| {
            said.push(line);
            said.last().is_some_and(|line| line.contains("API listen on"))
        });
        assert!(listens, "dockerd did not start: {}", said.join("\n"));
        // What nobody reads would stop it some day.
        std::thread::spawn(move || log.count());
        Some(Self { process, directory })
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        // Asked to end it takes its containers, its mounts and its containerd along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
