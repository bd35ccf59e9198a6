//! An embedding program: opens a provider and makes an agent.

use mngr_host_shim::{config::ProviderConfig, host::Host, provider::NewAgent};

#[tokio::main]
async fn main() -> Result<(), mngr_host_shim::contract::ProviderError> {
    let image = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "debian:bookworm-slim".to_owned());
    let host = Host::new()?;
    let provider = host.open(&ProviderConfig::named("docker")).await?;
    let agent = provider.create(NewAgent::named("worker").image(image)).await?;
    println!("{} runs in container {}", agent.name, agent.container_id);
    Ok(())
}
