//! The real engine behind the shim's trait, and what takes an engine's place where there is none.
//!
//! These need an engine, chosen as the Docker CLI chooses it, and the image `mngr-test:busybox` on it. Without them they fail.

mod archives;
mod containers;
mod exec;
mod fixture;
mod floods;
mod images;
mod stand_ins;
