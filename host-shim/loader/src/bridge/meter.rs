//! What one call has used of its limits. The first one that it goes beyond ends it.
//!
//! A plugin is stopped in two ways, whichever comes first: as it enters or leaves a function of the host, which then traps
//! ([`Meter::check`]), or from outside while it waits ([`Meter::exceeded`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mngr_contract::ProviderError;
use mngr_contract::error::internal;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::CallLimits;

/// A limit that a call went beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess {
    /// What it did: `it used more than 256 MiB of memory`.
    reason: String,
    /// The limit's name in `plugin_limits`; none for one that can not be set.
    setting: Option<&'static str>,
}

impl Excess {
    pub fn new(setting: &'static str, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            setting: Some(setting),
        }
    }

    pub fn fixed(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            setting: None,
        }
    }

    /// The error that the call ends with.
    pub fn error(&self, plugin: &str) -> ProviderError {
        const OTHERS: &str = "other calls are not affected";
        let remedy = match self.setting {
            Some(setting) => format!(
                "{OTHERS}; report it to the plugin's author, or raise `plugin_limits.{setting}` where you trust it with more"
            ),
            None => format!("{OTHERS}; see the log (RUST_LOG=debug) and report it to the plugin's author"),
        };
        internal(format!("the plugin {plugin}"), self.reason.clone(), remedy)
    }
}

impl std::fmt::Display for Excess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Excess {}

/// The account of one call.
pub(crate) struct Meter {
    limits: CallLimits,
    begun: Instant,
    memory: AtomicU64,
    table_elements: AtomicU64,
    host_calls: AtomicU64,
    /// Host calls that have not ended.
    under_way: AtomicU64,
    output: AtomicU64,
    output_lines: AtomicU64,
    engine: Mutex<EngineTime>,
    excess: OnceLock<Excess>,
    raised: Notify,
}

/// The time in which at least one request was on its way.
struct EngineTime {
    requests: usize,
    since: Instant,
    before: Duration,
}

impl Meter {
    pub fn new(limits: CallLimits) -> Self {
        let begun = Instant::now();
        Self {
            limits,
            begun,
            memory: AtomicU64::new(0),
            table_elements: AtomicU64::new(0),
            host_calls: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            output: AtomicU64::new(0),
            output_lines: AtomicU64::new(0),
            engine: Mutex::new(EngineTime {
                requests: 0,
                since: begun,
                before: Duration::ZERO,
            }),
            excess: OnceLock::new(),
            raised: Notify::new(),
        }
    }

    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// The limit that was exceeded first.
    pub fn excess(&self) -> Option<&Excess> {
        self.excess.get()
    }

    /// Notes that a limit was exceeded, and returns the first that was.
    pub fn exceed(&self, excess: Excess) -> Excess {
        let first = self.excess.get_or_init(|| excess).clone();
        self.raised.notify_one();
        first
    }

    /// # Errors
    /// Where a limit was exceeded.
    pub fn check(&self) -> Result<(), Excess> {
        self.excess.get().map_or(Ok(()), |excess| Err(excess.clone()))
    }

    fn spend(
        &self,
        counter: &AtomicU64,
        amount: u64,
        limit: u64,
        excess: impl FnOnce() -> Excess,
    ) -> Result<(), Excess> {
        let before = counter.fetch_add(amount, Ordering::Relaxed);
        match before.saturating_add(amount) <= limit {
            true => Ok(()),
            false => Err(self.exceed(excess())),
        }
    }

    /// So many bytes of memory more.
    pub fn memory(&self, bytes: u64) -> Result<(), Excess> {
        let limit = self.limits.memory;
        self.spend(&self.memory, bytes, limit, || {
            Excess::new("memory", format!("it asked for more than {} of memory", binary(limit)))
        })
    }

    /// So many elements of tables more.
    pub fn table_elements(&self, elements: u64) -> Result<(), Excess> {
        let limit = self.limits.table_elements;
        self.spend(&self.table_elements, elements, limit, || {
            Excess::new(
                "table_elements",
                format!("it asked for tables of more than {limit} elements"),
            )
        })
    }

    /// One call of the contract's imports more.
    pub fn host_call(&self) -> Result<(), Excess> {
        let limit = self.limits.host_calls;
        self.spend(&self.host_calls, 1, limit, || {
            Excess::new("host_calls", format!("it made more than {limit} calls of the host"))
        })
    }

    /// A line for the log or a report of progress, of so many bytes.
    pub fn output(&self, bytes: usize) -> Result<(), Excess> {
        let CallLimits {
            output, output_lines, ..
        } = self.limits;
        self.spend(&self.output_lines, 1, output_lines, || {
            Excess::new(
                "output_lines",
                format!("it wrote more than {output_lines} lines of log and progress"),
            )
        })?;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.spend(&self.output, bytes, output, || {
            Excess::new(
                "output",
                format!("it wrote more than {} of log and progress", binary(output)),
            )
        })
    }

    /// More handles than it may have.
    pub fn too_many_handles(&self) -> Excess {
        let limit = self.limits.handles;
        self.exceed(Excess::new("handles", format!("it holds more than {limit} handles")))
    }

    /// More data at once than it may pass.
    pub fn too_much_data(&self) -> Excess {
        let limit = binary(self.limits.transfer);
        self.exceed(Excess::new("transfer", format!("it passed more than {limit} at once")))
    }

    /// How many bytes may be passed with a call that begins now: the share of one among those that are under way, so that all
    /// of them together stay within a few times the limit.
    pub fn share(&self) -> usize {
        let share = self.limits.transfer / (1 + self.under_way.load(Ordering::Relaxed));
        usize::try_from(share).unwrap_or(usize::MAX)
    }

