//! Nothing is lost: `mngr-docker` and its engine are harmed in every way there is, and after each harm `mngr-docker check` has
//! nothing to say.
//!
//! A [`World`] is somebody with a provider of their own. [`deaths`] kills the program, [`replies`] spoils what the engine
//! answers, [`engines`] harms an engine of the test's own, [`load`] asks for much at once, [`crowd`] has
//! very many agents. What was done and what was lost is
//! in the [`Report`]. The tests run a little of each, `cargo xtask soak` as much as there is time for.

pub mod crowd;
pub mod deaths;
pub mod engines;
pub mod load;
mod opened;
pub mod replies;
mod report;
mod user_commands;
mod world;

pub use opened::open_with_ledger;
pub use report::{Report, Row, Sample};
pub use user_commands::{USER_COMMANDS, UserCommand};
pub use world::{Aftermath, World};
