//! `plugin test`: whether a plugin does what the contract promises.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use mngr_conformance::{Report, Suite, rules};
use mngr_docker_grammar::values;
use mngr_host_shim::contract::system::Progress;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::error::{internal, invalid, not_found};
use mngr_host_shim::host::Host;
use mngr_host_shim::loader::Native;
use serde_json::{Map, Value};

use super::report;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::raw;

/// Test whether a plugin does what the contract promises, rule by rule
///
/// Each rule is a behaviour that the contract promises, and is looked at with a provider of its own. What the plugin says that it
/// can not do is skipped. Ends with status 1 where a rule is broken.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker plugin test my-provider.wasm
  mngr-docker plugin test my-provider.wasm --rule 'create.*' --rule discover.one-engine-call
  mngr-docker plugin test my-provider.wasm --engine real --image debian:bookworm-slim
  mngr-docker plugin test libmy_provider.so --allow-native
  mngr-docker plugin test my-provider.wasm --format junit --output report.xml")]
pub struct Test {
    /// The plugin's file
    #[arg(value_name = "FILE", required_unless_present = "list")]
    file: Option<PathBuf>,
    /// Test a native library, which runs outside the sandbox
    #[arg(long)]
    allow_native: bool,
    /// What it is tested on
    #[arg(long, value_enum, default_value_t = Engine::Sandbox)]
    engine: Engine,
    /// Only these rules; * stands for any part of an id
    #[arg(long = "rule", value_name = "GLOB")]
    rules: Vec<String>,
    /// A setting of the provider, as JSON or as a text
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    set: Vec<(String, Value)>,
    /// What agents are made from on a real engine [default: the provider's default_image, else debian:bookworm-slim]
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// A registry that a real engine reaches, for the rules about registries
    #[arg(long, value_name = "HOST:PORT")]
    registry: Option<String>,
    /// What a rule may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// How the report is written; --json is --format json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where the report is written [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List the rules instead, with what they are about
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// One in memory, for each rule
    Sandbox,
    /// The provider's, as in every other command; what is made there is removed again
    Real,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON value
    Json,
    /// XML in the form of JUnit
    Junit,
}

fn setting(text: &str) -> std::result::Result<(String, Value), String> {
    let (key, value) = values::pair(text).ok_or("a setting is written KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
}

impl Test {
    pub async fn run(self, context: &Context) -> Outcome {
        if self.list {
            report::rules(&context.output, rules())?;
            return Ok(Exit::OK);
        }
        let file = self.file.clone().unwrap_or_default();
        let host = context.host()?;
        let path = context.environment.directory().join(file);
        let plugin = host.loader().load_file_as(&path, Native::from(self.allow_native))?;
        let suite = self.suite(context, &host).await?;
        let spinner = context.spinner("testing");
        let sink = spinner.sink();
        let running = suite.run_telling(&plugin, |outcome| {
            sink(Progress {
                step: "tested".to_owned(),
                subject: outcome.rule.id.to_owned(),
                done: None,
                total: None,
            });
        });
        let report = tokio::select! {
            report = running => report?,
            failure = context.interrupted() => return Err(failure),
        };
        drop(spinner);
        self.write(context, &report)?;
        match report.failed().count() {
            0 => Ok(Exit::OK),
            _ => Ok(Exit::INTERNAL),
        }
    }

    async fn suite(&self, context: &Context, host: &Host) -> std::result::Result<Suite, Failure> {
        let suite = match self.engine {
            Engine::Sandbox => Suite::in_memory(),
            Engine::Real => {
                let config = context.provider_config(&context.config()?)?;
                let configured = config.settings.get("default_image").and_then(Value::as_str);
                let image = self.image.as_deref().or(configured).unwrap_or("debian:bookworm-slim");
                let engine = host.engine(&config)?;
                check_image(&engine, image).await?;
                Suite::on(Arc::new(engine), image)
            }
        };
        let suite = suite
            .with_settings(self.set.iter().cloned().collect::<Map<_, _>>())
            .with_timeout(Duration::from_secs(self.timeout))
            .only(&self.rules);
        Ok(match &self.registry {
            Some(registry) => suite.with_registry(registry),
            None => suite,
        })
    }

    fn write(&self, context: &Context, report: &Report) -> std::result::Result<(), Failure> {
        let format = if context.output.json { Format::Json } else { self.format };
        let document = match format {
            Format::Table if self.output.is_none() => return Ok(context.output.text(report::table(report))?),
            Format::Table => report::table(report).plain(),
            Format::Json => serde_json::to_string(&report.json()).map_err(std::io::Error::from)? + "\n",
            Format::Junit => report.junit(),
        };
        let Some(file) = &self.output else {
            return Ok(raw::document(document.as_bytes())?);
        };
        std::fs::write(context.environment.directory().join(file), document).map_err(|error| {
            let subject = format!("the report {}", file.display());
            Failure::from(internal(subject, error.to_string(), "name a file that can be written"))
        })
    }
}

async fn check_image(engine: &impl mngr_host_shim::engine::Engine, image: &str) -> Result<()> {
    match engine.image_inspect(image).await {
        Ok(_) => Ok(()),
        Err(ProviderError::NotFound(_)) => Err(not_found(
            format!("image `{image}`"),
            "the engine has it not, and agents are to be made from it",
            format!("docker pull {image}, or name one that is there: --image REF"),
        )),
        Err(ProviderError::InvalidArgument(error)) => Err(invalid("image", image, error.reason, error.remedy)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_key_and_its_value_is_json_or_a_text() {
        assert_eq!(setting("a=1"), Ok(("a".to_owned(), Value::from(1))));
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), Value::from("b=c"))));
        assert_eq!(setting("a="), Ok(("a".to_owned(), Value::from(""))));
        assert!(setting("a").is_err() && setting("=1").is_err());
    }
}
