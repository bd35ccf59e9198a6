//! `trust`: lets all that a directory's settings file says take effect.

use std::path::{Path, PathBuf};

use clap::Args;
use mngr_host_shim::config::{NeedsTrust, SettingsFile};
use mngr_host_shim::error::invalid;
use mngr_host_shim::loader::sha256;
use mngr_host_shim::trust::{TrustStore, TrustedFile};
use serde::Serialize;

use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Shown, Table, cells, shown};

/// Let all that the settings file of this directory says take effect
///
/// The directory may be somebody else's repository. So of what its .mngr/settings.toml says, that which could do harm (run code,
/// write a file, pick a key or a machine, widen rights) takes effect only once you trust the file. It is trusted as it is now: once
/// it has changed you are asked again. What the file names, such as a plugin's file, is not looked at.
///
/// Asks on a terminal. Files named with --config or $MNGR_CONFIG and the one in your home directory need no trust.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker trust
  mngr-docker trust --yes
  mngr-docker trust --revoke ~/project/.mngr/settings.toml
  mngr-docker trust --list")]
pub struct Trust {
    /// The settings file [default: ./.mngr/settings.toml]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    /// Trust it no longer
    #[arg(long, conflicts_with = "yes")]
    revoke: bool,
    /// List all files that are trusted
    #[arg(long, conflicts_with_all = ["file", "yes", "revoke"])]
    list: bool,
}

#[derive(Serialize)]
struct FileJson<'a> {
    path: &'a Path,
    sha256: &'a str,
    trusted: bool,
    /// What waits, or waited, for that.
    settings: Vec<SettingJson<'a>>,
}

#[derive(Serialize)]
struct SettingJson<'a> {
    field: &'a str,
    value: &'a str,
    reason: &'static str,
}

impl<'a> From<&'a NeedsTrust> for SettingJson<'a> {
    fn from(need: &'a NeedsTrust) -> Self {
        Self {
            field: &need.field,
            value: &need.value,
            reason: need.reason,
        }
    }
}

#[derive(Serialize)]
struct RevokedJson<'a> {
    path: &'a Path,
    trusted: bool,
    was_trusted: bool,
}

#[derive(Serialize)]
struct ListedJson<'a> {
    path: &'a Path,
    state: &'static str,
    #[serde(flatten)]
    trusted: &'a TrustedFile,
}

impl Trust {
    /// Asks, and remembers the answer where it is yes.
    pub async fn run(self, context: &Context) -> Outcome {
        let store = TrustStore::of_user(&context.environment)?;
        if self.list {
            return list(context, &store);
        }
        let path = self.file.as_deref().unwrap_or(Path::new(SettingsFile::IN_DIRECTORY));
        match self.revoke {
            true => revoke(context, &store, path),
            false => trust(context, &store, path, self.yes).await,
        }
    }
}

async fn trust(context: &Context, store: &TrustStore, path: &Path, yes: bool) -> Outcome {
    let file = SettingsFile::read(path, &context.environment)?;
    let shown = Shown::from(file.path.display());
    if file.needs_trust.is_empty() {
        context.output.note(shown!("Nothing in {} needs trust.", &shown));
        return told(context, &file, false);
    }
    if store.trusts(&file.path, &file.sha256)? {
        context.output.note(shown!("{} is trusted already.", &shown));
        return told(context, &file, true);
    }
    if !yes {
        if !context.output.can_ask() {
            let remedy = "look at the file, then pass --yes";
            return Err(invalid("--yes", "", "there is no terminal to ask on", remedy).into());
        }
        context
            .output
            .line(shown!("{} says, beside what does no harm:", &shown))?;
        context.output.table(table(&file.needs_trust))?;
        if !context.ask("Trust it?").await? {
            context.output.note("It is not trusted.");
            return Ok(Exit::OK);
        }
    }
    store.trust(&file.path, &file.sha256)?;
    context.output.note(shown!("{} is trusted as it was read.", &shown));
    told(context, &file, true)
}

fn told(context: &Context, file: &SettingsFile, trusted: bool) -> Outcome {
    if context.output.json {
        context.output.value(&FileJson {
            path: &file.path,
            sha256: &file.sha256,
            trusted,
            settings: file.needs_trust.iter().map(SettingJson::from).collect(),
        })?;
    }
    Ok(Exit::OK)
}

fn table(needs: &[NeedsTrust]) -> Table {
    let mut table = Table::with_header(&["SETTING", "VALUE", "WHAT IT DOES"]);
    for need in needs {
        table.row(&cells![&need.field, &need.value, need.reason]);
    }
    table
}

fn revoke(context: &Context, store: &TrustStore, path: &Path) -> Outcome {
    let path = SettingsFile::real_path(path, &context.environment);
    let was_trusted = store.revoke(&path)?;
    context.output.note(match was_trusted {
        true => shown!("{} is trusted no longer.", path.display()),
        false => shown!("{} was not trusted.", path.display()),
    });
    if context.output.json {
        context.output.value(&RevokedJson {
            path: &path,
            trusted: false,
            was_trusted,
        })?;
    }
    Ok(Exit::OK)
}

fn list(context: &Context, store: &TrustStore) -> Outcome {
    let files = store.files()?;
    let listed: Vec<_> = files
        .iter()
        .map(|(path, trusted)| ListedJson {
            path,
            state: state(path, trusted),
            trusted,
        })
        .collect();
    if context.output.json {
        context.output.value(&listed)?;
    } else if listed.is_empty() {
        context.output.note("No file is trusted.");
    } else {
        let mut table = Table::with_header(&["FILE", "STATE", "SINCE"]);
        for file in &listed {
            table.row(&cells![file.path.display(), file.state, &file.trusted.trusted_at]);
        }
        context.output.table(table)?;
    }
    Ok(Exit::OK)
}

/// Whether the file is what it was.
fn state(path: &Path, trusted: &TrustedFile) -> &'static str {
    match std::fs::read(path) {
        Ok(bytes) if sha256(&bytes) == trusted.sha256 => "trusted",
        Ok(_) => "changed",
        Err(_) => "gone",
    }
}
