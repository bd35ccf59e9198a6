//! What is traced and logged: a span for each call of a provider, below it one for each call of the engine, in each how it ended,
//! and lines with what else happens.
//!
//! Names of things are logged and nothing else: no argument, no environment, no answer and no error's text, since any of them
//! may hold a secret. [`log!`](crate::log) takes nothing but what is [`Loggable`], and `warn!` and its kin of `tracing` are not
//! allowed (`clippy.toml`).

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Level, Metadata, Span};

use crate::words::clean;
use crate::{ProviderError, Result};

#[doc(hidden)]
pub use tracing;

/// What the targets of this project's own crates begin with, and that of its failpoints.
const OWN: [&str; 2] = ["mngr_", "failpoint"];

/// Whether nothing of this kind can hold a secret. That is known of this project alone: bollard's debug output has the bodies of
/// requests and answers, with the environment of containers; others print headers, and in warnings the text of errors. An
/// application that installs a subscriber of its own filters by this.
pub fn is_safe(metadata: &Metadata<'_>) -> bool {
    OWN.iter().any(|own| metadata.target().starts_with(own))
}

/// What a line of the log may hold besides its own words: numbers, this program's words, names and paths, and of an error its kind.
/// Text that comes from elsewhere is none of these.
pub trait Loggable {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the formatter.
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// The name of a thing: an agent, a container, an image, a registry, a plugin. No text of an error, of an answer or of an argument.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(pub &'a str);

/// A value as a line of the log has it.
#[derive(Clone, Copy)]
pub struct Logged<'a, T: ?Sized>(pub &'a T);

impl<T: Loggable + ?Sized> fmt::Display for Logged<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.log(f)
    }
}

/// Types that are logged as they are shown.
macro_rules! shown {
    ($($kind:ty),*) => {
        $(impl Loggable for $kind {
            fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })*
    };
}

shown!(bool, u64, &'static str, io::ErrorKind);

impl Loggable for Name<'_> {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Loggable for Path {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.display(), f)
    }
}

impl Loggable for PathBuf {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().log(f)
    }
}

impl<T: Loggable + ?Sized> Loggable for &T {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).log(f)
    }
}

/// By its kind, without its text.
impl Loggable for ProviderError {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// By its kind, without its text.
impl Loggable for io::Error {
    fn log(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().log(f)
    }
}

/// The kind of the operating system's error that another comes from; `Other` where it comes from none.
pub fn io_kind(error: &(dyn Error + 'static)) -> io::ErrorKind {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    let io = causes.find_map(|error| error.downcast_ref::<io::Error>());
    io.map_or(io::ErrorKind::Other, io::Error::kind)
}

/// Logs a line at a level of `tracing`: this program's own words, and after them fields, each of which is [`Loggable`].
///
/// ```
/// use mngr_contract::trace::Name;
///
/// let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
/// mngr_contract::log!(WARN, "an image is left", image = Name("busybox"), error = error);
/// ```
///
/// An error's text is not to be had by way of a string:
///
/// ```compile_fail
/// let error = std::io::Error::other("it said: hunter2");
/// mngr_contract::log!(WARN, "an image is left", error = error.to_string());
/// ```
///
/// ```compile_fail
/// let error = std::io::Error::other("it said: hunter2");
/// mngr_contract::log!(WARN, "an image is left", error = error.to_string().as_str());
/// ```
#[macro_export]
macro_rules! log {
    ($level:ident, $message:literal $(, $field:ident = $value:expr)* $(,)?) => {{
                $crate::trace::tracing::event!(
            $crate::trace::tracing::Level::$level,
            $($field = $crate::trace::tracing::field::display($crate::trace::Logged(&$value)),)*
            // Not as a form, which could name any variable.
            "{}", $message
        )
    }};
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
            Kind::Provider => tracing::event!(Level::INFO, status, duration_ms, "the call has ended"),
            Kind::Engine => tracing::event!(Level::DEBUG, status, duration_ms, "the engine has answered"),
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
    struct Seen(Arc<Mutex<Vec<(String, String)>>>);

    impl<S: tracing::Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let line = (event.metadata().target().to_owned(), Text::from(event).to_string());
            self.0.lock().expect("no panic").push(line);
        }
    }

    /// What is logged meanwhile, as people read it.
    fn lines(log: impl FnOnce()) -> Vec<String> {
        let seen = Seen::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(seen.clone()), log);
        let lines = seen.0.lock().expect("no panic");
        lines.iter().map(|(_, text)| text.clone()).collect()
    }

    #[test]
    fn of_an_error_only_its_kind_is_logged() {
        let secret = "hunter2";
        let refused = crate::error::denied("labels", secret, secret);
        let io = io::Error::new(io::ErrorKind::TimedOut, secret);
        let wrapped = io::Error::other(io::Error::other(secret));
        let logged = lines(|| {
            crate::log!(WARN, "one", image = Name("busybox"), error = refused);
            crate::log!(DEBUG, "two", path = Path::new("/a"), error = &io, whole = false);
            crate::log!(INFO, "three {secret}", error = io_kind(&wrapped));
        });
        assert_eq!(
            logged,
            [
                "one; image: busybox; error: denied",
                "two; path: /a; error: timed out; whole: false",
                "three {secret}; error: other error",
            ]
        );
    }

    #[test]
    fn the_kind_of_an_error_is_that_of_its_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("it went wrong")]
        struct Outer(#[source] io::Error);

        let outer = Outer(io::ErrorKind::BrokenPipe.into());
        assert_eq!(io_kind(&outer), io::ErrorKind::BrokenPipe);
        assert_eq!(io_kind(&fmt::Error), io::ErrorKind::Other);
    }

    #[test]
    fn what_others_say_is_not_safe_at_any_level() {
        let seen = Seen::default();
        let safe = tracing_subscriber::filter::filter_fn(is_safe);
        let subscriber = tracing_subscriber::registry().with(seen.clone().with_filter(safe));
        tracing::subscriber::with_default(subscriber, || {
            crate::log!(TRACE, "ours");
            tracing::event!(target: "bollard::docker", Level::DEBUG, "a body");
            tracing::event!(target: "mngr", Level::INFO, "not ours");
            tracing::event!(target: "bollard::docker", Level::ERROR, "an error's text");
        });
        assert_eq!(
            *seen.0.lock().expect("no panic"),
            [(module_path!().to_owned(), "ours".to_owned())]
        );
    }
}
