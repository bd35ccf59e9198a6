//! What a plugin may use, seen from the command line, on a real engine.

use mngr_docker_tests::{Fault, FaultProxy, component};

use crate::person::{IMAGE, Person};

#[test]
fn a_call_whose_engine_never_answers_ends_in_time_and_what_it_had_made_is_removed() {
    let person = Person::new();
    let proxy = FaultProxy::before_the_engine(person.home().join("engine.sock"));
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\ndefault_image = \"{IMAGE}\"\nhost = \"unix://{}\"\n\
         engine_timeout_seconds = 3600\nplugin_limits = {{ call_seconds = 3 }}\n",
        person.provider,
        proxy.socket().display()
    ));
    let held = proxy.once("POST /containers/*/start", Fault::HoldRequest);
    let ran = person.run(&["create", "a1"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the plugin built-in: it did not end within 3s"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("plugin_limits.call_seconds"), "{}", ran.stderr);
    held.blocking_recv().expect("it had got so far");
    assert!(person.containers().is_empty());
    assert_eq!(person.run(&["create", "a1"]).status, 0, "the next call is not affected");
}

#[test]
fn a_component_that_is_not_built_in_is_compiled_in_a_child_of_the_program() {
    let person = Person::new();
    person.configure(&format!(
        "[providers.{}]\nbackend = \"docker\"\npolicy = \"standard\"\n",
        person.provider
    ));
    let whole = component();
    person.write("mine.wasm", &whole);
    person.write("cut.wasm", &whole[..whole.len() / 2]);
    let run = |plugin: &str| {
        let mut command = person.command(&["--plugin", plugin, "list"]);
        let cache = person.home().join("cache");
        command.env("XDG_CACHE_HOME", cache).output().expect("it runs")
    };
    let mine = run("mine.wasm");
    assert!(mine.status.success(), "{}", String::from_utf8_lossy(&mine.stderr));
    let cut = run("cut.wasm");
    let said = String::from_utf8_lossy(&cut.stderr);
    assert_eq!(cut.status.code(), Some(2), "{said}");
    assert!(
        said.contains("cut.wasm") && said.contains("does not compile: "),
        "{said}"
    );
}
