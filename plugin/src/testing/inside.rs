//! Commands, files and states that do not allow them, on the engine in memory.

use futures::executor::block_on;

use super::Fake;
use super::fixtures::{agent, provider};
use crate::contract::docker::ExecOptions;
use crate::contract::instance::StartRequest;
use crate::contract::types::ProviderError;
use crate::error::summary;

fn exec(argv: &[&str]) -> ExecOptions {
    ExecOptions {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: Vec::new(),
        working_dir: None,
        user: None,
        stdin: false,
        terminal: None,
    }
}

#[test]
fn a_command_is_handed_to_the_engine_and_an_empty_one_is_refused() {
    let fake = Fake::new();
    agent(&fake, "a1");
    assert_eq!(
        block_on(provider(&fake).exec("a1", exec(&["ls"]))).expect("a session"),
        exec(&["ls"])
    );
    assert!(block_on(provider(&fake).exec("a1", exec(&[]))).is_err());
    assert!(block_on(provider(&fake).exec("a1", exec(&[""]))).is_err());
    let mut secret = exec(&["ls"]);
    secret.env = vec!["=hunter2".to_owned()];
    let error = block_on(provider(&fake).exec("a1", secret)).expect_err("no name");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn copies_land_where_docker_cp_puts_them() {
    let fake = Fake::new();
    agent(&fake, "a1");
    *fake.paths.borrow_mut() = [
        ("/", true, ""),
        ("/dir", true, ""),
        ("/dir/file", false, ""),
        ("/link", false, "dir"),
        ("/loop", false, "/loop"),
    ]
    .map(|(path, directory, link)| (path.to_owned(), directory, link.to_owned()))
    .to_vec();
    let copy = |path: &str, contents_only| {
        block_on(provider(&fake).copy_in("a1", path, "tar".to_owned(), contents_only))
            .map(|()| fake.calls.borrow().last().expect("a call").1.clone())
    };
    for (path, contents_only, expected) in [
        ("/dir", false, "/dir as None"),
        ("/dir/", true, r#"/dir/ as Some(".")"#),
        ("/link", false, "/dir as None"),
        ("/dir/file", false, r#"/dir as Some("file")"#),
        ("/dir/new", false, r#"/dir as Some("new")"#),
        ("/dir/new/", false, r#"/dir as Some("new/")"#),
        ("new", true, r#"/ as Some("new")"#),
    ] {
        assert_eq!(copy(path, contents_only).expect(path), expected, "{path}");
    }
    let Err(ProviderError::NotFound(error)) = copy("/nowhere/new", false) else {
        panic!("copied into nothing")
    };
    assert!(error.subject.contains("/nowhere"), "{}", error.subject);
    assert!(matches!(copy("/dir/file/new", false), Err(ProviderError::Conflict(_))));
    assert!(copy("/dir/file", true).is_err() && copy("/loop", false).is_err() && copy("", false).is_err());
    assert!(block_on(provider(&fake).copy_out("a1", "/dir/file")).is_ok());
    assert!(block_on(provider(&fake).copy_out("a1", "/dir/none")).is_err());
}

#[test]
fn states_that_do_not_allow_a_call_are_named_with_the_remedy() {
    let fake = Fake::new();
    agent(&fake, "a1");
    let provider = provider(&fake);
    block_on(provider.pause("a1")).expect("paused");
    let conflict = |error: ProviderError, state: &str, remedy: &str| match error {
        ProviderError::Conflict(e) => assert!(
            e.state == state && e.remedy.contains(remedy),
            "{} {}",
            e.state,
            e.remedy
        ),
        other => panic!("{}", summary(&other)),
    };
    conflict(
        block_on(provider.start("a1", StartRequest { snapshot: None })).expect_err("paused"),
        "paused",
        "resume a1",
    );
    conflict(
        block_on(provider.exec("a1", exec(&["ls"]))).expect_err("paused"),
        "paused",
        "resume a1",
    );
    fake.ends("mngr-docker.a1", 0);
    conflict(
        block_on(provider.exec("a1", exec(&["ls"]))).expect_err("stopped"),
        "stopped",
        "start a1",
    );
    conflict(
        block_on(provider.pause("a1")).expect_err("stopped"),
        "stopped",
        "start a1",
    );
}
