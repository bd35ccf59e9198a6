//! `doctor`: whether everything that a command needs is there, and what to do where it is not.

use std::sync::Arc;

use clap::Args;
use mngr_host_shim::config::{Config, FileTrust, ProviderConfig};
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::{ProviderError, VERSION};
use mngr_host_shim::engine::docker::DockerEngine;
use mngr_host_shim::engine::ssh::{Tunnel, Tunnels};
use mngr_host_shim::engine::{Engine, connect};
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Plugin;
use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, Shown, shown, style};

/// Oldest API of an engine that will do: Engine 20.10.
const OLDEST_API: (u32, u32) = (1, 41);

/// Check configuration, plugin and engine, and say what to do for each fault
#[derive(Debug, Args)]
#[command(after_long_help = super::settings::table())]
pub struct Doctor {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Failed,
    /// Not looked at, because of an earlier fault.
    Skipped,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    remedy: Option<String>,
}

/// Prints each check as it is done, and keeps them for the whole.
struct Report {
    output: Output,
    checks: Vec<Check>,
}

impl Report {
    fn add(
        &mut self,
        name: &'static str,
        status: Status,
        detail: String,
        remedy: Option<String>,
    ) -> std::io::Result<()> {
        let check = Check {
            name,
            status,
            detail,
            remedy: remedy.filter(|remedy| !remedy.is_empty()),
        };
        if !self.output.json {
            self.output.line(render(&check))?;
        }
        self.checks.push(check);
        Ok(())
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) -> std::io::Result<()> {
        self.add(name, Status::Ok, detail.into(), None)
    }

