//! Why a machine can not be reached, from what `ssh` says.

use std::io;

use mngr_contract::ProviderError;
use mngr_contract::error::{denied, invalid, unavailable};

use super::destination::Destination;
use super::diagnostics::Report;

/// The rule by which a host's key is refused.
const HOST_KEY: &str = "ssh host key";

/// What is wrong, as an error of a stream.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message())]
pub struct Unreachable(pub ProviderError);

impl Unreachable {
    pub(super) fn io(error: ProviderError) -> io::Error {
        io::Error::other(Self(error))
    }
}

/// Why `ssh` ended before it was connected.
pub(super) fn explained(to: &Destination, report: &Report, said: &[String]) -> ProviderError {
    let subject = format!("the machine {to}");
    let has = |words: &str| said.iter().find(|line| line.contains(words));
    if has("Host key verification failed").is_some() || has("host key is known").is_some() {
        return host_key(to, report, said);
    }
    if let Some(line) = has("Could not resolve hostname") {
        return unavailable(
            subject,
            reason(line),
            format!(
                "correct the name in `host`, or give the alias `{}` a HostName in your ssh_config",
                to.host
            ),
        );
    }
    if let Some(line) = has("Permission denied (") {
        let keys = match report.offered.as_slice() {
            [] => "no key was offered".to_owned(),
            keys => format!("offered: {}", keys.join(", ")),
        };
        return unavailable(
            subject,
            format!("{}; {keys}", reason(line)),
            format!(
                "let one of your keys in: ssh-copy-id does it; load a key with `ssh-add`, or name it with `identity_file`; \
                 then try {}",
                to.by_hand(&[])
            ),
        );
    }
    if let Some(line) = said.iter().find(|line| {
        line.contains("Bad configuration option") || line.contains("command-line line") || line.contains("Bad ")
    }) {
        return invalid(
            "ssh_options",
            "",
            reason(line),
            "correct the option, or your ssh_config",
        );
    }
    if let Some(line) = has("connect to host").or_else(|| has("Connection timed out")) {
        return unavailable(
            subject,
            reason(line),
            "see whether the machine runs, and whether the port is right and not behind a firewall",
        );
    }
    let detail = match said.last() {
        Some(line) => reason(line),
        None => "ssh ended without a word".to_owned(),
    };
    unavailable(
        subject,
        detail,
        format!("see what it says by hand: {}", to.by_hand(&[])),
    )
}

/// The host's key is unknown, another one than before, or revoked.
fn host_key(to: &Destination, report: &Report, said: &[String]) -> ProviderError {
    let key = report.host_key.as_deref().unwrap_or("of a kind it did not say");
    let own = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub";
    let find = |words: &str| said.iter().find(|line| line.contains(words));
    if let Some(line) = find("was revoked").or_else(|| find("marked as revoked")) {
        return denied(
            HOST_KEY,
            format!("{to} shows the key {key}, which is revoked: {}", reason(line)),
            "do not connect: whoever answers there may not be that machine; ask who revoked the key",
        );
    }
    if find("IDENTIFICATION HAS CHANGED").is_some() || find("has changed").is_some() {
        let place = find("Offending")
            .map(|line| format!("; {}", reason(line)))
            .unwrap_or_default();
        let remove = find("ssh-keygen -f").map_or("ssh-keygen -R HOST", |line| line.trim());
        return denied(
            HOST_KEY,
            format!("{to} shows the key {key}, which is not the one that was known{place}"),
            format!(
                "somebody may be in between: compare with `{own}` on that machine; if it is right, forget the old key with \
                 `{remove}` and accept the new one with `{}`",
                to.by_hand(&["StrictHostKeyChecking=ask"])
            ),
        );
    }
    denied(
        HOST_KEY,
        format!("{to} shows the key {key}, which is not known"),
        format!(
            "compare it with `{own}` on that machine, then accept it with `{}`",
            to.by_hand(&["StrictHostKeyChecking=ask"])
        ),
    )
}

/// The connection was there, and is not.
pub(super) fn cut(to: &Destination) -> ProviderError {
    unavailable(
        format!("the machine {to}"),
        "the connection was cut",
        format!(
            "try again; if it goes on, see whether the machine can be reached: {}",
            to.by_hand(&[])
        ),
    )
}

