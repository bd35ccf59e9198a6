//! What a person sees of the policy: refusals with the line that allows it, what holds, and the audit log.

use serde_json::{Value, json};

use crate::person::{IMAGE, Person};

fn configure(person: &Person, lines: &str) {
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n{lines}",
        person.provider
    ));
}

fn audit(person: &Person) -> Vec<Value> {
    let path = person.home().join(".local/state/mngr-docker/audit.jsonl");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn a_refusal_names_its_rule_and_the_line_that_makes_it_work() {
    let person = Person::new();
    for (flag, rule) in [
        ("--privileged", "docker.privileged"),
        ("--volume=/etc/ssl:/ssl", "docker.binds"),
        ("--volume=/srv/../root/.ssh:/keys", "docker.binds"),
        ("--volume=/var/run/docker.sock:/s", "docker.engine-socket"),
        ("--cap-add=SYS_ADMIN", "docker.capabilities"),
        ("--sysctl=net.ipv4.ip_forward=1", "docker.sysctls"),
        ("--pid=host", "docker.namespaces"),
        ("--security-opt=seccomp=unconfined", "docker.security-options"),
        ("--security-opt=systempaths=unconfined", "docker.masked-paths"),
    ] {
        let ran = person.run(&["create", "a", "-s", flag]);
        assert_eq!(ran.status, 5, "{flag}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("refused by the rule {rule}: ")),
            "{}",
            ran.stderr
        );
        let help = ran.stderr.split_once("help: ").expect("a remedy").1;
        let line = help.split('`').nth(1).expect("a line");
        assert!(line.starts_with(&format!("{rule}: ")), "{line}");
        // As it stands, in YAML; the provider's own keys around it.
        person.write(
            "told.yaml",
            format!(
                "providers:\n  {}:\n    default_image: {IMAGE}\n    permissions:\n      {line}\n",
                person.provider
            ),
        );
        let told = person.run(&["--config", "told.yaml", "create", "a", "--no-start", "-s", flag]);
        assert_eq!(told.status, 0, "{line}: {}", told.stderr);
        person.json(&["destroy", "a"]);
        let refused = audit(&person).into_iter().rfind(|line| line["verdict"] == "denied");
        assert_eq!(refused.expect("it is written down")["rule"], rule);
    }
    assert_eq!(person.containers(), [""; 0]);
}

#[test]
fn a_refusal_reads_well() {
    let person = Person::new();
    let ran = person.run(&["create", "a", "-s", "--volume=/etc/ssl:/ssl"]);
    let told = ran.stderr.replace(&person.provider, "PROVIDER");
    insta::assert_snapshot!(told);
}

#[test]
fn what_holds_is_shown_with_where_it_is_said() {
    let person = Person::new();
    let named = "audit_log = false\npermissions = { docker.binds = [\"safe\", \"/etc/ssl\"], gpu = 2 }\n";
    configure(&person, named);
    let ran = person.run(&["plugin", "permissions"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let told = ran.stdout.replace(&person.provider, "PROVIDER");
    insta::assert_snapshot!(told);
    let table = person.json(&["--plugin", "./x.wasm", "plugin", "permissions"]);
    assert_eq!(
        (
            &table["policy"],
            &table["is_set"],
            &table["plugin"],
            &table["audit_log"]
        ),
        (&json!("strict"), &json!(false), &json!("./x.wasm"), &Value::Null)
    );
    let of = |name: &str| {
        let all = table["permissions"].as_array().expect("a list");
        all.iter()
            .find(|permission| permission["name"] == name)
            .expect(name)
            .clone()
    };
    assert_eq!((&of("gpu")["value"], &of("gpu")["is_set"]), (&json!(2), &json!(true)));
    assert_eq!(
        (&of("docker.exec")["value"], &of("docker.exec")["standard"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn what_was_allowed_once_is_judged_again_at_start_restore_and_fork() {
    let person = Person::new();
    person.write(
        "named.toml",
        format!(
            "[providers.{0}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\npermissions = {{ \"docker.binds\" = [\"/etc/ssl\"] }}\n",
            person.provider
        ),
    );
    let named = |arguments: &[&str]| person.json(&[&["--config", "named.toml"], arguments].concat());
    named(&["create", "a", "-s", "--volume=/etc/ssl:/ssl"]);
    named(&["snapshot", "create", "a", "--force"]);
    named(&["stop", "a"]);
    let snapshot = named(&["snapshot", "list"])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for refused in [
        &["start", "a"][..],
        &["start", "a", "--snapshot", &snapshot],
        &["fork", "a", "b"],
        &["create", "c", "--snapshot", &snapshot, "-s", "--volume=/etc/ssl:/ssl"],
    ] {
        let ran = person.run(refused);
        assert_eq!(ran.status, 5, "{refused:?}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains("refused by the rule docker.binds: "),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(person.containers().len(), 1);
    named(&["start", "a"]);
}

#[test]
fn the_settings_in_use_and_what_they_name_are_given_to_no_agent() {
    let person = Person::new();
    for folder in ["work", "logs", "free"] {
        std::fs::create_dir(person.home().join(folder)).expect("a folder");
    }
    let write = |policy: &str| {
        person.write(
            "work/settings.toml",
            format!(
                "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\naudit_log = \"~/logs/audit.jsonl\"\n{policy}",
                person.provider
            ),
        );
    };
    let create = |folder: &str| {
        let flag = format!("--volume={}:/x:ro", person.home().join(folder).display());
        person.run(&[
            "--config",
            "work/settings.toml",
            "create",
            "a",
            "--no-start",
            "-s",
            &flag,
        ])
    };
    for policy in ["", "permissions = { \"docker.binds\" = \"any\" }\n"] {
        write(policy);
        for folder in ["work", "logs", "work/settings.toml", ".mngr", ".local", ""] {
            let ran = create(folder);
            assert_eq!(ran.status, 5, "{folder}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("only `policy: open` does"),
                "{folder}: {}",
                ran.stderr
            );
        }
        assert_eq!(create("free").status, 0);
        person.json(&["destroy", "a"]);
    }
    write("policy = \"open\"\n");
    let ran = create("work");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
fn what_the_settings_of_one_provider_name_is_given_to_no_agent_of_another() {
    let person = Person::new();
    for folder in ["keys", "logs", "plugins", "sockets"] {
        std::fs::create_dir(person.home().join(folder)).expect("a folder");
    }
    let lines = [
        "identity_file = \"~/keys/id\"",
        "audit_log = \"~/logs/audit.jsonl\"",
        "plugin = \"~/plugins/theirs.wasm\"",
    ];
    let other = lines.join("\n");
    let home = person.home().display();
    person.write(
        "both.toml",
        format!(
            "[providers.{0}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\n\
             [providers.{0}-far]\nbackend = \"docker\"\nhost = \"ssh://far.example\"\n{other}\n\
             [providers.{0}-near]\nbackend = \"docker\"\nhost = \"unix://{home}/sockets/e.sock\"\n",
            person.provider
        ),
    );
    for (folder, rule) in [
        ("keys", "docker.binds"),
        ("logs", "docker.binds"),
        ("plugins", "docker.binds"),
        ("sockets", "docker.engine-socket"),
    ] {
        let flag = format!("--volume={home}/{folder}:/x:ro");
        let ran = person.run(&[
            "--config",
            "both.toml",
            "--provider",
            &person.provider,
            "create",
            "a",
            "-s",
            &flag,
        ]);
        assert_eq!(ran.status, 5, "{folder}: {}", ran.stderr);
        assert!(ran.stderr.contains(rule), "{folder}: {}", ran.stderr);
    }
    assert_eq!(person.containers(), [""; 0]);
}

#[test]
fn the_audit_log_can_be_elsewhere_and_off() {
    let person = Person::new();
    let refuse = || assert_eq!(person.run(&["create", "a", "-s", "--privileged"]).status, 5);
    configure(&person, "audit_log = false\n");
    refuse();
    assert_eq!(audit(&person).len(), 0);
    configure(&person, "audit_log = \"~/elsewhere.jsonl\"\n");
    refuse();
    let text = std::fs::read_to_string(person.home().join("elsewhere.jsonl")).expect("a log");
    assert_eq!(text.lines().count(), 1);
    configure(&person, "audit_log = \"~/.mngr/settings.toml/x\"\n");
    let ran = person.run(&["create", "a", "--no-start"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("audit log").count(), 1, "{}", ran.stderr);
    person.json(&["destroy", "a"]);
}
