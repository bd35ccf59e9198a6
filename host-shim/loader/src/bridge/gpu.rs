//! `gpu`: the graphics processors of the engine's machine.

use mngr_contract::Result;
use mngr_contract::gpu::{Depth, Host, HostWithStore, Inventory};
use wasmtime::component::{Accessor, HasSelf};

use super::{CallState, docker};

impl Host for CallState {}

impl HostWithStore<CallState> for HasSelf<CallState> {
    async fn probe(call: &Accessor<CallState, Self>, depth: Depth) -> Result<Inventory> {
        docker::guard(call)?.gpus(depth).await
    }
}
