//! `create`.

use std::path::PathBuf;

use clap::Args;
use mngr_host_shim::contract::Result;
use mngr_host_shim::error::invalid;
use mngr_host_shim::json::{AgentJson, state_name};
use mngr_host_shim::provider::{AgentSource, NewAgent, Provider};

use super::arguments::pair;
use super::context::Context;
use super::exit::Exit;
use super::expand;
use super::failure::{Failure, Outcome};
use super::findings;
use super::gpus;
use super::output::shown;

/// Make an agent and start it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker create a1
  mngr-docker create a1 --image debian:12 --tag project=x --memory 4g -- sleep infinity
  mngr-docker create a1 -s --volume=/srv/data:/data -s '--env A=1'
  mngr-docker create a1 --build . -b --target=test -b '--build-arg A=1'
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
    /// A flag of `docker build` with its value, for example `--target=test`; may be repeated
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
    /// GPUs, as `docker run --gpus` takes them: all, 2, device=0
    #[arg(long)]
    gpus: Option<String>,
    /// How many GPUs, where --gpus does not say it; 0 for none
    #[arg(long = "gpu.count", value_name = "N")]
    gpu_count: Option<String>,
    /// Least memory of each GPU, for example 40g
    #[arg(long = "gpu.memory-min", value_name = "SIZE")]
    gpu_memory_min: Option<String>,
    /// A part of the name of each GPU's model
    #[arg(long = "gpu.model", value_name = "NAME")]
    gpu_model: Option<String>,
    /// Nobody else gets its GPUs
    #[arg(long = "gpu.exclusive", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    gpu_exclusive: Option<String>,
    /// Number of CPUs, whole or in parts
    #[arg(long, value_name = "N")]
    cpus: Option<String>,
    /// Most memory, for example 4g
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// A flag of `docker run` with its value, for example `--shm-size=1g`; may be repeated
    #[arg(
        short = 's',
        long = "start-arg",
        value_name = "DOCKER_RUN_FLAG",
        allow_hyphen_values = true
    )]
    start_args: Vec<String>,
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
        let mut agent = self.request()?;
        let spinner = context.spinner(shown!("creating {}", &agent.name));
        let provider = context.provider(&spinner).await?;
        fill_in(&mut agent, &provider, context).await?;
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

    fn request(self) -> Result<NewAgent> {
        Ok(NewAgent {
            start_args: self.start_args()?,
            name: self.name,
            from: match (self.build, self.image, self.snapshot) {
                (Some(context), _, _) => AgentSource::Build {
                    context,
                    args: words("build-arg-line", &self.build_args)?,
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

    /// Each `-s` in words, then the flags that have names of their own here, so that those win.
    fn start_args(&self) -> Result<Vec<String>> {
        let mut words = words("start-arg", &self.start_args)?;
        let named = [
            ("gpus", &self.gpus),
            ("gpu.count", &self.gpu_count),
            ("gpu.memory-min", &self.gpu_memory_min),
            ("gpu.model", &self.gpu_model),
            ("gpu.exclusive", &self.gpu_exclusive),
            ("cpus", &self.cpus),
            ("memory", &self.memory),
        ];
        words.extend(
            named
                .iter()
                .filter_map(|(flag, value)| Some(format!("--{flag}={}", value.as_ref()?))),
        );
        Ok(words)
    }
}

/// Arguments in words, as a shell would split them.
pub fn words(flag: &str, given: &[String]) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for given in given {
        let split = shlex::split(given).ok_or_else(|| {
            let remedy = "close the quotes, as a shell would want it";
            let start = given.chars().take(80).collect::<String>();
            invalid(flag, start, "its quotes do not pair up", remedy)
        })?;
        words.extend(split);
    }
    Ok(words)
}

/// Fills in what comes from this machine: files and variables.
async fn fill_in(agent: &mut NewAgent, provider: &Provider, context: &Context) -> std::result::Result<(), Failure> {
    let built = matches!(agent.from, AgentSource::Build { .. });
    if agent.start_args.is_empty() && !built {
        return Ok(());
    }
    let known = provider.plugin().describe().await?;
    agent.start_args = expand::start_args(&agent.start_args, &known.start_arguments, &context.environment)?;
    if let AgentSource::Build { args, .. } = &mut agent.from {
        *args = expand::build_args(args, &known.build_arguments, &context.environment)?;
    }
    Ok(())
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

    fn request(words: &[&str]) -> Result<NewAgent> {
        let line = Line::try_parse_from([&["create", "a"], words].concat()).expect("valid usage");
        line.create.request()
    }

    #[test]
    fn start_arguments_are_split_like_shell_words_and_named_limits_come_last() {
        let words = [
            "--memory",
            "4g",
            "-s",
            "--memory=1g",
            "-s",
            "--env 'A=b c'",
            "--cpus=1.5",
        ];
        let agent = request(&words).expect("valid");
        assert_eq!(
            agent.start_args,
            ["--memory=1g", "--env", "A=b c", "--cpus=1.5", "--memory=4g"]
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_is_refused_by_name() {
        let error = request(&["-s", "--env 'A=b"]).expect_err("open quote");
        assert_eq!(error.field(), Some("start-arg"));
    }

    #[test]
    fn the_main_command_is_what_follows_the_dashes() {
        let agent = request(&["--no-start", "--", "sh", "-c", "exit 3"]).expect("valid");
        assert_eq!(agent.command, ["sh", "-c", "exit 3"]);
        assert!(agent.no_start);
    }

    #[test]
    fn an_image_and_a_snapshot_exclude_each_other() {
        assert!(Line::try_parse_from(["create", "a", "--image", "i", "--snapshot", "s"]).is_err());
    }
}
