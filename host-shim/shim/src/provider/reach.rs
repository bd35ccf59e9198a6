//! Ways in to an agent over the network: streams to its ports, and what an SSH client needs to know of the sshd it runs.

use std::io::Read;

use futures::StreamExt;
use mngr_contract::Result;
use mngr_contract::docker::Container;
use mngr_contract::error::{conflict, denied, internal};
use mngr_contract::instance::PortAddress;
use mngr_contract::streams::Archive;
use mngr_engine::Duplex;

use super::Provider;

/// The port that sshd listens on.
const SSH: u16 = 22;
/// Where sshd keeps the public halves of its keys, by what they are tried in.
const HOST_KEYS: [&str; 3] = [
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/etc/ssh/ssh_host_ecdsa_key.pub",
    "/etc/ssh/ssh_host_rsa_key.pub",
];
/// The most bytes of an archive that holds a public key.
const KEY_ARCHIVE: usize = 64 * 1024;

/// How an SSH client gets to the sshd that an agent runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The user that the agent's main command runs as.
    pub user: String,
    /// The engine's machine.
    pub host: String,
    /// Where port 22 of the agent is published on it.
    pub port: u16,
    /// The machine to go through (`ssh -J`), where the port is published only on its own loopback.
    pub proxy_jump: Option<String>,
    /// Lines of known_hosts with the agent's own keys; none where it has none yet.
    pub known_hosts: Vec<String>,
}

impl Provider {
    /// A stream to a TCP port of a running agent, wherever its engine is.
    ///
    /// # Errors
    /// `not-found`, `ambiguous`, `conflict` (it does not run), `unsupported` (there is no way to the port), `unavailable`
    /// (nothing listens), `denied` for an address that is not the agent's.
    pub async fn open_port(&self, agent: &str, port: u16) -> Result<Box<dyn Duplex>> {
        let address = self.port(agent, port).await?;
        self.container_at(&address, port).await?;
        self.engine().dial(&address, port).await
    }

    /// What an SSH client needs to get into a running agent that runs sshd.
    ///
    /// # Errors
    /// As [`Provider::open_port`]; `conflict` where port 22 is not published.
    pub async fn connection(&self, agent: &str) -> Result<Connection> {
        let address = self.port(agent, SSH).await?;
        let container = self.container_at(&address, SSH).await?;
        let binding = address.published.as_ref();
        let Some((published_on, port)) = binding.and_then(|at| Some((at.host_ip.as_str(), at.host_port?))) else {
            return Err(conflict(
                format!("agent `{agent}`"),
                "without a published SSH port",
                "port 22 is not published on the engine's machine",
                "make the agent with `-s \"-p 127.0.0.1::22\"`, or run a shell in it with `mngr-docker connect`",
            ));
        };
        let (host, proxy_jump) = self.engine().reached_at(published_on).await?;
        let user = container.user.split(':').next().filter(|user| !user.is_empty());
        let mut known_hosts = Vec::new();
        for path in HOST_KEYS {
            if let Some(key) = self.public_key(agent, path).await {
                known_hosts.push(format!("[{host}]:{port} {key}"));
            }
        }
        Ok(Connection {
            user: user.unwrap_or("root").to_owned(),
            host,
            port,
            proxy_jump,
            known_hosts,
        })
    }

    /// The container that an address is said to be of. That a plugin says so is not enough to be connected to it.
    async fn container_at(&self, address: &PortAddress, port: u16) -> Result<Container> {
        let session = self.bare_session();
        let Some(guard) = &session.guard else {
            return Err(internal("the shim", "there is no guard", "report this"));
        };
        let container = guard.container_inspect(&address.container_id, false).await?;
        let is_own = |host: &String| {
            container.addresses.contains(host) || (container.network_mode == "host" && host == "127.0.0.1")
        };
        let is_published = address.published.as_ref().is_none_or(|given| {
            let same = |binding: &mngr_contract::docker::PortBinding| {
                binding.container_port == port
                    && binding.host_port == given.host_port
                    && binding.host_ip == given.host_ip
            };
            container.ports.iter().any(same)
        });
        if address.address.as_ref().is_none_or(is_own) && is_published {
            return Ok(container);
        }
        Err(denied(
            "ports.own",
            format!("the plugin names an address for port {port} that is not the agent's"),
            "use a plugin that you trust",
        ))
    }

    /// The first line of a public key in the agent, type and key without the comment.
    async fn public_key(&self, agent: &str, path: &str) -> Option<String> {
        let (_, Archive::Tar(mut pieces)) = self.copy_out(agent, path).await.ok()? else {
            return None;
        };
        let mut bytes = Vec::new();
        while let Some(Ok(piece)) = pieces.next().await {
            bytes.extend_from_slice(&piece);
            if bytes.len() > KEY_ARCHIVE {
                return None;
            }
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut text = String::new();
        archive.entries().ok()?.next()?.ok()?.read_to_string(&mut text).ok()?;
        let words: Vec<_> = text.split_whitespace().take(2).collect();
        (words.len() == 2).then(|| words.join(" "))
    }
}
