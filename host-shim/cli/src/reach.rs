//! `connect`, `forward` and `connection`: ways in to an agent.

use std::net::Ipv4Addr;

use clap::Args;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::engine::Duplex;
use mngr_host_shim::error::invalid;
use mngr_host_shim::json::ConnectionJson;
use mngr_host_shim::provider::Provider;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::arguments::agent_names;
use super::context::Context;
use super::exec::Exec;
use super::exit::Exit;
use super::failure::{Outcome, in_one_line};
use super::output::{Output, Table, shown};

/// The best shell there is, as a login shell.
const SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash -l; else exec sh -l; fi";

/// Open a shell in a running agent, wherever it is
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker connect a1
  mngr-docker connect a1 --user app --shell /bin/zsh")]
pub struct Connect {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// The shell [default: bash where it is there, else sh]
    #[arg(long, value_name = "PROGRAM")]
    shell: Option<String>,
    /// User to be, `name` or `uid[:gid]`
    #[arg(short, long)]
    user: Option<String>,
}

impl Connect {
    /// Opens it.
    pub async fn run(self, context: &Context) -> Outcome {
        let command = match self.shell {
            Some(shell) => vec![shell],
            None => ["sh", "-c", SHELL].map(str::to_owned).to_vec(),
        };
        Exec::shell(self.agent, self.user, command).run(context).await
    }
}

/// Lead ports of this machine to ports of a running agent, wherever it is
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker forward a1 8080
  mngr-docker forward a1 8080:18080 5432:0

LOCAL is the port on 127.0.0.1 of this machine; 0 for one that is free. It goes on until Ctrl-C. The agent needs to publish
nothing, but what it runs must listen on all its addresses.")]
pub struct Forward {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
    /// Port of the agent, and the one of this machine where that is another
    #[arg(required = true, value_name = "PORT[:LOCAL]", value_parser = ports)]
    ports: Vec<(u16, u16)>,
}

fn ports(given: &str) -> Result<(u16, u16), String> {
    let (port, local) = given.split_once(':').unwrap_or((given, given));
    let number = |text: &str| {
        text.parse::<u16>()
            .map_err(|_| format!("`{text}` is no port: 1 to 65535"))
    };
    match (number(port)?, number(local)?) {
        (0, _) => Err("an agent has no port 0".to_owned()),
        both => Ok(both),
    }
}

impl Forward {
    /// Leads them until it is interrupted.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("looking for the agent");
        let provider = context.provider(&spinner).await?;
        let mut listeners = Vec::new();
        for (port, local) in self.ports {
            // Whatever is wrong with the agent is said now and not when somebody connects.
            provider
                .port(&self.agent, port)
                .await
                .map_err(|error| context.failure(error))?;
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, local)).await.map_err(|error| {
                let remedy = format!("name another: {port}:0 takes one that is free");
                invalid("LOCAL", local.to_string(), error.to_string(), remedy)
            })?;
            listeners.push((port, listener));
        }
        drop(spinner);
        for (port, listener) in &listeners {
            let local = listener.local_addr()?;
            match context.output.json {
                true => context
                    .output
                    .value(&json!({ "agent": self.agent, "port": port, "local": local.to_string() }))?,
                false => context.output.line(shown!(
                    "{} leads to port {} of {}; Ctrl-C ends it",
                    local,
                    port,
                    &self.agent
                ))?,
            }
        }
        for (port, listener) in listeners {
            tokio::spawn(accept(
                listener,
                provider.clone(),
                self.agent.clone(),
                port,
                context.output,
            ));
        }
        Err(context.interrupted().await)
    }
}

async fn accept(listener: TcpListener, provider: Provider, agent: String, port: u16, output: Output) {
    while let Ok((near, _)) = listener.accept().await {
        let (provider, agent) = (provider.clone(), agent.clone());
        tokio::spawn(async move {
            let far = provider.open_port(&agent, port).await;
            match carry(near, far).await {
                Ok(0) => output.warn(shown!("nothing answers on port {}; is anything listening there?", port)),
                Ok(_) => {}
                Err(error) => output.warn(shown!("port {}: {}", port, in_one_line(&error))),
            }
        });
    }
}

/// Moves bytes both ways to the end, and tells how many came back.
async fn carry(mut near: TcpStream, far: Result<Box<dyn Duplex>, ProviderError>) -> Result<u64, ProviderError> {
    let mut far = far?;
    // That one of the two goes away in the midst is how such connections end.
    let moved = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    Ok(moved.map_or(1, |(_, back)| back))
}

/// Show how an SSH client gets to the sshd that an agent runs
#[derive(Debug, Args)]
#[command(after_help = "Port 22 of the agent must be published: mngr-docker create a1 -p 127.0.0.1::22")]
pub struct Connection {
    /// Id, unique prefix of one, or name
    #[arg(add = agent_names())]
    agent: String,
}

impl Connection {
    /// Shows it.
    pub async fn run(self, context: &Context) -> Outcome {
        let connection = async |provider: &Provider| provider.connection(&self.agent).await;
        let found = context.call("asking the engine", connection).await?;
        if context.output.json {
            context.output.value(&ConnectionJson::from(&found))?;
            return Ok(Exit::OK);
        }
        let jump = found
            .proxy_jump
            .as_ref()
            .map(|jump| shown!("-J {} ", jump))
            .unwrap_or_default();
        let mut table = Table::default();
        table.field(
            "Command",
            Some(shown!("ssh {}-p {} {}@{}", jump, found.port, &found.user, &found.host)),
        );
        for line in &found.known_hosts {
            table.field("Known host", Some(line));
        }
        context.output.table(table)?;
        Ok(Exit::OK)
    }
}
