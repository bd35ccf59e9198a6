//! Where paths lead on the engine's machine, as that machine resolves them.
//!
//! `realpath --canonicalize-missing` follows every link that is there and leaves what is not there yet as it is. What the
//! user that is logged in may not look into is not taken for absent: such a path counts as one that leads who knows where.

use mngr_contract::docker::EnginePlace;
use mngr_contract::error::internal;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::{ProviderError, Result};

use super::{Guard, ways};
use crate::policy::{Belongings, LeadsTo, Machine, Wanted, plain};

const TIMEOUT_MS: u64 = 10_000;
const MAX_OUTPUT: u64 = 1 << 20;
/// What the machine says of a path that is not there.
const ABSENT: &str = "No such file or directory";
/// From which number on users are people, and what those are called who are nobody.
const PEOPLE: std::ops::Range<u32> = 1000..65_000;

impl Guard {
    /// Whether all these places may be mounted.
    pub(super) async fn places(&self, wanted: &[Wanted]) -> Result<()> {
        if wanted.iter().all(|wanted| self.policy.is_any_place(wanted.rule)) {
            return Ok(());
        }
        // As an engine takes it, and as the kernel would.
        let forms: Vec<_> = wanted
            .iter()
            .flat_map(|wanted| [plain(&wanted.path), without_slash(&wanted.path)])
            .collect();
        let (leads_to, machine) = tokio::join!(self.leads_to(&forms), self.machine());
        let (leads_to, machine) = (leads_to?, machine?);
        for (position, wanted) in wanted.iter().enumerate() {
            let leads_to = match &leads_to {
                None => LeadsTo::Unknown,
                Some(all) => match &all[2 * position..2 * position + 2] {
                    [Some(cleaned), Some(asked)] => LeadsTo::Places(vec![cleaned.clone(), asked.clone()]),
                    _ => LeadsTo::Hidden,
                },
            };
            self.policy.place(wanted, &leads_to, machine)?;
        }
        Ok(())
    }

    /// Where each of these leads, none for one of which the machine can not tell; none at all where it can not be asked.
    async fn leads_to(&self, paths: &[String]) -> Result<Option<Vec<Option<String>>>> {
        let (resolved, there) = tokio::join!(self.resolve("-m", paths), self.resolve("-e", paths));
        let (Some(resolved), Some(there)) = (resolved?, there?) else {
            return Ok(None);
        };
        if let Some(all) = followed(&resolved, &there, paths.len()) {
            return Ok(Some(all.into_iter().map(Some).collect()));
        }
        // BusyBox knows no such options, and says nothing of what it was asked.
        let knows_options = resolved.stdout.contains(&0) || there.stdout.contains(&0);
        let mut all = Vec::with_capacity(paths.len());
        for path in paths {
            all.push(match knows_options {
                true => self.leads_to_alone(path).await?,
                false => self.leads_to_by_link(path).await?,
            });
        }
        Ok(Some(all))
    }

    async fn resolve(&self, option: &str, paths: &[String]) -> Result<Option<CommandOutput>> {
        let options = ["realpath", option, "-z", "--"].map(str::to_owned);
        self.run(options.into_iter().chain(paths.iter().cloned()).collect())
            .await
    }

    async fn leads_to_alone(&self, path: &str) -> Result<Option<String>> {
        let one = [path.to_owned()];
        let (resolved, there) = tokio::join!(self.resolve("-m", &one), self.resolve("-e", &one));
        let (Some(resolved), Some(there)) = (resolved?, there?) else {
            return Ok(None);
        };
        Ok(followed(&resolved, &there, 1).and_then(|mut all| all.pop()))
    }

    async fn leads_to_by_link(&self, path: &str) -> Result<Option<String>> {
        let words = ["readlink", "-f", "--", path].map(str::to_owned).to_vec();
        let Some(output) = self.run(words).await? else {
            return Ok(None);
        };
        let text = String::from_utf8(output.stdout).ok();
        let path = text.as_deref().and_then(|text| text.strip_suffix('\n'));
        let path = path.filter(|path| output.exit_status == 0 && path.starts_with('/'));
        Ok(path.map(str::to_owned))
    }

    /// What is known of the machine; asked once a call.
    async fn machine(&self) -> Result<&Machine> {
        self.machine.get_or_try_init(|| self.ask_machine()).await
    }

    async fn ask_machine(&self) -> Result<Machine> {
        let words = ["getent", "passwd"].map(str::to_owned).to_vec();
        let (users, info, own) = tokio::join!(self.run(words), self.engine.info(), self.own_files());
        let users = users?.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let belongings = self.policy.belongings();
        let is_here = self.engine.place() == EnginePlace::ThisMachine;
        let of_caller = |path: &Option<String>| path.as_deref().filter(|_| is_here).map(plain);
        let mut homes = users.as_deref().map(homes).unwrap_or_default();
        homes.extend(of_caller(&belongings.home).filter(|home| home != "/"));
        let mut sockets = Vec::from_iter(socket_of(&self.engine.endpoint()));
        if is_here {
            sockets.extend(belongings.sockets.iter().cloned());
            let (all_homes, all_sockets) = tokio::task::spawn_blocking(move || (ways::to(homes), ways::to(sockets)))
                .await
                .map_err(|error| internal("the places of this machine", error.to_string(), "report this"))?;
            (homes, sockets) = (all_homes, all_sockets);
        }
        Ok(Machine {
            homes,
            engine_data: Some(info?.root_dir).filter(|directory| directory.starts_with('/')),
            sockets,
            own: own?,
            working_directory: of_caller(&belongings.working_directory),
        })
    }

