//! `snapshot` and its subcommands, of which `check` and `diff`, `push` and `pull` have files of their own.

use clap::{Args, Subcommand};
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use mngr_host_shim::contract::instance::{SnapshotFilter, SnapshotRequest};
use mngr_host_shim::contract::types;
use mngr_host_shim::json::{SnapshotJson, written};
use mngr_host_shim::provider::Provider;

use super::arguments::agent_names;
use super::changes::{Check, Diff};
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Shown, Table, cells, shown};
use super::registry::{Pull, Push};
use super::several::each;
use super::units::{age, short_id, size};
use super::{findings, lineage};

/// Keep an agent's files as an image; list such images, send and fetch them, delete them
#[derive(Debug, Args)]
pub struct Snapshot {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(Create),
    Check(Check),
    Diff(Diff),
    List(List),
    Delete(Delete),
    Push(Push),
    Pull(Pull),
}

/// Take a snapshot of an agent, running or not
#[derive(Debug, Args)]
#[command(
    after_help = "Bind mounts, shared and network volumes, memory and processes are not part of a snapshot; the agent's own
volumes and tmpfs are with --include-volumes.

Examples:
  mngr-docker snapshot create a1 --name before-upgrade
  mngr-docker snapshot create a1 --include-volumes
  mngr-docker start a1 --snapshot before-upgrade"
)]
struct Create {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// A name for the snapshot
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Freeze the agent while its files are read [default: what the provider's configuration says]
    #[arg(long, overrides_with = "no_pause")]
    pause: bool,
    /// Let the agent run meanwhile
    #[arg(long)]
    no_pause: bool,
    /// Take it although it would lose data; what it does not hold is kept with it
    #[arg(long)]
    force: bool,
    /// Take along the agent's own local volumes and its tmpfs; what each costs is said first
    #[arg(long)]
    include_volumes: bool,
}

/// List snapshots, newest first
#[derive(Debug, Args)]
#[command(visible_alias = "ls")]
struct List {
    /// Only snapshots of this agent, which may be gone
    #[arg(add = agent_names())]
    agent: Option<String>,
    /// Show which snapshot came of which
    #[arg(long)]
    tree: bool,
}

/// Delete snapshots that no agent uses
#[derive(Debug, Args)]
#[command(visible_alias = "rm")]
struct Delete {
    /// Ids, unique prefixes of ids, or names
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    /// Refuse snapshots of any other agent
    #[arg(long, value_name = "AGENT", add = agent_names())]
    agent: Option<String>,
}

impl Snapshot {
    /// Does what was asked.
    pub fn run(self, context: &Context) -> LocalBoxFuture<'_, Outcome> {
        match self.command {
            Command::Create(command) => Box::pin(command.run(context)),
            Command::Check(command) => Box::pin(command.run(context)),
            Command::Diff(command) => Box::pin(command.run(context)),
            Command::List(command) => Box::pin(command.run(context)),
            Command::Delete(command) => Box::pin(command.run(context)),
            Command::Push(command) => Box::pin(command.run(context)),
            Command::Pull(command) => Box::pin(command.run(context)),
        }
    }
}

impl Create {
    async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner(shown!("taking a snapshot of {}", &self.agent));
        let provider = context.provider(&spinner).await?;
        let request = SnapshotRequest {
            name: self.name,
            pause: match (self.pause, self.no_pause) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            },
            force: self.force,
            include_volumes: self.include_volumes,
        };
        if self.include_volumes {
            findings::announce(context, &spinner, &provider, &self.agent).await;
        }
        let taken = provider.snapshot_create(&self.agent, request).await;
        let snapshot = taken.map_err(|error| context.failure(error))?;
        drop(spinner);
        findings::warn(&context.output, &snapshot.findings);
        if context.output.json {
            context.output.value(&SnapshotJson::from(&snapshot))?;
        } else {
            context.output.line(shown!(
                "{} of {} ({}, {})",
                &snapshot.id,
                &snapshot.agent_name,
                size(snapshot.size_bytes),
                &snapshot.image
            ))?;
            for volume in &snapshot.volumes {
                let line = shown!("  with {} ({})", &volume.path, size(volume.size_bytes));
                context.output.line(line)?;
            }
        }
        Ok(Exit::OK)
    }
}

impl List {
    async fn run(self, context: &Context) -> Outcome {
        let filter = SnapshotFilter { agent: self.agent };
        let list = async |provider: &Provider| provider.snapshot_list(filter).await;
        let snapshots = context.call("listing snapshots", list).await?;
        if context.output.json {
            let snapshots: Vec<_> = snapshots.iter().map(SnapshotJson::from).collect();
            context.output.value(&snapshots)?;
        } else if snapshots.is_empty() {
            context
                .output
                .note("There are no snapshots. Take one: mngr-docker snapshot create AGENT");
        } else if self.tree {
            for line in lineage::tree(&snapshots, Timestamp::now()) {
                context.output.line(line)?;
            }
        } else {
            context.output.table(table(&snapshots, Timestamp::now()))?;
        }
        Ok(Exit::OK)
    }
}

