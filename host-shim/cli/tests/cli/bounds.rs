//! What an engine, a machine behind SSH or a registry sends without end: each ends in an error that names the limit, and the program
//! has no more than 256 MiB for its data while it reads.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use mngr_docker_tests::{FaultProxy, Flood, flood_server};
use tar::{EntryType, Header};

use crate::person::{IMAGE, Person, Ran};

/// What the program may have for its data, in KiB. That is what `ulimit -d` counts: memory of its own that it may write to. All of
/// its address space would not do, of which the runtime of plugins reserves terabytes that it never uses.
const MEMORY: u64 = 256 << 10;

/// Runs the program in that memory. A program that wants more is aborted.
fn run(person: &Person, arguments: &[&str]) -> Ran {
    let whole = person.command(arguments);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -d {MEMORY} && exec \"$@\""), "sh"]);
    limited.arg(whole.get_program()).args(whole.get_args());
    limited.current_dir(person.home()).stdin(std::process::Stdio::null());
    for (name, value) in whole.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    Ran::from(limited.output().expect("it runs"))
}

/// What the program has said, in one line.
fn said(ran: &Ran) -> String {
    let words: Vec<_> = ran.stderr.split_whitespace().collect();
    words.join(" ").replace("│ ", "")
}

/// The program fails, and says that this is longer than the limit.
fn exceeds(person: &Person, arguments: &[&str], limit: &str) {
    let ran = run(person, arguments);
    let said = said(&ran);
    assert!(
        ran.status != 0 && said.contains(limit),
        "{arguments:?}: {} {said}",
        ran.status
    );
    assert!(said.contains("help:"), "{arguments:?}: {said}");
}

/// A person whose engine answers some requests so. Plugins are compiled before, which takes more memory.
fn hostile() -> (Person, FaultProxy) {
    let person = Person::new();
    assert_eq!(person.run(&["list"]).status, 0);
    let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
    person.use_engine(proxy.socket());
    (person, proxy)
}

#[test]
fn a_list_of_ten_million_containers_is_refused_by_their_number() {
    let (person, proxy) = hostile();
    let rows = "{},".repeat(9_999_999);
    let length = rows.len() + 4;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    proxy.flood("GET /containers/json", Flood::whole(format!("{head}[{rows}{{}}]")));
    exceeds(
        &person,
        &["list"],
        "an engine's list has more than 100000 entries, the limit",
    );
}

#[test]
fn a_list_without_an_end_is_refused_by_its_length() {
    for piece in [r#"{"Id":"a","Labels":{"a":"b"}},"#, " "] {
        let (person, proxy) = hostile();
        proxy.flood("GET /containers/json", Flood::body("[", piece));
        exceeds(&person, &["list"], "an engine's list is longer than 32 MiB, the limit");
    }
}

#[test]
fn an_answer_that_comes_a_byte_at_a_time_takes_no_more_than_its_length() {
    let (person, proxy) = hostile();
    let head = "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n";
    proxy.flood("GET /containers/json", Flood::of(head, "", "1\r\n \r\n"));
    exceeds(
        &person,
        &["list"],
        "an engine's refusal is longer than 1 MiB, the limit",
    );
}

