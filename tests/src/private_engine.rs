//! A Docker engine of one test alone, which may be killed and started again.
//!
//! It has directories, a socket and a network namespace of its own, so that no other engine on the machine is touched. Its
//! containerd is a process apart, as on any machine that systemd runs, so that containers outlive the engine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bollard::Docker;
use bollard::query_parameters::ImportImageOptions;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use crate::fault_proxy::FaultProxy;
use crate::testbed::IMAGE;
use crate::until::happens;

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";

/// How an engine of a test's own is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Programs that it has on its PATH before all others. It looks for NVIDIA's hook there.
    pub programs: Option<PathBuf>,
    /// Whether containers go on while it is down.
    pub live_restore: bool,
    /// The size of its disk in MiB, where that is to run out; else it is this machine's.
    pub disk: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            programs: None,
            live_restore: true,
            disk: None,
        }
    }
}

/// There is no room on an engine's disk as long as this is there.
#[derive(Debug)]
pub struct Full(PathBuf);

impl Drop for Full {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The engine, its containerd, and a proxy through which it is asked.
pub struct PrivateEngine {
    directory: tempfile::TempDir,
    setup: Setup,
    containerd: Child,
    dockerd: Child,
    proxy: FaultProxy,
}

impl PrivateEngine {
    /// Starts one that has the test image.
    ///
    /// # Panics
    /// Where it does not start: it takes root, and `dockerd`, `containerd` and `unshare`.
    pub async fn start(setup: Setup) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("mngr-engine-")
            .tempdir()
            .expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let daemon = json!({
            "data-root": at("data"),
            "exec-root": at("exec"),
            "pidfile": at("docker.pid"),
            "hosts": [format!("unix://{}", at("docker.sock").display())],
            "containerd": at("containerd.sock"),
            "storage-driver": "vfs",
            "live-restore": setup.live_restore,
            "cgroup-parent": format!("/{}", name_of(directory.path())),
            // Its network namespace has no way out, so there is nothing to be set up in it.
            "bridge": "none",
            "iptables": false,
        });
        if let Some(size) = setup.disk {
            fs::create_dir(at("data")).expect("a directory");
            let mut mount = Command::new("mount");
            mount
                .args(["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"])
                .arg(at("data"));
            assert!(mount.status().expect("mount").success(), "no disk of its own");
        }
        fs::write(at("daemon.json"), daemon.to_string()).expect("written");
        let containerd = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {:?}\n",
            at("containerd"),
            at("containerd-state"),
            at("containerd.sock")
        );
        fs::write(at("containerd.toml"), containerd).expect("written");
        let containerd = started(
            Command::new("containerd").arg("--config").arg(at("containerd.toml")),
            "successfully booted",
        );
        let dockerd = dockerd(directory.path(), setup.programs.as_deref());
        let proxy = FaultProxy::new(at("proxy.sock"), at("docker.sock"));
        let engine = Self {
            directory,
            setup,
            containerd,
            dockerd,
            proxy,
        };
        engine.load().await;
        engine
    }

    /// Its address, through the proxy.
    pub fn host(&self) -> String {
        format!("unix://{}", self.proxy.socket().display())
    }

    /// What it is asked through.
    pub fn proxy(&self) -> &FaultProxy {
        &self.proxy
    }

    /// `kill -9`. Containers go on.
    ///
    /// # Panics
    /// Where it is not running.
    pub fn kill(&mut self) {
        self.dockerd.kill().expect("killed");
        self.dockerd.wait().expect("it is dead");
    }

    /// Ends it as a system does that restarts it.
    ///
    /// # Panics
    /// Where it is not running.
    pub fn stop(&mut self) {
        self.signal("-TERM");
        self.dockerd.wait().expect("it is dead");
    }

    /// It does not answer any more, and is there.
    ///
    /// # Panics
    /// Where it is not running.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// It goes on after [`PrivateEngine::freeze`].
    ///
    /// # Panics
    /// Where it is not running.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.dockerd.id().to_string()])
            .status();
        assert!(sent.expect("kill").success(), "it is not running");
    }

    /// Leaves no room on its disk.
    ///
    /// # Panics
    /// Where it has none of its own.
    pub fn fill_disk(&self) -> Full {
        assert!(self.setup.disk.is_some(), "the disk is everybody's");
        let path = self.directory.path().join("data/full");
        let mut file = fs::File::create(&path).expect("a file");
        let block = vec![0; 1 << 16];
        // Until there is no room.
        while file.write_all(&block).is_ok() {}
        Full(path)
    }

    /// Starts it again after [`PrivateEngine::kill`], and waits until it answers.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart(&mut self) {
        // Its process number may be another's by now.
        let _ = fs::remove_file(self.directory.path().join("docker.pid"));
        self.dockerd = dockerd(self.directory.path(), self.setup.programs.as_deref());
    }

    /// Brings the test image over from the engine that the other tests use.
    async fn load(&self) {
        let main = Docker::connect_with_defaults().expect("the engine's address");
        let own = Docker::connect_with_host(&self.host()).expect("an address");
        let image = main.export_image(IMAGE).map(|bytes| bytes.expect("the test image"));
        own.import_image(ImportImageOptions::default(), bollard::body_stream(image), None)
            .try_collect::<Vec<_>>()
            .await
            .expect("the test image is loaded");
    }

    /// The control groups of its containers, those inside others first.
    fn cgroups(&self) -> Vec<PathBuf> {
        let name = name_of(self.directory.path());
        let controllers = fs::read_dir(CGROUPS)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let tops = std::iter::once(PathBuf::from(CGROUPS)).chain(controllers);
        let mut found = Vec::new();
        let mut waiting: Vec<_> = tops.map(|top| top.join(&name)).filter(|path| path.is_dir()).collect();
        while let Some(path) = waiting.pop() {
            let inside = fs::read_dir(&path)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path());
            waiting.extend(inside.filter(|path| path.is_dir()));
            found.push(path);
        }
        found.reverse();
        found
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        for daemon in [&mut self.dockerd, &mut self.containerd] {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let directory = self.directory.path().display().to_string();
        // What watches over a container has the directory in its arguments; what is in one, the control group.
        let mut left: Vec<_> = processes()
            .filter(|(_, arguments)| arguments.contains(&directory))
            .map(|(id, _)| id)
            .collect();
        let cgroups = self.cgroups();
        for cgroup in &cgroups {
            // What is frozen does not die.
            let _ = fs::write(cgroup.join("freezer.state"), "THAWED");
            let _ = fs::write(cgroup.join("cgroup.freeze"), "0");
            let inside = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
            left.extend(inside.lines().map(str::to_owned));
        }
        left.sort();
        left.dedup();
        if !left.is_empty() {
            let _ = Command::new("kill")
                .arg("-9")
                .args(&left)
                .stderr(Stdio::null())
                .status();
        }
        // Without a panic where they stay: a test may be failing already, and what follows is to be taken away all the same.
        happens(|| !left.iter().any(|id| is_alive(id)));
        for mount in mounts(&directory) {
            let _ = Command::new("umount").args(["-l", &mount]).status();
        }
        for cgroup in cgroups {
            let _ = fs::remove_dir(cgroup);
        }
    }
}

