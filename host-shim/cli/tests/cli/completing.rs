//! Pressing Tab looks and changes nothing, means what was typed before it, and ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use crate::person::{IMAGE, Person, offered};

#[test]
fn names_are_offered_wherever_an_agent_is_meant() {
    let person = Person::new();
    for name in ["alice", "bob"] {
        person.json(&["create", name, "--no-start"]);
    }
    for words in [
        &["show"][..],
        &["stop"],
        &["exec"],
        &["snapshot", "create"],
        &["--json", "logs"],
    ] {
        assert_eq!(person.tab(words), ["alice", "bob"], "{words:?}");
    }
}

#[test]
fn names_are_those_of_the_provider_and_the_configuration_that_were_typed() {
    let person = Person::new();
    let first = person.provider.clone();
    let second = format!("{first}-b");
    let of = |name: &str| format!("[providers.{name}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n");
    person.configure(&format!("{}{}", of(&first), of(&second)));
    person.write("other.toml", of(&second));
    person.json(&["create", "near", "--no-start", "--provider", &first]);
    person.json(&["create", "far", "--no-start", "--provider", &second]);
    let provider = format!("--provider={second}");
    for (words, names) in [
        (&["--provider", &first, "show"][..], &["near"][..]),
        (&["--provider", &second, "show"], &["far"]),
        (&[&provider, "show"], &["far"]),
        (&["--config", "other.toml", "show"], &["far"]),
        (&["--config=other.toml", "show"], &["far"]),
        (&["--config", "=", "other.toml", "show"], &["far"]),
        (&["--config", "~/other.toml", "show"], &["far"]),
        (&["show", "--config", "none.toml"], &[]),
        // Two are there, and neither was named.
        (&["show"], &[]),
        (&["--provider", &first, "--plugin", "./none.wasm", "show"], &[]),
    ] {
        assert_eq!(person.tab(words), names, "{words:?}");
    }
    person.json(&["destroy", "far", "--provider", &second]);
}

#[test]
fn what_a_crash_has_left_is_left() {
    let person = Person::new();
    let mut create = person.command(&["create", "half"]);
    create.env("FAILPOINTS", "engine.POST.containers.create.after=return(kill)");
    assert_eq!(create.output().expect("it runs").status.code(), None, "it was killed");
    let before = (person.containers(), person.files());
    assert_eq!(before.0.len(), 1);
    person.tab(&["show"]);
    assert!((person.containers(), person.files()) == before, "Tab has settled it");
    // The next call does, as ever.
    person.json(&["list"]);
    assert_ne!(person.files(), before.1);
}

#[test]
fn where_no_plugin_was_compiled_yet_none_is_and_nothing_is_written() {
    let person = Person::new();
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nledger = \"ledger\"\naudit_log = \"audit\"\n",
        person.provider
    ));
    person.json(&["create", "a", "--no-start"]);
    let cache = person.home().join("empty");
    fs::create_dir(&cache).expect("a directory");
    let before = person.files();
    let offered = offered(person.typing(&["show"]).env("XDG_CACHE_HOME", &cache));
    assert_eq!(offered, [""; 0]);
    assert!(person.files() == before, "a file has changed");
    assert_eq!(fs::read_dir(&cache).expect("a list").count(), 0);
    // Also where there are names to offer.
    assert_eq!(person.tab(&["show"]), ["a"]);
    assert!(person.files() == before, "a file has changed");
}

#[test]
fn an_engine_that_never_answers_offers_nothing_and_tab_ends() {
    let person = Person::new();
    let socket = person.home().join("hung.sock");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    person.use_engine(&socket);
    assert_eq!(person.tab(&["show"]), [""; 0]);
}

/// The processes that have this word among theirs.
fn processes_with(word: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("a list").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn an_ssh_that_never_gets_through_is_ended_with_all_that_it_has_started() {
    let person = Person::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let started = person.home().join("started");
    let hang = person.home().join("hang");
    // Neither it nor its child ends when its input does.
    fs::write(&hang, format!("echo > {0}\ntail -f {0}\n:\n", started.display())).expect("written");
    let proxied = format!("Host *\n  ProxyCommand sh {}\n", hang.display());
    for config in [proxied, "Host *\n".to_owned()] {
        person.write("ssh_config", config);
        person.configure(&format!(
            "[providers.{}]\nbackend = \"docker\"\nhost = \"ssh://127.0.0.1:{port}\"\nssh_config_file = \"{}\"\n",
            person.provider,
            person.home().join("ssh_config").display()
        ));
        fs::create_dir_all(person.home().join("run")).expect("a directory");
        let offered = offered(
            person
                .typing(&["show"])
                .env("XDG_RUNTIME_DIR", person.home().join("run")),
        );
        assert_eq!(offered, [""; 0]);
        let word = person.home().display().to_string();
        assert_eq!(processes_with(&word), [""; 0]);
        assert_eq!(fs::read_dir(person.home().join("run")).expect("a list").count(), 0);
    }
    assert!(started.exists(), "its ProxyCommand ran");
}