#[test]
fn a_list_of_as_much_as_is_taken_fits_in_the_memory_and_one_label_more_is_refused() {
    let (person, proxy) = hostile();
    let label = |number: u32| format!("\"{number:x}\":\"\",");
    let labels: String = (0..1 << 16).map(label).collect();
    let row = format!("{{\"Id\":\"a\",\"Labels\":{{{labels}\"\":\"\"}}}}");
    let long = format!("{{\"Id\":\"a\",\"Labels\":{{\"a\":\"{}\"}}}}", "x".repeat(1 << 19));
    // Seven times 65,537 labels, and what is left of the length.
    let rows = [vec![row.as_str(); 7], vec![long.as_str(); 52]].concat();
    let body = format!("[{}]", rows.join(","));
    assert!(
        row.len() < 1 << 20 && (30 << 20..32 << 20).contains(&body.len()),
        "{}",
        body.len()
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    proxy.flood("GET /containers/json", Flood::whole(format!("{head}{body}")));
    let ran = run(&person, &["list"]);
    // None is an agent's.
    assert_eq!(ran.status, 0, "{}", ran.stderr);

    let (person, proxy) = hostile();
    let body = format!("[{}]", [row.as_str(); 8].join(","));
    proxy.flood("GET /containers/json", Flood::body(&body, " ").up_to(0));
    exceeds(
        &person,
        &["list"],
        "what the entries of an engine's list hold has more than 500000 entries, the limit",
    );
}

#[test]
fn one_entry_of_a_list_is_refused_where_it_is_as_long_as_a_list() {
    let (person, proxy) = hostile();
    let begins = format!("[{{\"Labels\":{{\"a\":\"{}\"}}}}", "x".repeat(2 << 20));
    proxy.flood("GET /containers/json", Flood::body(&begins, "]").up_to(1));
    exceeds(
        &person,
        &["list"],
        "an entry of an engine's list is longer than 1 MiB, the limit",
    );
}

#[test]
fn a_head_without_an_end_is_refused() {
    for endless in ["X-Header: value\r\n", "x"] {
        let (person, proxy) = hostile();
        proxy.flood(
            "GET /containers/json",
            Flood::of("HTTP/1.1 200 OK\r\nX-First: ", "", endless),
        );
        exceeds(
            &person,
            &["list"],
            "the head of an engine's answer is longer than 256 KiB, the limit",
        );
    }
}

#[test]
fn an_answer_and_a_refusal_without_an_end_are_refused() {
    let (person, proxy) = hostile();
    proxy.flood("GET /_ping", Flood::body("", "OK"));
    exceeds(&person, &["list"], "an engine's answer is longer than 4 MiB, the limit");
    let (person, proxy) = hostile();
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\r\n";
    proxy.flood("GET /containers/json", Flood::of(head, "{\"message\":\"", "no "));
    exceeds(
        &person,
        &["list"],
        "an engine's refusal is longer than 1 MiB, the limit",
    );
}

#[test]
fn what_is_asked_of_one_agent_is_refused_where_the_answer_has_no_end() {
    let (person, proxy) = hostile();
    person.json(&["create", "a"]);
    proxy.flood(
        "GET /containers/*/changes",
        Flood::body("[", "{\"Path\":\"/a\",\"Kind\":1},"),
    );
    exceeds(
        &person,
        &["snapshot", "diff", "a"],
        "the list of what changed in a container is longer than 64 MiB, the limit",
    );
    proxy.flood("GET /containers/*/json", Flood::body("{\"Id\":\"", "a"));
    exceeds(
        &person,
        &["show", "a"],
        "an engine's answer is longer than 4 MiB, the limit",
    );
}

#[test]
fn lines_without_an_end_are_refused_where_lines_are_read() {
    let (person, proxy) = hostile();
    let line = "a line of what an engine tells is longer than 4 MiB, the limit";
    proxy.flood("GET /events", Flood::body("{\"Action\":\"", "x"));
    exceeds(&person, &["events"], line);
    proxy.flood("POST /images/create", Flood::body("{\"status\":\"", "x"));
    exceeds(&person, &["create", "a", "--image", "nowhere.test/none:1"], line);
    person.write("Dockerfile", format!("FROM {IMAGE}\n"));
    proxy.flood("POST /build", Flood::body("{\"stream\":\"", "x"));
    exceeds(&person, &["create", "a", "--build", "."], line);
}

#[test]
fn events_and_layers_without_number_are_refused() {
    let (person, proxy) = hostile();
    let event = "{\"Type\":\"container\",\"Action\":\"start\",\"timeNano\":9000000000000000000}\n";
    proxy.flood("GET /events", Flood::body("", event));
    exceeds(
        &person,
        &["events"],
        "what an engine tells of events at once has more than 10000 entries, the limit",
    );
    let layer = |number: u32| {
        format!("{{\"id\":\"{number}\",\"status\":\"Downloading\",\"progressDetail\":{{\"current\":1,\"total\":2}}}}\n")
    };
    let layers: String = (0..20_000).map(layer).collect();
    proxy.flood("POST /images/create", Flood::body(&layers, " ").up_to(0));
    exceeds(
        &person,
        &["create", "a", "--image", "nowhere.test/none:1"],
        "what an engine tells of one image has more than 10000 entries, the limit",
    );
}

#[test]
fn output_passes_through_however_long_a_line_or_a_frame_says_it_is() {
    let (person, proxy) = hostile();
    person.json(&["create", "a"]);
    // One frame of 2 GiB, of which 300 MiB come.
    let frame = "\u{1}\0\0\0\u{7f}\u{7f}\u{7f}\u{7f}";
    proxy.flood("GET /containers/*/logs", Flood::body(frame, "x").up_to(300 << 20));
    for json in [&["logs", "a"][..], &["--json", "logs", "a"]] {
        let ran = run(&person, json);
        assert!(ran.stdout.len() >= 300 << 20, "{} {}", ran.stdout.len(), ran.stderr);
        // For programs the error is the last line of the output.
        let said = format!("{}{}", &ran.stdout[ran.stdout.len() - 1000..], ran.stderr);
        assert!(ran.status != 0 && said.contains("in the midst of the output"), "{said}");
    }
    let head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    proxy.flood("POST /exec/*/start", Flood::of(head, frame, "x").up_to(300 << 20));
    let ran = run(&person, &["exec", "a", "--", "true"]);
    assert!(
        ran.stdout.len() >= 300 << 20 && ran.status != 0,
        "{} {} {}",
        ran.stdout.len(),
        ran.status,
        ran.stderr
    );
}

#[test]
fn a_name_in_an_archive_is_no_longer_than_the_limit_whatever_its_head_says() {
    let (person, proxy) = hostile();
    person.json(&["create", "a"]);
    for kind in [EntryType::GNULongName, EntryType::XHeader] {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(4 << 30);
        header.set_cksum();
        let begins = std::str::from_utf8(header.as_bytes()).expect("text");
        let proxy_of_kind = FaultProxy::new(person.home().join(format!("{kind:?}.sock")), proxy.socket());
        proxy_of_kind.flood("GET /containers/*/archive", Flood::body(begins, "x"));
        person.use_engine(proxy_of_kind.socket());
        exceeds(
            &person,
            &["cp", "a:/etc", "copy"],
            "the head of a file in an archive is longer than 1 MiB, the limit",
        );
    }
}

#[test]
fn a_line_of_ssh_without_an_end_is_refused() {
    let person = Person::new();
    assert_eq!(person.run(&["list"]).status, 0);
    person.configure("[providers.far]\nbackend = \"docker\"\nhost = \"ssh://me@far.test\"\n");
    let program = person.home().join("ssh");
    std::fs::write(&program, "#!/bin/sh\nexec head -c 1000000000 /dev/zero >&2\n").expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    let path = format!("{}:{}", person.home().display(), std::env::var("PATH").expect("a path"));
    let mut whole = person.command(&["list"]);
    whole.env("PATH", path);
    let ran = Ran::from(whole.output().expect("it runs"));
    let said = said(&ran);
    assert!(
        ran.status != 0 && said.contains("a line of what ssh says is longer than 64 KiB, the limit"),
        "{said}"
    );
}

#[test]
fn a_registry_of_plugins_may_send_without_end_and_is_refused() {
    let person = Person::new();
    assert_eq!(person.run(&["list"]).status, 0);
    let answer = "an answer of a plugin's registry is longer than 4 MiB, the limit";
    let manifest = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"sha256:aa","size":1},
        "layers":[{"mediaType":"application/wasm","digest":"sha256:bb","size":1}]}"#;
    // It closes each connection after one answer. A client that is not told asks again on one that is gone.
    let fits = |body: &str| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        Flood::whole(format!("{head}{body}"))
    };
    let tags: Vec<_> = (0..60_000).map(|number| format!("\"1.0.{number}\"")).collect();
    let tags = format!("{{\"tags\":[{}]}}", tags.join(","));
    let manifest = fits(manifest);
    let cases: Vec<(&str, &str, Flood, &str)> = vec![
        ("", "/tags/list", Flood::body("{\"tags\":[\"", "1"), answer),
        (
            "",
            "/tags/list",
            fits(&tags),
            "what a plugin's registry has of one plugin has more than 50000 entries, the limit",
        ),
        (":1.0.0", "/manifests/", Flood::body("{\"a\":\"", "1"), answer),
        (
            ":1.0.0",
            "/manifests/",
            Flood::of("HTTP/1.1 404 Not Found\r\n\r\n", "{\"a\":\"", "1"),
            answer,
        ),
        (
            ":1.0.0",
            "/manifests/",
            Flood::of("HTTP/1.1 200 OK\r\nX-Long: ", "", "1"),
            "the head of an answer of a plugin's registry is longer than 408 KiB, the limit",
        ),
        (
            ":1.0.0",
            "/blobs/",
            Flood::body("", "1"),
            "a plugin is longer than 64 MiB, the limit",
        ),
        (":1.0.0", "/token", Flood::body("{\"token\":\"", "1"), answer),
    ];
    for (tag, path, flood, limit) in cases {
        let (path, manifest) = (path.to_owned(), manifest.clone());
        let address = flood_server(move |address, request| {
            if request.contains(&path) {
                return flood.clone();
            }
            if path == "/token" {
                let realm = format!("Bearer realm=\"http://{address}/token\",service=\"s\"");
                let head = format!(
                    "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: {realm}\r\nContent-Length: 0\r\n\r\n"
                );
                return Flood::whole(head);
            }
            manifest.clone()
        });
        let from = format!("oci://{address}/team/mine{tag}");
        exceeds(&person, &["plugin", "install", "mine", "--from", &from], limit);
    }
}
