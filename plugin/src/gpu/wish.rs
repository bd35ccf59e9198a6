//! What an agent asks for.

use crate::contract::types::DeviceRequest;
use crate::grant::{self, Held};
use crate::labels::Pair;
use crate::start_args::{Conditions, Draft};

/// What an agent asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wish {
    /// As `docker run --gpus` and `--device` make them.
    pub requests: Vec<DeviceRequest>,
    /// What must be true of them.
    pub conditions: Conditions,
    /// What devices of equal make are to be found for. They then take the place of the requests.
    pub like: Vec<Held>,
}

impl Wish {
    /// What start arguments ask for.
    pub fn of(draft: &Draft) -> Self {
        let mut requests = draft.spec.limits.gpus.clone();
        if requests.is_empty()
            && let Some(count) = draft.gpu.count.filter(|count| *count != 0)
        {
            requests.push(DeviceRequest {
                driver: String::new(),
                count: Some(count),
                device_ids: Vec::new(),
                capabilities: vec![vec!["gpu".to_owned()]],
                options: Vec::new(),
            });
        }
        Self {
            requests,
            conditions: draft.gpu.clone(),
            like: Vec::new(),
        }
    }

    /// The same, for devices equal to those that another agent holds.
    #[must_use]
    pub fn like(self, held: Vec<Held>) -> Self {
        Self { like: held, ..self }
    }

    /// Whether anything is asked for.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// What a container made in another's place asks for: devices equal to those that the other has, and not those of the same
/// numbers.
pub(crate) fn again(draft: &Draft, labels: &[Pair]) -> Wish {
    Wish::of(draft).like(grant::of_labels(labels).map(|grant| grant.devices).unwrap_or_default())
}
