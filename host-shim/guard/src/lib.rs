//! What one call may do and what it has done: the engine behind a [`Guard`] that asks the policy before every request and
//! writes a journal entry after every effect.
//!
//! Beside it are what outlives a call (the journal, the audit log, the ledger) and the probe of the GPUs that a machine has.

pub mod gpu;
mod guard;
pub mod journal;
pub mod ledger;
pub mod policy;

pub use guard::Guard;