fn table(snapshots: &[types::Snapshot], now: Timestamp) -> Table {
    let mut table = Table::with_header(&[
        "ID", "NAME", "AGENT", "CREATED", "SIZE", "PARENT", "VOLUMES", "FINDINGS",
    ]);
    let count = |count: usize| Shown::or_dash(Some(count).filter(|count| *count > 0));
    for snapshot in snapshots {
        table.row(&cells![
            short_id(&snapshot.id),
            Shown::or_dash(snapshot.name.as_ref()),
            &snapshot.agent_name,
            age(&snapshot.created_at, now),
            size(snapshot.size_bytes),
            Shown::or_dash(snapshot.parent.as_deref().map(short_id)),
            count(snapshot.volumes.len()),
            count(snapshot.findings.len()),
        ]);
    }
    table
}

impl Delete {
    async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("deleting");
        let provider = context.provider(&spinner).await?;
        let call = async |snapshot: &str| provider.snapshot_delete(self.agent.clone(), snapshot).await;
        let line = |snapshot: &types::Snapshot| shown!("{} is deleted", &snapshot.id);
        let json = |snapshot: &types::Snapshot| written(&SnapshotJson::from(snapshot));
        each(context, spinner, &self.snapshots, call, line, json).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> types::Snapshot {
        types::Snapshot {
            id: "snap-0123456789abcdef0123456789abcdef".to_owned(),
            agent_id: "agent-1".to_owned(),
            agent_name: "a1".to_owned(),
            name: None,
            image: "mngr-snapshot:agent-1-snap-0123456789abcdef0123456789abcdef".to_owned(),
            image_id: "sha256:feed".to_owned(),
            created_at: "2026-01-31T11:55:00Z".to_owned(),
            size_bytes: 4_261_550,
            parent: None,
            findings: vec![types::Finding {
                kind: types::FindingKind::BindMount,
                path: Some("/data".to_owned()),
                source: Some("/srv".to_owned()),
                read_only: false,
                size_bytes: None,
                covered: false,
                severity: types::Severity::Warn,
                reason: "a bind mount is not captured".to_owned(),
                remedy: "copy it".to_owned(),
            }],
            volumes: vec![types::SnapshotVolume {
                path: "/cache".to_owned(),
                kind: types::FindingKind::NamedVolume,
                source: Some("cache".to_owned()),
                size_bytes: 7,
                image: "mngr-snapshot-volume:agent-1-snap-0123456789abcdef0123456789abcdef-1".to_owned(),
            }],
        }
    }

    #[test]
    fn the_table_has_size_age_and_parent() {
        let child = types::Snapshot {
            name: Some("before-upgrade".to_owned()),
            parent: Some("snap-fedcba9876543210".to_owned()),
            ..snapshot()
        };
        let now = "2026-01-31T12:00:00Z".parse().expect("a time");
        let text = table(&[child, snapshot()], now).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r#"
        ID                  NAME             AGENT   CREATED         SIZE     PARENT              VOLUMES   FINDINGS
        snap-0123456789ab   before-upgrade   a1      5 minutes ago   4.26MB   snap-fedcba987654   1         1
        snap-0123456789ab   -                a1      5 minutes ago   4.26MB   -                   1         1
        "#);
    }

    #[test]
    fn json_has_the_contracts_names() {
        insta::assert_json_snapshot!(SnapshotJson::from(&snapshot()), @r#"
        {
          "id": "snap-0123456789abcdef0123456789abcdef",
          "agent_id": "agent-1",
          "agent_name": "a1",
          "name": null,
          "image": "mngr-snapshot:agent-1-snap-0123456789abcdef0123456789abcdef",
          "image_id": "sha256:feed",
          "created_at": "2026-01-31T11:55:00Z",
          "size_bytes": 4261550,
          "parent": null,
          "findings": [
            {
              "kind": "bind_mount",
              "path": "/data",
              "source": "/srv",
              "read_only": false,
              "size_bytes": null,
              "covered": false,
              "severity": "warn",
              "reason": "a bind mount is not captured",
              "remedy": "copy it"
            }
          ],
          "volumes": [
            {
              "path": "/cache",
              "kind": "named_volume",
              "source": "cache",
              "size_bytes": 7,
              "image": "mngr-snapshot-volume:agent-1-snap-0123456789abcdef0123456789abcdef-1"
            }
          ]
        }
        "#);
    }
}
