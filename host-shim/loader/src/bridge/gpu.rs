//! `gpu`: the graphics processors of the engine's machine.

use mngr_contract::Result;
use mngr_contract::gpu::{Depth, Host, HostWithStore, Inventory};
use wasmtime::component::{Accessor, HasSelf};

use super::{Call, docker};

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn probe(call: &Accessor<Call, Self>, depth: Depth) -> Result<Inventory> {
        docker::guard(call)?.gpus(depth).await
    }
}
