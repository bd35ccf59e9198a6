//! In a directory of somebody else nothing of its settings file happens before its user trusts it: by no command, and by no Tab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::person::{IMAGE, Person, Ran, offered};

/// Settings with which a repository would run programs, write files, pick keys or widen rights; `ROOM` is its directory.
const HOSTILE: [&str; 14] = [
    r#"ssh_config_file = "ROOM/ssh_config""#,
    r#"identity_file = "ROOM/key""#,
    r#"known_hosts_file = "ROOM/known_hosts""#,
    r#"ssh_options = { ProxyJump = "gate.example" }"#,
    r#"host = "ssh://theirs""#,
    r#"plugin = "ROOM/plugin.wasm""#,
    "allow_native = true",
    r#"policy = "open""#,
    "permissions = { docker.privileged = true }",
    r#"ledger = "ROOM/ledger""#,
    r#"audit_log = "ROOM/audit""#,
    r#"plugin_limits = { memory = "4g" }"#,
    r#"default_start_args = ["--volume=/:/host"]"#,
    "secret_env = []",
];

/// Each command that reads settings, with arguments that it would act on.
const READING: [&[&str]; 37] = [
    &["doctor"],
    &["create", "a"],
    &["list"],
    &["list", "--all-providers"],
    &["show", "a"],
    &["start", "a"],
    &["stop", "a"],
    &["pause", "a"],
    &["resume", "a"],
    &["destroy", "a", "--yes"],
    &["rename", "a", "b"],
    &["exec", "a", "--", "true"],
    &["connect", "a"],
    &["forward", "a", "80"],
    &["connection", "a"],
    &["cp", "a:/x", "x"],
    &["cp", ".", "a:/x"],
    &["logs", "a"],
    &["limits", "a", "--memory", "1g"],
    &["stats", "--no-stream"],
    &["events"],
    &["gc", "--yes"],
    &["gpus"],
    &["snapshot", "create", "a"],
    &["snapshot", "check", "a"],
    &["snapshot", "list"],
    &["snapshot", "delete", "a"],
    &["snapshot", "diff", "a"],
    &["snapshot", "push", "a", "registry.example/a"],
    &["snapshot", "pull", "registry.example/a"],
    &["fork", "a", "b"],
    &["migrate", "a", "--to", "docker"],
    &["reconcile"],
    &["check"],
    &["check", "--boot"],
    &["plugin", "permissions"],
    &["--json", "list"],
];

/// Each command that reads none: what it is about is said on its command line, or is the user's own.
const NOT_READING: [&[&str]; 12] = [
    &["trust", "--list"],
    &["completions", "bash"],
    &["plugin", "install"],
    &["plugin", "list"],
    &["plugin", "pin", "mine@^1"],
    &["plugin", "update"],
    &["plugin", "rollback", "mine"],
    &["plugin", "verify"],
    &["plugin", "remove", "mine"],
    &["plugin", "new", "mine", "--path", "mine"],
    &["plugin", "component", "none.wasm", "-o", "none"],
    &["plugin", "test", "none.wasm"],
];

/// A repository that somebody else wrote, in the home of a person who has gone there.
struct Repository {
    person: Person,
    room: PathBuf,
}

impl Repository {
    fn saying(settings: &[&str]) -> Self {
        let person = Person::new();
        let room = person.home().join("repository");
        fs::create_dir_all(room.join(".mngr")).expect("a directory");
        let marker = room.join("marker").display().to_string();
        let proxy = format!("Host *\n  ProxyCommand touch {marker}\n");
        fs::write(room.join("ssh_config"), proxy).expect("written");
        fs::write(room.join("plugin.wasm"), mngr_docker_tests::component()).expect("written");
        let repository = Self { person, room };
        repository.say(&format!("[providers.docker]\n{}\n", settings.join("\n")));
        repository
    }

    fn say(&self, text: &str) {
        let text = text.replace("ROOM", &self.room.display().to_string());
        fs::write(self.room.join(".mngr/settings.toml"), text).expect("written");
    }

    fn said(&self) -> String {
        fs::read_to_string(self.room.join(".mngr/settings.toml")).expect("a file")
    }

