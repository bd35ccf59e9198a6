//! `ssh`: commands on the machine of the engine.

use wasmtime::component::{Accessor, HasSelf};

use super::Call;
use crate::contract::Result;
use crate::contract::ssh::{Command, CommandOutput, Host, HostWithStore};
use crate::error::unsupported;

impl Host for Call {}

impl HostWithStore<Call> for HasSelf<Call> {
    async fn run(_: &Accessor<Call, Self>, _: Command) -> Result<CommandOutput> {
        Err(unsupported(
            "ssh.run",
            "this version of the shim runs no commands on the engine's machine",
            "use a later version",
        ))
    }
}
