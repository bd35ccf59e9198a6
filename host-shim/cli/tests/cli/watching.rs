//! `limits`, `stats`, `events`, `list --watch` and `gc` by the command line, on a real engine.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::person::Person;
use crate::running::Running;

fn names(list: &Value) -> Vec<(&str, &str)> {
    let agents = list.as_array().expect("an array").iter();
    agents
        .map(|agent| {
            (
                agent["name"].as_str().expect("a name"),
                agent["state"].as_str().expect("a state"),
            )
        })
        .collect()
}

#[test]
fn limits_are_changed_and_shown() {
    let person = Person::new();
    person.json(&["create", "a1", "--memory", "64m"]);
    let changed = person.json(&["limits", "a1", "--memory", "128m", "--cpus", "0.5", "--pids", "50"]);
    assert_eq!(
        (&changed["memory_bytes"], &changed["cpus"], &changed["pids"]),
        (&json!(128 << 20), &json!(0.5), &json!(50))
    );
    let shown = person.run(&["limits", "a1"]);
    assert!(
        shown.stdout.contains("128MiB") && shown.stdout.contains("0.5"),
        "{}",
        shown.stdout
    );
    let refused = person.run(&["limits", "a1", "--cpus", "4000"]);
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("cpus") && refused.stderr.contains("CPUs"),
        "{}",
        refused.stderr
    );
    assert_eq!(person.run(&["limits", "a1", "--memory", "lots"]).status, 2);
}

#[test]
fn stats_are_a_table_or_a_line_for_each_sample_and_end_with_ctrl_c() {
    let person = Person::new();
    person.json(&["create", "a1", "--memory", "64m"]);
    person.json(&["create", "a2"]);
    let once = person.run(&["stats", "--no-stream"]);
    assert_eq!(once.status, 0, "{}", once.stderr);
    assert!(
        once.stdout.starts_with("NAME") && once.stdout.contains("a1") && once.stdout.contains("a2"),
        "{}",
        once.stdout
    );
    let one = person.json(&["stats", "a1", "--no-stream"]);
    assert_eq!(
        (one["name"].as_str(), &one["memory_limit_bytes"]),
        (Some("a1"), &json!(64 << 20))
    );
    assert!(
        one["cpu_percent"].is_number() && one["pids"].as_u64() >= Some(1),
        "{one}"
    );
    let mut stream = Running::new(&mut person.command(&["--json", "stats", "a1"]));
    assert_eq!(
        (stream.next()["name"].clone(), stream.next()["name"].clone()),
        (json!("a1"), json!("a1"))
    );
    assert_eq!(stream.interrupt().0, Some(130));
    person.run(&["stop", "a1"]);
    assert_eq!(person.run(&["stats", "a1", "--no-stream"]).status, 4);
}

#[test]
fn events_are_printed_as_they_happen() {
    let person = Person::new();
    let socket = person.home().join("engine.sock");
    let engine = Breakable::new(&socket);
    let mut events = Running::new(engine.reached_by(&person, &mut person.command(&["--json", "events"])));
    engine.seen("GET /events", 2);
    let agent = person.json(&["create", "a1"]);
    person.run(&["stop", "a1"]);
    let seen = events.until(|event| event["event"] == "stopped");
    let what: Vec<_> = seen
        .iter()
        .map(|event| event["event"].as_str().expect("an event"))
        .collect();
    assert_eq!(what, ["created", "started", "stopped"]);
    assert!(
        seen.iter()
            .all(|event| event["id"] == agent["id"] && event["name"] == "a1")
    );
    assert_eq!(seen[2]["exit_code"], json!(143));
    assert_eq!(events.interrupt().0, Some(130));
}

