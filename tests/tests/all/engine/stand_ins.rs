//! Engines that are absent, not engines, too old, hung, or gone between two calls.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::docker::ContainerFilter;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::fixture::spec;

fn at(path: &Path, timeout: Duration) -> DockerEngine {
    let config = ProviderConfig {
        host: Some(format!("unix://{}", path.display())),
        engine_timeout: timeout,
        ..ProviderConfig::named("test")
    };
    connect(&config, &Environment::default(), &Tunnels::default()).expect("nothing is sent yet")
}

fn patient(path: &Path) -> DockerEngine {
    at(path, Duration::from_secs(60))
}

async fn list(engine: &DockerEngine) -> Result<usize> {
    let filter = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    Ok(engine.container_list(filter).await?.len())
}

/// A socket in a directory of its own.
struct Socket(tempfile::TempDir);

impl Socket {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("engine.sock")
    }

    fn listener(&self) -> UnixListener {
        UnixListener::bind(self.path()).expect("bound")
    }
}

/// Reads one request and gives its first line; none where the other end is gone.
async fn request(stream: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("UTF-8");
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    head.lines().next().map(str::to_owned)
}

/// Answers as an engine of that API version does, with empty lists.
async fn answer(stream: &mut UnixStream, api: &str) {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nApi-Version: {api}\r\nServer: Docker/1.2.3 (linux)\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n[]"
    );
    stream.write_all(answer.as_bytes()).await.expect("answered");
}

#[tokio::test]
async fn an_absent_engine_is_unavailable_and_never_an_empty_list() {
    let socket = Socket::new();
    let error = list(&patient(&socket.path())).await.expect_err("absent");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("there is no socket"), "{}", error.message());
    assert!(error.message().contains("`host`"));
    assert!(error.remedy().contains("systemctl start docker"));
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_named_as_such() {
    let socket = Socket::new();
    std::fs::write(socket.path(), "").expect("written");
    let error = list(&patient(&socket.path())).await.expect_err("a file");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("is not a socket"), "{}", error.message());
}

#[tokio::test]
async fn a_socket_without_a_listener_says_that_nothing_listens() {
    let socket = Socket::new();
    drop(socket.listener());
    let error = list(&patient(&socket.path())).await.expect_err("nobody listens");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("nothing listens"), "{}", error.message());
}

#[tokio::test]
async fn what_does_not_speak_http_is_named_as_such() {
    let socket = Socket::new();
    let listener = socket.listener();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"220 mail.example ESMTP\r\n").await.expect("greeted");
        }
    });
    let error = list(&patient(&socket.path())).await.expect_err("no HTTP");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("does not speak HTTP"), "{}", error.message());
}

#[tokio::test]
async fn an_http_server_that_is_no_engine_is_named_as_such() {
    let socket = Socket::new();
    let listener = socket.listener();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            request(&mut stream).await;
            let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
            stream.write_all(page).await.expect("answered");
        }
    });
    let error = list(&patient(&socket.path())).await.expect_err("no engine");
    assert_eq!(error.kind(), "unavailable");
    assert!(error.message().contains("no Docker engine"), "{}", error.message());
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_unsupported_and_told_apart_from_a_new_one() {
    let socket = Socket::new();
    let listener = socket.listener();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while request(&mut stream).await.is_some() {
                answer(&mut stream, "1.24").await;
            }
        }
    });
    let error = list(&patient(&socket.path())).await.expect_err("too old");
    assert_eq!(error.kind(), "unsupported");
    assert!(
        error.message().contains("1.24") && error.message().contains("1.41"),
        "{}",
        error.message()
    );
}

/// Accepts and, after `answers` answers, never says another word.
fn hung(socket: &Socket, answers: usize) {
    let listener = socket.listener();
    tokio::spawn(async move {
        let (mut left, mut held) = (answers, Vec::new());
        while let Ok((mut stream, _)) = listener.accept().await {
            while left > 0 && request(&mut stream).await.is_some() {
                answer(&mut stream, "1.41").await;
                left -= 1;
            }
            held.push(stream);
        }
    });
}