    /// The command in the repository; what it compiles or remembers is kept in the person's home.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.person.command(arguments);
        self.there(&mut command);
        command
    }

    fn there<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .current_dir(&self.room)
            .env("XDG_CACHE_HOME", self.person.home().join("cache"))
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("it runs"))
    }

    /// What Tab offers behind these words.
    fn tab(&self, words: &[&str]) -> Vec<String> {
        offered(self.there(&mut self.person.typing(words)))
    }

    /// Nothing of what the settings ask for was done.
    fn is_untouched(&self, what: &dyn std::fmt::Debug) {
        for made in ["marker", "ledger", "audit"] {
            assert!(!self.room.join(made).exists(), "{what:?} made {made}");
        }
    }
}

/// The names of all commands, as the help lists them.
fn commands(person: &Person, above: &[&str]) -> Vec<String> {
    let help = person.run(&[above, &["--help"]].concat()).stdout;
    let Some((_, listed)) = help.split_once("\nCommands:\n") else {
        return vec![above.join(" ")];
    };
    let names = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (!line.starts_with("   ") && name != "help").then_some(name)
    });
    names
        .flat_map(|name| commands(person, &[above, &[name]].concat()))
        .collect()
}

#[test]
fn every_command_is_among_those_that_read_settings_or_those_that_do_not() {
    let all = commands(&Person::new(), &[]);
    assert!(all.len() > 40, "{all:?}");
    for command in all {
        let words: Vec<_> = command.split(' ').collect();
        let known = READING.iter().chain(&NOT_READING).any(|line| line.starts_with(&words));
        assert!(
            known,
            "is `{command}` safe in a directory of somebody else? Add it to one of the lists"
        );
    }
}

#[test]
fn no_command_does_anything_of_a_strangers_settings() {
    let repository = Repository::saying(&HOSTILE);
    let before = repository.person.files();
    for line in READING {
        let ran = repository.run(line);
        let status = match line[0] {
            "doctor" => 1,
            "exec" | "connect" => 125,
            _ => 2,
        };
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, status, "{line:?}: {said}");
        assert!(said.contains("providers.docker.ssh_config_file"), "{line:?}: {said}");
        assert!(said.contains("mngr-docker trust"), "{line:?}: {said}");
        assert!(repository.person.files() == before, "{line:?} has changed a file");
    }
    for line in NOT_READING {
        repository.run(line);
        repository.is_untouched(&line);
    }
}

#[test]
fn each_of_a_strangers_settings_is_refused_by_itself_also_where_nobody_can_be_told() {
    for setting in HOSTILE {
        let repository = Repository::saying(&[setting]);
        let before = repository.person.files();
        let key = setting.split_once(' ').expect("a key").0;
        let ran = repository.run(&["--json", "list"]);
        let error: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
        assert_eq!(ran.status, 2, "{setting}");
        assert_eq!(error["error"]["kind"], "invalid_argument");
        assert_eq!(error["error"]["field"], format!("providers.docker.{key}"));
        let remedy = format!("run mngr-docker trust in {}", repository.room.display());
        assert!(
            error["error"]["remedy"]
                .as_str()
                .is_some_and(|said| said.contains(&remedy)),
            "{error}"
        );
        assert_eq!(repository.tab(&["show"]), [""; 0], "{setting}");
        assert!(repository.person.files() == before, "{setting}: a file has changed");
    }
}

#[test]
fn once_it_is_trusted_all_of_it_takes_effect_until_it_changes() {
    let repository = Repository::saying(&HOSTILE[..5]);
    let marker = repository.room.join("marker");
    let trusted = repository.run(&["trust", "--yes"]);
    assert_eq!(trusted.status, 0, "{}", trusted.stderr);
    repository.run(&["list"]);
    assert!(marker.exists(), "its ProxyCommand runs");
    fs::remove_file(&marker).expect("removed");
    let text = repository.said();
    repository.say(&format!("{text} "));
    assert_eq!(repository.run(&["list"]).status, 2);
    repository.is_untouched(&"a byte more");
    repository.say(&text);
    repository.run(&["list"]);
    assert!(marker.exists(), "it is as it was");
    fs::remove_file(&marker).expect("removed");
    assert_eq!(repository.run(&["trust", "--revoke"]).status, 0);
    assert_eq!(repository.run(&["list"]).status, 2);
    repository.is_untouched(&"revoked");
}