#[test]
fn a_watched_list_equals_a_fresh_one_also_after_the_connection_broke() {
    let person = Person::new();
    let socket = person.home().join("engine.sock");
    let engine = Breakable::new(&socket);
    person.json(&["create", "a1"]);
    let mut list = Running::new(engine.reached_by(&person, &mut person.command(&["--json", "list", "--watch"])));
    assert_eq!(names(&list.next()), [("a1", "running")]);
    person.json(&["create", "a2"]);
    list.until(|list| names(list).contains(&("a2", "running")));
    engine.cut();
    person.run(&["stop", "a1"]);
    person.run(&["destroy", "a2"]);
    engine.mend();
    let last = list.until(|list| names(list) == [("a1", "stopped")]);
    let fresh = person.json(&["list"]);
    assert_eq!(names(last.last().expect("a list")), names(&fresh));
    let (status, stderr) = list.interrupt();
    assert_eq!(status, Some(130));
    assert!(
        stderr.contains("trying again") && stderr.contains("answers again"),
        "{stderr}"
    );
}

#[test]
fn gc_says_what_it_would_do_and_does_it() {
    let person = Person::new();
    assert_eq!(person.json(&["gc"]), json!([]));
    person.json(&["create", "a1"]);
    let snapshot = person.json(&["snapshot", "create", "a1"]);
    person.run(&["destroy", "a1"]);
    let kept = person.run(&["gc"]);
    assert_eq!(kept.status, 0);
    assert!(
        kept.stdout.contains("keep") && kept.stderr.contains("nothing to remove"),
        "{}{}",
        kept.stdout,
        kept.stderr
    );
    let told = person.json(&["gc", "--dry-run", "--snapshots"]);
    assert_eq!(told[0]["verb"], "remove");
    let id = snapshot["id"].as_str().expect("an id");
    assert!(told[0]["subject"].as_str().expect("a subject").contains(id));
    assert_eq!(person.json(&["snapshot", "list"]).as_array().expect("a list").len(), 1);
    assert_eq!(person.run(&["gc", "--snapshots"]).status, 0);
    assert_eq!(person.json(&["snapshot", "list"]), json!([]));
}

/// The way to the engine, which can be cut and mended.
struct Breakable {
    host: String,
    state: Arc<Mutex<Way>>,
    heard: std::sync::mpsc::Receiver<String>,
}

#[derive(Default)]
struct Way {
    cut: bool,
    open: Vec<UnixStream>,
}

impl Breakable {
    fn new(path: &Path) -> Self {
        let real = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let real = real.strip_prefix("unix://").expect("a local engine").to_owned();
        let listener = UnixListener::bind(path).expect("a socket");
        let state = Arc::<Mutex<Way>>::default();
        let (hear, heard) = std::sync::mpsc::channel();
        let way = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a connection");
                let mut state = way.lock().expect("the way");
                if state.cut {
                    continue;
                }
                let engine = UnixStream::connect(&real).expect("the engine");
                let copy = |stream: &UnixStream| stream.try_clone().expect("a socket");
                state.open.extend([copy(&client), copy(&engine)]);
                let (mut to_client, mut from_engine) = (copy(&client), copy(&engine));
                let hear = hear.clone();
                std::thread::spawn(move || pass_on(client, engine, &hear));
                std::thread::spawn(move || std::io::copy(&mut from_engine, &mut to_client));
            }
        });
        Self {
            host: format!("unix://{}", path.display()),
            state,
            heard,
        }
    }

    fn reached_by<'a>(&self, person: &Person, command: &'a mut Command) -> &'a mut Command {
        let provider = person.provider.to_uppercase().replace('-', "_");
        command.env(format!("MNGR__PROVIDERS__{provider}__HOST"), &self.host)
    }

    /// Waits until requests that begin so have come by.
    fn seen(&self, marker: &str, times: usize) {
        let fits = self.heard.iter().filter(|request| request.starts_with(marker));
        assert_eq!(fits.take(times).count(), times);
    }

    fn cut(&self) {
        let mut state = self.state.lock().expect("the way");
        state.cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        self.state.lock().expect("the way").cut = false;
    }
}

fn pass_on(client: UnixStream, mut engine: UnixStream, hear: &std::sync::mpsc::Sender<String>) {
    let mut lines = BufReader::new(client);
    loop {
        let buffer = match lines.fill_buf() {
            Ok(buffer) if !buffer.is_empty() => buffer,
            _ => break,
        };
        let _ = hear.send(String::from_utf8_lossy(buffer).into_owned());
        let length = buffer.len();
        if engine.write_all(buffer).is_err() {
            break;
        }
        lines.consume(length);
    }
    let _ = engine.shutdown(Shutdown::Write);
}