    fn skip(&mut self, names: &[&'static str]) -> std::io::Result<()> {
        let because = || "not checked, because of the fault above".to_owned();
        names
            .iter()
            .try_for_each(|name| self.add(name, Status::Skipped, because(), None))
    }

    fn fault(&mut self, name: &'static str, error: &ProviderError) -> std::io::Result<()> {
        self.add(name, Status::Failed, error.message(), Some(error.remedy().to_owned()))
    }

    fn failed(&self) -> bool {
        self.checks.iter().any(|check| check.status == Status::Failed)
    }
}

impl Doctor {
    /// Checks one thing after the other, as far as each can be checked.
    pub async fn run(self, context: &Context) -> Outcome {
        let mut report = Report {
            output: context.output,
            checks: Vec::new(),
        };
        examine(context, &mut report).await?;
        if let Some(exit) = context.interrupt.exit() {
            return Err(Failure::Interrupted(exit));
        }
        if context.output.json {
            context
                .output
                .value(&json!({ "ok": !report.failed(), "checks": report.checks }))?;
        }
        Ok(if report.failed() { Exit::INTERNAL } else { Exit::OK })
    }
}

async fn examine(context: &Context, report: &mut Report) -> Result<(), Failure> {
    let Some((config, chosen)) = configuration(context, report)? else {
        return Ok(report.skip(&["plugin", "settings", "endpoint", "engine", "api", "agents"])?);
    };
    let plugin = plugin(context, &chosen, report).await?;
    match &plugin {
        Some((_, plugin, description)) => settings(&config, &chosen, plugin, description, report).await?,
        None => report.skip(&["settings"])?,
    }
    let engine = engine(context, &chosen, report).await?;
    match (plugin, engine) {
        (Some((host, _, _)), Some(engine)) if !report.failed() => agents(context, &host, engine, &chosen, report).await,
        _ => Ok(report.skip(&["agents"])?),
    }
}

fn configuration(context: &Context, report: &mut Report) -> Result<Option<(Config, ProviderConfig)>, Failure> {
    let config = match context.config() {
        Ok(config) => config,
        Err(Failure::Config(faults)) => {
            for fault in &faults {
                report.add(
                    "config",
                    Status::Failed,
                    fault.message(),
                    Some(fault.remedy().to_owned()),
                )?;
            }
            report.skip(&["provider"])?;
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    match &config.path {
        Some(path) => report.ok("config", format!("{}{}", path.display(), why(config.trust)))?,
        None => report.ok("config", "no file; every setting at its default")?,
    }
    match context.provider_config(&config) {
        Ok(provider) => {
            report.ok("provider", &*provider.name)?;
            Ok(Some((config, provider)))
        }
        Err(Failure::Provider(error)) => {
            report.fault("provider", &error)?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Why what the file says takes effect, where that is not plain.
fn why(trust: FileTrust) -> &'static str {
    match trust {
        FileTrust::OfUser => "",
        FileTrust::Harmless => ", this directory's, in which nothing needs trust",
        FileTrust::Trusted => ", this directory's, which you trust",
    }
}

async fn plugin(
    context: &Context,
    chosen: &ProviderConfig,
    report: &mut Report,
) -> Result<Option<(Host, Plugin, Description)>, Failure> {
    let loading = async {
        let host = context.host()?;
        let plugin = host.plugin(chosen).await?;
        let description = plugin.describe().await?;
        Ok::<_, Failure>((host, plugin, description))
    };
    match loading.await {
        Ok((host, plugin, description)) => {
            let compiled = if plugin.was_cached() {
                "from the cache"
            } else {
                "compiled just now"
            };
            let detail = format!(
                "{} {} ({}), contract {VERSION}, sha256 {}, {compiled}",
                description.name,
                description.version,
                plugin.origin(),
                plugin.digest().get(..12).unwrap_or_default(),
            );
            report.ok("plugin", detail)?;
            Ok(Some((host, plugin, description)))
        }
        Err(Failure::Provider(error)) => {
            report.fault("plugin", &error)?;
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

async fn settings(
    config: &Config,
    chosen: &ProviderConfig,
    plugin: &Plugin,
    description: &Description,
    report: &mut Report,
) -> Result<(), Failure> {
    let given = serde_json::Value::Object(chosen.settings.clone()).to_string();
    let checked = match plugin.check_config(&chosen.name, &given).await {
        Ok(checked) => checked,
        Err(error) => return Ok(report.fault("settings", &error)?),
    };
    for warning in &checked.warnings {
        let detail = format!("{}: {}", warning.key, warning.reason);
        report.add("settings", Status::Warning, detail, Some(warning.remedy.clone()))?;
    }
    for fault in config.problems(&chosen.name, &checked.errors, &description.settings) {
        report.add(
            "settings",
            Status::Failed,
            fault.message(),
            Some(fault.remedy().to_owned()),
        )?;
    }
    if checked.warnings.is_empty() && checked.errors.is_empty() {
        let count = chosen.settings.len();
        report.ok("settings", format!("{count} given, all valid"))?;
    }
    Ok(())
}

/// Asked past the plugin, so that a fault of the one does not hide the other.
async fn engine(
    context: &Context,
    chosen: &ProviderConfig,
    report: &mut Report,
) -> Result<Option<DockerEngine>, Failure> {
    let engine = match connect::connect(chosen, &context.environment, &Tunnels::default()) {
        Ok(engine) => engine,
        Err(error) => {
            report.fault("endpoint", &error)?;
            report.skip(&["engine", "api"])?;
            return Ok(None);
        }
    };
    let endpoint = engine.chosen();
    report.ok("endpoint", format!("{}, {}", endpoint.address, endpoint.source))?;
    if let Some((tunnel, socket)) = engine.tunnel() {
        tokio::select! {
            checked = machine(tunnel, socket, report) => checked?,
            () = context.interrupt.token().cancelled() => return Ok(None),
        }
        if report.failed() {
            report.skip(&["engine", "api"])?;
            return Ok(None);
        }
    }
    let version = tokio::select! {
        version = engine.version() => version,
        () = context.interrupt.token().cancelled() => return Ok(None),
    };
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            report.fault("engine", &error)?;
            report.skip(&["api"])?;
            return Ok(None);
        }
    };
    let (system, architecture) = (&version.os, &version.architecture);
    report.ok(
        "engine",
        format!("Docker Engine {} answers ({system}/{architecture})", version.version),
    )?;
    let api = &version.api_version;
    match parse_api(api) {
        Some(number) if number >= OLDEST_API => report.ok("api", format!("version {api}"))?,
        _ => report.add(
            "api",
            Status::Failed,
            format!("version {api}; 1.41 is the oldest that will do"),
            Some("use Docker Engine 20.10 or later".to_owned()),
        )?,
    }
    Ok(Some(engine))
}

/// Each step of the way to a machine behind SSH, and to the socket there.
async fn machine(tunnel: &Arc<Tunnel>, socket: &str, report: &mut Report) -> Result<(), Failure> {
    let (way, connected) = tunnel.examine().await;
    let proxied = way.proxy.is_some();
    let steps = [
        (
            "name",
            way.address
                .clone()
                .or(proxied.then(|| "left to the proxy of your ssh_config".to_owned())),
        ),
        ("tcp", way.is_connected.then(|| "connected".to_owned())),
        (
            "host-key",
            way.host_key
                .clone()
                .filter(|_| way.is_trusted)
                .map(|key| format!("{key}, which is known")),
        ),
        ("login", way.authenticated.clone().map(|how| format!("let in by {how}"))),
    ];
    let mut steps = steps.into_iter();
    for (name, found) in steps.by_ref() {
        match (found, &connected) {
            (Some(detail), _) => report.ok(name, detail)?,
            // What went well may go unsaid by an old ssh.
            (None, Ok(())) => report.ok(name, "passed")?,
            (None, Err(error)) => {
                report.fault(name, error)?;
                break;
            }
        }
    }
    let rest: Vec<_> = steps.map(|(name, _)| name).chain(["forward", "socket"]).collect();
    if let Err(error) = connected {
        if !report.failed() {
            report.fault("shell", &error)?;
        }
        return Ok(report.skip(&rest)?);
    }
    match tunnel.is_forwarded(socket).await {
        Ok(true) => report.ok("forward", "the server forwards sockets")?,
        Ok(false) => report.add(
            "forward",
            Status::Warning,
            "forbidden by the server; `docker system dial-stdio` takes its place, at most 7 at once".to_owned(),
            Some("set `AllowStreamLocalForwarding yes` in its sshd_config".to_owned()),
        )?,
        Err(error) => return Ok(report.fault("socket", &error)?),
    }
    Ok(report.ok("socket", format!("an engine answers at {socket}"))?)
}

fn parse_api(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

async fn agents(
    context: &Context,
    host: &Host,
    engine: DockerEngine,
    chosen: &ProviderConfig,
    report: &mut Report,
) -> Result<(), Failure> {
    let listing = async {
        let provider = host.open_on(chosen, Arc::new(engine)).await?;
        let provider = provider.cancelled_by(context.interrupt.token().clone());
        let everything = DiscoverRequest {
            tags: Vec::new(),
            states: Vec::new(),
        };
        provider.discover(everything).await
    };
    match listing.await {
        Ok(agents) => report.ok("agents", format!("{} listed", agents.len()))?,
        Err(_) if context.interrupt.exit().is_some() => {}
        Err(error) => report.fault("agents", &error)?,
    }
    Ok(())
}

fn render(check: &Check) -> Shown {
    let mark = match check.status {
        Status::Ok => style::GOOD.on("✓"),
        Status::Warning => style::WARNING.on("!"),
        Status::Failed => style::ERROR.on("✗"),
        Status::Skipped => style::PLAIN.on("-"),
    };
    let mut text = shown!("{} {} {}", mark, format!("{:<9}", check.name), &check.detail);
    if let Some(remedy) = &check.remedy {
        text.push(shown!("\n            {} {}", style::HELP.on("help:"), remedy));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_compared_as_numbers() {
        assert!(parse_api("1.41") >= Some(OLDEST_API));
        assert!(parse_api("1.9") < Some(OLDEST_API));
        assert_eq!(parse_api("new"), None);
    }

    #[test]
    fn a_fault_has_its_remedy_under_it() {
        let check = Check {
            name: "engine",
            status: Status::Failed,
            detail: "no answer".to_owned(),
            remedy: Some("start it".to_owned()),
        };
        insta::assert_snapshot!(render(&check).plain(), @r#"
        ✗ engine    no answer
                    help: start it
        "#);
    }
}
