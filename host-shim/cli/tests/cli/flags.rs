//! Flags as a hand used to `docker` gives them: their own names on `create` and `fork`, `-s` byte for byte, what is filled in
//! from this machine, and `exec` with its variables. On the real engine, beside the Docker CLI where that says what is right.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use mngr_docker_tests::DockerCli;
use serde_json::{Value, json};

use crate::person::{IMAGE, Person, Ran};

fn succeeds(ran: Ran) -> String {
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    ran.stdout
}

/// What the engine says of a container.
fn inspected(id: &str) -> Value {
    let text = DockerCli::on(None).read(&["inspect", id]).expect("a container");
    serde_json::from_str::<Value>(&text).expect("JSON")[0].clone()
}

fn container(agent: &Value) -> Value {
    inspected(agent["container_id"].as_str().expect("an id"))
}

fn variables(container: &Value) -> Vec<String> {
    let all = container["Config"]["Env"].as_array().expect("a list");
    all.iter().map(|pair| pair.as_str().expect("text").to_owned()).collect()
}

#[test]
fn a_value_in_one_argument_reaches_the_container_byte_for_byte() {
    let person = Person::new();
    let values = [
        r#"{"b":2}"#,
        r"C:\dir\",
        "it's",
        "two  words ",
        "--cpus=2",
        "'quoted'",
        "a=b=c",
        "#$`",
        "ünïcödé",
        "line\nbreak",
        "",
    ];
    let mut arguments = vec!["create".to_owned(), "a".to_owned(), "--no-start".to_owned()];
    for (number, value) in values.iter().enumerate() {
        arguments.extend(["-s".to_owned(), format!("--env=S{number}={value}")]);
        arguments.extend(["-e".to_owned(), format!("E{number}={value}")]);
        arguments.push(format!("--label=L{number}={value}"));
    }
    let agent = person.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let container = container(&agent);
    let env = variables(&container);
    for (number, value) in values.iter().enumerate() {
        assert!(env.contains(&format!("S{number}={value}")), "{value:?}: {env:?}");
        assert!(env.contains(&format!("E{number}={value}")), "{value:?}: {env:?}");
        assert_eq!(container["Config"]["Labels"][format!("L{number}")], **value);
    }
}

#[test]
fn a_mount_keeps_the_quotes_of_its_fields() {
    let person = Person::new();
    let mount = r#"--mount=type=tmpfs,"target=/a,b""#;
    let agent = person.json(&[
        "create",
        "a",
        "--no-start",
        "-s",
        mount,
        "--mount",
        r#"type=tmpfs,"target=/c,d""#,
    ]);
    let mounts = container(&agent)["HostConfig"].clone();
    let shown = mounts.to_string();
    assert!(shown.contains("/a,b") && shown.contains("/c,d"), "{shown}");
}