#[test]
fn a_plugin_a_ledger_and_an_audit_log_of_a_trusted_file_are_used() {
    let repository = Repository::saying(&[
        r#"plugin = "ROOM/plugin.wasm""#,
        r#"policy = "standard""#,
        r#"ledger = "ROOM/ledger""#,
        r#"audit_log = "ROOM/audit""#,
    ]);
    let provider = &repository.person.provider;
    let said = repository
        .said()
        .replace("providers.docker", &format!("providers.{provider}"));
    repository.say(&format!("{said}default_image = \"{IMAGE}\"\nbackend = \"docker\"\n"));
    assert_eq!(repository.run(&["trust", "-y"]).status, 0);
    let created = repository.run(&["create", "a", "--no-start"]);
    assert_eq!(created.status, 0, "{}", created.stderr);
    assert!(repository.room.join("ledger").exists() && repository.room.join("audit").exists());
    let doctor = repository.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("settings.toml, this directory's, which you trust"),
        "{doctor}"
    );
    assert_eq!(repository.tab(&["show"]), ["a"]);
}

#[test]
fn a_file_that_does_no_harm_works_with_no_word() {
    let repository = Repository::saying(&[&format!("default_image = \"{IMAGE}\""), r#"policy = "strict""#]);
    let ran = repository.run(&["plugin", "permissions"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("policy strict"), "{}", ran.stdout);
    let trust = repository.run(&["trust"]);
    assert_eq!(trust.status, 0);
    assert!(trust.stderr.contains("Nothing in "), "{}", trust.stderr);
}

#[test]
fn what_needs_trust_is_shown_before_it_is_asked_for() {
    let repository = Repository::saying(&[r#"ledger = "ROOM/led\u001Bger""#]);
    let nobody = repository.run(&["trust"]);
    assert_eq!(nobody.status, 2);
    assert!(
        nobody.stderr.contains("there is no terminal to ask on"),
        "{}",
        nobody.stderr
    );
    let ask = |answer: &str| {
        crate::terminal::in_a_terminal_at(&repository.person, &repository.room, "mngr-docker trust", answer)
    };
    let screen = ask("n\n");
    assert!(screen.contains("providers.docker.ledger"), "{screen}");
    assert!(screen.contains("led\\u{1b}ger"), "{screen}");
    assert!(screen.contains("Trust it? [y/N]"), "{screen}");
    assert!(screen.contains("It is not trusted."), "{screen}");
    assert_eq!(repository.run(&["list"]).status, 2);
    let screen = ask("y\n");
    assert!(screen.contains("is trusted as it was read"), "{screen}");
    let doctor = repository.run(&["doctor"]).stdout;
    assert!(!doctor.contains("trust in"), "{doctor}");
}

#[test]
fn what_is_trusted_is_listed_for_programs_too() {
    let repository = Repository::saying(&[r#"ledger = "ROOM/ledger""#]);
    let path = repository
        .room
        .join(".mngr/settings.toml")
        .canonicalize()
        .expect("there");
    let json = |arguments: &[&str]| -> Value {
        let ran = repository.run(&[&["--json", "trust"], arguments].concat());
        assert_eq!(ran.status, 0, "{}", ran.stdout);
        serde_json::from_str(&ran.stdout).expect("one JSON value")
    };
    assert_eq!(json(&["--list"]), json!([]));
    let trusted = json(&["--yes"]);
    assert_eq!((&trusted["path"], &trusted["trusted"]), (&json!(path), &json!(true)));
    assert_eq!(trusted["settings"][0]["field"], "providers.docker.ledger");
    let state = || json(&["--list"])[0]["state"].clone();
    assert_eq!(state(), "trusted");
    repository.say("");
    assert_eq!(state(), "changed");
    let file = Path::new(".mngr/settings.toml");
    fs::remove_file(repository.room.join(file)).expect("removed");
    assert_eq!(state(), "gone");
    // Also where there is nothing any more.
    let revoked = json(&["--revoke", &file.display().to_string()]);
    assert_eq!(revoked, json!({ "path": path, "trusted": false, "was_trusted": true }));
    assert_eq!(json(&["--revoke"])["was_trusted"], false);
    assert_eq!(json(&["--list"]), json!([]));
}
