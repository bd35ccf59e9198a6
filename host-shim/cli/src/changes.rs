//! `snapshot check` and `snapshot diff`: what a snapshot taken now would miss, and what would be new in it.

use clap::Args;
use mngr_host_shim::contract::types::Severity;
use mngr_host_shim::json::{ChangesJson, FindingJson};
use mngr_host_shim::provider::Provider;

use super::arguments::agent_names;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::findings;
use super::output::shown;

/// Tell what a snapshot of an agent would not hold; exit status 9 where that blocks one
#[derive(Debug, Args)]
pub struct Check {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// Tell it of a snapshot that takes volumes along
    #[arg(long)]
    include_volumes: bool,
}

/// Show what an agent has changed of its image, or one snapshot of another: A added, C changed, D deleted
#[derive(Debug, Args)]
#[command(
    override_usage = "mngr-docker snapshot diff [OPTIONS] AGENT
       mngr-docker snapshot diff [OPTIONS] OLDER NEWER",
    after_help = "Two are compared by reading all files of both; they may be of different agents. As in `docker diff`, a directory is \
        changed where something in it is. Volumes, bind mounts and tmpfs are not compared.

Examples:
  mngr-docker snapshot diff a1
  mngr-docker snapshot diff before-upgrade after-upgrade
  mngr-docker snapshot diff before-upgrade a1"
)]
pub struct Diff {
    /// An agent, to be compared with the image it was made from; or the older of two
    #[arg(value_name = "OLDER", add = agent_names())]
    older: String,
    /// What has come of it: like OLDER an agent or a snapshot, by id, unique prefix of one, or name
    #[arg(value_name = "NEWER", add = agent_names())]
    newer: Option<String>,
}

impl Check {
    /// Looks, and changes nothing.
    pub async fn run(self, context: &Context) -> Outcome {
        let step = shown!("checking {}", &self.agent);
        let check = async |provider: &Provider| provider.snapshot_check(&self.agent, self.include_volumes).await;
        let found = context.call(step, check).await?;
        if context.output.json {
            let found: Vec<_> = found.iter().map(FindingJson::from).collect();
            context.output.value(&found)?;
        } else if found.is_empty() {
            context
                .output
                .note("A snapshot would hold everything but memory and processes.");
        } else {
            context.output.table(findings::table(&found))?;
            for line in findings::reasons(&found) {
                context.output.line(line)?;
            }
        }
        let blocked = found.iter().any(|finding| finding.severity == Severity::Block);
        Ok(if blocked { Exit::SNAPSHOT_BLOCKED } else { Exit::OK })
    }
}

impl Diff {
    /// Lists the paths.
    pub async fn run(self, context: &Context) -> Outcome {
        let step = shown!("comparing {}", &self.older);
        let compare = async |provider: &Provider| match &self.newer {
            Some(newer) => provider.snapshot_diff(&self.older, newer).await,
            None => provider.changes(&self.older).await,
        };
        let changes = context.call(step, compare).await?;
        if context.output.json {
            context.output.value(&ChangesJson::from(&changes))?;
            return Ok(Exit::OK);
        }
        let letters = [("A", &changes.added), ("C", &changes.modified), ("D", &changes.deleted)];
        let mut lines: Vec<_> = letters
            .iter()
            .flat_map(|(letter, paths)| paths.iter().map(move |path| (path, *letter)))
            .collect();
        lines.sort();
        if lines.is_empty() {
            context.output.note("Nothing has changed.");
        }
        for (path, letter) in lines {
            context.output.line(shown!("{} {}", letter, path))?;
        }
        Ok(Exit::OK)
    }
}
