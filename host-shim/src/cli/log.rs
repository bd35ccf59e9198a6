//! What the shim and the plugin log, on stderr: as plain warnings, or with all there is where `RUST_LOG` asks for it.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::output::clean;

/// Starts to log. The variable is the usual one: `RUST_LOG=debug`.
pub fn init() {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
    match EnvFilter::try_from_default_env() {
        Ok(filter) => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let ansi = std::io::stderr().is_terminal() && !plain;
            log.with_env_filter(filter).with_ansi(ansi).init();
        }
        Err(_) => log.with_env_filter(EnvFilter::new("warn")).event_format(Plain).init(),
    }
}

/// `warning: …`, as the program's own.
struct Plain;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Plain {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = Text::default();
        event.record(&mut text);
        let word = match *event.metadata().level() {
            Level::ERROR => "error",
            _ => "warning",
        };
        writeln!(writer, "{word}: {}{}", clean(&text.message), clean(&text.rest))
    }
}

/// The message, and after it whatever else is known but who said it.
#[derive(Default)]
struct Text {
    message: String,
    rest: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "plugin" => {}
            name => self.rest.push_str(&format!("; {name}: {value:?}")),
        }
    }
}
