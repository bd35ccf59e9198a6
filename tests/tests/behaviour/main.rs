//! What the provider does, as a specification: every test runs on the sandbox engine and on a real one.

mod builds;
mod cancel;
mod compare;
mod copy;
mod crash;
mod create;
mod deep;
mod discover;
mod engine_death;
mod events;
mod exec;
mod findings;
mod fork;
mod garbage;
mod labels;
mod lifecycle;
mod limits;
mod logs;
mod migrate;
mod names;
mod ports;
mod registry;
mod snapshots;
mod stats;
mod unsupported;
mod volumes;
