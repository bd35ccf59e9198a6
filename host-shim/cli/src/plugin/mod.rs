//! `plugin`: which plugins are installed, in which versions; and what their authors need.

mod author;
mod permissions;
mod render;
mod report;
mod test;

use clap::{Args, Subcommand};
use mngr_host_shim::contract::Result;
use mngr_host_shim::loader::Native;
use mngr_host_shim::registry::{Consent, Installed, PluginName, PluginPin, Registry, Request, Source, read_public_key};
use semver::Version;

use super::context::Context;
use super::exit::Exit;
use super::failure::{Outcome, in_one_line};
use super::output::shown;

/// Install plugins, choose which version of them is in use, and write and test your own
///
/// What is wanted is kept in plugins.toml, what is installed in plugins.lock, both in $XDG_CONFIG_HOME/mngr-docker (else
/// ~/.config/mngr-docker). A provider uses an installed plugin where its setting `plugin` names it: NAME, or NAME@RANGE. A
/// program that runs takes another version with its next call.
#[derive(Debug, Args)]
pub struct Plugin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(Install),
    List(List),
    Pin(Pin),
    Update(Update),
    Rollback(Rollback),
    Verify(Verify),
    Remove(Remove),
    Permissions(Permissions),
    New(author::New),
    Component(author::Component),
    Test(test::Test),
}

/// What is refused unless it is agreed to.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Agree to what is refused")]
struct Agreed {
    /// Take a version that imports more interfaces of the contract than the one in use
    #[arg(long)]
    allow_wider: bool,
    /// Take a version older than the one in use
    #[arg(long)]
    allow_downgrade: bool,
}

/// The same of what comes from a source.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Agree to what is refused")]
struct AgreedOfSource {
    #[command(flatten)]
    agreed: Agreed,
    /// Take a component other than the one that is installed under its version
    #[arg(long)]
    accept_changed: bool,
    /// Take a version that was withdrawn
    #[arg(long)]
    accept_yanked: bool,
    /// Take a native library, and run it outside the sandbox to ask who it is; of a source that has one for this machine it is
    /// taken in place of the component. To be used it needs `allow_native: true` in the provider's configuration as well
    #[arg(long)]
    allow_native: bool,
}

impl From<Agreed> for Consent {
    fn from(agreed: Agreed) -> Self {
        Self {
            wider: agreed.allow_wider,
            downgrade: agreed.allow_downgrade,
            ..Self::default()
        }
    }
}

impl From<AgreedOfSource> for Consent {
    fn from(agreed: AgreedOfSource) -> Self {
        Self {
            changed: agreed.accept_changed,
            yanked: agreed.accept_yanked,
            native: agreed.allow_native,
            ..agreed.agreed.into()
        }
    }
}

/// Install a plugin and take it into use, or all that plugins.toml names
///
/// SOURCE is a plugin's file; a directory with NAME/VERSION.wasm, its digest in NAME/VERSION.wasm.sha256 and, for a version
/// that was withdrawn, NAME/VERSION.yanked (a native library is NAME/VERSION-TARGET.so); or oci://REGISTRY/REPOSITORY, whose tags are the versions. It is written down, so
/// that `update` finds newer versions there. Credentials for registries are those of the Docker CLI.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker plugin install mngr-docker@^0.1 --from /srv/plugins
  mngr-docker plugin install mngr-docker --from oci://registry.example/team/mngr-docker
  mngr-docker plugin install mine --from ./mine.wasm
  mngr-docker plugin install mine --from ./libmine.so --allow-native
  mngr-docker plugin install")]
struct Install {
    /// Which plugin, and which of its versions will do [default: all wanted plugins that are not installed]
    #[arg(value_name = "NAME[@RANGE]", value_parser = pin)]
    pin: Option<PluginPin>,
    /// Where it is got [default: what plugins.toml has for it]
    #[arg(long, value_name = "SOURCE", requires = "pin")]
    from: Option<String>,
    /// The minisign key that it must be signed with, now and at every update: the key itself or its file
    #[arg(long, value_name = "KEY|FILE", requires = "pin")]
    public_key: Option<String>,
    #[command(flatten)]
    agreed: AgreedOfSource,
}

/// List installed plugins in all their versions
#[derive(Debug, Args)]
struct List {}

/// Want versions in another range, and take the newest installed one that is in it into use
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker plugin pin mngr-docker@=0.1.2
  mngr-docker plugin pin 'mngr-docker@>=0.1.2, <0.3'")]
struct Pin {
    /// Which plugin, and which of its versions
    #[arg(value_name = "NAME@RANGE", value_parser = pin)]
    pin: PluginPin,
    #[command(flatten)]
    agreed: Agreed,
}

/// Take the newest versions that the sources have in the wanted ranges
#[derive(Debug, Args)]
struct Update {
    /// Which plugins [default: all that plugins.toml names]
    #[arg(value_name = "NAME", value_parser = name)]
    names: Vec<PluginName>,
    #[command(flatten)]
    agreed: AgreedOfSource,
}

/// Go back to the version that was in use before
#[derive(Debug, Args)]
struct Rollback {
    /// Which plugin
    #[arg(value_name = "NAME", value_parser = name)]
    name: PluginName,
    /// Another installed version to go to
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,
}

