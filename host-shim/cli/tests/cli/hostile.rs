//! Text of strangers on a terminal: of agents, engines, registries and configurations. None of it may drive the terminal, turn
//! the direction of what stands around it, or hide.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use mngr_host_shim::contract::docker::ContainerSpec;
use mngr_host_shim::policy::PROVIDER_LABEL;
use serde_json::json;

use crate::person::{IMAGE, Person};
use crate::terminal::in_a_terminal;

/// Sets the title, colours, clears the screen by way of C1, turns the direction, ends the line, and hides.
const EVIL: &str = "\u{1b}]0;owned\u{7}\u{1b}[45;5m\u{9b}2J\u{202e}x\u{2066}\u{2028}\u{200b}\u{e0041}\r\nb";
/// What stands on the screen in its place.
const ESCAPED: &str =
    "\\u{1b}]0;owned\\u{7}\\u{1b}[45;5m\\u{9b}2J\\u{202e}x\\u{2066}\\u{2028}\\u{200b}\\u{e0041}\\r\\nb";

/// What is left of the screen without what the program itself may send: colours, and what draws spinners and lists anew.
fn without_its_own(screen: &str) -> String {
    let mut rest = screen;
    let mut left = String::new();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        left.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(0);
        let (arguments, command) = (&after[..end], after[end..].chars().next());
        let is_colour =
            |number: &str| matches!(number.parse(), Ok(0..=4 | 22 | 30..=39 | 90..=97)) || number.is_empty();
        let is_own = match command {
            Some('m') => arguments.split(';').all(is_colour),
            Some('H' | 'J') => arguments.is_empty(),
            Some('K' | 'A' | 'B') => true,
            _ => false,
        };
        if !is_own {
            left.push_str("\u{1b}[");
            rest = after;
            continue;
        }
        rest = &after[end + 1..];
    }
    left + rest
}

/// The screen holds nothing that could do harm.
fn assert_fit(what: &str, screen: &str) {
    let unfit = |c: char| {
        (c.is_control() && !matches!(c, '\r' | '\n'))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
    };
    let left = without_its_own(screen);
    assert!(!left.chars().any(unfit), "{what}:\n{left:?}");
}

fn see(person: &Person, line: &str) -> String {
    let screen = in_a_terminal(person, line, "n\n");
    assert_fit(line, &screen);
    screen
}

#[test]
fn what_is_looked_for_on_a_screen_is_found() {
    assert_eq!(
        without_its_own("\u{1b}[1m\u{1b}[31merror\u{1b}[0m\u{1b}[H\u{1b}[J"),
        "error"
    );
    for unfit in [EVIL, "\u{1b}[45;5m", "\u{1b}[2J", "\u{202e}", "\u{9b}2J", "\u{7}"] {
        assert!(std::panic::catch_unwind(|| assert_fit("", unfit)).is_err(), "{unfit:?}");
    }
}

/// Somebody with two agents of which everything that can be is hostile.
struct Beset {
    person: Person,
    /// The id of one whose labels are in order.
    id: String,
    /// The name of one whose labels are not.
    odd: String,
}

impl Beset {
    fn new() -> Self {
        let person = Person::new();
        let id = format!("agent-{}", uuid::Uuid::new_v4().simple());
        let tags = json!({ "tag": EVIL, EVIL: "tag" }).to_string();
        person.start_container(Self::agent(&person, &id, &tags));
        let odd = person.start_container(Self::agent(&person, EVIL, EVIL));
        Self { person, id, odd }
    }

