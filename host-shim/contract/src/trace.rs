//! What is traced: a span for each call of a provider, below it one for each call of the engine, and in each how it ended.
//!
//! Names of things are traced and nothing else: no argument, no environment, no answer and no error's text, since any of them
//! may hold a secret.

use std::fmt;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Metadata, Span};

use crate::Result;
use crate::words::clean;

/// What the targets of this project's own crates begin with, and that of its failpoints.
const OWN: [&str; 2] = ["mngr_", "failpoint"];

/// Whether nothing of this kind can hold a secret. Below warnings that is known of this project alone: bollard's debug output has
/// the bodies of requests and answers, with the environment of containers; others print headers. An application that installs a
/// subscriber of its own filters by this.
pub fn is_safe(metadata: &Metadata<'_>) -> bool {
    OWN.iter().any(|own| metadata.target().starts_with(own)) || *metadata.level() <= tracing::Level::WARN
}

/// What a [`traced`] call is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a provider, at level `INFO`.
    Provider,
    /// Of an engine, at level `DEBUG`.
    Engine,
}

/// Makes a call in its span. How it ended, and how long it took, is said in the span and recorded in it: `error.type` is the case
/// of the error. Costs next to nothing where nobody listens.
pub async fn traced<T>(
    kind: Kind,
    operation: &'static str,
    span: Span,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    if span.is_disabled() {
        return call.await;
    }
    if cfg!(feature = "otel") {
        span.record("otel.name", operation);
        if kind == Kind::Engine {
            span.record("otel.kind", "client");
        }
    }
    let within = span.clone();
    async move {
        let began = Instant::now();
        let result = call.await;
        let duration_ms = began.elapsed().as_micros() as f64 / 1e3;
        let status = match &result {
            Ok(_) => "ok",
            Err(error) => {
                span.record("error.type", error.kind());
                if cfg!(feature = "otel") {
                    span.record("otel.status_code", "ERROR");
                }
                error.kind()
            }
        };
        match kind {
            Kind::Provider => tracing::info!(status, duration_ms, "the call has ended"),
            Kind::Engine => tracing::debug!(status, duration_ms, "the engine has answered"),
        }
        result
    }
    .instrument(within)
    .await
}

/// What an event says, in one line and fit for a terminal: its message, and after it whatever else it names but the plugin that
/// said it.
#[derive(Debug, Default)]
pub struct Text {
    message: String,
    rest: String,
}

impl From<&Event<'_>> for Text {
    fn from(event: &Event<'_>) -> Self {
        let mut text = Self::default();
        event.record(&mut text);
        text
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", clean(&self.message), clean(&self.rest))
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "plugin" => {}
            // Where in its source a message of the crate `log` comes from.
            name if name.starts_with("log.") => {}
            name => self.rest.push_str(&format!("; {name}: {value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let target = event.metadata().target().to_owned();
            self.0.lock().expect("no panic").push(target);
        }
    }

    #[test]
    fn what_others_say_below_a_warning_is_not_safe() {
        let seen = Seen::default();
        let safe = tracing_subscriber::filter::filter_fn(is_safe);
        let subscriber = tracing_subscriber::registry().with(seen.clone().with_filter(safe));
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!("ours");
            tracing::debug!(target: "bollard::docker", "a body");
            tracing::info!(target: "mngr", "not ours");
            tracing::warn!(target: "bollard::docker", "a warning");
        });
        assert_eq!(*seen.0.lock().expect("no panic"), [module_path!(), "bollard::docker"]);
    }
}