    /// A host call that takes time: counted as under way until what is returned is dropped.
    pub fn waits(self: Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay {
            meter: self,
            engine: false,
        }
    }

    /// The same, of which the engine has work to do.
    pub fn requests(self: Arc<Self>) -> UnderWay {
        let mut engine = self.engine();
        if engine.requests == 0 {
            engine.since = Instant::now();
        }
        engine.requests += 1;
        drop(engine);
        let mut request = self.waits();
        request.engine = true;
        request
    }

    fn engine(&self) -> MutexGuard<'_, EngineTime> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest moment at which its time can be over.
    fn deadline(&self) -> Deadline {
        let engine = self.engine();
        let now = Instant::now();
        let requested = match engine.requests {
            0 => engine.before,
            _ => engine.before + now.duration_since(engine.since),
        };
        let idle = now.duration_since(self.begun).saturating_sub(requested);
        if idle >= self.limits.idle && engine.requests == 0 {
            return Deadline::Passed(self.too_idle());
        }
        let left = self.limits.time.saturating_sub(now.duration_since(self.begun));
        if left.is_zero() {
            return Deadline::Passed(self.too_long());
        }
        // While a request is on its way the other clock stands still, and is looked at again all the same.
        let soonest = Duration::from_millis(if engine.requests == 0 { 1 } else { 100 });
        let idle_left = self.limits.idle.saturating_sub(idle).max(soonest);
        Deadline::Next(now.checked_add(left.min(idle_left)).unwrap_or(now + LONG))
    }

    fn too_idle(&self) -> Excess {
        let reason = format!(
            "it computed or waited for more than {:?} by its own choice",
            self.limits.idle
        );
        Excess::new("idle_seconds", reason)
    }

    fn too_long(&self) -> Excess {
        let reason = format!("it did not end within {:?}", self.limits.time);
        Excess::new("call_seconds", reason)
    }

    /// Waits until a limit is exceeded, that of time among them.
    pub async fn exceeded(&self) -> Excess {
        loop {
            if let Some(excess) = self.excess.get() {
                return excess.clone();
            }
            match self.deadline() {
                Deadline::Passed(excess) => return self.exceed(excess),
                Deadline::Next(moment) => tokio::select! {
                    () = self.raised.notified() => {}
                    () = sleep_until(moment) => {}
                },
            }
        }
    }
}

/// When there is no end in sight.
const LONG: Duration = Duration::from_secs(86_400);

enum Deadline {
    Passed(Excess),
    Next(Instant),
}

/// A host call that has not ended.
pub(crate) struct UnderWay {
    meter: Arc<Meter>,
    engine: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.meter.under_way.fetch_sub(1, Ordering::Relaxed);
        if !self.engine {
            return;
        }
        let mut engine = self.meter.engine();
        engine.requests -= 1;
        if engine.requests == 0 {
            let lasted = engine.since.elapsed();
            engine.before += lasted;
        }
    }
}

/// `256 MiB`; what is no whole number of them in bytes.
fn binary(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes >= 1 << shift && bytes.trailing_zeros() >= shift {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limits: CallLimits) -> Arc<Meter> {
        Arc::new(Meter::new(limits))
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_engine_is_not_the_plugins() {
        let meter = meter(CallLimits {
            idle: Duration::from_secs(10),
            ..CallLimits::default()
        });
        let cut = meter.exceeded();
        let work = async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            let request = meter.clone().requests();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(request);
            tokio::time::sleep(Duration::from_secs(3)).await;
            let answered = meter.begun.elapsed();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            answered
        };
        let begun = Instant::now();
        tokio::select! {
            excess = cut => assert!(excess.to_string().contains("by its own choice"), "{excess}"),
            answered = work => panic!("nobody stopped it, not even after {answered:?}"),
        }
        let plugin = begun.elapsed() - Duration::from_secs(3600);
        assert!(plugin >= Duration::from_secs(10), "{plugin:?}");
        assert!(plugin < Duration::from_secs(12), "{plugin:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_never_answered_ends_with_the_time_in_all() {
        let meter = meter(CallLimits {
            idle: Duration::from_secs(1),
            time: Duration::from_secs(60),
            ..CallLimits::default()
        });
        let _request = meter.clone().requests();
        let excess = meter.exceeded().await;
        assert!(excess.to_string().contains("did not end within 60s"), "{excess}");
        let error = excess.error("mine 0.1.0");
        assert!(error.message().contains("mine 0.1.0"));
        assert!(error.remedy().contains("plugin_limits.call_seconds"));
    }

    #[test]
    fn the_first_limit_that_is_exceeded_is_the_reason() {
        let meter = meter(CallLimits {
            memory: 100,
            host_calls: 2,
            ..CallLimits::default()
        });
        assert!(meter.memory(100).is_ok());
        assert!(meter.host_call().is_ok() && meter.host_call().is_ok());
        let first = meter.memory(1).expect_err("too much");
        assert_eq!(meter.host_call().expect_err("too many"), first);
        assert_eq!(meter.check(), Err(first));
    }

    #[test]
    fn calls_under_way_share_what_may_be_passed() {
        let meter = meter(CallLimits {
            transfer: 900,
            ..CallLimits::default()
        });
        assert_eq!(meter.share(), 900);
        let first = meter.clone().waits();
        let second = meter.clone().requests();
        assert_eq!(meter.share(), 300);
        drop((first, second));
        assert_eq!(meter.share(), 900);
    }

    #[test]
    fn sizes_are_written_in_binary_units() {
        assert_eq!(binary(256 << 20), "256 MiB");
        assert_eq!(binary(1500), "1500 bytes");
        assert_eq!(binary(1 << 30), "1 GiB");
    }
}
