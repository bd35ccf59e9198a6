//! An engine whose calls are traced, whichever it is.

use std::sync::Arc;

use async_trait::async_trait;
use mngr_contract::Result;
use mngr_contract::docker::EnginePlace;
use mngr_contract::instance::PortAddress;
use mngr_contract::trace::{Kind, traced};
use tracing::Span;
use tracing::field::Empty;

use super::operations::types::*;
use super::{Connection, Duplex, Engine, Operation};

/// Passes every call on to an engine, each in a span of its own.
pub struct Traced(pub Arc<dyn Engine>);

/// The span of a call, and what the call is about.
fn span(operation: &'static str, object: Option<&str>) -> Span {
    tracing::debug_span!(
        "engine",
        operation,
        object,
        error.type = Empty,
        otel.name = Empty,
        otel.kind = Empty,
        otel.status_code = Empty,
    )
}

#[async_trait]
impl Connection for Traced {
    fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    fn place(&self) -> EnginePlace {
        self.0.place()
    }

    fn for_one_call(&self) -> Option<Arc<dyn Engine>> {
        Some(Arc::new(Self(self.0.for_one_call()?)))
    }

    fn with_privileged_exec(&self) -> Option<Arc<dyn Engine>> {
        Some(Arc::new(Self(self.0.with_privileged_exec()?)))
    }

    async fn reached_at(&self, address: &str) -> Result<(String, Option<String>)> {
        let operation = "reached_at";
        let span = span(operation, Some(address));
        traced(Kind::Engine, operation, span, self.0.reached_at(address)).await
    }

    async fn dial(&self, address: &PortAddress, port: u16) -> Result<Box<dyn Duplex>> {
        let operation = "dial";
        let span = span(operation, Some(&address.container_id));
        traced(Kind::Engine, operation, span, self.0.dial(address, port)).await
    }
}

/// The object of a row, where it has one.
macro_rules! object {
    () => {
        None
    };
    ($object:expr) => {
        Some(&$object[..])
    };
}

macro_rules! traced_engine {
    ($($(#[$meta:meta])* $operation:ident: $name:ident($($argument:ident: $kind:ty),*) -> $result:ty
        { $import:literal, $effect:ident $(, about $object:expr)? })*) => {
        #[async_trait]
        impl Engine for Traced {
            $(async fn $name(&self, $($argument: $kind),*) -> Result<$result> {
                let operation = Operation::$operation.name();
                let span = span(operation, object!($($object)?));
                traced(Kind::Engine, operation, span, self.0.$name($($argument),*)).await
            })*
        }
    };
}

crate::engine_operations!(traced_engine);
