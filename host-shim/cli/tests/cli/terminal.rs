//! `exec -it` in a real terminal, made by `script` of util-linux.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::person::Person;

/// Runs a shell line in a terminal of its own, in the home, types `keys`, and returns what the screen showed.
pub fn in_a_terminal(person: &Person, line: &str, keys: &str) -> String {
    in_a_terminal_at(person, person.home(), line, keys)
}

/// The same in another directory.
pub fn in_a_terminal_at(person: &Person, directory: &Path, line: &str, keys: &str) -> String {
    let program = env!("CARGO_BIN_EXE_mngr-docker");
    let template = person.command(&[]);
    let mut script = std::process::Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &line.replace("mngr-docker", program),
        "/dev/null",
    ]);
    script
        .current_dir(directory)
        .envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script runs");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(keys.as_bytes())
        .expect("typed");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_shell_gets_a_terminal_and_the_persons_own_is_as_before_after_it() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    let line = "stty -a > before; mngr-docker exec -it a1 -- sh; echo status=$?; stty -a > after";
    let screen = in_a_terminal(&person, line, "tty && echo terminal-$((40+2))\nexit 5\n");
    assert!(screen.contains("terminal-42"), "{screen}");
    assert!(screen.contains("status=5"), "{screen}");
    let read = |name: &str| std::fs::read_to_string(person.home().join(name)).expect("what stty said");
    assert_eq!(read("before"), read("after"));
}

#[test]
fn without_a_terminal_minus_t_is_refused_with_the_remedy() {
    let person = Person::new();
    person.json(&["create", "a1"]);
    let ran = person.run(&["exec", "-it", "a1", "--", "sh"]);
    assert_ne!(ran.status, 0);
    assert!(
        ran.stderr.contains("terminal") && ran.stderr.contains("-t"),
        "{}",
        ran.stderr
    );
}
