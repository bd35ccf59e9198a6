//! What every command starts from: the global flags, the configuration, an open provider.

use std::path::PathBuf;

use clap::Args;
use mngr_host_shim::config::{Config, ConfigError, ProviderConfig};
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::{ArtefactCache, Loader};
use mngr_host_shim::provider::Provider;
use mngr_host_shim::registry::PluginChoice;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::exit::Exit;
use super::failure::{Failure, in_one_line};
use super::interrupt::Interrupt;
use super::log::Format;
use super::output::{self, Output, Shown, shown};
use super::progress::Spinner;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Configuration file, YAML or TOML [default: $MNGR_CONFIG, ./.mngr/settings.toml, ~/.mngr/settings.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Provider to use, where the configuration has more than one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub provider: Option<String>,
    /// Plugin to use in place of the provider's: a component's file, or one that is installed
    // Subcommands have an argument `plugin` of their own.
    #[arg(id = "chosen-plugin", long = "plugin", global = true, value_name = "FILE|NAME[@RANGE]", value_parser = plugin, help_heading = "Global options")]
    pub plugin: Option<Named>,
    /// Print one JSON value (streams: one per line) for programs
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Form of what is logged on stderr; `RUST_LOG` says how much that is
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        env = "MNGR_LOG_FORMAT",
        default_value_t,
        help_heading = "Global options"
    )]
    pub log_format: Format,
}

impl Global {
    /// The configuration that they mean.
    pub fn load(&self, environment: &Environment) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref(), environment)
    }

    /// The provider of that name, else the only one or the default one, with the plugin that they name.
    pub fn choose(&self, config: &Config, name: Option<&str>) -> Result<ProviderConfig, ProviderError> {
        let mut provider = config.provider(name)?.clone();
        if let Some(Named(plugin)) = &self.plugin {
            provider.plugin = plugin.clone();
        }
        Ok(provider)
    }
}

/// What `--plugin` names.
#[derive(Debug, Clone)]
pub struct Named(pub Option<PluginChoice>);

fn plugin(text: &str) -> Result<Named, String> {
    PluginChoice::parse(text)
        .map(Named)
        .map_err(|error| in_one_line(&error))
}

/// One run of the program.
pub struct Context {
    pub global: Global,
    pub environment: Environment,
    pub output: Output,
    pub interrupt: Interrupt,
}

impl Context {
    /// Starts to listen for signals. Needs a runtime.
    pub fn new(global: Global) -> std::io::Result<Self> {
        let output = Output { json: global.json };
        Ok(Self {
            global,
            environment: Environment::of_process(),
            output,
            interrupt: Interrupt::listen(output)?,
        })
    }

    /// The configuration that holds.
    pub fn config(&self) -> Result<Config, Failure> {
        Ok(self.global.load(&self.environment)?)
    }

    /// The chosen provider's part of it.
    pub fn provider_config(&self, config: &Config) -> Result<ProviderConfig, Failure> {
        Ok(self.global.choose(config, self.global.provider.as_deref())?)
    }

    /// Loads plugins for this process.
    pub fn host(&self) -> Result<Host, Failure> {
        Ok(Host::with(
            Loader::new(ArtefactCache::of_user(&self.environment))?,
            self.environment.clone(),
        ))
    }

    /// Opens the provider. What the plugin finds wrong with the settings is shown where they are written.
    pub async fn provider(&self, spinner: &Spinner) -> Result<Provider, Failure> {
        self.open(self.global.provider.as_deref(), spinner).await
    }

    /// Opens the provider and makes one call of it.
    pub async fn call<T>(
        &self,
        step: impl Into<Shown>,
        call: impl AsyncFnOnce(&Provider) -> Result<T, ProviderError>,
    ) -> Result<T, Failure> {
        let spinner = self.spinner(step);
        let provider = self.provider(&spinner).await?;
        call(&provider).await.map_err(|error| self.failure(error))
    }

    /// Opens another provider of the same configuration.
    pub async fn provider_named(&self, name: &str, spinner: &Spinner) -> Result<Provider, Failure> {
        self.open(Some(name), spinner).await
    }

    async fn open(&self, name: Option<&str>, spinner: &Spinner) -> Result<Provider, Failure> {
        let config = self.config()?;
        let chosen = self.global.choose(&config, name)?;
        let host = self.host()?;
        let provider = match host.open(&chosen).await {
            Ok(provider) => provider,
            Err(error @ ProviderError::InvalidArgument(_)) => {
                let faults = host.faults(&config, &chosen).await;
                return Err(match faults.is_empty() {
                    true => error.into(),
                    false => Failure::Config(faults),
                });
            }
            Err(error) => return Err(error.into()),
        };
        for warning in provider.warnings().iter() {
            self.output.warn(shown!(
                "setting {}: {}; {}",
                &warning.key,
                &warning.reason,
                &warning.remedy
            ));
        }
        Ok(provider
            .on_progress(spinner.sink())
            .cancelled_by(self.interrupt.token().clone()))
    }

    /// A word on stderr, for people and for whoever reads a program's log.
    pub fn say(&self, word: impl Into<Shown>) {
        let _ = output::complain(shown!("mngr-docker: {}\n", word.into()));
    }

    /// A spinner for one step.
    pub fn spinner(&self, step: impl Into<Shown>) -> Spinner {
        Spinner::new(self.output, step)
    }

    /// Asks a person; anything but yes is no.
    pub async fn ask(&self, question: impl Into<Shown>) -> Result<bool, Failure> {
        output::complain(shown!("{} [y/N] ", question.into()))?;
        let mut answer = String::new();
        let mut stdin = BufReader::new(tokio::io::stdin());
        tokio::select! {
            read = stdin.read_line(&mut answer) => drop(read?),
            failure = self.interrupted() => {
                self.output.note("");
                return Err(failure);
            }
        }
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
    }

    /// Waits for a signal, and returns it as a failure.
    pub async fn interrupted(&self) -> Failure {
        self.interrupt.token().cancelled().await;
        Failure::Interrupted(self.interrupt.exit().unwrap_or(Exit::INTERRUPTED))
    }

    /// The signal as a failure, where there was one; else the error itself.
    pub fn failure(&self, error: ProviderError) -> Failure {
        match self.interrupt.exit() {
            // What a cancelled call could not clean up must still be said.
            Some(exit) if !matches!(error, ProviderError::Internal(_)) => Failure::Interrupted(exit),
            _ => error.into(),
        }
    }
}
