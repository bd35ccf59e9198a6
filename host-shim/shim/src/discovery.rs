//! Asking several providers at once for their agents.

use mngr_contract::Result;
use mngr_contract::error::timeout;
use mngr_contract::instance::DiscoverRequest;
use mngr_contract::types::Agent;
use tokio_util::sync::CancellationToken;

use crate::config::ProviderConfig;
use crate::host::Host;

/// What one provider answered.
#[derive(Debug)]
pub struct Answer {
    /// The provider's instance name.
    pub provider: String,
    /// Its agents, or why they are not known. A provider that can not be reached never answers with an empty list.
    pub agents: Result<Vec<Agent>>,
}

/// Asks every provider for its agents, all side by side, and returns the answers in the order given. Each provider has its
/// own `engine_timeout` for all that is done for it, so one that hangs delays no other and costs no more than that.
pub async fn discover_all(
    host: &Host,
    providers: &[ProviderConfig],
    request: &DiscoverRequest,
    cancel: &CancellationToken,
) -> Vec<Answer> {
    let ask = async |config: &ProviderConfig| Answer {
        provider: config.name.clone(),
        agents: discover(host, config, request, cancel).await,
    };
    futures::future::join_all(providers.iter().map(ask)).await
}

async fn discover(
    host: &Host,
    config: &ProviderConfig,
    request: &DiscoverRequest,
    cancel: &CancellationToken,
) -> Result<Vec<Agent>> {
    let answer = async {
        let provider = host.open(config).await?.cancelled_by(cancel.clone());
        provider.discover(request.clone()).await
    };
    // Each engine call ends by itself after as long; together they may take longer.
    match tokio::time::timeout(config.engine_timeout, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(timeout(
            format!("the provider `{}`", config.name),
            config.engine_timeout,
            false,
            format!(
                "see what keeps its engine busy (`mngr-docker doctor --provider {}`), or give it a longer \
                 `engine_timeout_seconds`",
                config.name
            ),
        )),
    }
}
