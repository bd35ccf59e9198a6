//! What an instance and a call cost, for benchmarks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mngr_contract::Result;
use mngr_contract::backend::ConfigReport;

use super::Plugin;
use super::call::{Session, trapped};
use super::plugin::{CHECK_CONFIG, Form};
use super::running::Linked;
use crate::bridge::{HostCalls, Meter};

/// Medians of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// To make an instance with a store of its own, and to take both away again.
    pub instance: Duration,
    /// To call `check-config` of an instance with settings of 1 KB, which a plugin gives back.
    pub call: Duration,
}

impl Plugin {
    /// Times instances and calls, so many of each. A native library has no instances, which cost nothing then.
    ///
    /// # Errors
    /// `internal` where the plugin traps or panics.
    pub async fn timing(&self, rounds: usize) -> Result<Timing> {
        let settings = format!("{{\"default_image\":\"{}\"}}", "a".repeat(1000));
        match &self.form {
            Form::Component(component, _) => self
                .time(component, rounds, &settings)
                .await
                .map_err(|error| trapped(&error).error(&self.origin)),
            Form::Native(library) => {
                let session = Session::idle();
                let meter = Arc::new(Meter::new(session.limits));
                let mut calls = Vec::new();
                for _ in 0..rounds {
                    let start = Instant::now();
                    let (_calls, host) = HostCalls::new(self.context(&session, &meter));
                    library
                        .check_config(host, "bench", &settings)
                        .map_err(|excess| excess.error(&self.origin))?;
                    calls.push(start.elapsed());
                }
                Ok(Timing {
                    instance: Duration::ZERO,
                    call: median(calls),
                })
            }
        }
    }

    async fn time(&self, component: &Linked, rounds: usize, settings: &str) -> wasmtime::Result<Timing> {
        let session = Session::idle();
        let (mut instances, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let start = Instant::now();
            let store = self.store(component, &session, &Arc::new(Meter::new(session.limits)))?;
            drop(component.instance(store).await?);
            instances.push(start.elapsed());
        }
        let store = self.store(component, &session, &Arc::new(Meter::new(session.limits)))?;
        let mut plugin = component.instance(store).await?;
        for _ in 0..rounds {
            plugin.store.set_fuel(session.limits.instructions)?;
            let start = Instant::now();
            let report: ConfigReport = plugin.ask(CHECK_CONFIG, ("bench", settings)).await?;
            calls.push(start.elapsed());
            drop(report);
        }
        Ok(Timing {
            instance: median(instances),
            call: median(calls),
        })
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