/// The other side's shell did not do what it was told.
pub(super) fn no_shell(to: &Destination, said: &[String]) -> ProviderError {
    let detail = said
        .last()
        .map(|line| format!(": {}", reason(line)))
        .unwrap_or_default();
    unavailable(
        format!("the machine {to}"),
        format!("you are let in, but may run nothing there{detail}"),
        "give that user a login shell, and no ForceCommand",
    )
}

/// There is no way to the engine's socket although there is one to the machine.
pub(super) fn no_socket(to: &Destination, socket: &str, detail: &str) -> ProviderError {
    unavailable(
        format!("the Docker engine at {socket} of {to}"),
        detail,
        "start Docker there, put the user into the group docker (`sudo usermod -aG docker USER`), or name the socket at the \
         end of `host`: ssh://user@host/run/user/1000/docker.sock",
    )
}

/// The server forbids streams to sockets, and the engine's own command can not take their place.
pub(super) fn no_stream(to: &Destination, detail: &str) -> ProviderError {
    unavailable(
        format!("the Docker engine of {to}"),
        format!("its socket can not be forwarded, and `docker system dial-stdio` can not take its place: {detail}"),
        "set `AllowStreamLocalForwarding yes` in its sshd_config, or install the Docker CLI there; its MaxSessions must be at \
         least 2",
    )
}

/// A line without the name of the program that printed it.
fn reason(line: &str) -> String {
    let line = line.trim();
    line.strip_prefix("ssh: ")
        .unwrap_or(line)
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::Settings;

    fn explain(said: &[&str]) -> ProviderError {
        let to = Destination {
            user: Some("me".into()),
            host: "build1".into(),
            port: Some(2222),
            settings: Settings::default(),
        };
        let report = Report {
            host_key: Some("ssh-ed25519 SHA256:abc".into()),
            ..Report::default()
        };
        let said: Vec<_> = said.iter().map(|line| (*line).to_owned()).collect();
        explained(&to, &report, &said)
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_fingerprint_and_the_command_that_accepts_it() {
        let error = explain(&[
            "No ED25519 host key is known for [build1]:2222 and you have requested strict checking.",
            "Host key verification failed.",
        ]);
        assert_eq!(error.kind(), "denied");
        assert!(error.message().contains("ssh-ed25519 SHA256:abc, which is not known"));
        assert!(
            error
                .remedy()
                .contains("ssh -o StrictHostKeyChecking=ask -p 2222 me@build1")
        );
    }

    #[test]
    fn a_changed_key_is_refused_with_the_line_at_fault() {
        let error = explain(&[
            "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
            "Offending ED25519 key in /home/me/.ssh/known_hosts:12",
            "  ssh-keygen -f \"/home/me/.ssh/known_hosts\" -R \"[build1]:2222\"",
            "Host key verification failed.",
        ]);
        assert_eq!(error.kind(), "denied");
        assert!(error.message().contains("SHA256:abc") && error.message().contains("known_hosts:12"));
        assert!(error.remedy().contains("-R \"[build1]:2222\""));
    }

    #[test]
    fn a_revoked_key_has_no_command_that_accepts_it() {
        let error = explain(&[
            "The ED25519 host key for build1 is marked as revoked.",
            "Host key verification failed.",
        ]);
        assert_eq!(error.kind(), "denied");
        assert!(error.message().contains("revoked") && !error.remedy().contains("StrictHostKeyChecking"));
    }

    #[test]
    fn each_other_way_to_fail_has_its_own_remedy() {
        for (line, kind, remedy) in [
            (
                "ssh: Could not resolve hostname build1: Name or service not known",
                "unavailable",
                "HostName",
            ),
            ("me@build1: Permission denied (publickey).", "unavailable", "ssh-add"),
            (
                "ssh: connect to host build1 port 2222: Connection refused",
                "unavailable",
                "firewall",
            ),
            (
                "command-line line 0: Bad SSH2 cipher spec 'foo'.",
                "invalid_argument",
                "option",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                "unavailable",
                "by hand",
            ),
        ] {
            let error = explain(&[line]);
            assert_eq!(error.kind(), kind, "{line}");
            assert!(error.remedy().contains(remedy), "{line}: {}", error.remedy());
        }
        assert!(explain(&[]).message().contains("without a word"));
    }
}
