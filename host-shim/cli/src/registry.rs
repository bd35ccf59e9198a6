//! `snapshot push` and `snapshot pull`.

use clap::Args;
use mngr_host_shim::contract::instance::PushRequest;
use mngr_host_shim::json::{PushedJson, SnapshotJson};
use mngr_host_shim::provider::Provider;

use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::findings;
use super::output::shown;
use super::units::size;

/// Send a snapshot to a registry
///
/// Credentials are those of the Docker CLI: log in with `docker login REGISTRY`. An image keeps the values of environment
/// variables; those that the setting `secret_env` names are left out, and the others need --include-env.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker snapshot push before-upgrade registry.example:5000/agents
  mngr-docker snapshot push snap-1f0c registry.example:5000/agents:nightly --include-env")]
pub struct Push {
    /// Id, unique prefix of one, or name
    snapshot: String,
    /// Where to; without a tag the snapshot's id is the tag
    #[arg(value_name = "REGISTRY/REPOSITORY[:TAG]")]
    reference: String,
    /// Let its environment variables go along, less those that the setting `secret_env` names
    #[arg(long)]
    include_env: bool,
}

/// Take a snapshot in from a registry
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker snapshot pull registry.example:5000/agents:nightly
  mngr-docker create a2 --snapshot before-upgrade")]
pub struct Pull {
    /// Where from: with a tag, or with the digest that `snapshot push` printed
    #[arg(value_name = "REGISTRY/REPOSITORY[:TAG|@DIGEST]")]
    reference: String,
}

impl Push {
    /// Sends it.
    pub async fn run(self, context: &Context) -> Outcome {
        let step = shown!("pushing {}", &self.snapshot);
        let request = PushRequest {
            snapshot: self.snapshot,
            reference: self.reference,
            include_env: self.include_env,
        };
        let push = async |provider: &Provider| provider.snapshot_push(request).await;
        let pushed = context.call(step, push).await?;
        findings::left_out(&context.output, &pushed.left_out_env);
        if context.output.json {
            context.output.value(&PushedJson::from(&pushed))?;
        } else {
            context.output.line(shown!(
                "{} is pushed: {}@{}",
                &pushed.snapshot.id,
                &pushed.reference,
                &pushed.digest
            ))?;
        }
        Ok(Exit::OK)
    }
}

impl Pull {
    /// Takes it in.
    pub async fn run(self, context: &Context) -> Outcome {
        let step = shown!("pulling {}", &self.reference);
        let pull = async |provider: &Provider| provider.snapshot_pull(&self.reference).await;
        let snapshot = context.call(step, pull).await?;
        findings::warn(&context.output, &snapshot.findings);
        if context.output.json {
            context.output.value(&SnapshotJson::from(&snapshot))?;
        } else {
            context.output.line(shown!(
                "{} of {} is here ({})",
                &snapshot.id,
                &snapshot.agent_name,
                size(snapshot.size_bytes)
            ))?;
        }
        Ok(Exit::OK)
    }
}