fn timed_out<T>(result: Result<T>) -> bool {
    match result.err().expect("it hangs") {
        ProviderError::Timeout(timeout) => timeout.may_have_happened,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_engine_that_accepts_and_never_answers_is_a_timeout() {
    let socket = Socket::new();
    hung(&socket, 0);
    let engine = at(&socket.path(), Duration::from_millis(50));
    assert!(!timed_out(list(&engine).await));
    // Not even the check was answered, so the request itself was never sent.
    assert!(!timed_out(engine.container_create(spec("a")).await));
}

#[tokio::test]
async fn a_change_that_is_not_answered_may_have_happened_and_a_question_may_not() {
    let socket = Socket::new();
    hung(&socket, 1);
    let engine = at(&socket.path(), Duration::from_millis(50));
    assert!(timed_out(engine.container_create(spec("a")).await));
    assert!(!timed_out(list(&engine).await));
}

#[tokio::test]
async fn many_calls_to_an_engine_that_hangs_end_together() {
    let socket = Socket::new();
    hung(&socket, 0);
    let engine = at(&socket.path(), Duration::from_millis(50));
    let calls = futures::future::join_all((0..50).map(|_| list(&engine)));
    for result in calls.await {
        assert!(!timed_out(result));
    }
}

#[tokio::test]
async fn a_failed_check_is_not_remembered() {
    let socket = Socket::new();
    let engine = patient(&socket.path());
    assert!(list(&engine).await.is_err());
    hung(&socket, 2);
    assert_eq!(list(&engine).await.expect("it is there now"), 0);
}

#[tokio::test]
async fn the_engine_is_checked_once_and_its_connection_kept() {
    let socket = Socket::new();
    let listener = socket.listener();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut asked = Vec::new();
        while asked.len() < 3 {
            asked.push(request(&mut stream).await.expect("a request"));
            answer(&mut stream, "1.41").await;
        }
        asked
    });
    let engine = patient(&socket.path());
    list(&engine).await.expect("a list");
    list(&engine).await.expect("a list");
    let asked = server.await.expect("no panic");
    assert!(asked[0].starts_with("GET /_ping"));
    assert!(
        asked[1..].iter().all(|line| line.starts_with("GET /containers/json")),
        "{asked:?}"
    );
}

/// The engine restarts between two calls: each connection is closed after one answer. The runtime does not get to see that
/// before the next call, which is sent again on a new connection, whatever it asks for.
#[tokio::test]
async fn a_kept_connection_that_the_engine_closed_does_not_fail_the_next_call() {
    use std::io::{Read, Write};

    let socket = Socket::new();
    let listener = std::os::unix::net::UnixListener::bind(socket.path()).expect("bound");
    let (closed, wait_for_close) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // The first connection takes the check and the call that it goes before.
        let mut requests = 2;
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = [0; 4096];
            while requests > 0 && stream.read(&mut head).is_ok_and(|length| length > 0) {
                let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n[]";
                stream.write_all(answer.as_bytes()).expect("answered");
                requests -= 1;
            }
            requests = 1;
            drop(stream);
            if closed.send(()).is_err() {
                return;
            }
        }
    });
    let engine = patient(&socket.path());
    for _ in 0..50 {
        list(&engine).await.expect("a list");
        wait_for_close.recv().expect("closed");
        engine
            .container_kill("a", "TERM")
            .await
            .expect("a change is sent again too");
        wait_for_close.recv().expect("closed");
    }
}

/// One event, as a piece of a chunked answer.
fn event(time: u64) -> String {
    let event = format!(
        "{{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{{\"ID\":\"c{time}\",\"Attributes\":{{}}}},\"timeNano\":{time}}}\n"
    );
    format!("{:x}\r\n{event}\r\n", event.len())
}

#[tokio::test]
async fn an_engine_that_tells_slowly_what_is_past_is_heard_to_the_end() {
    let socket = Socket::new();
    let listener = socket.listener();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            while let Some(line) = request(&mut stream).await {
                if !line.contains("/events") {
                    answer(&mut stream, "1.41").await;
                    continue;
                }
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.expect("begun");
                for time in 1..=3 {
                    stream.write_all(event(time).as_bytes()).await.expect("told");
                    // Longer than what happens at one moment is apart.
                    let _ = tokio::time::timeout(Duration::from_millis(100), std::future::pending::<()>()).await;
                }
                stream.write_all(b"0\r\n\r\n").await.expect("ended");
            }
        }
    });
    let events = patient(&socket.path()).events(Vec::new(), 0, 0).await.expect("events");
    let times: Vec<_> = events.iter().map(|event| event.time).collect();
    assert_eq!(times, [1, 2, 3]);
}
