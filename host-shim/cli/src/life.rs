//! `start`, `stop`, `pause`, `resume`, `destroy` and `rename`.

use std::collections::HashSet;

use clap::Args;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::instance::{
    DestroyRequest, Destroyed, SnapshotRequest, StartRequest, StopRequest, Stopped,
};
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::json::{AgentJson, DestroyedJson, StoppedJson, Written, state_name, written};
use mngr_host_shim::provider::Provider;
use tokio::sync::Barrier;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::findings;
use super::output::{Shown, shown};
use super::several::each;

/// Start agents; one that runs is left alone
#[derive(Debug, Args)]
pub struct Start {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
    /// Make the agent's container anew from this snapshot; what was written since is lost
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
}

/// Stop agents; their files stay
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker stop a1 a2
  mngr-docker stop a1 --snapshot=before-upgrade --timeout 30")]
pub struct Stop {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
    /// Take a snapshot first, by this name; where that fails the agent is not stopped
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    snapshot: Option<String>,
    /// Take the snapshot although it would lose data
    #[arg(long, requires = "snapshot")]
    force: bool,
    /// Take the agent's own volumes and tmpfs along in the snapshot
    #[arg(long, requires = "snapshot")]
    include_volumes: bool,
    /// How long the main command gets to end before it is killed
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
}

/// Freeze agents; their memory and files stay
#[derive(Debug, Args)]
pub struct Pause {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
}

/// Thaw paused agents
#[derive(Debug, Args)]
pub struct Resume {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
}

/// Remove agents, running ones too; their snapshots stay unless asked for
///
/// Asks first on a terminal. One that is gone already is no error.
#[derive(Debug, Args)]
pub struct Destroy {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "AGENT", add = agent_names())]
    agents: Vec<String>,
    /// Delete their snapshots as well
    #[arg(long)]
    snapshots: bool,
    /// Do not ask
    #[arg(short = 'y', long, visible_alias = "force", visible_short_alias = 'f')]
    yes: bool,
}

/// Give an agent a new name
#[derive(Debug, Args)]
pub struct Rename {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// The new name
    name: String,
}

fn agent_line(agent: &Agent) -> Shown {
    shown!("{} is {}", &agent.name, state_name(agent.state))
}

fn agent_json(agent: &Agent) -> std::io::Result<Written> {
    written(&AgentJson::from(agent))
}

impl Start {
    /// Starts them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("starting");
        let provider = context.provider(&spinner).await?;
        let call = async |agent: &str| {
            let snapshot = self.snapshot.clone();
            let started = provider.start(agent, StartRequest { snapshot }).await?;
            if self.snapshot.is_some() {
                findings::repeat(context, &provider, started.snapshot_id.as_deref()).await;
            }
            Ok(started)
        };
        each(context, spinner, &self.agents, call, agent_line, agent_json).await
    }
}

impl Stop {
    /// Stops them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("stopping");
        let provider = context.provider(&spinner).await?;
        if self.include_volumes {
            for agent in &self.agents {
                findings::announce(context, &spinner, &provider, agent).await;
            }
        }
        let call = async |agent: &str| {
            let snapshot = self.snapshot.clone().map(|name| SnapshotRequest {
                name,
                pause: None,
                force: self.force,
                include_volumes: self.include_volumes,
            });
            let request = StopRequest {
                timeout_seconds: self.timeout,
                snapshot,
            };
            let stopped = provider.stop(agent, request).await?;
            if let Some(snapshot) = &stopped.snapshot {
                findings::warn(&context.output, &snapshot.findings);
            }
            Ok(stopped)
        };
        let line = |stopped: &Stopped| match &stopped.snapshot {
            Some(snapshot) => shown!("{}; snapshot {}", agent_line(&stopped.agent), &snapshot.id),
            None => agent_line(&stopped.agent),
        };
        let json = |stopped: &Stopped| written(&StoppedJson::from(stopped));
        each(context, spinner, &self.agents, call, line, json).await
    }
}

impl Pause {
    /// Freezes them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("pausing");
        let provider = context.provider(&spinner).await?;
        let call = async |agent: &str| provider.pause(agent).await;
        each(context, spinner, &self.agents, call, agent_line, agent_json).await
    }
}

impl Resume {
    /// Thaws them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("resuming");
        let provider = context.provider(&spinner).await?;
        let call = async |agent: &str| provider.resume(agent).await;
        each(context, spinner, &self.agents, call, agent_line, agent_json).await
    }
}

