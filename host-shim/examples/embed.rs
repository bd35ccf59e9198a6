//! An embedding program: opens a provider and makes an agent.

use mngr_host_shim::{config::ProviderConfig, host::Host, provider::NewAgent};

#[tokio::main]
async fn main() -> Result<(), mngr_host_shim::contract::ProviderError> {
    let host = Host::new()?;
    let provider = host.open(&ProviderConfig::named("docker")).await?;
    let agent = provider
        .create(NewAgent::named("worker").image("debian:bookworm-slim"))
        .await?;
    println!("{} runs in container {}", agent.name, agent.container_id);
    Ok(())
}
