//! `ssh`: commands on the machine of the engine.

use mngr_contract::Result;
use mngr_contract::ssh::{Command, CommandOutput, Host, HostWithStore};
use wasmtime::component::{Accessor, HasSelf};

use super::{Call, docker};

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn run(call: &Accessor<Call, Self>, command: Command) -> Result<CommandOutput> {
        docker::guard_at_its_leisure(call)?.machine_run(command).await
    }
}
