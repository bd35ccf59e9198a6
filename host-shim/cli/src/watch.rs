//! Events one after another, over every break of the connection.

use std::time::Duration;

use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::AgentEvent;
use mngr_host_shim::provider::Provider;

use super::context::Context;
use super::failure::Failure;
use super::output::shown;

/// How long one call waits for an event.
const WAIT_MS: u64 = 20_000;
/// Waits before an engine that does not answer is tried again: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Where a watcher stands.
pub struct Watcher<'a> {
    context: &'a Context,
    provider: &'a Provider,
    /// Absent before the first event and after a break: what happened meanwhile is to be learnt by a list.
    cursor: Option<u64>,
    pause: Duration,
    broken: bool,
}

impl<'a> Watcher<'a> {
    /// A watcher that begins now.
    pub fn new(context: &'a Context, provider: &'a Provider) -> Self {
        Self {
            context,
            provider,
            cursor: None,
            pause: FIRST_PAUSE,
            broken: false,
        }
    }

    /// Marks the place from which on nothing is missed, by the engine's own clock. A list taken after this and the events
    /// after it leave no gap.
    pub async fn mark_start(&mut self) -> Result<(), Failure> {
        while self.cursor.is_none() {
            match self.provider.watch(0, 0).await {
                Ok(past) => {
                    self.cursor = Some(past.cursor);
                    self.whole();
                }
                Err(error) => self.broken(error).await?,
            }
        }
        Ok(())
    }

    /// The next events; none after a break, when it is time for a new list.
    pub async fn next(&mut self) -> Result<Vec<AgentEvent>, Failure> {
        while let Some(cursor) = self.cursor {
            let asked = tokio::time::Instant::now();
            match self.provider.watch(cursor, WAIT_MS).await {
                Ok(seen) => {
                    self.cursor = Some(seen.cursor);
                    if !seen.events.is_empty() {
                        return Ok(seen.events);
                    }
                    // An engine that restarts ends the wait, too, and has forgotten what was before.
                    if seen.cursor == cursor && asked.elapsed() < Duration::from_millis(WAIT_MS / 2) {
                        self.rest(FIRST_PAUSE).await?;
                        self.cursor = None;
                    }
                }
                Err(error) => self.broken(error).await?,
            }
        }
        Ok(Vec::new())
    }

    /// Says once that the engine is away, and waits before it is tried again.
    ///
    /// # Errors
    /// The failure itself, where waiting does not mend it.
    pub async fn broken(&mut self, error: ProviderError) -> Result<(), Failure> {
        let passing = matches!(error, ProviderError::Unavailable(_) | ProviderError::Timeout(_));
        if !passing || self.context.interrupt.exit().is_some() {
            return Err(self.context.failure(error));
        }
        if !self.broken {
            self.context.say(shown!("{}; trying again", error.message()));
        }
        self.broken = true;
        self.cursor = None;
        self.rest(self.pause).await?;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    fn whole(&mut self) {
        if std::mem::take(&mut self.broken) {
            self.context.say("the engine answers again");
        }
        self.pause = FIRST_PAUSE;
    }

    async fn rest(&self, pause: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            failure = self.context.interrupted() => Err(failure),
        }
    }
}
