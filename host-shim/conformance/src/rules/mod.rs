//! The rules, a file for each part of the contract.

mod concurrency;
mod copies;
mod create;
mod describe;
mod discover;
mod documents;
mod execs;
mod faults;
mod forks;
mod garbage;
mod gpus;
mod labels;
mod life;
mod limits;
mod logs;
mod migrate;
mod references;
mod registry;
mod restore;
mod settings;
mod snapshot_check;
mod snapshots;
mod states;
mod volumes;
mod watch;

use super::Rule;

/// All of them, file by file.
pub(super) const ALL: &[&[Rule]] = &[
    describe::RULES,
    settings::RULES,
    create::RULES,
    concurrency::RULES,
    discover::RULES,
    labels::RULES,
    references::RULES,
    life::RULES,
    states::RULES,
    execs::RULES,
    copies::RULES,
    logs::RULES,
    limits::RULES,
    snapshot_check::RULES,
    snapshots::RULES,
    restore::RULES,
    forks::RULES,
    documents::RULES,
    registry::RULES,
    migrate::RULES,
    volumes::RULES,
    gpus::RULES,
    garbage::RULES,
    watch::RULES,
    faults::RULES,
];
