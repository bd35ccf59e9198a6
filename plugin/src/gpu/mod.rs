//! GPUs: which there are, which an agent asks for, which it gets, and who holds which.
//!
//! The host probes the machine; here it is decided. A request is settled before the container is made: the devices are
//! picked, written into the container's label [`labels::GPUS`](crate::labels::GPUS), and asked for by name, so that nobody
//! has to guess later who has what.
//!
//! **No device is handed out twice.** The label goes in with the create call, so the list of containers is the table of
//! holders and the engine keeps it, over crashes and restarts of either side. Whoever has made a container looks at that table
//! once more before it is started, and gives way where another claims the same device (`claim.rs`). A lock of its own, such
//! as a volume with the device's name, would have to be found and broken after a crash, and the engine makes a volume that
//! is there without complaint; a container that a crash has left is settled by `reconcile` and `gc` as every other.

mod choose;
mod claim;
mod health;
mod holders;
mod portion;
mod report;
mod wish;

pub use report::gpus;
pub use wish::Wish;

pub(crate) use claim::{foresee, make, may_start, started};
pub(crate) use health::{diagnose, mark, mark_one};
pub(crate) use report::findings;
pub(crate) use wish::again;

/// A size for people.
fn gibibytes(bytes: u64) -> String {
    match bytes >> 30 {
        0 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.0} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests;