    /// The provider's own files on the machine: by their names, by each link on the way, and where they lead. Of another machine
    /// only what is there, where it can tell: its paths are not this one's.
    async fn own_files(&self) -> Result<Vec<String>> {
        let Belongings { own, directories, .. } = self.policy.belongings().clone();
        if own.is_empty() && directories.is_empty() {
            return Ok(Vec::new());
        }
        let own = tokio::task::spawn_blocking(move || [ways::to(own), ways::to_all_in(directories)].concat())
            .await
            .map_err(|error| internal("the provider's own files", error.to_string(), "report this"))?;
        if self.engine.place() == EnginePlace::ThisMachine {
            return Ok(own);
        }
        Ok(match self.resolve("-e", &own).await? {
            Some(output) if !output.stdout.is_empty() || says_absent(&output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let there = text.split('\0').filter(|path| path.starts_with('/')).map(str::to_owned);
                there.collect()
            }
            // It can not be asked.
            _ => own,
        })
    }

    /// Runs a program there; none where there is no way to the machine, or no such program on it.
    async fn run(&self, argv: Vec<String>) -> Result<Option<CommandOutput>> {
        let command = Command {
            argv,
            stdin: Vec::new(),
            timeout_ms: TIMEOUT_MS,
            max_output_bytes: MAX_OUTPUT,
        };
        match self.engine.machine_run(command).await {
            Ok(output) if !output.truncated => Ok(Some(output)),
            Ok(_) | Err(ProviderError::Unsupported(_) | ProviderError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a program complains of nothing but what is not there.
fn says_absent(output: &CommandOutput) -> bool {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .all(|line| line.contains(ABSENT))
}

/// Where all of them lead, where nothing on the way was hidden.
fn followed(resolved: &CommandOutput, there: &CommandOutput, count: usize) -> Option<Vec<String>> {
    let is_whole = resolved.exit_status == 0 && says_absent(there);
    is_whole.then(|| ended_by_nul(&resolved.stdout, count)).flatten()
}

/// The path without slashes at its end, which an engine takes off.
fn without_slash(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// The path of an engine's socket on its machine, where its endpoint names one.
fn socket_of(endpoint: &str) -> Option<String> {
    let behind_ssh = || {
        let (_, socket) = endpoint.strip_prefix("ssh://")?.split_once('/')?;
        (!socket.is_empty()).then(|| format!("/{socket}"))
    };
    endpoint.strip_prefix("unix://").map(plain).or_else(behind_ssh)
}

/// So many absolute paths.
fn ended_by_nul(bytes: &[u8], count: usize) -> Option<Vec<String>> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    let paths: Vec<_> = text.split('\0').map(str::to_owned).collect();
    (paths.len() == count && paths.iter().all(|path| path.starts_with('/'))).then_some(paths)
}

/// The homes of people, and of those who are all-powerful.
fn homes(passwd: &str) -> Vec<String> {
    let home = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let number: u32 = fields.get(2)?.parse().ok()?;
        let home = plain(fields.get(5)?);
        ((number == 0 || PEOPLE.contains(&number)) && home != "/").then_some(home)
    };
    passwd.lines().filter_map(home).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_people_and_of_root() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/bin/sh\nann:x:1000:1000::/data/ann/:/bin/sh\n\
                      nobody:x:65534:65534::/nonexistent:/bin/false\nodd\nx:x:1001:1:::\n";
        assert_eq!(homes(passwd), ["/root", "/data/ann"]);
    }

    #[test]
    fn a_socket_is_where_the_endpoint_says() {
        for (endpoint, socket) in [
            ("unix:///run//x.sock", Some("/run/x.sock")),
            ("ssh://me@there:22/srv/x.sock", Some("/srv/x.sock")),
            ("ssh://there", None),
            ("ssh://there/", None),
            ("tcp://there:2375", None),
        ] {
            assert_eq!(socket_of(endpoint).as_deref(), socket, "{endpoint}");
        }
        assert_eq!(
            (without_slash("/a//"), without_slash("//")),
            ("/a".to_owned(), "/".to_owned())
        );
    }

    #[test]
    fn an_answer_that_is_not_one_absolute_path_for_each_is_none() {
        assert_eq!(
            ended_by_nul(b"/a\0/b\0", 2),
            Some(vec!["/a".to_owned(), "/b".to_owned()])
        );
        for odd in [&b"/a\0"[..], b"/a\0/b", b"/a\0b\0", b"", b"/a\0\xff\0"] {
            assert_eq!(ended_by_nul(odd, 2), None);
        }
    }
}