fn dockerd(directory: &Path, programs: Option<&Path>) -> Child {
    let mut command = Command::new("unshare");
    if let Some(programs) = programs {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", programs.display()));
    }
    command
        .args(["--net", "dockerd", "--config-file"])
        .arg(directory.join("daemon.json"));
    started(&mut command, "API listen on")
}

/// Starts a daemon and waits until its log has this line. Its log is read on for as long as it lives.
fn started(command: &mut Command, ready: &str) -> Child {
    let mut daemon = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut lines = BufReader::new(daemon.stderr.take().expect("its log"))
        .lines()
        .map_while(Result::ok);
    let mut log = String::new();
    loop {
        let Some(line) = lines.next() else {
            let _ = daemon.wait();
            panic!("{command:?} did not start:\n{log}");
        };
        log = log + &line + "\n";
        if line.contains(ready) {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    daemon
}

fn name_of(directory: &Path) -> String {
    directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Every process with its arguments.
fn processes() -> impl Iterator<Item = (String, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let id = entry
            .file_name()
            .into_string()
            .ok()
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        Some((id, String::from_utf8_lossy(&arguments).into_owned()))
    })
}

/// Neither gone nor waiting to be buried.
fn is_alive(id: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    state
        .rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// What is mounted below a directory, the deepest first.
fn mounts(directory: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4).map(str::to_owned));
    let mut below: Vec<_> = points.filter(|point| point.starts_with(directory)).collect();
    below.reverse();
    below
}
