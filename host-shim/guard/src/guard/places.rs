//! Where paths lead on the engine's machine, as that machine resolves them.
//!
//! `realpath --canonicalize-missing` follows every link that is there and leaves what is not there yet as it is. What the
//! user that is logged in may not look into is not taken for absent: such a path counts as one that leads who knows where.

use mngr_contract::docker::EnginePlace;
use mngr_contract::ssh::{Command, CommandOutput};
use mngr_contract::{ProviderError, Result};

use super::Guard;
use crate::policy::{Machine, Wanted, plain};

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
            .flat_map(|wanted| [plain(&wanted.path), wanted.path.clone()])
            .collect();
        let (leads_to, machine) = tokio::join!(self.leads_to(&forms), self.machine());
        let (leads_to, machine) = (leads_to?, machine?);
        for (position, wanted) in wanted.iter().enumerate() {
            let leads_to = leads_to.as_ref().map(|all| &all[2 * position..2 * position + 2]);
            self.policy.place(wanted, leads_to, machine)?;
        }
        Ok(())
    }

    /// Where each of these leads; none where the machine can not tell.
    async fn leads_to(&self, paths: &[String]) -> Result<Option<Vec<String>>> {
        let command = |options: &[&str]| {
            let options = ["realpath"].into_iter().chain(options.iter().copied()).chain(["--"]);
            options.map(str::to_owned).chain(paths.iter().cloned()).collect()
        };
        let (resolved, there) = tokio::join!(self.run(command(&["-m", "-z"])), self.run(command(&["-e", "-z"])));
        let (Some(resolved), Some(there)) = (resolved?, there?) else {
            return Ok(None);
        };
        if resolved.exit_status == 0 && says_absent(&there) {
            return Ok(ended_by_nul(&resolved.stdout, paths.len()));
        }
        self.leads_to_by_one(paths).await
    }

    /// The same where there is only BusyBox, which tells of nothing that is not there.
    async fn leads_to_by_one(&self, paths: &[String]) -> Result<Option<Vec<String>>> {
        let mut all = Vec::with_capacity(paths.len());
        for path in paths {
            let words = ["readlink", "-f", "--", path].map(str::to_owned).to_vec();
            let Some(output) = self.run(words).await? else {
                return Ok(None);
            };
            let text = String::from_utf8(output.stdout).ok();
            match text.as_deref().and_then(|text| text.strip_suffix('\n')) {
                Some(path) if output.exit_status == 0 && path.starts_with('/') => all.push(path.to_owned()),
                _ => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// What is known of the machine; asked once a call.
    async fn machine(&self) -> Result<&Machine> {
        self.machine.get_or_try_init(|| self.ask_machine()).await
    }

    async fn ask_machine(&self) -> Result<Machine> {
        let words = ["getent", "passwd"].map(str::to_owned).to_vec();
        let (users, info, own) = tokio::join!(self.run(words), self.engine.info(), self.own_files());
        let users = users?.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let endpoint = self.engine.endpoint();
        let belongings = self.policy.belongings();
        let is_here = self.engine.place() == EnginePlace::ThisMachine;
        let of_caller = |path: &Option<String>| path.as_deref().filter(|_| is_here).map(plain);
        let mut homes = users.as_deref().map(homes).unwrap_or_default();
        homes.extend(of_caller(&belongings.home).filter(|home| home != "/"));
        Ok(Machine {
            homes,
            engine_data: Some(info?.root_dir).filter(|directory| directory.starts_with('/')),
            socket: endpoint.strip_prefix("unix://").map(str::to_owned),
            own: own?,
            working_directory: of_caller(&belongings.working_directory),
        })
    }

    /// The provider's own files on the machine: by their names, and where those lead. Of another machine only what is there,
    /// where it can tell: its paths are not this one's.
    async fn own_files(&self) -> Result<Vec<String>> {
        let named = &self.policy.belongings().own;
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let is_here = self.engine.place() == EnginePlace::ThisMachine;
        let options = if is_here { "-m" } else { "-e" };
        let words = ["realpath", options, "-z", "--"].map(str::to_owned);
        let asked = self
            .run(words.into_iter().chain(named.iter().cloned()).collect())
            .await?;
        let plain_names = || named.iter().map(|path| plain(path));
        Ok(match asked {
            // BusyBox has no such options.
            None => plain_names().collect(),
            Some(output) if output.exit_status != 0 && output.stdout.is_empty() && !says_absent(&output) => {
                plain_names().collect()
            }
            Some(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let led = text.split('\0').filter(|path| path.starts_with('/')).map(str::to_owned);
                led.chain(plain_names().filter(|_| is_here)).collect()
            }
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
