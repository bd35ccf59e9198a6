//! How much one call of a plugin may use. What goes beyond ends that call, and no other.

use std::time::Duration;

/// Stack of one call, in bytes. The same for all: it is compiled into every component.
pub(super) const STACK: usize = 512 << 10;
/// What is left on the same stack for functions of the host, in bytes.
pub(super) const HOST_STACK: usize = 1536 << 10;
/// Core instances of one call. A component that `wit-component` makes has four.
pub(crate) const INSTANCES: usize = 16;
/// Tables of one call. A component that `wit-component` makes has two.
pub(crate) const TABLES: usize = 16;
/// Memories of one call. A component that `wit-component` makes has one.
pub(crate) const MEMORIES: usize = 4;
/// The longest that a plugin may take to say what it is, and what it makes of a provider's settings.
const BRIEF: Duration = Duration::from_secs(10);

/// What one call of a plugin may use: the setting `plugin_limits`.
///
/// A call that goes beyond ends with `internal`, which names the plugin, the limit and what it is; what the call had made is
/// removed. The defaults leave room for a list of 10,000 agents and for a commit that takes hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Linear memory, in bytes (`memory`): all memories of the component together.
    pub memory: u64,
    /// Elements of all tables together (`table_elements`).
    pub table_elements: u64,
    /// Handles that it holds at one time (`handles`): of streams and archives, and of host calls that have not ended.
    pub handles: u64,
    /// Instructions that it executes (`instructions`): what a busy loop runs out of, within some ten seconds by default.
    pub instructions: u64,
    /// Calls of the contract's imports (`host_calls`).
    pub host_calls: u64,
    /// Bytes that it passes at once (`transfer`): a result, or the arguments of a host call. Host calls that are made at the
    /// same time share it.
    pub transfer: u64,
    /// Bytes of the lines that it writes to the log and of the progress that it reports (`output`).
    pub output: u64,
    /// Those lines and reports themselves (`output_lines`).
    pub output_lines: u64,
    /// Time in which it computes and waits by its own choice (`idle_seconds`): all but the time in which the engine works on
    /// a request of it, which has a deadline of its own. What the caller of `watch` is ready to wait comes on top.
    pub idle: Duration,
    /// Time in all (`call_seconds`).
    pub time: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            table_elements: 100_000,
            handles: 1_000,
            instructions: 20_000_000_000,
            host_calls: 100_000,
            transfer: 64 << 20,
            output: 4 << 20,
            output_lines: 10_000,
            idle: Duration::from_secs(600),
            time: Duration::from_secs(24 * 3600),
        }
    }
}

/// What a limit counts, and so how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, written as a size: `64m`.
    Bytes,
    /// Things, written as a number.
    Number,
    /// Seconds, written as a number.
    Seconds,
}

/// The names under which the setting `plugin_limits` has them, what each counts, and the least and the most that it may be.
/// Less than the least would end calls of every plugin.
pub const NAMES: [(&str, Unit, u64, u64); 10] = [
    ("memory", Unit::Bytes, 1 << 20, 4 << 30),
    ("table_elements", Unit::Number, 1_000, 10_000_000),
    ("handles", Unit::Number, 10, 100_000),
    ("instructions", Unit::Number, 10_000_000, 1 << 60),
    ("host_calls", Unit::Number, 100, 1 << 40),
    ("transfer", Unit::Bytes, 1 << 20, 1 << 30),
    ("output", Unit::Bytes, 1 << 10, 1 << 30),
    ("output_lines", Unit::Number, 10, 1 << 30),
    ("idle_seconds", Unit::Seconds, 1, 30 * 86_400),
    ("call_seconds", Unit::Seconds, 1, 365 * 86_400),
];

impl CallLimits {
    /// Sets the limit of that name, of [`NAMES`], to a value in its unit. Of another name: nothing.
    pub fn set(&mut self, name: &str, value: u64) {
        match name {
            "memory" => self.memory = value,
            "table_elements" => self.table_elements = value,
            "handles" => self.handles = value,
            "instructions" => self.instructions = value,
            "host_calls" => self.host_calls = value,
            "transfer" => self.transfer = value,
            "output" => self.output = value,
            "output_lines" => self.output_lines = value,
            "idle_seconds" => self.idle = Duration::from_secs(value),
            "call_seconds" => self.time = Duration::from_secs(value),
            _ => {}
        }
    }

    /// The same for a call that has no business with an engine.
    pub(super) fn brief(self) -> Self {
        Self {
            time: self.time.min(BRIEF),
            ..self
        }
    }

    /// The same for a call that is to wait for so long.
    pub(super) fn waiting(self, milliseconds: u64) -> Self {
        let wait = Duration::from_millis(milliseconds);
        Self {
            idle: self.idle.saturating_add(wait),
            time: self.time.saturating_add(wait),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_sets_a_limit_of_its_own_and_every_default_is_one_that_may_be_set() {
        for (name, unit, least, most) in NAMES {
            let mut limits = CallLimits::default();
            limits.set(name, least);
            assert_ne!(limits, CallLimits::default(), "{name} ({unit:?})");
            limits.set(name, most);
            assert_ne!(limits, CallLimits::default(), "{name}");
            assert!(least < most, "{name}");
        }
    }

    #[test]
    fn who_is_asked_to_wait_gets_the_time_for_it() {
        let limits = CallLimits::default().waiting(u64::MAX);
        assert!(limits.idle > CallLimits::default().idle);
        assert!(limits.time >= limits.idle);
    }
}
