//! What an instance and a call cost, for benchmarks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Plugin;
use super::call::Session;
use crate::bridge::Meter;
use crate::contract::Result;

/// Medians of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// To make an instance with a store of its own, and to take both away again.
    pub instance: Duration,
    /// To call `check-config` of an instance with settings of 1 KB, which a plugin gives back.
    pub call: Duration,
}

impl Plugin {
    /// Times instances and calls, so many of each.
    ///
    /// # Errors
    /// `internal` where the plugin traps.
    pub async fn timing(&self, rounds: usize) -> Result<Timing> {
        let session = Session::idle();
        let settings = format!("{{\"default_image\":\"{}\"}}", "a".repeat(1000));
        let timed = async {
            let (mut instances, mut calls) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                let start = Instant::now();
                let mut store = self.store(&session, &Arc::new(Meter::new(session.limits)))?;
                self.instance(&mut store).await?;
                drop(store);
                instances.push(start.elapsed());
            }
            let mut store = self.store(&session, &Arc::new(Meter::new(session.limits)))?;
            let plugin = self.instance(&mut store).await?;
            for _ in 0..rounds {
                store.set_fuel(session.limits.instructions)?;
                let start = Instant::now();
                let backend = plugin.mngr_provider_backend();
                backend.call_check_config(&mut store, "bench", &settings).await?;
                calls.push(start.elapsed());
            }
            wasmtime::Result::Ok(Timing {
                instance: median(instances),
                call: median(calls),
            })
        };
        timed.await.map_err(|error| self.trapped(&error))
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
