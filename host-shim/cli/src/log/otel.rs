//! Spans on their way to an OpenTelemetry collector, over HTTP. Where it is and under which name they are sent is said by the
//! usual variables: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` and their kin.

use std::time::Duration;

use mngr_host_shim::trace::is_safe;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::output::{self, Shown, shown};

/// What spans are sent as, where no variable names it.
const SERVICE: &str = "mngr-docker";
/// How long the end of the program may wait for the collector.
const ENDING: Duration = Duration::from_secs(5);

/// Beside the log, which does not take in what becomes of itself.
fn warn(warning: Shown) {
    let _ = output::complain(shown!("warning: {}\n", warning));
}

/// Sends spans from a thread of its own; those that are left when it is dropped are sent then.
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// None where the variables can not be made sense of, which is said on stderr.
    pub fn new() -> Option<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .build()
            .inspect_err(|error| warn(shown!("no traces are sent: {}", error)))
            .ok()?;
        let resource = Resource::builder();
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name(SERVICE),
        };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Some(Self(provider))
    }

    /// What hands it the spans of calls, with what was logged in them.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_filter(filter_fn(|metadata| {
                is_safe(metadata) && *metadata.level() <= Level::DEBUG
            }))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(ENDING) {
            warn(shown!("not all traces were sent: {}", error));
        }
    }
}
