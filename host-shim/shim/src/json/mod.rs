//! What programs read: the contract's records with their names in snake_case. A field without a value is null, not absent.
//!
//! Each record has a type that borrows from the contract's own and is made by `From`. The program prints them with `--json`; the
//! Python package hands the same out as values of Python.

mod agent;
mod backend;
mod check;
mod error;
mod gpus;
mod host;
mod limits;
mod snapshot;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

pub use agent::{AgentJson, DestroyedJson, EventJson, MigratedJson, STATES, StoppedJson, WatchJson, state_name};
pub use backend::{DescriptionJson, ProblemJson};
pub use check::VerdictJson;
pub use error::{DetailsJson, ErrorJson};
pub use gpus::{GpuJson, GpuReportJson};
pub use host::{ActionJson, AgentVolumeJson, ConnectionJson, DocumentJson, PortJson, StatsJson};
pub use limits::{LimitsJson, UpdatedLimitsJson};
pub use snapshot::{ChangesJson, FindingJson, PushedJson, SnapshotJson, finding_kind, severity_name};

/// A value that is written already, its fields in their order.
pub type Written = Box<RawValue>;

/// Writes a value.
///
/// # Errors
/// None that a record of the contract can cause.
pub fn written(value: &impl Serialize) -> std::io::Result<Written> {
    Ok(serde_json::value::to_raw_value(value)?)
}

fn object(pairs: &[(String, String)]) -> BTreeMap<&str, &str> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}
