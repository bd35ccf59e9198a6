//! What `plugin` prints, for people and for programs.

use mngr_host_shim::contract::Result;
use mngr_host_shim::json::ErrorJson;
use mngr_host_shim::registry::{Form, Installed, Lock, LockedVersion, PluginName, Removed, Switched, Verified, Wanted};
use semver::Version;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::{Outcome, show_provider_error};
use crate::output::{Output, Shown, Table, cells, shown, style};
use crate::units::size;

/// How much of a digest is shown to people.
const DIGITS: usize = 12;

#[derive(Serialize)]
struct VersionJson<'a> {
    name: &'a str,
    version: &'a Version,
    active: bool,
    contract: &'a Version,
    form: Form,
    target: Option<&'a str>,
    sha256: &'a str,
    size_bytes: u64,
    source: &'a str,
    interfaces: &'a [String],
    public_key: Option<&'a str>,
    installed_at: &'a str,
}

#[derive(Serialize)]
struct ListedJson<'a> {
    #[serde(flatten)]
    version: VersionJson<'a>,
    wanted: Option<String>,
}

#[derive(Serialize)]
struct InUseJson<'a> {
    #[serde(flatten)]
    version: VersionJson<'a>,
    previous_version: Option<&'a Version>,
    changed: bool,
}

#[derive(Serialize)]
struct VerifiedJson<'a> {
    #[serde(flatten)]
    version: VersionJson<'a>,
    whole: bool,
    #[serde(flatten)]
    error: Option<ErrorJson<'a>>,
}

#[derive(Serialize)]
struct FailedJson<'a> {
    name: &'a str,
    #[serde(flatten)]
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct RemovedJson<'a> {
    name: &'a str,
    versions: &'a [Version],
    whole: bool,
}

fn json<'a>(name: &'a PluginName, version: &'a LockedVersion, active: bool) -> VersionJson<'a> {
    VersionJson {
        name: name.as_str(),
        version: &version.version,
        active,
        contract: &version.contract,
        form: version.form,
        target: version.target.as_deref(),
        sha256: &version.sha256,
        size_bytes: version.size,
        source: &version.source,
        interfaces: &version.interfaces,
        public_key: version.public_key.as_deref(),
        installed_at: &version.installed_at,
    }
}

fn in_use(installed: &Installed) -> InUseJson<'_> {
    InUseJson {
        version: json(&installed.name, &installed.version, true),
        previous_version: installed.before.as_ref(),
        changed: !installed.unchanged,
    }
}

/// One row of the list.
struct Row<'a> {
    name: &'a PluginName,
    version: &'a LockedVersion,
    active: bool,
    wanted: Option<String>,
}

fn rows<'a>(lock: &'a Lock, wanted: &Wanted) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for (name, plugin) in &lock.plugins {
        let range = wanted.plugins.get(name).map(|wanted| wanted.version.to_string());
        rows.extend(plugin.versions.iter().rev().map(|version| Row {
            name,
            version,
            active: version.version == plugin.active,
            wanted: range.clone(),
        }));
    }
    rows
}

/// All that is installed, the newest versions first.
pub fn list(output: &Output, lock: &Lock, wanted: &Wanted) -> Outcome {
    let rows = rows(lock, wanted);
    if output.json {
        let listed = rows.into_iter().map(|row| ListedJson {
            version: json(row.name, row.version, row.active),
            wanted: row.wanted,
        });
        output.value(&listed.collect::<Vec<_>>())?;
    } else if rows.is_empty() {
        output.note(
            "No plugin is installed; the one that is built in is used. Install one: mngr-docker plugin install NAME \
             --from SOURCE",
        );
    } else {
        output.table(table(rows))?;
    }
    Ok(Exit::OK)
}

fn table(rows: Vec<Row<'_>>) -> Table {
    let mut table = Table::with_header(&[
        "NAME", "VERSION", "IN USE", "WANTED", "FORM", "CONTRACT", "SIZE", "SHA256", "SOURCE",
    ]);
    for Row {
        name,
        version,
        active,
        wanted,
    } in rows
    {
        table.row(&cells![
            name,
            &version.version,
            if active { "yes" } else { "-" },
            Shown::or_dash(wanted),
            version.form,
            &version.contract,
            size(version.size),
            short(version),
            &version.source,
        ]);
    }
    table
}

fn short(version: &LockedVersion) -> &str {
    version.sha256.get(..DIGITS).unwrap_or_default()
}