/// Check that what is installed is whole, is what was installed, and works
#[derive(Debug, Args)]
struct Verify {
    /// Which plugin [default: all]
    #[arg(value_name = "NAME", value_parser = name)]
    name: Option<PluginName>,
    /// Open native libraries too and ask who they are, outside the sandbox [default: only their digest and signature are checked]
    #[arg(long)]
    allow_native: bool,
}

/// Show what the provider's plugin may ask of the engine: what its policy says and its permissions name
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker plugin permissions
  mngr-docker plugin permissions --provider far
  mngr-docker plugin permissions --plugin ./mine.wasm")]
struct Permissions {}

/// Remove a plugin, or one version of it that is not in use
#[derive(Debug, Args)]
struct Remove {
    /// Which plugin, and which of its versions [default: all of it]
    #[arg(value_name = "NAME[@VERSION]", value_parser = exact)]
    exact: Exact,
}

#[derive(Debug, Clone)]
struct Exact {
    name: PluginName,
    version: Option<Version>,
}

fn pin(text: &str) -> std::result::Result<PluginPin, String> {
    text.parse().map_err(|error| in_one_line(&error))
}

fn name(text: &str) -> std::result::Result<PluginName, String> {
    text.parse().map_err(|error| in_one_line(&error))
}

fn exact(text: &str) -> std::result::Result<Exact, String> {
    let (plugin, version) = match text.split_once('@') {
        Some((plugin, version)) => (plugin, Some(version.trim_start_matches('='))),
        None => (text, None),
    };
    let version = version.map(|version| {
        Version::parse(version).map_err(|error| format!("`{version}` is no version: {error}; write it as 0.1.2"))
    });
    Ok(Exact {
        name: name(plugin)?,
        version: version.transpose()?,
    })
}

impl Plugin {
    /// Runs its subcommand.
    pub async fn run(self, context: &Context) -> Outcome {
        let registry = Registry::of_user(&context.environment)?;
        // Each change is made at one stroke, at its end: what is dropped before that has changed nothing.
        tokio::select! {
            outcome = self.command.run(context, &registry) => outcome,
            failure = context.interrupted() => Err(failure),
        }
    }
}

impl Command {
    async fn run(self, context: &Context, registry: &Registry) -> Outcome {
        match self {
            Self::Install(command) => command.run(context, registry).await,
            Self::List(List {}) => render::list(&context.output, &registry.lock()?, &registry.wanted()?),
            Self::Pin(Pin { pin, agreed }) => {
                let switched = registry.pin(&pin, agreed.into()).await?;
                render::switched(&context.output, &switched)
            }
            Self::Update(command) => command.run(context, registry).await,
            Self::Rollback(Rollback { name, to }) => {
                let switched = registry.rollback(&name, to.as_ref()).await?;
                render::switched(&context.output, &switched)
            }
            Self::Verify(Verify { name, allow_native }) => {
                let host = context.host()?;
                let native = Native::from(allow_native);
                let verified = registry.verify(host.loader(), name.as_ref(), native).await?;
                render::verified(&context.output, &verified)
            }
            Self::Remove(Remove { exact }) => {
                let removed = registry.remove(&exact.name, exact.version.as_ref()).await?;
                render::removed(&context.output, &removed)
            }
            Self::Permissions(Permissions {}) => permissions::show(context),
            Self::New(command) => command.run(context),
            Self::Component(command) => command.run(context),
            Self::Test(command) => command.run(context).await,
        }
    }
}

impl Install {
    async fn run(self, context: &Context, registry: &Registry) -> Outcome {
        let Some(pin) = self.pin else {
            return update(context, registry, registry.missing()?, self.agreed.into()).await;
        };
        let environment = &context.environment;
        let from = self
            .from
            .map(|from| Source::parse(&from, environment.directory(), environment.home()));
        let public_key = self
            .public_key
            .map(|key| read_public_key(&key, environment.directory()));
        let request = Request {
            pin,
            from: from.transpose()?,
            public_key: public_key.transpose()?,
            consent: self.agreed.into(),
        };
        let spinner = context.spinner(shown!("installing {}", &request.pin));
        let installed = registry.install(context.host()?.loader(), request).await?;
        drop(spinner);
        render::installed(&context.output, &installed)
    }
}

impl Update {
    async fn run(self, context: &Context, registry: &Registry) -> Outcome {
        let names = match self.names.is_empty() {
            true => registry.wanted()?.plugins.into_keys().collect(),
            false => self.names,
        };
        update(context, registry, names, self.agreed.into()).await
    }
}

/// One after the other. Those that fail do not keep the others from being updated; the first failure is the status.
async fn update(context: &Context, registry: &Registry, plugins: Vec<PluginName>, consent: Consent) -> Outcome {
    let host = context.host()?;
    let mut outcomes: Vec<(PluginName, Result<Installed>)> = Vec::new();
    for plugin in plugins {
        let _spinner = context.spinner(shown!("updating {}", &plugin));
        let outcome = registry.update(host.loader(), &plugin, consent).await;
        outcomes.push((plugin, outcome));
    }
    render::updated(&context.output, &outcomes)?;
    match outcomes.into_iter().find_map(|(_, outcome)| outcome.err()) {
        // It has been told already, beside the others.
        Some(error) => Ok(Exit::from(&error)),
        None => Ok(Exit::OK),
    }
}
