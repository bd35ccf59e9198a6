//! `migrate`.

use clap::Args;
use mngr_host_shim::contract::types::{AgentState, FindingKind};
use mngr_host_shim::json::{MigratedJson, state_name};
use mngr_host_shim::migrate::{Migration, migrate};

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::findings;
use super::output::shown;

/// Make an agent again on another provider, and with --destroy-original move it there
///
/// Its files, tags, type, limits, start arguments and command go along, and its environment where that is agreed to. It starts
/// there if it runs here. What it writes after the snapshot stays behind: stop it first where that matters.
///
/// Without --destroy-original a copy is made, a new agent with this one as its parent; with it the agent keeps its id. A
/// migration that fails or is interrupted leaves everything as it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker migrate a1 --to big
  mngr-docker migrate a1 --to big --destroy-original --include-env
  mngr-docker migrate a1 --to far --via registry.example:5000/agents")]
pub struct Migrate {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// The provider it is to go to, as the configuration calls it
    #[arg(long, value_name = "PROVIDER")]
    to: String,
    /// Go by way of this registry, where the snapshot then stays, and not from engine to engine
    #[arg(long, value_name = "REGISTRY/REPOSITORY[:TAG]")]
    via: Option<String>,
    /// Destroy the original once the other is there; its snapshots stay
    #[arg(long)]
    destroy_original: bool,
    /// What it is called there [default: its name]
    #[arg(long)]
    name: Option<String>,
    /// Let its environment variables go along, less those that the setting `secret_env` names
    #[arg(long)]
    include_env: bool,
    /// Go although the snapshot would lose data
    #[arg(long)]
    force: bool,
}

impl Migrate {
    /// Moves or copies it.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner(shown!("migrating {}", &self.agent));
        let from = context.provider(&spinner).await?;
        let to = context.provider_named(&self.to, &spinner).await?;
        let migration = Migration {
            name: self.name,
            via: self.via,
            destroy_original: self.destroy_original,
            force: self.force,
            include_env: self.include_env,
        };
        if migration.destroy_original {
            let agent = from.get(&self.agent).await.map_err(|error| context.failure(error))?;
            if agent.state == AgentState::Running {
                context.output.warn(
                    "it runs: what it writes between its snapshot and the end of the original is lost; stop it first to lose nothing",
                );
            }
        }
        let migrated = migrate(&from, &to, &self.agent, &migration)
            .await
            .map_err(|error| context.failure(error))?;
        drop(spinner);
        // That its environment goes along was agreed to.
        let lost = migrated.snapshot.findings.iter().cloned();
        let lost: Vec<_> = lost
            .filter(|finding| finding.kind != FindingKind::Environment)
            .collect();
        findings::warn(&context.output, &lost);
        findings::left_out(&context.output, &migrated.left_out_env);
        if context.output.json {
            context
                .output
                .value(&MigratedJson::new(&migrated, self.destroy_original))?;
            return Ok(Exit::OK);
        }
        let (agent, original) = (&migrated.agent, &migrated.original);
        let (here, there) = (from.name(), to.name());
        context.output.line(shown!(
            "{} is {} on {} ({})",
            &agent.name,
            state_name(agent.state),
            there,
            &agent.id
        ))?;
        context.output.note(match self.destroy_original {
            true => shown!("It is gone from {}.", here),
            false => shown!("The original, {}, is as it was on {}.", &original.id, here),
        });
        if let Some(reference) = &migrated.registry_reference {
            context
                .output
                .note(shown!("Its snapshot stays in the registry: {}", reference));
        }
        Ok(Exit::OK)
    }
}
