//! What is logged, for people and for programs, and what never is.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use mngr_docker_tests::Registry;
use serde_json::Value;

use crate::person::{Person, Ran};

fn lines(stderr: &str) -> Vec<Value> {
    stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The line that says this of such an operation.
fn said<'a>(lines: &'a [Value], message: &str, operation: &str) -> &'a Value {
    lines
        .iter()
        .find(|line| line["message"] == message && line["span"]["operation"] == operation)
        .unwrap_or_else(|| panic!("nothing is said of {operation}"))
}

fn ran(command: &mut Command) -> Ran {
    Ran::from(command.output().expect("it runs"))
}

#[test]
fn a_call_and_those_of_the_engine_below_it_are_json_objects_one_a_line() {
    let person = Person::new();
    let mut create = person.command(&["--json", "--log-format", "json", "create", "a1"]);
    let created = ran(create.env("RUST_LOG", "debug"));
    assert_eq!(created.status, 0, "{}", created.stderr);
    let lines = lines(&created.stderr);
    for line in &lines {
        let time = line["timestamp"].as_str().expect("a time");
        time.parse::<Timestamp>().expect("RFC 3339");
    }
    let call = said(&lines, "the call has ended", "create");
    assert_eq!((&call["level"], &call["status"]), (&"INFO".into(), &"ok".into()));
    assert!(call["duration_ms"].as_f64().expect("milliseconds") > 0.0);
    let span = &call["span"];
    for (field, value) in [
        ("name", "call"),
        ("operation", "create"),
        ("agent", "a1"),
        ("provider", &person.provider),
        ("plugin", "built-in"),
        ("plugin_version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(span[field], value, "{span}");
    }
    assert_eq!(span["plugin_digest"].as_str().expect("a digest").len(), 12);

    let of_engine = |operation: &str| said(&lines, "the engine has answered", operation);
    let container = of_engine("container_create");
    let name = format!("mngr-{}.a1", person.provider);
    assert_eq!(container["span"]["object"], name.as_str());
    assert_eq!(container["spans"][0]["operation"], "create", "{container}");
    assert_eq!(of_engine("container_start")["status"], "ok");
}

#[test]
fn a_warning_is_one_json_object_that_says_in_which_call_it_came_up() {
    let person = Person::new();
    // An engine that is named is not looked for in that file.
    let engine = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    person.use_engine(Path::new(engine.strip_prefix("unix://").expect("a local engine")));
    std::fs::create_dir_all(person.home().join(".docker")).expect("a folder");
    person.write(".docker/config.json", "nonsense");
    let mut create = person.command(&["--json", "create", "a1", "--image", "127.0.0.1:1/none"]);
    let failed = ran(create.env("MNGR_LOG_FORMAT", "json").env_remove("RUST_LOG"));
    assert_ne!(failed.status, 0);
    let lines = lines(&failed.stderr);
    // What cannot be read has neither proxies nor credentials.
    let [proxies, warning] = lines.as_slice() else {
        panic!("two lines, not {lines:?}");
    };
    assert_eq!(
        (&proxies["level"], &proxies["target"]),
        (&"WARN".into(), &"mngr_engine::proxies".into())
    );
    assert_eq!(
        (&warning["level"], &warning["registry"]),
        (&"WARN".into(), &"127.0.0.1:1".into())
    );
    assert_eq!(
        (&warning["span"]["operation"], &warning["span"]["agent"]),
        (&"create".into(), &"a1".into())
    );
}

#[test]
fn a_failed_call_is_logged_with_the_case_of_its_error() {
    let person = Person::new();
    let mut show = person.command(&["--json", "--log-format=json", "show", "nobody"]);
    let failed = ran(show.env("RUST_LOG", "info"));
    assert_eq!(failed.status, 3);
    let lines = lines(&failed.stderr);
    let call = lines.last().expect("a line");
    assert_eq!(
        (&call["status"], &call["span"]["error.type"]),
        (&"not_found".into(), &"not_found".into())
    );
}

#[test]
fn a_form_that_is_not_known_is_wrong_usage() {
    let refused = Person::new().run(&["--log-format", "xml", "list"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("text, json"), "{}", refused.stderr);
}

/// Environment values, a password, and the forms that it takes on its way.
#[test]
fn no_secret_is_logged_however_much_is() {
    const CREATED_WITH: &str = "hunter2-of-create";
    const RUN_WITH: &str = "hunter2-of-exec";
    let registry = Registry::with_users();
    for format in ["text", "json"] {
        let person = Person::new();
        std::fs::create_dir_all(person.home().join(".docker")).expect("a folder");
        let config = serde_json::json!({ "auths": { registry.address(): { "auth": Registry::AUTH } } });
        person.write(".docker/config.json", config.to_string());
        let reference = format!("{}/agents-{format}", registry.address());
        let logged = |arguments: &[&str]| {
            let mut command = person.command(arguments);
            let ran = ran(command.env("RUST_LOG", "trace").env("MNGR_LOG_FORMAT", format));
            assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("the engine has answered"),
                "{arguments:?}: nothing is logged"
            );
            ran
        };
        let env = |value: &str| format!("--env=TOKEN={value}");
        let script = ["--", "sh", "-c", "echo $TOKEN > /root/token"];
        let mut all = vec![
            logged(&["create", "a1", "-s", &env(CREATED_WITH)]),
            logged(&[&["exec", &env(RUN_WITH), "a1"][..], &script].concat()),
            logged(&["cp", "a1:/root/token", "."]),
            logged(&["show", "a1"]),
            logged(&["snapshot", "create", "a1", "--name", "one"]),
        ];
        let pushed = logged(&["snapshot", "push", "one", &reference, "--include-env"]);
        let printed = pushed.stdout.trim().rsplit(' ').next().expect("a reference").to_owned();
        all.push(pushed);
        person.json(&["snapshot", "delete", "one"]);
        all.push(logged(&["snapshot", "pull", &printed]));
        all.push(logged(&["list"]));
        all.push(logged(&["destroy", "a1", "--snapshots"]));
        for secret in [
            CREATED_WITH,
            RUN_WITH,
            Registry::PASSWORD,
            Registry::AUTH,
            "x-registry-auth",
        ] {
            for ran in &all {
                let found = ran
                    .stderr
                    .lines()
                    .find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
                assert_eq!(found, None, "{format}: {secret}");
            }
        }
        let token = std::fs::read_to_string(person.home().join("token")).expect("the file");
        assert_eq!(token.trim(), RUN_WITH, "it was there to be logged");
    }
}

/// Puts a program where [`failing`] finds it first.
fn program(person: &Person, name: &str, script: &str) {
    person.write(name, format!("#!/bin/sh\n{script}\n"));
    let path = person.home().join(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("made a program");
}

/// What a command that fails says to its caller, on stdout, and what it logs meanwhile.
fn failing(person: &Person, arguments: &[&str]) -> Ran {
    let mut command = person.command(&[&["--json"], arguments].concat());
    let path = format!(
        "{}:{}",
        person.home().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let ran = ran(command.env("RUST_LOG", "trace").env("PATH", path));
    assert_ne!(ran.status, 0, "{arguments:?}");
    ran
}

/// An engine that answers all but the first questions with an error, and shows in its text what it has been sent.
fn indiscreet_engine(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = client.read(&mut piece) {
                    request.extend_from_slice(&piece[..length]);
                    if !request.windows(4).any(|window| window == b"\r\n\r\n") {
                        continue;
                    }
                    let head = String::from_utf8_lossy(&request).into_owned();
                    request.clear();
                    let (status, body) = match head.contains("/_ping") || head.contains("/version") {
                        true => (
                            "200 OK",
                            serde_json::json!({ "ApiVersion": "1.41", "MinAPIVersion": "1.24" }),
                        ),
                        false => (
                            "500 Sorry",
                            serde_json::json!({ "message": "TOKEN=hunter2-of-the-engine" }),
                        ),
                    };
                    let body = body.to_string();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if client.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

#[test]
fn what_an_engine_says_of_a_failure_is_told_and_not_logged() {
    let person = Person::new();
    let socket = person.home().join("engine.sock");
    indiscreet_engine(&socket);
    person.use_engine(&socket);
    for arguments in [&["list"][..], &["create", "a"], &["destroy", "a"], &["gc"]] {
        let ran = failing(&person, arguments);
        assert!(ran.stdout.contains("hunter2-of-the-engine"), "{}", ran.stdout);
        assert!(ran.stderr.contains("the engine has answered"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn what_ssh_says_of_a_failure_is_told_and_not_logged() {
    let person = Person::new();
    program(&person, "ssh", "echo hunter2-of-ssh >&2; exit 255");
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\nhost = \"ssh://me@far.example\"\n",
        person.provider
    ));
    let ran = failing(&person, &["list"]);
    assert!(ran.stdout.contains("hunter2-of-ssh"), "{}", ran.stdout);
    assert!(ran.stderr.contains("the call has ended"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn what_a_credential_helper_prints_is_not_logged() {
    let person = Person::new();
    // An engine that is named is not looked for in that file.
    let engine = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    person.use_engine(Path::new(engine.strip_prefix("unix://").expect("a local engine")));
    std::fs::create_dir_all(person.home().join(".docker")).expect("a folder");
    person.write(".docker/config.json", r#"{"credsStore": "loud"}"#);
    program(
        &person,
        "docker-credential-loud",
        "cat > /dev/null; echo hunter2; echo hunter2 >&2; exit 1",
    );
    let ran = failing(&person, &["create", "a1", "--image", "127.0.0.1:1/none"]);
    assert!(ran.stderr.contains("docker-credential-loud failed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn the_value_of_a_setting_that_is_refused_is_told_and_not_logged() {
    let person = Person::new();
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\nengine_timeout_seconds = \"hunter2\"\n",
        person.provider
    ));
    let ran = failing(&person, &["list"]);
    assert!(ran.stdout.contains("engine_timeout_seconds"), "{}", ran.stdout);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}