    fn agent(person: &Person, id: &str, tags: &str) -> ContainerSpec {
        let label = |name: &str, value: &str| (format!("com.imbue.mngr.{name}"), value.to_owned());
        let others = [
            "agent-name",
            "agent-type",
            "parent-id",
            "created-at",
            "snapshot.id",
            "spec",
            "gpus",
            "host-id",
            "host-name",
        ];
        let mut labels = vec![
            (PROVIDER_LABEL.to_owned(), person.provider.clone()),
            label("agent-id", id),
            label("tags", tags),
        ];
        labels.extend(others.map(|name| label(name, EVIL)));
        ContainerSpec {
            name: format!("{}-{}", person.provider, uuid::Uuid::new_v4().simple()),
            image: IMAGE.to_owned(),
            labels,
            command: Some(
                ["sh", "-c", "touch \"/$EVIL\"; exec sleep 1000"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            env: vec![format!("EVIL={EVIL}")],
            init: true,
            ..ContainerSpec::default()
        }
    }

    fn see(&self, line: &str) -> String {
        let line = line
            .replace("EVIL", &format!("'{EVIL}'"))
            .replace("ID", &self.id)
            .replace("ODD", &self.odd);
        see(&self.person, &line)
    }
}

#[test]
fn what_agents_say_of_themselves_can_not_drive_the_terminal() {
    let beset = Beset::new();
    for line in ["mngr-docker list", "mngr-docker show ID"] {
        let screen = beset.see(line);
        assert!(screen.contains(ESCAPED), "{screen}");
    }
    for line in [
        "mngr-docker show ODD",
        "mngr-docker show EVIL",
        "mngr-docker list --all-providers",
        "RUST_LOG=debug mngr-docker list --tag tag=x --state running",
        "mngr-docker limits ID",
        "mngr-docker limits --memory EVIL ID",
        "mngr-docker gpus",
        "mngr-docker doctor",
        "mngr-docker check",
        "mngr-docker reconcile",
        "mngr-docker plugin permissions",
        "mngr-docker connection ID",
        "mngr-docker EVIL",
    ] {
        beset.see(line);
    }
}

#[test]
fn what_happens_to_agents_can_not_drive_the_terminal() {
    let beset = Beset::new();
    for line in [
        "mngr-docker stats --no-stream",
        "mngr-docker events > events & events=$!; until [ -s events ]; do mngr-docker pause ODD ID; mngr-docker resume ODD \
         ID; done; kill $events; wait; cat events",
        "mngr-docker destroy EVIL",
        "mngr-docker destroy -y ODD ID",
    ] {
        beset.see(line);
    }
}

#[test]
fn what_snapshots_hold_can_not_drive_the_terminal() {
    let beset = Beset::new();
    let changed = beset.see("mngr-docker snapshot diff ID");
    assert!(changed.contains(ESCAPED), "{changed}");
    for line in [
        "mngr-docker snapshot check ID",
        "mngr-docker snapshot create ID",
        "mngr-docker snapshot list",
        "mngr-docker snapshot list --tree",
        "mngr-docker destroy -y ID",
        "mngr-docker gc --dry-run --snapshots",
    ] {
        beset.see(line);
    }
}

#[test]
fn what_an_engine_says_can_not_drive_the_terminal() {
    let person = Person::new();
    let path = person.home().join("evil.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            std::thread::spawn(move || answer(stream, engine_says));
        }
    });
    person.use_engine(&path);
    for line in [
        "mngr-docker doctor",
        "mngr-docker list",
        "mngr-docker list --all-providers",
        "RUST_LOG=debug mngr-docker show a1",
        "mngr-docker create a1",
        "mngr-docker stop a1 a2",
        "mngr-docker snapshot list",
        "mngr-docker gc --dry-run",
    ] {
        let screen = see(&person, line);
        assert!(screen.contains("\\u{1b}[45;5m"), "{line}:\n{screen}");
    }
}

/// Status and body.
fn engine_says(request: &str) -> (u16, String) {
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    match path.trim_start_matches("/v1.41") {
        "/_ping" => (200, "OK".to_owned()),
        "/version" => {
            let version =
                json!({ "Version": EVIL, "Os": EVIL, "Arch": EVIL, "ApiVersion": "1.41", "MinAPIVersion": "1.12" });
            (200, version.to_string())
        }
        _ => (500, json!({ "message": EVIL }).to_string()),
    }
}

#[test]
fn what_a_registry_says_can_not_drive_the_terminal() {
    let person = Person::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let registry = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            std::thread::spawn(move || answer(stream, registry_says));
        }
    });
    for line in [
        format!("mngr-docker plugin install evil --from oci://{registry}/evil"),
        format!("mngr-docker create a1 --image {registry}/evil:1"),
        format!("RUST_LOG=debug mngr-docker snapshot pull {registry}/evil:1"),
    ] {
        let screen = see(&person, &line);
        assert!(screen.contains("\\u{1b}[45;5m"), "{line}:\n{screen}");
    }
}

fn registry_says(request: &str) -> (u16, String) {
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    match path {
        "/v2/" => (200, "{}".to_owned()),
        _ => {
            let error = json!({ "code": "UNSUPPORTED", "message": EVIL, "detail": EVIL });
            (400, json!({ "errors": [error] }).to_string())
        }
    }
}

/// Answers one request.
fn answer(stream: impl Read + Write, says: fn(&str) -> (u16, String)) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let (status, body) = says(&head);
    let length = body.len();
    let body = if head.starts_with("HEAD") { "" } else { &body };
    let answer = format!(
        "HTTP/1.1 {status} Said\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    // Who asked may be gone.
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

#[test]
fn a_configuration_at_fault_is_shown_and_can_not_drive_the_terminal() {
    let person = Person::new();
    for fault in [
        format!(
            "[providers.docker]\nhots = \"x\" # {}\n",
            EVIL.replace(['\r', '\n'], "")
        ),
        "[providers.docker]\nhost = \"\\u001b[45;5m\\u202e\"\n".to_owned(),
        "[providers.docker]\n\"\\u001b[45;5m\\u202e\" = 1\n".to_owned(),
        "[providers.\"\\u001b[45;5m\\u202e\"]\nplugin = \"\\u009b2J\"\n".to_owned(),
    ] {
        person.configure(&fault);
        for command in ["list", "list --all-providers", "doctor", "plugin permissions"] {
            let screen = see(&person, &format!("mngr-docker {command}"));
            assert!(screen.contains("\\u{1b}") || command != "list", "{fault}{screen}");
        }
    }
}