#[test]
fn lines_of_flags_mean_what_they_meant_and_a_changed_one_is_told() {
    let person = Person::new();
    let old = "--env 'A=b c' --memory=64m";
    let agent = person.json(&["create", "a", "--no-start", "-s", old, "-s", "--label 'p=q r'"]);
    let made = container(&agent);
    assert!(variables(&made).contains(&"A=b c".to_owned()));
    assert_eq!(made["HostConfig"]["Memory"], 64 << 20);
    assert_eq!(made["Config"]["Labels"]["p"], "q r");
    let ran = person.run(&["create", "b", "--no-start", "-s", "--env=A=1 --memory=64m"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("warning: -s --env takes all that follows it"),
        "{}",
        ran.stderr
    );
    let quiet = person.run(&["create", "c", "--no-start", "-s", r#"--env=A={"b":2}"#]);
    assert_eq!((quiet.status, quiet.stderr.as_str()), (0, ""));
}

/// The variables that were set, sorted, with the value that holds: the Docker CLI sends all that were given, and an engine may put
/// them in another order.
fn set(container: &Value) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for pair in variables(container) {
        let name = pair.split('=').next();
        all.retain(|known| known.split('=').next() != name);
        all.push(pair);
    }
    all.retain(|pair| !pair.starts_with("PATH="));
    all.sort();
    all
}

/// What a flag fills, from what the engine says of a container; less labels of the provider.
fn filled(container: &Value) -> Value {
    let host = &container["HostConfig"];
    let config = &container["Config"];
    json!({
        "env": set(container),
        "user": config["User"],
        "workdir": config["WorkingDir"],
        "hostname": config["Hostname"],
        "entrypoint": config["Entrypoint"],
        "label": [&config["Labels"]["x"], &config["Labels"]["f"]],
        "binds": host["Binds"],
        "tmpfs": host["Tmpfs"],
        "ports": host["PortBindings"],
        "extra": host["ExtraHosts"],
        "network": host["NetworkMode"],
        "limits": [&host["Memory"], &host["NanoCpus"], &host["ShmSize"], &host["PidsLimit"]],
        "restart": host["RestartPolicy"],
        "init": host["Init"],
    })
}

#[test]
fn the_short_forms_of_docker_run_make_the_container_that_docker_makes() {
    let person = Person::new();
    std::fs::create_dir(person.home().join("src")).expect("a directory");
    person.write("vars", "FILE=from a file\n# no\nGIVEN\nABSENT\n");
    person.write("labels", "f=of a file\n");
    let flags = [
        "-e",
        "A=1",
        "--env",
        "B={\"c\": 2}",
        "-eGIVEN",
        "--env-file",
        "vars",
        "-v",
        "./src:/src:ro",
        "-v",
        "named-by-nobody:/v",
        "--tmpfs",
        "/t:size=1m",
        "-p",
        "127.0.0.1::80",
        "--publish=127.0.0.1::81/udp",
        "-w",
        "/src",
        "-u",
        "1:1",
        "-l",
        "x=y z",
        "--label-file=labels",
        "--entrypoint",
        "sh",
        "--hostname",
        "host-a",
        "--add-host",
        "db:10.0.0.1",
        "--init",
        "--shm-size=16m",
        "--restart",
        "no",
        "-m",
        "1g",
        "--memory=64m",
        "--cpus",
        "0.5",
        "--pids-limit=20",
        "--network=bridge",
        "--pull",
        "never",
    ];
    let flags: Vec<_> = flags
        .iter()
        .map(|flag| flag.replace("named-by-nobody", &person.provider))
        .collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut ours = person.command(&[&["--json", "create", "a", "--no-start"], &flags[..]].concat());
    let ours = Ran::from(
        ours.env("GIVEN", "by this process")
            .env_remove("ABSENT")
            .output()
            .expect("it runs"),
    );
    let agent: Value = serde_json::from_str(&succeeds(ours)).expect("JSON");
    let docker = DockerCli::on(None);
    let mut theirs = docker.command();
    theirs.arg("create").args(&flags).arg(IMAGE).current_dir(person.home());
    let theirs = Ran::from(
        theirs
            .env("GIVEN", "by this process")
            .env_remove("ABSENT")
            .output()
            .expect("it runs"),
    );
    let id = succeeds(theirs);
    let expected = filled(&inspected(id.trim()));
    docker.read(&["rm", id.trim()]).expect("removed");
    assert_eq!(filled(&container(&agent)), expected);
}

#[test]
fn of_two_flags_the_later_one_wins_whichever_way_it_is_given() {
    let person = Person::new();
    let memory = |name: &str, words: &[&str]| {
        let agent = person.json(&[&["create", name, "--no-start"], words].concat());
        container(&agent)["HostConfig"]["Memory"].clone()
    };
    assert_eq!(memory("a", &["--memory", "64m", "-s", "--memory=32m"]), 32 << 20);
    assert_eq!(memory("b", &["-s", "--memory=32m", "-m64m"]), 64 << 20);
    assert_eq!(memory("c", &["-m64m", "-s", "-m 32m", "--memory=16m"]), 16 << 20);
}

#[test]
fn a_fork_takes_the_flags_of_docker_run_by_their_own_names() {
    let person = Person::new();
    person.json(&["create", "a", "-e", "A=1", "-m64m"]);
    let forked = person.json(&[
        "fork",
        "a",
        "b",
        "-e",
        "A=it's",
        "--label",
        "x=\"y\"",
        "-s",
        "--memory=32m",
    ]);
    let made = container(&forked[0]);
    assert!(variables(&made).contains(&"A=it's".to_owned()));
    assert_eq!(
        (&made["Config"]["Labels"]["x"], &made["HostConfig"]["Memory"]),
        (&json!("\"y\""), &json!(32 << 20))
    );
}

#[test]
fn a_variable_that_is_taken_away_stays_away_over_restore_and_fork() {
    let person = Person::new();
    let greeting = |agent: &str| succeeds(person.run(&["exec", agent, "--", "sh", "-c", "echo ${GREETING-gone}"]));
    person.json(&["create", "a", "-e", "GREETING=hello"]);
    person.json(&["snapshot", "create", "a", "--name", "with"]);
    let mut taken = person.command(&["create", "b", "--snapshot", "with", "-e", "GREETING"]);
    succeeds(Ran::from(taken.env_remove("GREETING").output().expect("it runs")));
    assert_eq!(
        (greeting("a"), greeting("b")),
        ("hello\n".to_owned(), "gone\n".to_owned())
    );
    let checked = person.json(&["snapshot", "check", "b"]);
    assert_eq!(checked, json!([]), "a name without a value is no secret");
    person.json(&["stop", "b", "--snapshot=without"]);
    person.json(&["start", "b", "--snapshot", "without"]);
    person.json(&["fork", "b", "c"]);
    person.json(&["fork", "b", "d", "-e", "GREETING=again"]);
    assert_eq!(
        (greeting("b"), greeting("c"), greeting("d")),
        ("gone\n".to_owned(), "gone\n".to_owned(), "again\n".to_owned())
    );
    person.json(&["stop", "d", "--snapshot=again"]);
    person.json(&["start", "d", "--snapshot", "again"]);
    assert_eq!(greeting("d"), "again\n");
}

#[test]
fn binds_of_here_are_taken_from_the_directory_where_the_command_is_given() {
    let person = Person::new();
    for directory in ["work", "work/src"] {
        std::fs::create_dir(person.home().join(directory)).expect("a directory");
    }
    person.write("work/src/note", "here\n");
    let made = |name: &str, flag: &str, value: &str| {
        let mut command = person.command(&["create", name, flag, value]);
        succeeds(Ran::from(
            command
                .current_dir(person.home().join("work/src"))
                .output()
                .expect("it runs"),
        ));
        succeeds(person.run(&["exec", name, "--", "cat", "/x/note"]))
    };
    assert_eq!(made("a", "-v", ".:/x:ro"), "here\n");
    assert_eq!(made("b", "--mount", "type=bind,source=../src,target=/x"), "here\n");
    assert_eq!(made("c", "-s", "--volume=./../src:/x"), "here\n");
}

#[test]
fn exec_takes_variables_as_docker_exec_does() {
    let person = Person::new();
    person.write("vars", "FILE=it's\nOVER=1\nHERE\n");
    person.json(&["create", "a", "-e", "OWN=of the agent"]);
    let script = "echo \"$FILE|$OVER|$HERE|$ODD|${OWN-gone}|${ABSENT-gone}\"";
    let mut command = person.command(&[
        "exec",
        "--env-file",
        "vars",
        "-e",
        "OVER=2",
        "-e",
        "ODD={\"a\": 'b'}",
        "-e",
        "OWN",
        "-eABSENT",
        "a",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let ran = Ran::from(
        command
            .env("HERE", "of here")
            .env_remove("OWN")
            .env_remove("ABSENT")
            .output()
            .expect("it runs"),
    );
    assert_eq!(succeeds(ran), "it's|2|of here|{\"a\": 'b'}|gone|gone\n");
    let ran = person.run(&["exec", "-e", "=x", "a", "--", "true"]);
    assert_eq!(ran.status, 125, "{}", ran.stderr);
}

#[test]
fn a_detached_command_goes_on_by_itself() {
    let person = Person::new();
    person.json(&["create", "a"]);
    let script = "while [ ! -e /go ]; do sleep 0.1; done; echo done; echo done > /done";
    let ran = person.run(&["exec", "-d", "-i", "a", "--", "sh", "-c", script]);
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let wait = "touch /go; while [ ! -s /done ]; do sleep 0.1; done; cat /done";
    assert_eq!(succeeds(person.run(&["exec", "a", "--", "sh", "-c", wait])), "done\n");
    let ran = person.run(&["exec", "--detach", "a", "--", "/no/such/program"]);
    assert!(matches!(ran.status, 126 | 127), "{}", ran.status);
    assert!((ran.stdout + &ran.stderr).contains("/no/such/program"));
}

#[test]
fn a_privileged_command_needs_the_permission() {
    let person = Person::new();
    person.json(&["create", "a"]);
    let rights = ["exec", "--privileged", "a", "--", "grep", "CapEff", "/proc/self/status"];
    let ran = person.run(&rights);
    assert_eq!(ran.status, 125, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("refused by the rule docker.privileged"),
        "{}",
        ran.stderr
    );
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\npermissions = {{ docker.privileged = true }}\n",
        person.provider
    ));
    // An engine that has not all rights itself cannot give them, and then says so to both.
    let id = person.json(&["show", "a"])["container_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let theirs =
        Ran::from(DockerCli::on(None).run(&["exec", "--privileged", &id, "grep", "CapEff", "/proc/self/status"]));
    let ours = person.run(&rights);
    assert_eq!(
        (ours.status, &ours.stdout),
        (theirs.status, &theirs.stdout),
        "{}",
        ours.stderr
    );
    let plain = succeeds(person.run(&["exec", "a", "--", "grep", "CapEff", "/proc/self/status"]));
    assert_ne!(ours.stdout, plain);
}

#[test]
fn a_shell_completes_the_flags_of_docker_run() {
    let person = Person::new();
    let before = person.files();
    let offered = succeeds(Ran::from(
        person.typing(&["create", "a", "-e", "A=1"]).output().expect("it runs"),
    ));
    for flag in ["--env", "--volume", "--publish", "--gpus", "--start-arg"] {
        assert!(offered.lines().any(|line| line == flag), "{flag}: {offered}");
    }
    assert_eq!(person.files(), before);
}

#[test]
fn docker_host_is_read_as_the_docker_cli_reads_it() {
    let person = Person::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = format!(
        "localhost:{}/below/here/",
        listener.local_addr().expect("an address").port()
    );
    let mut command = person.command(&["list"]);
    let mut child = command.env("DOCKER_HOST", host).spawn().expect("it runs");
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut line = String::new();
    BufReader::new(stream.try_clone().expect("the same"))
        .read_line(&mut line)
        .expect("a request");
    stream
        .write_all(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("an answer");
    drop((stream, listener));
    assert!(!child.wait().expect("its end").success());
    assert!(
        line.split(' ')
            .nth(1)
            .is_some_and(|path| path.starts_with("/below/here/")),
        "{line}"
    );
}
