//! What the shim and the plugin log, on stderr: as plain warnings, or with all there is where `RUST_LOG` asks for it; for people
//! or for programs. What is traced goes to an OpenTelemetry collector too, where this program was built for that.

mod escaped;
#[cfg(feature = "otel")]
mod otel;

use std::fmt;

use clap::ValueEnum;
use mngr_host_shim::trace::{Text, is_safe};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::output::raw;

/// The variables that name an OpenTelemetry collector.
const COLLECTOR: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Who reads the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A person.
    #[default]
    Text,
    /// A program: one JSON object a line, with the time and with the call in which it happened.
    Json,
}

/// The log of this run. What is to be sent elsewhere has been once it is dropped.
#[must_use]
pub struct Log {
    #[cfg(feature = "otel")]
    _exporter: Option<otel::Exporter>,
}

/// Starts to log. The variable is the usual one: `RUST_LOG=debug`.
pub fn init(format: Format) -> Log {
    let asked = EnvFilter::try_from_default_env();
    let is_asked = asked.is_ok();
    let filter = asked.unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(raw::log);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match (format, is_asked) {
        // A warning comes with the call that it belongs to, whatever else is asked for.
        (Format::Json, _) => lines
            .json()
            .flatten_event(true)
            .with_filter(filter.or(filter_fn(is_call)).and(filter_fn(is_safe)))
            .boxed(),
        (Format::Text, true) => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            lines
                .fmt_fields(escaped::Escaped::default())
                .with_ansi(raw::stderr_is_terminal() && !plain)
                .with_filter(filter.and(filter_fn(is_safe)))
                .boxed()
        }
        (Format::Text, false) => lines
            .event_format(Plain)
            .with_filter(filter.and(filter_fn(is_safe)))
            .boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    let is_collected = COLLECTOR
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    #[cfg(feature = "otel")]
    {
        let exporter = is_collected.then(otel::Exporter::new).flatten();
        subscriber.with(exporter.as_ref().map(otel::Exporter::layer)).init();
        Log { _exporter: exporter }
    }
    #[cfg(not(feature = "otel"))]
    {
        subscriber.init();
        if is_collected {
            mngr_host_shim::contract::log!(
                INFO,
                "no traces are sent: this mngr-docker was built without the feature `otel`"
            );
        }
        Log {}
    }
}

/// Whether it is the span of a provider's call.
fn is_call(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= Level::INFO
}

/// `warning: …`, as the program's own.
struct Plain;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Plain {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let word = match *event.metadata().level() {
            Level::ERROR => "error",
            _ => "warning",
        };
        writeln!(writer, "{word}: {}", Text::from(event))
    }
}
