//! The program `mngr-docker` as a person or a script meets it, on a real engine and on engines that are not there.

mod configuration;
mod crash;
mod engines;
mod life;
mod person;
mod providers;
mod running;
mod snapshots;
mod terminal;
mod watching;
