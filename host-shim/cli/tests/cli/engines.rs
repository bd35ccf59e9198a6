//! Engines that can not be used: each has an error of its own, and none shows as an empty list.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use serde_json::Value;

use crate::person::Person;

fn list_on(person: &Person, host: &str) -> (i32, Value, String) {
    person.configure(&format!(
        "[providers.docker]\nhost = \"{host}\"\nengine_timeout_seconds = 1\n"
    ));
    let people = person.run(&["list"]);
    assert_eq!(people.stdout, "", "nothing that looks like a list");
    let programs = person.run(&["list", "--json"]);
    assert_eq!(people.status, programs.status);
    let value: Value = serde_json::from_str(&programs.stdout).expect("one JSON value");
    assert!(
        value["error"]["remedy"]
            .as_str()
            .is_some_and(|remedy| !remedy.is_empty()),
        "{value}"
    );
    (people.status, value["error"].clone(), people.stderr)
}

#[test]
fn an_engine_that_is_absent_is_unavailable_with_how_to_start_it() {
    let (status, error, stderr) = list_on(&Person::new(), "unix:///nowhere/docker.sock");
    assert_eq!((status, error["kind"].as_str()), (6, Some("unavailable")));
    assert!(
        stderr.contains("/nowhere/docker.sock") && stderr.contains("help:"),
        "{stderr}"
    );
}

#[test]
fn a_socket_that_nobody_listens_on_is_told_from_one_that_is_absent() {
    let person = Person::new();
    let path = person.home().join("dead.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    let (status, error, _) = list_on(&person, &format!("unix://{}", path.display()));
    assert_eq!(status, 6);
    let absent = list_on(&Person::new(), "unix:///nowhere/docker.sock").1;
    assert_ne!(error["message"], absent["message"]);
}

#[test]
fn an_engine_that_hangs_is_a_timeout() {
    let person = Person::new();
    let path = person.home().join("hung.sock");
    let _listener = UnixListener::bind(&path).expect("a socket");
    let (status, error, _) = list_on(&person, &format!("unix://{}", path.display()));
    assert_eq!((status, error["kind"].as_str()), (7, Some("timeout")));
}

#[test]
fn an_engine_that_is_too_old_is_unsupported_with_both_versions() {
    let person = Person::new();
    let path = person.home().join("old.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.24\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let (status, error, _) = list_on(&person, &format!("unix://{}", path.display()));
    assert_eq!((status, error["kind"].as_str()), (5, Some("unsupported")));
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("1.24") && message.contains("1.41"), "{message}");
}

#[test]
fn docker_host_decides_where_the_configuration_does_not() {
    let person = Person::new();
    let run = person
        .command(&["list"])
        .env("DOCKER_HOST", "unix:///from-docker-host.sock")
        .output()
        .expect("it runs");
    assert_eq!(run.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&run.stderr).contains("/from-docker-host.sock"));
}

#[test]
fn doctor_says_what_is_wrong_and_goes_on_where_it_can() {
    let person = Person::new();
    person.configure("[providers.docker]\nhost = \"unix:///nowhere.sock\"\n");
    let ran = person.run(&["doctor"]);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stdout.contains("✓ plugin") && ran.stdout.contains("✗ engine"),
        "{}",
        ran.stdout
    );
    let person = Person::new();
    let ran = person.run(&["doctor"]);
    assert_eq!(ran.status, 0, "{}", ran.stdout);
    assert!(!ran.stdout.contains('✗'), "{}", ran.stdout);
}
