//! What the shim and the plugin log, handed to the logger `mngr_docker` of Python's `logging`.
//!
//! It comes up in threads that know nothing of Python, and that must not wait for the GIL: a thread that has it may wait for them.
//! So it is kept until a thread of Python, which waits for a call anyway, hands it over.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use mngr_host_shim::trace::{Text, is_safe};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The logger's name.
const LOGGER: &str = "mngr_docker";

/// What no thread of Python has come by for yet: the level that `logging` knows it by, and the text.
static WAITING: Mutex<VecDeque<(u8, String)>> = Mutex::new(VecDeque::new());

struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            Level::DEBUG => 10,
            Level::TRACE => 5,
        };
        let text = Text::from(event).to_string();
        WAITING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back((level, text));
    }
}

/// Keeps warnings from now on, and what else `RUST_LOG` asks for.
pub fn keep() {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let layer = Keep.with_filter(asked.and(filter_fn(is_safe)));
    // A process that listens already goes on as it does.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// Hands over what there is. What a handler raises is reported and goes no further, but for a Ctrl-C that comes meanwhile.
pub fn deliver(py: Python<'_>) -> PyResult<()> {
    while let Some((level, text)) = next() {
        let told = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", (LOGGER,)))
            .and_then(|logger| logger.call_method1("log", (level, "%s", text)));
        match told {
            Ok(_) => {}
            Err(raised) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => return Err(raised),
            Err(raised) => raised.write_unraisable(py, None),
        }
    }
    Ok(())
}

fn next() -> Option<(u8, String)> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}
