//! What a person sees of a configuration that can not be meant.

use std::path::Path;

use mngr_contract::ProviderError;
use mngr_contract::backend::{Setting, SettingProblem, SettingType};
use proptest::prelude::*;

use super::{fault, load, load_raw, shown, yaml};
use crate::config::Config;

#[test]
fn faults_are_shown_with_their_place() {
    let table = |rest: &str| format!("[providers.docker]\n{rest}\n");
    let cases = [
        (
            "bad_url",
            "config.yaml",
            "providers:\n  docker:\n    host: shh://user@remote-host\n".to_owned(),
        ),
        ("number_for_host", "settings.toml", table("host = 7")),
        (
            "permission",
            "settings.toml",
            table("[providers.docker.permissions]\ndocker.sysctls = \"any\"\ndocker.privilege = true"),
        ),
        (
            "permission_without_its_beginning",
            "config.yaml",
            "providers:\n  docker:\n    permissions:\n      binds: safe\n".to_owned(),
        ),
        (
            "element_of_a_permission",
            "settings.toml",
            table("permissions = { \"docker.binds\" = [\n  \"/srv\",\n  \"srv\",\n] }"),
        ),
        (
            "text_for_flag",
            "config.yaml",
            "providers:\n  docker:\n    permissions: {docker.privileged: maybe}\n".to_owned(),
        ),
        (
            "permission_twice",
            "config.yaml",
            "providers:\n  docker:\n    permissions: {docker.exec: true, docker.archives: true, docker: {exec: false}}\n".to_owned(),
        ),
        ("list_for_table", "settings.toml", table("permissions = [\"docker.exec\"]")),
        ("policy", "settings.toml", table("policy = \"opne\"")),
        ("allow", "settings.toml", table("allow = [\n  \"sysctls\",\n  \"privileged\",\n]")),
        ("audit_log", "settings.toml", table("audit_log = 3")),
        ("timeout", "settings.toml", table("engine_timeout_seconds = 0")),
        (
            "text_for_boolean",
            "config.yaml",
            "providers:\n  docker:\n    is_enabled: yes\n".to_owned(),
        ),
        (
            "providers_is_a_list",
            "config.yaml",
            "providers:\n  - docker\n".to_owned(),
        ),
        (
            "provider_is_text",
            "config.yaml",
            "providers:\n  docker: ssh://host\n".to_owned(),
        ),
        (
            "near_providers",
            "settings.toml",
            "[provider.docker]\nhost = 'x'\n".to_owned(),
        ),
        (
            "near_providers_case",
            "config.yaml",
            "Providers:\n  docker:\n".to_owned(),
        ),
        ("backend", "settings.toml", table("backend = \"dokcer\"")),
        ("toml_syntax", "settings.toml", table("host = ssh://host")),
        (
            "toml_twice",
            "settings.toml",
            table("host = 'tcp://a:1'\nx = 1\nhost = 'tcp://b:2'"),
        ),
        (
            "toml_table_twice",
            "settings.toml",
            table("x = 1\n\n[providers.docker]"),
        ),
        (
            "yaml_syntax",
            "config.yaml",
            "providers:\n  docker:\n   host: [a\n  x: 1\n".to_owned(),
        ),
        (
            "yaml_tab",
            "config.yaml",
            "providers:\n\tdocker:\n\t\thost: a\n".to_owned(),
        ),
        (
            "yaml_twice",
            "config.yaml",
            "providers:\n  docker:\n    host: tcp://a:1\n    x: 1\n    host: b\n".to_owned(),
        ),
        (
            "yaml_documents",
            "config.yaml",
            "providers: {}\n---\nproviders: {}\n".to_owned(),
        ),
        (
            "hyphen_twice",
            "settings.toml",
            table("default_image = 'a'\ndefault-image = 'b'"),
        ),
        ("nan", "settings.toml", table("weight = [1.0, nan]")),
    ];
    let all: Vec<_> = cases
        .iter()
        .map(|(case, name, text)| format!("== {case}\n{}", fault(name, text)))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn faults_of_variables_name_the_variable() {
    let cases = [
        ("MNGR__PROVIDERS__DOCKER__HOST", "ftp://x"),
        ("MNGR__PROVIDERS__DOCKER__PERMISSIONS__DOCKER__DEVICES", "devices"),
        ("MNGR__PROVIDERS__DOCKER__PERMISSIONS__DOCKER__EXECS", "true"),
        ("MNGR__PROVIDERS__DOCKER__IS_ENABLED", "1"),
        ("MNGR__PROVIDERS__DOCKER", "ssh://host"),
        ("MNGR__PROVIDERS__DOCKER__DEFAULT_IMAGE__X", "1"),
        ("MNGR__PROVIDERS__DOCKER__DEFAULT_IMAGE__EXTEND", "[1]"),
    ];
    let text = "[providers.docker]\ndefault_image = 'x'\n";
    let all: Vec<_> = cases
        .iter()
        .map(|case| load("settings.toml", text, std::slice::from_ref(case)).expect_err("a fault"))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

fn finding(key: &str, element: Option<u32>, reason: &str) -> SettingProblem {
    SettingProblem {
        key: key.to_owned(),
        element,
        reason: reason.to_owned(),
        remedy: "see the plugin's settings".to_owned(),
    }
}

fn setting(key: &str) -> Setting {
    Setting {
        key: key.to_owned(),
        kind: SettingType::Text,
        default: None,
        help: String::new(),
    }
}

#[test]
fn a_plugins_findings_are_shown_in_the_file() {
    let text = "providers:\n  docker:\n    hots: ssh://a\n    default_imge: x\n    default_start_args:\n      - --rm\n      - --memry\n    default_idle_timeout: soon\n";
    let variables = [("MNGR__PROVIDERS__DOCKER__TAGS", "[1]")];
    let config = load("config.yaml", text, &variables).expect("a configuration");
    let settings = [
        "default_image",
        "default_start_args",
        "default_idle_timeout",
        "tags",
        "needed",
    ]
    .map(setting);
    let findings = [
        finding("hots", None, "is not a setting"),
        finding("default_imge", None, "is not a setting"),
        finding("default_start_args", Some(1), "is no argument of docker run"),
        finding("default_idle_timeout", None, "is not a number"),
        finding("tags", Some(0), "is not a table"),
        finding("needed", None, "is missing"),
    ];
    let problems = config.problems("docker", &findings, &settings);
    let directory = config.path.as_deref().and_then(Path::parent).expect("a directory");
    let all: Vec<_> = problems.iter().map(shown).collect();
    insta::assert_snapshot!(all.join("\n").replace(&directory.display().to_string(), "ROOM"));
}

#[test]
fn a_finding_on_a_provider_that_no_file_names_has_no_place() {
    let problems = Config::default().problems("docker", &[finding("x", None, "is missing")], &[setting("x")]);
    assert_eq!(problems[0].message(), "providers.docker.x: is missing");
    assert_eq!(problems[0].field(), "providers.docker.x");
}

#[test]
fn a_deadline_is_more_than_nothing_and_at_most_an_hour() {
    for seconds in ["0.0", "-1", "3600.5", "1e300", "1e-300", ".inf", "99999999999999999999"] {
        let text = format!("providers: {{docker: {{engine_timeout_seconds: {seconds}}}}}");
        assert!(fault("a.yaml", &text).contains("at most 3600"), "{seconds}");
    }
}

#[test]
fn an_error_has_the_same_parts_for_programs() {
    let (error, _) = load_raw("a.yaml", b"providers: {docker: {host: ftp://x}}", &[]).expect_err("a fault");
    assert_eq!(error.kind(), "invalid_argument");
    assert_eq!(error.field(), "providers.docker.host");
    let (message, remedy) = (error.message(), error.remedy().to_owned());
    let error = ProviderError::from(error);
    assert_eq!(error.field(), Some("providers.docker.host"));
    assert_eq!((error.message(), error.remedy()), (message, remedy.as_str()));
}

#[test]
fn a_megabyte_is_passed_on_where_it_is_right_and_never_shown() {
    let large = "x".repeat(1 << 20);
    let config = yaml(&format!("providers: {{docker: {{default_image: {large}}}}}"));
    assert_eq!(config.providers["docker"].settings["default_image"], large);
    for (name, text) in [
        ("a.toml", format!("[providers.docker]\nhost = '{large}'\n")),
        ("a.toml", format!("[providers.docker]\nallow = ['{large}']\n")),
        ("a.toml", format!("[providers.docker.permissions]\n{large} = true\n")),
        ("a.toml", format!("[providers.docker.permissions]\ngpu = '{large}'\n")),
        ("a.toml", format!("[providers.docker]\n{large} = nan\n")),
        ("a.toml", format!("[providers.docker]\n{large} = 1\n{large} = 1\n")),
        ("a.toml", format!("[providers.docker]\nhost = {large}\n")),
        ("a.toml", format!("[providers.docker]\nbackend = ['{large}']\n")),
        ("a.yaml", format!("providers: {{docker: {{host: {large}}}}}")),
        ("a.yaml", format!("providers: {{docker: {{host: [{large}}}}}")),
        (
            "a.yaml",
            format!("providers:\n  docker:\n    host: |\n{}", "      line\n".repeat(100_000)),
        ),
        ("a.yaml", format!("? {large}\n: 1\n? {large}\n: 2\n")),
    ] {
        let shown = fault(name, &text);
        assert!(shown.len() < 3000, "{} bytes: {}", shown.len(), &shown[..600]);
    }
}

#[test]
fn very_deep_and_broken_documents_are_errors_and_nothing_worse() {
    for depth in [40, 200, 100_000] {
        let brackets = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let (dashes, keys) = ("- ".repeat(depth), vec!["a"; depth].join("."));
        // Each of the tables would be as deep as its keys are long.
        let tables = format!("{} = {{ ", vec!["a"; 40].join(".")).repeat(depth.min(1000));
        for (name, text) in [
            ("a.toml", format!("a = {brackets}")),
            ("a.toml", format!("[{keys}]\n")),
            ("a.toml", format!("{keys} = 1\n")),
            ("a.toml", tables),
            ("a.yaml", format!("a: {brackets}")),
            ("a.yaml", format!("a:\n  {dashes}x")),
            ("a.yaml", format!("a: {}", "{a: ".repeat(depth))),
        ] {
            let error = load(name, &text, &[]).expect_err("too deep");
            assert!(
                error.to_string().contains("nested deeper than 32, the limit"),
                "{depth} in {name}: {error}"
            );
        }
    }
    for broken in [
        "\0",
        "[",
        "a = ",
        "? ",
        "&a *a",
        "a: &a [*a]",
        "%YAML 9",
        "!!binary x",
        "'",
        "\"\\u{d800}\"",
        "a: *b",
        "<<: 1",
    ] {
        for name in ["a.toml", "a.yaml", "a"] {
            let _ = load(name, broken, &[]);
        }
    }
}

/// Pieces that configurations are made of, put together in any order.
fn documents() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "providers",
        "docker",
        "host",
        "permissions",
        "docker.binds",
        "policy",
        "allow",
        "__extend",
        "-",
        "_",
        ":",
        ": ",
        " = ",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "  ",
        "\t",
        ",",
        "'",
        "\"",
        "#",
        "&a",
        "*a",
        "<<",
        "|",
        "---",
        "ä",
        "\r",
        "1",
        "nan",
        ".",
        "null",
        "[providers.docker]\n",
        "tcp://a:1",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_document_makes_a_panic_and_every_fault_can_be_shown(text in documents(), name in "a(\\.toml|\\.yaml)?") {
        if let Err((error, _)) = load_raw(&name, text.as_bytes(), &[]) {
            prop_assert!(!error.remedy().is_empty());
            prop_assert!(shown(&error).contains("help:"));
        }
    }

    #[test]
    fn no_variable_makes_a_panic(name in "[A-Z_]{0,12}", value in documents()) {
        let variable = format!("MNGR__PROVIDERS__{name}");
        if let Err((error, _)) = load_raw("a.toml", b"[providers.a]\npermissions = {}\n", &[(&variable, &value)]) {
            prop_assert!(error.message().contains(&variable), "{}", error.message());
            prop_assert!(!shown(&error).is_empty());
        }
    }
}
