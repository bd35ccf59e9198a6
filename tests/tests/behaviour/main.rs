//! What the provider does, as a specification: every test runs on the sandbox engine and on a real one.

mod cancel;
mod copy;
mod create;
mod discover;
mod exec;
mod labels;
mod lifecycle;
mod limits;
mod logs;
mod names;
mod snapshots;
mod unsupported;
