//! What the engine answers is spoilt on its way, for every request that changes something.

use mngr_docker_tests::{Fault, FaultProxy};

use crate::report::Row;
use crate::user_commands::UserCommand;
use crate::world::{World, words};

/// Each way, and what it is called.
pub const FAULTS: &[(Fault, &str)] = &[
    (Fault::DropReply, "reply dropped after the request went through"),
    (Fault::CutReply, "reply cut in the middle"),
    (Fault::WrongReply, "wrong reply"),
    (Fault::DoubleReply, "reply doubled"),
    (Fault::SlowReply, "reply byte by byte"),
];
/// No command asks for more changes.
const MOST: u32 = 40;

/// Spoils the answers to the first, the second, … change that the command asks for, as many as `at_most`.
///
/// # Panics
/// Where a program can not be started.
pub fn spoilt(world: &mut World, proxy: &FaultProxy, command: &UserCommand, fault: (Fault, &str), at_most: u32) -> Row {
    let mut row = Row::new(fault.1);
    for before in 0..MOST.min(at_most) {
        // What makes ready for it goes by unharmed.
        let arguments = (command.arguments)(world);
        let mut told = proxy.change(before, fault.0);
        let said = words(&world.run(&arguments));
        let met = told.try_recv().is_ok();
        proxy.forget();
        if !met {
            break;
        }
        row.add(&format!("{arguments:?}, change {before} ({said})"), world.aftermath());
    }
    row
}
