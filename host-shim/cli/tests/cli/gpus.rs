//! GPUs on real engines: on this machine, which has none, and on an engine of the test's own with a pretended hook and a
//! pretended `nvidia-smi`. The pretended ones prove the plumbing, not a GPU.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use mngr_docker_tests::{PrivateEngine, Setup};
use serde_json::Value;

use crate::person::{IMAGE, Person, Ran};

#[test]
fn a_machine_without_gpus_says_what_it_looked_for_and_where() {
    let person = Person::new();
    let ran = person.run(&["gpus"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for word in [
        "has no GPU. Looked for:",
        "/proc/driver/nvidia",
        "/etc/cdi, /var/run/cdi",
        "/sys/class/kfd",
        "/sys/class/drm",
        "/dev/nvidia*, /dev/dri, /dev/kfd",
        "nvidia-smi on the PATH",
        "amd-smi on the PATH",
        "nvidia-container-runtime-hook",
        "not there",
    ] {
        assert!(ran.stdout.contains(word), "{word}:\n{}", ran.stdout);
    }
    let report = person.json(&["gpus"]);
    assert_eq!(report["complete"], true);
    assert_eq!(report["gpus"], serde_json::json!([]));
}

#[test]
fn a_request_that_the_machine_can_not_meet_is_refused_before_anything_is_made() {
    let person = Person::new();
    for request in [&["--gpus", "all"][..], &["--gpu.count", "2", "--gpu.memory-min", "40g"]] {
        let ran = person.run(&[&["create", "a"], request].concat());
        assert_eq!(ran.status, 8, "{}", ran.stderr);
        assert!(ran.stderr.contains("it has no GPU"), "{}", ran.stderr);
    }
    assert!(person.containers().is_empty());
}

/// Programs that pretend, and an engine that finds the hook.
struct Pretence {
    programs: tempfile::TempDir,
    engine: PrivateEngine,
    person: Person,
}

const CARDS: &str = "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa)\nGPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)\n";

impl Pretence {
    async fn new() -> Self {
        let programs = tempfile::tempdir().expect("a directory");
        program(
            programs.path(),
            "nvidia-smi",
            "case \"$1\" in -L) cat \"$0.cards\";; *) exit 2;; esac\n",
        );
        // As runc calls it: the state on stdin. It fails where the card of the container is not there.
        let hook = "read -r state\n\
                    bundle=$(echo \"$state\" | sed 's/.*\"bundle\":\"\\([^\"]*\\)\".*/\\1/')\n\
                    card=$(grep -o 'NVIDIA_VISIBLE_DEVICES=[^\"]*' \"$bundle/config.json\" | cut -d= -f2)\n\
                    for one in $(echo \"$card\" | tr , ' '); do\n\
                    grep -q \"$one\" \"$(dirname \"$0\")/nvidia-smi.cards\" || { echo \"device error: $one\" >&2; exit 1; }\n\
                    done\n";
        program(programs.path(), "nvidia-container-runtime-hook", hook);
        let engine = PrivateEngine::start(Setup {
            programs: Some(programs.path().to_path_buf()),
            ..Setup::default()
        })
        .await;
        let person = Person::new();
        person.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nhost = \"{}\"\n",
            person.provider,
            engine.host()
        ));
        let pretence = Self {
            programs,
            engine,
            person,
        };
        pretence.cards(CARDS);
        pretence
    }

    /// From now on the machine has these.
    fn cards(&self, list: &str) {
        std::fs::write(self.programs.path().join("nvidia-smi.cards"), list).expect("written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.person.command(arguments);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.programs.path().display()));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("it runs"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[&["--json"], arguments].concat());
        assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).expect("one JSON value")
    }
}

fn program(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_card_is_found_asked_for_held_alone_and_missed_when_it_is_gone() {
    let runtime = runtime();
    let pretence = runtime.block_on(Pretence::new());
    let report = pretence.json(&["gpus"]);
    assert_eq!(report["gpus"][1]["uuid"], "GPU-bbbb");
    assert_eq!(report["gpus"][1]["hand_outs"][0], "device_request", "{report}");

    // Of its other forms the pretended nvidia-smi knows none, which costs what they alone would tell.
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("nvidia-smi -q -x") && notes.contains("exit status 2"),
        "{notes}"
    );

    // The engine gets the card by its name, and gives it to the hook.
    let agent = pretence.json(&["create", "a", "--gpus=device=1", "--gpu.exclusive"]);
    assert_eq!(agent["gpus"], serde_json::json!(["GPU-bbbb"]));
    let environment = "tr '\\0' '\\n' < /proc/1/environ | grep NVIDIA_VISIBLE_DEVICES";
    let seen = pretence.run(&["exec", "a", "--", "sh", "-c", environment]);
    assert_eq!(seen.stdout, "NVIDIA_VISIBLE_DEVICES=GPU-bbbb\n", "{}", seen.stderr);
    let table = pretence.run(&["gpus"]);
    assert!(table.stdout.contains("a (exclusive)"), "{}", table.stdout);

    let held = pretence.run(&["create", "b", "--gpus=all"]);
    assert_eq!(held.status, 4, "{}", held.stderr);
    assert!(held.stderr.contains("by a (for itself alone)"), "{}", held.stderr);

    // A fork gets the other card, and says so.
    let forked = pretence.run(&["fork", "a", "c"]);
    assert_eq!(forked.status, 0, "{}", forked.stderr);
    assert!(
        forked.stderr.contains("c gets GPU 0 NVIDIA A100-SXM4-80GB (GPU-aaaa)"),
        "{}",
        forked.stderr
    );

    // It falls off the bus.
    pretence.cards("GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa)\n");
    let shown = pretence.json(&["show", "a"]);
    let why = shown["state_reason"].as_str().unwrap_or_default();
    assert!(
        why.contains("GPU-bbbb") && why.contains("no longer on the machine"),
        "{shown}"
    );
    assert_eq!(pretence.run(&["stop", "a"]).status, 0);
    let started = pretence.run(&["start", "a"]);
    assert_eq!(started.status, 4, "{}", started.stderr);
    assert!(
        started.stderr.contains("no longer on the machine"),
        "{}",
        started.stderr
    );
    assert!(started.stderr.contains("snapshot create a"), "{}", started.stderr);
    drop(pretence.engine);
}

#[test]
fn of_two_programs_that_want_one_card_at_once_one_gets_it() {
    let runtime = runtime();
    let pretence = runtime.block_on(Pretence::new());
    let start = |name: &str| {
        pretence
            .command(&["create", name, "--gpus=device=GPU-aaaa", "--gpu.exclusive"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs")
    };
    let both = [start("one"), start("two")];
    let ended: Vec<_> = both
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().expect("an end")))
        .collect();
    let mut statuses: Vec<_> = ended.iter().map(|ran| ran.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 4], "{}{}", ended[0].stderr, ended[1].stderr);
    let agents = pretence.json(&["list"]);
    assert_eq!(agents.as_array().map(Vec::len), Some(1), "{agents}");
    drop(pretence.engine);
}
