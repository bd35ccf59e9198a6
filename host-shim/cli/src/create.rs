//! `create`.

use std::path::PathBuf;

use clap::Args;
use mngr_host_shim::arguments::{self, Given};
use mngr_host_shim::json::{AgentJson, state_name};
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};

use super::arguments::pair;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::findings;
use super::gpus;
use super::output::shown;
use super::run_flags::{RunFlags, warned};

/// Make an agent and start it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker create a1
  mngr-docker create a1 --image debian:12 --tag project=x --memory 4g -- sleep infinity
  mngr-docker create a1 -e A=1 -v ./src:/src -p 127.0.0.1:8080:80 -s --ulimit=nofile=4096
  mngr-docker create a1 --build . -b --target=test -b --build-arg=A=1
  mngr-docker create a2 --snapshot snap-1f0c")]
pub struct Create {
    /// Name of the agent, unique within the provider
    name: String,
    /// Image to make it from [default: the provider's default_image]
    #[arg(long, value_name = "REF", conflicts_with = "snapshot")]
    image: Option<String>,
    /// Directory to build its image from, with a Dockerfile in it
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["image", "snapshot"])]
    build: Option<PathBuf>,
    /// A flag of `docker build` with its value in one argument, for example `--target=test`; may be repeated
    #[arg(
        short = 'b',
        long = "build-arg-line",
        value_name = "DOCKER_BUILD_FLAG",
        allow_hyphen_values = true,
        requires = "build"
    )]
    build_args: Vec<String>,
    /// Snapshot to make it from: an id, a unique prefix of one, or a name
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
    /// Type of the agent [default: the provider's]
    #[arg(long = "type", value_name = "TYPE")]
    agent_type: Option<String>,
    /// Tag of the agent; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// Id of the agent that this one descends from
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    #[command(flatten)]
    flags: RunFlags,
    /// Make it and leave it stopped
    #[arg(long)]
    no_start: bool,
    /// Publish port 22, on which the agent's sshd is reached from this machine: see `mngr-docker connection`
    #[arg(long)]
    ssh: bool,
    /// Main command [default: one that waits until it is told to stop]
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Create {
    /// Makes the agent.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner(shown!("creating {}", &self.name));
        let provider = context.provider(&spinner).await?;
        let agent = self.request(&provider, context).await?;
        let agent = provider.create(agent).await.map_err(|error| context.failure(error))?;
        drop(spinner);
        findings::repeat(context, &provider, agent.snapshot_id.as_deref()).await;
        if context.output.json {
            context.output.value(&AgentJson::from(&agent))?;
        } else {
            context.output.line(shown!(
                "{} is {} ({}){}",
                &agent.name,
                state_name(agent.state),
                &agent.id,
                gpus::on(&agent)
            ))?;
        }
        Ok(Exit::OK)
    }

    /// What it asks for, with what comes from this machine filled in: files and variables.
    async fn request(self, provider: &Provider, context: &Context) -> std::result::Result<NewAgent, Failure> {
        let known = match self.flags.given().is_empty() && self.build_args.is_empty() {
            true => None,
            false => Some(provider.plugin().describe().await?),
        };
        let (run, build) = match &known {
            Some(known) => (&known.start_arguments[..], &known.build_arguments[..]),
            None => (&[][..], &[][..]),
        };
        let start_args = arguments::start_args(self.flags.given(), run, &context.environment)?;
        let build_args: Vec<_> = self.build_args.into_iter().map(Given::Text).collect();
        let build_args = arguments::build_args(&build_args, build, &context.environment)?;
        Ok(NewAgent {
            start_args: warned(context, "-s", start_args),
            name: self.name,
            from: match (self.build, self.image, self.snapshot) {
                (Some(directory), _, _) => AgentSource::Build {
                    context: directory,
                    args: warned(context, "-b", build_args),
                },
                (None, Some(image), _) => AgentSource::Image(image),
                (None, None, Some(snapshot)) => AgentSource::Snapshot(snapshot),
                (None, None, None) => AgentSource::DefaultImage,
            },
            agent_type: self.agent_type.unwrap_or_default(),
            tags: self.tags,
            parent_id: self.parent,
            command: self.command,
            no_start: self.no_start,
            publish_ssh: self.ssh,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    #[test]
    fn the_main_command_is_what_follows_the_dashes() {
        let line = Line::try_parse_from(["create", "a", "--no-start", "-e", "A=1", "--", "sh", "-c", "exit 3"]);
        let create = line.expect("valid usage").create;
        assert_eq!(create.command, ["sh", "-c", "exit 3"]);
        assert!(create.no_start);
    }

    #[test]
    fn an_image_and_a_snapshot_exclude_each_other() {
        assert!(Line::try_parse_from(["create", "a", "--image", "i", "--snapshot", "s"]).is_err());
    }
}
