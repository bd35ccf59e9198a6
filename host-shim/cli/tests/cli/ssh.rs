//! A provider behind SSH, as a person meets it: a real sshd in front of the real engine.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::until;
use rustix::process::{Pid, Signal, kill_process};

use crate::person::{IMAGE, Person, Ran};

/// A person whose provider is behind a server, with a runtime directory of their own.
fn remote(sshd: &Sshd) -> Person {
    let person = Person::new();
    let provider = sshd.provider(&person.provider);
    let file = |path: Option<PathBuf>| path.expect("a file").display().to_string();
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nhost = \"{}\"\nssh_config_file = \"/dev/null\"\n\
         identity_file = \"{}\"\nknown_hosts_file = \"{}\"\n",
        person.provider,
        provider.host.expect("a host"),
        file(provider.ssh.identity_file),
        file(provider.ssh.known_hosts_file),
    ));
    std::fs::create_dir(person.home().join("run")).expect("a directory");
    person
}

fn command(person: &Person, arguments: &[&str]) -> Command {
    let mut command = person.command(arguments);
    command.env("XDG_RUNTIME_DIR", person.home().join("run"));
    command
}

fn run(person: &Person, arguments: &[&str]) -> Ran {
    Ran::from(command(person, arguments).output().expect("it runs"))
}

/// What connections have left in the runtime directory.
fn left(runtime: &Path) -> usize {
    std::fs::read_dir(runtime).expect("a directory").count()
}

#[test]
fn an_agents_whole_life_is_the_same_behind_ssh() {
    let sshd = Sshd::start(&[]);
    let person = remote(&sshd);
    for (arguments, expected) in [
        (&["create", "far"][..], "far is running"),
        (&["exec", "far", "--", "sh", "-c", "echo kept > /kept"], ""),
        (&["list"], "far"),
        (&["snapshot", "create", "far", "--name", "s1"], "of far"),
        (&["stop", "far"], "far is stopped"),
        (&["start", "far", "--snapshot", "s1"], "far is running"),
        (&["exec", "far", "--", "cat", "/kept"], "kept"),
        (&["destroy", "far", "--snapshots"], "far is destroyed"),
    ] {
        let ran = run(&person, arguments);
        assert!(
            ran.status == 0 && ran.stdout.contains(expected),
            "{arguments:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    // It was killed, but the machine may need a moment to take it away.
    until("no ssh is left", || clients(sshd.port()).is_empty());
    assert_eq!(left(&person.home().join("run")), 0);
}

#[test]
fn doctor_says_each_step_of_the_way() {
    let sshd = Sshd::start(&[]);
    let person = remote(&sshd);
    let ran = run(&person, &["doctor"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let mut lines = ran.stdout.lines();
    for step in [
        "endpoint", "name", "tcp", "host-key", "login", "forward", "socket", "engine", "api", "agents",
    ] {
        let found = lines.find(|line| line.split_whitespace().nth(1) == Some(step));
        assert!(found.is_some_and(|line| line.contains('✓')), "{step}: {}", ran.stdout);
    }
}

#[test]
fn doctor_stops_at_the_step_that_fails_and_says_what_to_do() {
    let sshd = Sshd::start(&[]);
    let person = remote(&sshd);
    std::fs::write(sshd.file("known_hosts"), "").expect("written");
    let ran = run(&person, &["doctor"]);
    assert_ne!(ran.status, 0);
    let at = ran
        .stdout
        .lines()
        .position(|line| line.contains("✗ host-key"))
        .expect("a fault");
    let help = ran.stdout.lines().nth(at + 1).expect("a remedy");
    assert!(help.contains("StrictHostKeyChecking=ask"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("- login") && ran.stdout.contains("- engine"),
        "{}",
        ran.stdout
    );
}

#[test]
fn nothing_of_a_hostile_address_reaches_ssh() {
    let sshd = Sshd::start(&[]);
    let person = remote(&sshd);
    let proof = person.home().join("proof");
    for host in [
        format!("ssh://-oProxyCommand=touch {}@h", proof.display()),
        format!("ssh://-oProxyCommand=touch${{IFS}}{}", proof.display()),
        format!("ssh://h;touch {}", proof.display()),
        format!("ssh://`touch {}`@h", proof.display()),
        "ssh://root:hunter2@h".to_owned(),
        "ssh://h:0".to_owned(),
        "ssh://h/../d.sock".to_owned(),
    ] {
        let variable = format!(
            "MNGR__PROVIDERS__{}__HOST",
            person.provider.to_uppercase().replace('-', "_")
        );
        for (name, value) in [(variable.as_str(), &host), ("DOCKER_HOST", &host)] {
            if name == "DOCKER_HOST" {
                person.configure(&format!("[providers.{}]\nbackend = \"docker\"\n", person.provider));
            }
            let output = command(&person, &["list"]).env(name, value).output().expect("it runs");
            let ran = Ran::from(output);
            assert_ne!(ran.status, 0, "{host}");
            assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
        }
    }
    assert!(!proof.exists());
}

#[test]
fn a_signal_leaves_no_process_and_no_directory() {
    let sshd = Sshd::start(&[]);
    for signal in [Signal::TERM, Signal::INT] {
        let person = remote(&sshd);
        let mut watching = command(&person, &["list", "--watch", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
        lines.next().expect("a line").expect("read");
        assert_eq!(clients(sshd.port()).len(), 1);
        kill_process(Pid::from_child(&watching), signal).expect("a signal");
        watching.wait().expect("it ends");
        until("ssh ends", || clients(sshd.port()).is_empty());
        assert_eq!(left(&person.home().join("run")), 0);
    }
}

#[test]
fn what_a_killed_program_leaves_is_gone_after_the_next() {
    let sshd = Sshd::start(&[]);
    let person = remote(&sshd);
    let mut watching = command(&person, &["list", "--watch", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    lines.next().expect("a line").expect("read");
    watching.kill().expect("killed");
    watching.wait().expect("it ends");
    until("ssh ends by itself", || clients(sshd.port()).is_empty());
    assert_eq!(left(&person.home().join("run")), 1);
    let ran = run(&person, &["list"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(left(&person.home().join("run")), 0);
}
