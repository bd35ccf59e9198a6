//! What a directory's file may say before its user trusts it, and after.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use mngr_contract::environment::Environment;
use mngr_guard::policy::Preset;
use mngr_registry::PluginChoice;

use super::shown;
use crate::config::{Config, ConfigError, FileTrust, KEYS, SettingsFile, check_trust};
use crate::trust::TrustStore;

/// Each setting with a value that a stranger would like, as TOML writes it; those that do no harm whatever they say are not here.
const HOSTILE: [(&str, &str); 26] = [
    ("host", r#""tcp://192.0.2.1:2375""#),
    ("docker_context", r#""theirs""#),
    ("tls_directory", r#""certificates""#),
    ("identity_file", r#""~/.ssh/id_work""#),
    ("known_hosts_file", r#""known_hosts""#),
    ("ssh_config_file", r#""ssh_config""#),
    ("ssh_options", r#"{ ProxyJump = "gate.example" }"#),
    ("plugin", r#""./plugin.wasm""#),
    ("plugin", r#""mine@^0.1""#),
    ("allow_native", "true"),
    ("policy", r#""open""#),
    ("permissions", "{ docker.privileged = true }"),
    ("audit_log", r#""~/.bashrc""#),
    ("audit_log", "false"),
    ("ledger", r#""~/.profile""#),
    ("docker_proxies", "true"),
    ("plugin_limits", r#"{ memory = "4g" }"#),
    ("default_start_args", r#"["--volume=/:/host"]"#),
    ("docker_runtime", r#""theirs""#),
    ("ssh_bind_address", r#""0.0.0.0""#),
    ("gpu", "{ count = 8 }"),
    ("snapshot_pause", "false"),
    ("snapshot_findings", r#"{ bind_mount = "block", tmpfs = "ignore" }"#),
    ("secret_env", "[]"),
    ("destroyed_host_persisted_seconds", "0"),
    ("something_new", "1"),
];

const HARMLESS: &str = r#"
prefix = "x-"
[providers.docker]
backend = "docker"
plugin = "docker"
allow_native = false
policy = "strict"
audit_log = true
is_enabled = true
engine_timeout_seconds = 5
default_image = "debian:bookworm-slim"
default_agent_type = "claude"
default_cpus = 2
default-memory = "4g"
snapshot_pause = true
snapshot_findings = { tmpfs = "block" }
default_idle_timeout = 60
[providers.cloud]
backend = "modal"
host = "anything"
"#;

/// A home, and the directory of somebody's repository beside it.
struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir_all(room.home()).expect("a directory");
        fs::create_dir_all(room.repository().join(".mngr")).expect("a directory");
        room
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("repository")
    }

    fn file(&self) -> PathBuf {
        self.repository().join(SettingsFile::IN_DIRECTORY)
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).expect("written");
    }

    fn environment_with(&self, variables: &[(&str, &str)]) -> Environment {
        let home = self.home();
        let home = [("HOME", home.to_str().expect("UTF-8"))];
        Environment::new(home.iter().chain(variables).copied(), self.repository())
    }

    fn environment(&self) -> Environment {
        self.environment_with(&[])
    }

    fn store(&self) -> TrustStore {
        TrustStore::of_user(&self.environment()).expect("a home")
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::load(None, &self.environment())
    }

    /// What the file says, from now on trusted.
    fn trust(&self) {
        let file = SettingsFile::read(Path::new(SettingsFile::IN_DIRECTORY), &self.environment()).expect("a file");
        self.store().trust(&file.path, &file.sha256).expect("trusted");
    }
}

fn provider(lines: &str) -> String {
    format!("[providers.docker]\ndefault_image = \"debian\"\n{lines}\n")
}

#[test]
fn each_setting_that_could_do_harm_waits_until_its_file_is_trusted_and_asks_again_once_it_has_changed() {
    for (key, value) in HOSTILE {
        let room = Room::new();
        let text = provider(&format!("{key} = {value}"));
        room.write(&text);
        let waits = || {
            let error = room.load().expect_err(key);
            assert_eq!(error.field(), format!("providers.docker.{key}"));
            assert!(
                error
                    .message()
                    .contains("takes effect only once this directory is trusted")
            );
            let command = format!("mngr-docker trust in {}", room.repository().display());
            assert!(error.remedy().contains(&command), "{}", error.remedy());
        };
        waits();
        room.trust();
        let config = room.load().expect(key);
        assert_eq!(config.trust, FileTrust::Trusted);
        room.write(&format!("{text} "));
        waits();
        room.write(&text);
        room.load().expect("the bytes that are trusted");
        assert!(
            room.store()
                .revoke(&room.file().canonicalize().expect("there"))
                .expect("revoked")
        );
        waits();
        // Asking whether it is trusted is all that was done.
        assert_eq!(fs::read_dir(room.repository()).expect("a list").count(), 1, "{key}");
    }
}

#[test]
fn each_setting_of_the_shim_is_hostile_in_a_test_or_harmless_in_one() {
    for key in KEYS {
        let hostile = HOSTILE.iter().any(|(name, _)| *name == key.name);
        assert!(
            hostile || HARMLESS.contains(&format!("\n{} = ", key.name)),
            "{}",
            key.name
        );
    }
}

#[test]
fn a_file_that_does_no_harm_works_with_no_word() {
    let room = Room::new();
    room.write(HARMLESS);
    let config = room.load().expect("a configuration");
    assert_eq!(config.trust, FileTrust::Harmless);
    let docker = &config.providers["docker"];
    assert_eq!((docker.preset(), docker.settings.len()), (Preset::Strict, 7));
    assert!(!room.home().join(".local").exists(), "nothing is remembered");
}

#[test]
fn a_file_that_takes_away_what_narrows_rights_at_home_waits_however_harmless_it_is() {
    let room = Room::new();
    let home = room.home().join(".mngr/settings.toml");
    fs::create_dir_all(home.parent().expect("a parent")).expect("a directory");
    for (own, waits) in [
        ("policy = \"strict\"", true),
        ("secret_env = [\"*_TOKEN\"]", true),
        ("permissions = { docker.exec = false }", true),
        ("plugin_limits = { memory = \"1m\" }", true),
        ("snapshot_findings = { tmpfs = \"block\" }", true),
        ("policy = \"open\"", false),
        ("host = \"ssh://mine\"", true),
        ("docker_runtime = \"runsc\"", true),
        ("default_start_args = [\"--cap-drop=ALL\"]", true),
        ("default_memory = \"1g\"", false),
    ] {
        fs::write(&home, provider(own)).expect("written");
        for theirs in ["", "prefix = 'x'\n", &provider("default_cpus = 1")] {
            room.write(&format!("{theirs}# beside {own}\n"));
            let loaded = room.load();
            assert_eq!(loaded.is_err(), waits, "{own}: {theirs}");
            if let Err(error) = loaded {
                let key = own.split(' ').next().expect("a key");
                assert!(
                    error.message().contains(key) && error.remedy().contains("mngr-docker trust"),
                    "{error:?}"
                );
                let needs = SettingsFile::read(&room.file(), &room.environment())
                    .expect("a file")
                    .needs_trust;
                assert!(needs.iter().any(|need| need.field.ends_with(key)), "{needs:?}");
                room.trust();
                assert_eq!(room.load().expect("trusted").trust, FileTrust::Trusted);
            }
        }
    }
}

#[test]
fn a_wait_is_told_at_the_key() {
    let room = Room::new();
    room.write(&provider("ssh_config_file = \"./ssh_config\""));
    let told = shown(&room.load().expect_err("it waits")).replace(&room.0.path().display().to_string(), "ROOM");
    insta::assert_snapshot!(told, @r#"
     × providers.docker.ssh_config_file: takes effect only once this directory is trusted
      ╭─[ROOM/repository/.mngr/settings.toml:3:1]
    2 │ default_image = "debian"
    3 │ ssh_config_file = "./ssh_config"
      · ───────┬───────
      ·        ╰── runs programs, such as a ProxyCommand
      ╰────
     help: look at the file, then run mngr-docker trust in ROOM/repository; or name the file with --config
    "#);
}

#[test]
fn another_spelling_of_a_setting_waits_too() {
    for spelling in ["ssh-config-file", "ssh_config_file__extend", "ssh-config-file__assign"] {
        let room = Room::new();
        room.write(&provider(&format!("{spelling} = \"x\"")));
        assert_eq!(
            room.load().expect_err(spelling).field(),
            "providers.docker.ssh_config_file"
        );
    }
}

#[test]
fn what_its_user_says_needs_no_trust() {
    let hostile = provider("plugin = \"./plugin.wasm\"");
    let room = Room::new();
    room.write(&hostile);
    let file = room.file();
    let named = Config::load(Some(&file), &room.environment()).expect("--config names it");
    assert_eq!(named.trust, FileTrust::OfUser);
    let variable = room.environment_with(&[("MNGR_CONFIG", file.to_str().expect("UTF-8"))]);
    Config::load(None, &variable).expect("MNGR_CONFIG names it");

    let room = Room::new();
    fs::create_dir(room.home().join(".mngr")).expect("a directory");
    fs::write(room.home().join(SettingsFile::IN_DIRECTORY), &hostile).expect("written");
    room.load().expect("the home's file");
    let variable = ("MNGR__PROVIDERS__DOCKER__LEDGER", "/srv/ledger");
    Config::load(None, &room.environment_with(&[variable])).expect("a variable");
}

#[test]
fn the_home_is_its_users_whatever_way_leads_to_it() {
    let room = Room::new();
    fs::create_dir(room.home().join(".mngr")).expect("a directory");
    let text = provider("plugin = \"./plugin.wasm\"");
    fs::write(room.home().join(SettingsFile::IN_DIRECTORY), text).expect("written");
    let link = room.0.path().join("link");
    symlink(room.home(), &link).expect("a link");
    let home = room.home();
    let environment = Environment::new([("HOME", home.to_str().expect("UTF-8"))], &link);
    assert_eq!(
        Config::load(None, &environment).expect("its own").trust,
        FileTrust::OfUser
    );
    // A repository that leads there does not move where its paths start.
    fs::remove_dir(room.repository().join(".mngr")).expect("removed");
    symlink(home.join(".mngr"), room.repository().join(".mngr")).expect("a link");
    let config = room.load().expect("the home's file");
    let plugin = Some(PluginChoice::File(home.join(".mngr/./plugin.wasm")));
    assert_eq!(config.providers["docker"].plugin, plugin);
}

#[test]
fn a_link_to_a_trusted_file_does_not_change_what_its_paths_mean() {
    let room = Room::new();
    room.write(&provider("plugin = \"plugin/x.wasm\""));
    room.trust();
    let theirs = room.0.path().join("theirs");
    fs::create_dir_all(theirs.join(".mngr/plugin")).expect("a directory");
    symlink(room.file(), theirs.join(SettingsFile::IN_DIRECTORY)).expect("a link");
    let home = room.home();
    let environment = Environment::new([("HOME", home.to_str().expect("UTF-8"))], &theirs);
    let config = Config::load(None, &environment).expect("a file that is trusted");
    let beside = room
        .file()
        .canonicalize()
        .expect("there")
        .with_file_name("plugin/x.wasm");
    assert_eq!(config.providers["docker"].plugin, Some(PluginChoice::File(beside)));
    let file = SettingsFile::read(Path::new(SettingsFile::IN_DIRECTORY), &environment).expect("read");
    assert_eq!(file.path, room.file().canonicalize().expect("there"));
}

#[test]
fn the_default_policy_widens_nothing_unless_there_is_a_plugin() {
    let room = Room::new();
    room.write(&provider("policy = \"standard\""));
    let config = room.load().expect("what holds without it");
    // A plugin that is named on the command line gets what it gets without this file.
    assert_eq!(config.providers["docker"].policy, None);
    let plugin = room.environment_with(&[("MNGR__PROVIDERS__DOCKER__PLUGIN", "mine")]);
    let error = Config::load(None, &plugin).expect_err("wider than strict");
    assert_eq!(error.field(), "providers.docker.policy");
    let policy = [
        ("MNGR__PROVIDERS__DOCKER__PLUGIN", "mine"),
        ("MNGR__PROVIDERS__DOCKER__POLICY", "standard"),
    ];
    let config = Config::load(None, &room.environment_with(&policy)).expect("its user says so");
    assert_eq!(config.providers["docker"].policy, Some(Preset::Standard));
    room.trust();
    let config = Config::load(None, &plugin).expect("trusted");
    assert_eq!(config.providers["docker"].policy, Some(Preset::Standard));
}

#[test]
fn what_a_variable_takes_the_place_of_does_not_wait_and_what_it_adds_to_does() {
    let room = Room::new();
    room.write(&provider(
        "host = \"tcp://192.0.2.1:2375\"\npermissions = { docker.privileged = true }",
    ));
    let over = [
        ("MNGR__PROVIDERS__DOCKER__HOST", "unix:///mine.sock"),
        ("MNGR__PROVIDERS__DOCKER__PERMISSIONS", "{\"gpu\": 1}"),
    ];
    let config = Config::load(None, &room.environment_with(&over)).expect("nothing of the file is left");
    assert_eq!(config.providers["docker"].host.as_deref(), Some("unix:///mine.sock"));
    let added = [over[0], ("MNGR__PROVIDERS__DOCKER__PERMISSIONS__GPU", "1")];
    let error = Config::load(None, &room.environment_with(&added)).expect_err("the file's are in it");
    assert_eq!(error.field(), "providers.docker.permissions");
}

#[test]
fn a_list_of_trusted_files_that_is_damaged_trusts_nothing_and_is_named() {
    let room = Room::new();
    room.write(&provider("ledger = \"x\""));
    room.trust();
    let list = room.store().path().to_owned();
    fs::write(&list, "{").expect("written");
    let error = room.load().expect_err("nobody knows");
    let list = list.display().to_string();
    assert!(error.message().contains(&list), "{}", error.message());
    assert!(error.remedy().contains(&format!("remove {list}")), "{}", error.remedy());
    let nobody = Environment::new([("X", "")], room.repository());
    let error = Config::load(None, &nobody).expect_err("no home");
    assert!(error.remedy().contains("set HOME"), "{}", error.remedy());
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let room = Room::new();
    let _listener = UnixListener::bind(room.file()).expect("a socket");
    let error = room.load().expect_err("a socket");
    assert!(error.message().contains("is no regular file"), "{}", error.message());
}

#[test]
fn a_program_that_reads_such_a_file_itself_is_told_of_one_provider() {
    let room = Room::new();
    let check = |provider: &str| check_trust(&room.file(), provider, "trust it", &room.environment());
    check("mine").expect("there is no file");
    room.write(
        "[providers.mine]\nbackend = \"docker-wasm\"\nledger = \"x\"\n[providers.other]\npolicy = \"standard\"\n",
    );
    let error = check("mine").expect_err("it waits");
    assert_eq!((error.field(), error.remedy()), ("providers.mine.ledger", "trust it"));
    assert_eq!(check("MINE").expect_err("it waits").field(), "providers.mine.ledger");
    // It may lie over a file that says `strict`.
    assert_eq!(check("other").expect_err("it waits").field(), "providers.other.policy");
    check("third").expect("nothing is said of it");
    room.trust();
    check("mine").expect("trusted");
    let home = room.repository();
    let environment = Environment::new([("HOME", home.to_str().expect("UTF-8"))], "/");
    check_trust(&room.file(), "mine", "", &environment).expect("the home's own");
}
