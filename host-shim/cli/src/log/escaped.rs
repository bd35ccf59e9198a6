//! Fields of spans and events with what they say escaped, and the library's own styles left alone.

use std::fmt;

use mngr_host_shim::words::clean;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::{MakeVisitor, VisitFmt, VisitOutput};
use tracing_subscriber::fmt::format::{DefaultFields, DefaultVisitor, Writer};

/// The usual form of fields.
#[derive(Default)]
pub struct Escaped(DefaultFields);

impl<'a> MakeVisitor<Writer<'a>> for Escaped {
    type Visitor = Escaping<'a>;

    fn make_visitor(&self, writer: Writer<'a>) -> Self::Visitor {
        Escaping(self.0.make_visitor(writer))
    }
}

/// Passes on what it is told, escaped. Numbers need none.
pub struct Escaping<'a>(DefaultVisitor<'a>);

impl Escaping<'_> {
    fn pass(&mut self, field: &Field, text: &str) {
        self.0.record_debug(field, &format_args!("{}", clean(text)));
    }
}

impl VisitOutput<fmt::Result> for Escaping<'_> {
    fn finish(self) -> fmt::Result {
        self.0.finish()
    }
}

impl VisitFmt for Escaping<'_> {
    fn writer(&mut self) -> &mut dyn fmt::Write {
        self.0.writer()
    }
}

impl Visit for Escaping<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.pass(field, value),
            _ => self.pass(field, &format!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(value.source(), |cause| cause.source());
        let text = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.pass(field, &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.pass(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(escaped: bool, event: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .without_time()
            .with_ansi(true);
        match escaped {
            true => {
                let subscriber = tracing_subscriber::registry().with(lines.fmt_fields(Escaped::default()));
                tracing::subscriber::with_default(subscriber, event);
            }
            false => tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), event),
        }
        String::from_utf8(written.0.lock().expect("no panic").clone()).expect("text")
    }

    #[test]
    fn what_a_field_says_can_not_drive_the_terminal() {
        let evil = "a\u{1b}[2J\u{9b}1m\u{202e}\u{2028}\nb";
        let text = logged(true, || {
            let _span = tracing::info_span!("call", agent = %evil, other = evil).entered();
            let error = std::io::Error::other(evil);
            tracing::event!(tracing::Level::WARN, reason = %evil, %error, "{evil}");
        });
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert_eq!(
            plain.matches("a\\u{1b}[2J\\u{9b}1m\\u{202e}\\u{2028}\\nb").count(),
            5,
            "{plain}"
        );
    }

    #[test]
    fn a_clean_line_is_what_it_would_be_without() {
        let event = || {
            let _span = tracing::info_span!("call", agent = "größe", number = 7).entered();
            tracing::event!(tracing::Level::WARN, reason = %"it failed", count = 2, flag = true, "said");
        };
        assert_eq!(logged(true, event), logged(false, event));
    }
}
