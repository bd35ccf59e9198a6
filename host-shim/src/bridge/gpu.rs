//! `gpu`: the graphics processors of the engine's machine.

use wasmtime::component::{Accessor, HasSelf};

use super::{Call, docker};
use crate::contract::Result;
use crate::contract::gpu::{Depth, Host, HostWithStore, Inventory};

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn probe(call: &Accessor<Call, Self>, depth: Depth) -> Result<Inventory> {
        docker::guard(call)?.gpus(depth).await
    }
}
