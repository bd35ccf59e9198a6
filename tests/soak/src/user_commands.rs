//! What a person does that changes something: each is harmed in the middle.

use crate::world::{FIRST, KEPT, World};

/// One kind of command.
pub struct UserCommand {
    /// What it is called in the report.
    pub name: &'static str,
    /// Makes ready what the command needs, and returns the command.
    pub arguments: fn(&mut World) -> Vec<String>,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// All of them.
#[rustfmt::skip]
pub const USER_COMMANDS: &[UserCommand] = &[
    UserCommand { name: "create", arguments: |world| words(&["create", &world.name()]) },
    UserCommand { name: "create --snapshot", arguments: |world| words(&["create", &world.name(), "--snapshot", FIRST]) },
    UserCommand { name: "create with a volume", arguments: |world| words(&["create", &world.name(), "-s", "--volume=/data"]) },
    UserCommand { name: "start", arguments: |world| words(&["start", &world.agent_that_is("stopped")]) },
    UserCommand { name: "start --snapshot", arguments: |world| {
        world.must(&["stop", KEPT, "--timeout", "0"]);
        words(&["start", KEPT, "--snapshot", FIRST])
    } },
    UserCommand { name: "stop", arguments: |world| words(&["stop", &world.agent_that_is("running"), "--timeout", "0"]) },
    UserCommand { name: "stop --snapshot", arguments: |world| {
        words(&["stop", &world.agent_that_is("running"), "--snapshot", "--timeout", "0"])
    } },
    UserCommand { name: "pause", arguments: |world| words(&["pause", &world.agent_that_is("running")]) },
    UserCommand { name: "resume", arguments: |world| words(&["resume", &world.agent_that_is("paused")]) },
    UserCommand { name: "rename", arguments: |world| words(&["rename", &world.agent_that_is("running"), &world.name()]) },
    UserCommand { name: "limits", arguments: |world| words(&["limits", &world.agent_that_is("running"), "--memory", "64m"]) },
    UserCommand { name: "snapshot create", arguments: |world| {
        words(&["snapshot", "create", &world.agent_that_is("running"), "--pause"])
    } },
    UserCommand { name: "snapshot create --include-volumes", arguments: |_| {
        words(&["snapshot", "create", KEPT, "--include-volumes"])
    } },
    UserCommand { name: "snapshot delete", arguments: |world| words(&["snapshot", "delete", &world.snapshot()]) },
    UserCommand { name: "fork", arguments: |world| words(&["fork", KEPT, &world.name(), "--force"]) },
    UserCommand { name: "destroy", arguments: |world| words(&["destroy", &world.agent_that_is("running"), "-y"]) },
    UserCommand { name: "destroy --snapshots", arguments: |world| {
        words(&["destroy", &world.agent_that_is("stopped"), "-y", "--snapshots"])
    } },
    UserCommand { name: "gc", arguments: |_| words(&["gc", "-y", "--snapshots"]) },
];
