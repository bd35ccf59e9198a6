//! `plugin new` and `plugin component`: from nothing to a component.

use std::path::PathBuf;

use clap::Args;
use mngr_host_shim::contract::Result;
use mngr_host_shim::error::{internal, invalid};
use mngr_host_shim::registry::PluginName;
use serde::Serialize;
use wit_component::ComponentEncoder;

use super::name;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::output::shown;
use crate::template;

/// Write a provider to begin with: a Rust package that builds, and passes the tests in what it can do
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker plugin new my-provider
  mngr-docker plugin new my-provider --path src/providers/mine")]
pub struct New {
    /// What the package and the provider are called
    #[arg(value_name = "NAME", value_parser = name)]
    name: PluginName,
    /// Where it is written [default: a directory of its name, here]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

/// Make a component of a core module that was built for wasm32-unknown-unknown
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cargo build --release --target wasm32-unknown-unknown
  mngr-docker plugin component target/wasm32-unknown-unknown/release/my_provider.wasm -o my-provider.wasm")]
pub struct Component {
    /// The core module's file
    #[arg(value_name = "MODULE")]
    module: PathBuf,
    /// Where the component is written
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct NewJson<'a> {
    name: &'a str,
    path: String,
    files: Vec<String>,
}

#[derive(Serialize)]
struct ComponentJson {
    path: String,
    size_bytes: usize,
}

impl New {
    pub fn run(self, context: &Context) -> Outcome {
        let directory = self.path.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let directory = context.environment.directory().join(directory);
        let files = template::write(&self.name, &directory)?;
        let path = directory.display().to_string();
        if context.output.json {
            let files = files.iter().map(|file| file.display().to_string()).collect();
            context.output.value(&NewJson {
                name: self.name.as_str(),
                path,
                files,
            })?;
        } else {
            context.output.line(shown!(
                "{} is written to {}; its README.md says how to go on",
                &self.name,
                path
            ))?;
        }
        Ok(Exit::OK)
    }
}

impl Component {
    pub fn run(self, context: &Context) -> Outcome {
        let directory = context.environment.directory();
        let shown = self.module.display().to_string();
        let module = std::fs::read(directory.join(&self.module)).map_err(|error| {
            let remedy = "name the file that `cargo build --target wasm32-unknown-unknown` has made";
            invalid("module", &shown, error.to_string(), remedy)
        })?;
        let component = encode(&shown, &module)?;
        let path = self.output.display().to_string();
        std::fs::write(directory.join(&self.output), &component).map_err(|error| {
            internal(
                format!("the component {path}"),
                error.to_string(),
                "name a file that can be written",
            )
        })?;
        match context.output.json {
            true => context.output.value(&ComponentJson {
                path,
                size_bytes: component.len(),
            })?,
            false => context.output.line(shown!(
                "{} is a component; test it: mngr-docker plugin test {}",
                &path,
                &path
            ))?,
        }
        Ok(Exit::OK)
    }
}

/// Wraps a core module by the world that it was built for, which it has in a section of its own.
fn encode(shown: &str, module: &[u8]) -> Result<Vec<u8>> {
    let encoded = ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode());
    encoded.map_err(|error| {
        invalid(
            "module",
            shown,
            format!("no component can be made of it: {error:#}"),
            "build it for wasm32-unknown-unknown against the world `mngr:provider/provider-plugin` and nothing else",
        )
    })
}
