//! `ssh`: commands on the machine of the engine.

use mngr_contract::Result;
use mngr_contract::ssh::{Command, CommandOutput, Host, HostWithStore};
use wasmtime::component::{Accessor, HasSelf};

use super::{CallState, docker};

impl Host for CallState {}

impl HostWithStore<CallState> for HasSelf<CallState> {
    async fn run(call: &Accessor<CallState, Self>, command: Command) -> Result<CommandOutput> {
        docker::guard_at_its_leisure(call)?.machine_run(command).await
    }
}
