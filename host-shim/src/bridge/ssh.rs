//! `ssh`: commands on the machine of the engine.

use wasmtime::component::{Accessor, HasSelf};

use super::{Call, docker};
use crate::contract::Result;
use crate::contract::ssh::{Command, CommandOutput, Host, HostWithStore};
use crate::engine::Engine;

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn run(call: &Accessor<Call, Self>, command: Command) -> Result<CommandOutput> {
        docker::guard_at_its_leisure(call)?.machine_run(command).await
    }
}
