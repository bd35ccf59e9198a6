//! `gpu`: the graphics processors of the engine's machine.

use wasmtime::component::{Accessor, HasSelf};

use super::Call;
use crate::contract::Result;
use crate::contract::gpu::{Host, HostWithStore, Inventory};
use crate::error::unsupported;

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn probe(_: &Accessor<Call, Self>) -> Result<Inventory> {
        Err(unsupported(
            "gpu.probe",
            "this version of the shim does not probe for GPUs",
            "use a later version",
        ))
    }
}
