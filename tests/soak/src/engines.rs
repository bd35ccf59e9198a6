//! An engine is killed, hung, restarted and starved while it is worked with: one of the test's own, with its own containerd.

use std::time::Duration;

use mngr_docker_tests::PrivateEngine;

use crate::report::Row;
use crate::user_commands::USER_COMMANDS;
use crate::world::{World, words};

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// `kill -9`, and started again.
    Kill,
    /// SIGTERM, and started again.
    Restart,
    /// SIGSTOP for so long.
    Hang(Duration),
    /// Its disk has no room left meanwhile.
    FullDisk,
}

/// Harms the engine in the middle of a command of a random kind.
///
/// # Panics
/// Where the engine does not come back.
pub fn harmed(world: &mut World, engine: &mut PrivateEngine, harm: Harm, name: &str, times: u32) -> Row {
    let mut row = Row::new(name);
    for _ in 0..times {
        let at = world.random.usize(..USER_COMMANDS.len());
        let arguments = (USER_COMMANDS[at].arguments)(world);
        // Made ready before, since nothing can be made ready then.
        let more = [0, 11].map(|at: usize| (USER_COMMANDS[at].arguments)(world));
        let wait = Duration::from_millis(world.random.u64(0..400));
        let child = world.command(&arguments).spawn().expect("it runs");
        std::thread::park_timeout(wait);
        let ended = match harm {
            Harm::Kill => {
                engine.kill();
                engine.restart();
                child.wait_with_output()
            }
            Harm::Restart => {
                engine.stop();
                engine.restart();
                child.wait_with_output()
            }
            Harm::Hang(long) => {
                engine.freeze();
                std::thread::park_timeout(long);
                engine.thaw();
                child.wait_with_output()
            }
            Harm::FullDisk => {
                let full = engine.fill_disk();
                let ended = child.wait_with_output();
                more.iter().for_each(|arguments| drop(world.run(arguments)));
                drop(full);
                ended
            }
        };
        let said = words(&ended.expect("its end"));
        row.add(&format!("{arguments:?} after {wait:?} ({said})"), world.aftermath());
    }
    row
}
