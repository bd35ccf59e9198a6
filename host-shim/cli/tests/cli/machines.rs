//! Two machines: the engine and its sshd on this one, the program in a network namespace of its own, and a cable in between
//! that is pulled out in the middle of a call.

use std::process::{Command, Stdio};

use mngr_docker_tests::sshd::{Sshd, clients};
use mngr_docker_tests::{Fault, FaultProxy, until};

use crate::person::{IMAGE, Person, Ran};

/// How a link fails.
#[derive(Debug, Clone, Copy)]
enum Failure {
    /// The cable is out.
    Down,
    /// A firewall drops every packet in silence.
    Drop,
    /// A firewall answers every packet with a reset.
    Reset,
}

/// A namespace with a cable to this machine; both go when it is dropped.
struct Cable {
    name: String,
    near: String,
    address: String,
}

fn ip(arguments: &str) {
    run("ip", arguments);
}

fn run(program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .expect(program);
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Cable {
    fn new() -> Self {
        let number = uuid::Uuid::new_v4().as_u128();
        let name = format!("mngr{:08x}", number as u32);
        let near = format!("v{:08x}", number as u32);
        // A pair of addresses of 198.18.0.0/15, which RFC 2544 sets aside for tests.
        let pair = (number >> 32) as u32 % (1 << 15);
        let of = |last: u32| {
            format!(
                "198.{}.{}.{}",
                18 + (pair >> 14),
                (pair >> 6) & 255,
                (pair & 63) * 4 + last
            )
        };
        let cable = Self {
            address: of(1),
            name,
            near,
        };
        let Self { name, near, address } = &cable;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {near} type veth peer name far netns {name}"));
        ip(&format!("addr add {address}/30 dev {near}"));
        ip(&format!("link set {near} up"));
        ip(&format!("-n {name} addr add {}/30 dev far", of(2)));
        ip(&format!("-n {name} link set far up"));
        cable
    }

    fn fail(&self, failure: Failure) {
        match failure {
            Failure::Down => ip(&format!("link set {} down", self.near)),
            Failure::Drop => self.filter("-A", "DROP"),
            Failure::Reset => self.filter("-A", "REJECT --reject-with tcp-reset"),
        }
    }

    fn mend(&self, failure: Failure) {
        match failure {
            Failure::Down => ip(&format!("link set {} up", self.near)),
            Failure::Drop => self.filter("-D", "DROP"),
            Failure::Reset => self.filter("-D", "REJECT --reject-with tcp-reset"),
        }
    }

    /// In the namespace, so that nobody else's rules are touched.
    fn filter(&self, action: &str, target: &str) {
        for chain in ["INPUT", "OUTPUT"] {
            ip(&format!(
                "netns exec {} iptables -w {action} {chain} -p tcp -j {target}",
                self.name
            ));
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ = Command::new("ip")
            .args(["link", "del", &self.near])
            .stderr(Stdio::null())
            .status();
    }
}

/// A person at the far end, whose engine is behind sshd and a proxy that tells what is asked of it.
struct Far {
    person: Person,
    cable: Cable,
    sshd: Sshd,
    proxy: FaultProxy,
}

impl Far {
    fn new() -> Self {
        let cable = Cable::new();
        let sshd = Sshd::start(&[&format!("ListenAddress {}", cable.address)]);
        let person = Person::new();
        let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
        let known = std::fs::read_to_string(sshd.file("known_hosts")).expect("there");
        std::fs::write(sshd.file("known_hosts"), known.replace("127.0.0.1", &cable.address)).expect("written");
        person.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nhost = \"ssh://{}:{}{}\"\n\
             ssh_config_file = \"/dev/null\"\nidentity_file = \"{}\"\nknown_hosts_file = \"{}\"\n\
             ssh_options = {{ ServerAliveInterval = 1, ServerAliveCountMax = 1, ConnectTimeout = 3 }}\n",
            person.provider,
            cable.address,
            sshd.port(),
            proxy.socket().display(),
            sshd.file("user").display(),
            sshd.file("known_hosts").display(),
        ));
        Self {
            person,
            cable,
            sshd,
            proxy,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let there = self.person.command(arguments);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.cable.name])
            .arg(there.get_program())
            .args(there.get_args());
        for (name, value) in there.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.person.home()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("it runs"))
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs a command whose link fails when the engine has done the request and before it can say so.
    fn cut_at(&self, request: &str, failure: Failure, arguments: &[&str]) -> Ran {
        let mut told = self.proxy.once(request, Fault::HoldReply);
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut has_ended = false;
        until("the engine holds its reply back", || {
            has_ended = child.try_wait().expect("asked").is_some();
            has_ended || told.try_recv().is_ok()
        });
        if has_ended {
            let ran = Ran::from(child.wait_with_output().expect("it ended"));
            panic!("{arguments:?} ended before its request: {}{}", ran.stdout, ran.stderr);
        }
        self.cable.fail(failure);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        until(&format!("no ssh is left after {failure:?}"), || {
            clients(self.sshd.port()).is_empty()
        });
        self.cable.mend(failure);
        self.wait_until_reached();
        ran
    }

    /// A cable that is in again takes a moment until packets go through it.
    fn wait_until_reached(&self) {
        until("the machine is reached again", || {
            self.run(&["--json", "doctor"]).status == 0
        });
    }
}

/// Status of a machine that can not be reached.
const UNAVAILABLE: i32 = 6;

fn a_cut_in_the_middle_of_anything_is_settled(failure: Failure) {
    let far = Far::new();

    let ran = far.cut_at("POST /containers/create", failure, &["create", "a1"]);
    assert_eq!(ran.status, UNAVAILABLE, "{failure:?}: {}", ran.stderr);
    far.succeed(&["reconcile"]);
    assert_eq!(far.person.containers().len(), 0, "{failure:?}");
    far.succeed(&["create", "a1"]);

    let ran = far.cut_at("POST /commit", failure, &["snapshot", "create", "a1", "--name", "s1"]);
    assert_eq!(ran.status, UNAVAILABLE, "{failure:?}: {}", ran.stderr);
    far.succeed(&["reconcile"]);
    assert!(far.succeed(&["list"]).contains("running"), "{failure:?}");
    assert_eq!(far.succeed(&["--json", "reconcile"]).trim(), "[]", "{failure:?}");

    let ran = far.cut_at("GET /containers/json", failure, &["list"]);
    assert_eq!(ran.status, UNAVAILABLE, "{failure:?}: {}", ran.stderr);

    let ran = far.cut_at("POST /exec/*/start", failure, &["exec", "a1", "--", "true"]);
    assert_ne!(
        ran.status, 0,
        "{failure:?}: an exec whose end is not known is no success"
    );
    assert_eq!(far.succeed(&["exec", "a1", "--", "echo", "here"]).trim(), "here");
}

#[test]
fn a_cable_that_is_out_in_the_middle_of_anything_is_settled() {
    a_cut_in_the_middle_of_anything_is_settled(Failure::Down);
}

#[test]
fn packets_that_are_dropped_in_the_middle_of_anything_are_settled() {
    a_cut_in_the_middle_of_anything_is_settled(Failure::Drop);
}

#[test]
fn connections_that_are_reset_in_the_middle_of_anything_are_settled() {
    a_cut_in_the_middle_of_anything_is_settled(Failure::Reset);
}
