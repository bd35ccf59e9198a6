//! `mngr-docker` is killed: at each place where it is about to do something or has just done it, and at any moment.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::report::Row;
use crate::user_commands::UserCommand;
use crate::world::{World, words};

/// The signal that nothing can be done against.
const KILL: i32 = 9;
/// The status of a command that was not understood, and so harms nothing.
const USAGE: i32 = 2;

/// Kills the command at every place it passes that `chosen` wants: each name the first time, the second, and so on.
///
/// # Panics
/// Where the command does not work unharmed.
pub fn at_every_place(world: &mut World, command: &UserCommand, chosen: impl Fn(&mut World, &str) -> bool) -> Row {
    let mut row = Row::new("`mngr-docker` killed at a failpoint");
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for name in places(world, command) {
        let before = seen.entry(name.clone()).or_default();
        let skipped = *before;
        *before += 1;
        if !chosen(world, &name) {
            continue;
        }
        let arguments = (command.arguments)(world);
        let action = match skipped {
            0 => format!("{name}=return(kill)"),
            count => format!("{name}={count}*off->return(kill)"),
        };
        let output = world
            .command(&arguments)
            .env("FAILPOINTS", action)
            .output()
            .expect("it runs");
        // What it met was another state, in which it does not come by there.
        if output.status.signal() != Some(KILL) {
            continue;
        }
        row.add(&format!("{arguments:?} at {name}"), world.aftermath());
    }
    row
}

/// The names of the places that the command passes, in their order.
fn places(world: &mut World, command: &UserCommand) -> Vec<String> {
    let arguments = (command.arguments)(world);
    let output = world
        .command(&arguments)
        .env("RUST_LOG", "failpoint=trace")
        .output()
        .expect("it runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {log}");
    let words = log.lines().filter_map(|line| line.split_whitespace().next_back());
    let places: Vec<_> = words
        .filter(|word| word.starts_with("engine.") || word.starts_with("journal."))
        .map(str::to_owned)
        .collect();
    assert!(!places.is_empty(), "{arguments:?} passes no failpoint: {log}");
    places
}

/// Kills commands of all kinds at any moment, as often as `times` says.
///
/// # Panics
/// Where a program can not be started, or does not understand a command.
pub fn at_any_moment(world: &mut World, commands: &[UserCommand], times: u32) -> Row {
    let mut row = Row::new("`mngr-docker` killed at any moment");
    let mut lengths: Vec<Duration> = vec![Duration::from_millis(300); commands.len()];
    for _ in 0..times {
        let at = world.random.usize(..commands.len());
        let arguments = (commands[at].arguments)(world);
        let begun = Instant::now();
        let mut child = world.command(&arguments).spawn().expect("it runs");
        let wait = lengths[at].mul_f64(world.random.f64());
        // Nobody sends: it is the wait that counts.
        let (_keep, never) = mpsc::channel::<()>();
        let _ = never.recv_timeout(wait);
        let killed = child.try_wait().expect("a child").is_none();
        let _ = child.kill();
        let output = child.wait_with_output().expect("its end");
        assert_ne!(output.status.code(), Some(USAGE), "{arguments:?}: {}", words(&output));
        if output.status.success() {
            lengths[at] = begun.elapsed();
        } else if killed {
            // It takes longer than was thought.
            lengths[at] = lengths[at].mul_f64(1.1).min(Duration::from_secs(5));
        }
        row.add(&format!("{arguments:?} after {wait:?}"), world.aftermath());
    }
    row
}