fn sentence(installed: &Installed) -> Shown {
    let Installed {
        name,
        version: locked,
        before,
        unchanged,
    } = installed;
    let version = &locked.version;
    if *unchanged {
        return shown!("{} {} is in use already", name, version);
    }
    let before = match before {
        Some(before) if before != version => shown!("; before: {}", before),
        Some(_) => shown!("; it was changed"),
        None => Shown::default(),
    };
    let imports = match (locked.form, locked.interfaces.as_slice()) {
        (Form::Native, _) => shown!("native, outside the sandbox"),
        (Form::Component, []) => shown!("imports nothing"),
        (Form::Component, interfaces) => shown!("imports {}", Shown::join(interfaces, ", ")),
    };
    shown!(
        "{} {} is in use ({}, contract {}, sha256 {}, {}){}",
        name,
        version,
        size(locked.size),
        &locked.contract,
        short(locked),
        imports,
        before
    )
}

/// One that was installed.
pub fn installed(output: &Output, installed: &Installed) -> Outcome {
    match output.json {
        true => output.value(&in_use(installed))?,
        false => output.line(sentence(installed))?,
    }
    Ok(Exit::OK)
}

/// What became of several.
pub fn updated(output: &Output, outcomes: &[(PluginName, Result<Installed>)]) -> std::io::Result<()> {
    if output.json {
        let json = |(name, outcome): &(PluginName, Result<Installed>)| match outcome {
            Ok(installed) => serde_json::to_value(in_use(installed)),
            Err(error) => serde_json::to_value(FailedJson {
                name: name.as_str(),
                error: ErrorJson::from(error),
            }),
        };
        let values: serde_json::Result<Vec<_>> = outcomes.iter().map(json).collect();
        return output.value(&values.map_err(std::io::Error::from)?);
    }
    if outcomes.is_empty() {
        output.note("There is nothing to do.");
    }
    for (_, outcome) in outcomes {
        match outcome {
            Ok(installed) => output.line(sentence(installed))?,
            Err(error) => show_provider_error(error)?,
        }
    }
    Ok(())
}

/// Another version that is in use.
pub fn switched(output: &Output, switched: &Switched) -> Outcome {
    let Switched { name, before, version } = switched;
    if output.json {
        output.value(&InUseJson {
            version: json(name, version, true),
            previous_version: Some(before),
            changed: *before != version.version,
        })?;
    } else if *before == version.version {
        output.line(shown!("{} {} stays in use", name, before))?;
    } else {
        output.line(shown!("{} {} is in use; before: {}", name, &version.version, before))?;
    }
    Ok(Exit::OK)
}

/// What was looked at, and what is wrong with it. Status 1 where anything is.
pub fn verified(output: &Output, verified: &[Verified]) -> Outcome {
    if output.json {
        let json = |verified: &Verified| {
            serde_json::to_value(VerifiedJson {
                version: json(&verified.name, &verified.version, false),
                whole: verified.fault.is_none(),
                error: verified.fault.as_ref().map(ErrorJson::from),
            })
        };
        let values: serde_json::Result<Vec<_>> = verified.iter().map(json).collect();
        output.value(&values.map_err(std::io::Error::from)?)?;
    } else {
        if verified.is_empty() {
            output.note("No plugin is installed.");
        }
        for Verified { name, version, fault } in verified {
            match fault {
                None => {
                    let good = style::GOOD.on("✓");
                    let version_shown = shown!("{} {}", name, &version.version);
                    output.line(shown!("{} {}, sha256 {}", good, version_shown, short(version)))?;
                }
                Some(error) => show_provider_error(error)?,
            }
        }
    }
    match verified.iter().any(|verified| verified.fault.is_some()) {
        true => Ok(Exit::INTERNAL),
        false => Ok(Exit::OK),
    }
}

/// What was removed.
pub fn removed(output: &Output, removed: &Removed) -> Outcome {
    let Removed { name, versions, whole } = removed;
    if output.json {
        output.value(&RemovedJson {
            name: name.as_str(),
            versions,
            whole: *whole,
        })?;
        return Ok(Exit::OK);
    }
    let list = Shown::join(versions, ", ");
    output.line(match (whole, versions.is_empty()) {
        (true, true) => shown!("{} is no longer wanted; it was not installed", name),
        (true, false) => shown!("{} is removed: {}", name, list),
        (false, _) => shown!("{} {} is removed", name, list),
    })?;
    Ok(Exit::OK)
}