impl Destroy {
    /// Removes them, after a question where a person can be asked.
    pub async fn run(self, context: &Context) -> Outcome {
        if !self.yes && context.output.can_ask() && !self.confirmed(context).await? {
            context.output.note("Nothing was destroyed.");
            return Ok(Exit::OK);
        }
        let spinner = context.spinner("destroying");
        let provider = context.provider(&spinner).await?;
        // A snapshot of one may be what another was made from, so with several the snapshots go when all agents are gone.
        let several = self.agents.iter().collect::<HashSet<_>>().len();
        let all_gone = Barrier::new(several);
        let call = async |agent: &str| {
            let request = DestroyRequest {
                snapshots: self.snapshots && several == 1,
            };
            let destroyed = provider.destroy(agent, request).await;
            all_gone.wait().await;
            let mut destroyed = destroyed?;
            if self.snapshots {
                delete_kept(&provider, &mut destroyed).await?;
            }
            Ok((agent.to_owned(), destroyed))
        };
        each(context, spinner, &self.agents, call, destroyed_line, destroyed_json).await
    }

    async fn confirmed(&self, context: &Context) -> Result<bool, Failure> {
        let names = Shown::join(&self.agents, ", ");
        let snapshots = if self.snapshots { " and their snapshots" } else { "" };
        context
            .ask(shown!("Destroy {}{}? What is in them is lost.", names, snapshots))
            .await
    }
}

/// Deletes the snapshots that a destroyed agent has left, but for those that other agents were made from.
async fn delete_kept(provider: &Provider, destroyed: &mut Destroyed) -> Result<(), ProviderError> {
    for id in std::mem::take(&mut destroyed.kept_snapshots) {
        match provider.snapshot_delete(None, &id).await {
            Ok(_) => destroyed.deleted_snapshots.push(id),
            Err(ProviderError::NotFound(_)) => {}
            Err(ProviderError::Conflict(_)) => destroyed.kept_snapshots.push(id),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn destroyed_line((agent, destroyed): &(String, Destroyed)) -> Shown {
    let count = |snapshots: &[String]| match snapshots.len() {
        1 => "1 snapshot".to_owned(),
        more => format!("{more} snapshots"),
    };
    let mut line = match destroyed.agent_id {
        Some(_) => shown!("{} is destroyed", agent),
        None => shown!("{} was gone already", agent),
    };
    if !destroyed.deleted_snapshots.is_empty() {
        line.push(shown!("; {} deleted", count(&destroyed.deleted_snapshots)));
    }
    if !destroyed.kept_snapshots.is_empty() {
        line.push(shown!("; {} kept", count(&destroyed.kept_snapshots)));
    }
    match destroyed.kept_volumes.as_slice() {
        [] => {}
        [one] => line.push(shown!("; volume {} kept", one)),
        more => line.push(shown!("; {} volumes kept", more.len())),
    }
    line
}

fn destroyed_json((_, destroyed): &(String, Destroyed)) -> std::io::Result<Written> {
    written(&DestroyedJson::from(destroyed))
}

impl Rename {
    /// Renames it.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("renaming");
        let provider = context.provider(&spinner).await?;
        let call = async |agent: &str| provider.rename(agent, &self.name).await;
        let line = |agent: &Agent| shown!("{} is now {}", &self.agent, &agent.name);
        each(
            context,
            spinner,
            std::slice::from_ref(&self.agent),
            call,
            line,
            agent_json,
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destroyed(id: Option<&str>, deleted: &[&str], kept: &[&str], volumes: &[&str]) -> (String, Destroyed) {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let destroyed = Destroyed {
            agent_id: id.map(str::to_owned),
            deleted_snapshots: owned(deleted),
            kept_snapshots: owned(kept),
            kept_volumes: owned(volumes),
        };
        ("a".to_owned(), destroyed)
    }

    #[test]
    fn destroy_says_what_became_of_the_snapshots_and_volumes() {
        let line = |of: (String, Destroyed)| destroyed_line(&of).plain();
        assert_eq!(line(destroyed(None, &[], &[], &[])), "a was gone already");
        assert_eq!(
            line(destroyed(Some("agent-1"), &["s1"], &["s2", "s3"], &["v1"])),
            "a is destroyed; 1 snapshot deleted; 2 snapshots kept; volume v1 kept"
        );
    }
}
