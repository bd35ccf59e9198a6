//! What an engine's answers, and the lack of one, mean in the contract's words.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use bollard::errors::Error;
use mngr_contract::ProviderError;
use mngr_contract::error::{conflict, exhausted, internal, invalid, not_found, timeout, unavailable, unsupported};
use mngr_contract::limits::Exceeded;

use super::allowance::exceeded;
use super::registry_errors;
use crate::endpoint::{Address, Endpoint};
use crate::ssh::Unreachable;

/// What is being asked of the engine, for errors and for the deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct OperationContext<'a> {
    /// As an order: `stop`.
    pub(super) verb: &'static str,
    /// What to: `container`, `image`, …
    pub(super) kind: &'static str,
    /// Which one; empty where there is only one, or all are meant.
    pub(super) name: &'a str,
    /// Whether the engine is changed by it.
    pub(super) changes: bool,
    /// How long it may take.
    pub(super) deadline: Duration,
}

impl OperationContext<'_> {
    /// The same with more time.
    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Whether what the engine says may be what a registry said.
    fn asks_a_registry(&self) -> bool {
        matches!(self.verb, "pull" | "push")
    }

    pub(super) fn subject(&self) -> String {
        match self.name {
            "" => self.kind.to_owned(),
            name => format!("{} `{name}`", self.kind),
        }
    }
}

/// The error of a deadline that passed.
pub(super) fn late(endpoint: &Endpoint, operation: &OperationContext<'_>) -> ProviderError {
    let subject = format!("{} {} at {}", operation.verb, operation.subject(), endpoint.address);
    let remedy = "see whether the engine hangs (`docker info`, `systemctl status docker`); raise `engine_timeout_seconds` \
                  where it is only slow";
    timeout(subject, operation.deadline, operation.changes, remedy)
}

/// The error of a request that failed.
pub(super) fn failed(endpoint: &Endpoint, operation: &OperationContext<'_>, error: &Error) -> ProviderError {
    match error {
        error if let Some(exceeded) = exceeded(error) => too_much(endpoint, operation, exceeded),
        Error::DockerResponseServerError { status_code, message }
            if *status_code > 400 && operation.asks_a_registry() =>
        {
            registry_errors::reported(operation, message)
        }
        Error::DockerResponseServerError { status_code, message } => answered(operation, *status_code, message),
        Error::DockerStreamError { error } => registry_errors::reported(operation, error),
        Error::JsonDataError { message, .. } => not_understood(endpoint, operation, message),
        Error::JsonSerdeError { err } => not_understood(endpoint, operation, &err.to_string()),
        Error::HyperLegacyError { err } if err.is_connect() => unreachable(endpoint, io_error(error)),
        _ => broken(endpoint, operation, error),
    }
}

/// An answer with an HTTP status that is no success.
fn answered(operation: &OperationContext<'_>, status: u16, message: &str) -> ProviderError {
    let subject = operation.subject();
    let reason = match message.trim() {
        "" => format!("the engine answered with HTTP status {status}"),
        message => message.to_owned(),
    };
    if is_full(&reason) {
        return full(subject, reason);
    }
    if let Some((flag, cannot)) = flag_at_fault(operation, &reason) {
        let remedy = "correct it, or leave it out";
        return match cannot {
            true => unsupported(
                format!("--{flag}"),
                reason,
                "leave it out, or use another storage driver",
            ),
            false => invalid(flag, operation.name, reason, remedy),
        };
    }
    match status {
        // A copy would put a directory in the place of something else, or the other way round.
        _ if reason.contains("cannot overwrite ") => conflict(
            format!("what is there already in the {subject}"),
            "in the way",
            reason,
            "remove what is in the way, or choose another name",
        ),
        _ if reason.contains("marked read-only") => conflict(
            subject,
            "read-only",
            reason,
            "choose a place that may be written, or mount it without `ro` or `--read-only`",
        ),
        _ if status == 400 || is_nonsense(&reason) => invalid(
            operation.kind,
            operation.name,
            format!("can not {}: {reason}", operation.verb),
            "correct what the engine complains about",
        ),
        404 => not_found(
            subject,
            reason,
            format!("see which {}s there are, and how they are spelt", operation.kind),
        ),
        // What ended between the engine's own look and runc's is the engine's fault in its words.
        500 if is_over(&reason) => conflict(
            subject,
            "not running",
            "it was stopped or removed at the same moment",
            "see whether it is there: mngr-docker list",
        ),
        409 => conflict(
            subject,
            state(&reason),
            reason,
            "bring it into a state that allows this, then try again",
        ),
        _ => internal(
            subject,
            format!("the engine could not {}: {reason}", operation.verb),
            "see the engine's log (`journalctl -u docker`)",
        ),
    }
}

/// Whether a container ended between the engine's own look and what it was asked for.
fn is_over(reason: &str) -> bool {
    [
        "container not running",
        "is not running",
        "marked for removal",
        "update a stopped container",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// The flag of `docker run` that an engine refuses in the words for its own failure, and whether the engine cannot have it at
/// all. Engines up to 20.10 answer so, and some later ones.
fn flag_at_fault(operation: &OperationContext<'_>, reason: &str) -> Option<(&'static str, bool)> {
    if (operation.verb, operation.kind) != ("create", "container") {
        return None;
    }
    [
        ("--storage-opt is not supported", "storage-opt", true),
        ("--storage-opt is supported only", "storage-opt", true),
        ("invalid --security-opt", "security-opt", false),
        ("invalid volume specification", "volume", false),
        ("invalid mount config", "mount", false),
        ("invalid mode:", "volume", false),
        ("bad format for links", "link", false),
        ("invalid restart policy", "restart", false),
        ("invalid CIDR", "network", false),
        ("Cannot mkdir", "workdir", false),
        // A volume whose place in the image is a file.
        (" is not directory", "volume", false),
    ]
    .into_iter()
    .find(|(words, ..)| reason.contains(words))
    .map(|(_, flag, cannot)| (flag, cannot))
}

/// What an engine of 20.10 calls its own failure, and a later one the caller's.
fn is_nonsense(reason: &str) -> bool {
    [
        "extraction point is not a directory",
        // An archive that is none, or that does not fit into the container's files.
        "Error processing tar file",
        // The user of a container, which an engine looks up on its own machine for `cp -a`.
        "unable to find entry",
        "invalid reference format",
        "invalid tag format",
        "Multiple IDs found with provided prefix",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

pub(super) fn is_full(reason: &str) -> bool {
    reason.contains("no space left on device") || reason.contains("disk quota exceeded")
}

pub(super) fn full(subject: String, reason: String) -> ProviderError {
    exhausted(
        subject,
        reason,
        "make room on the engine's disk: `docker system df` shows what takes it",
    )
}

/// What state an engine complains about.
fn state(reason: &str) -> &'static str {
    let known = [
        ("is already in use", "in use"),
        ("is being used", "in use"),
        ("is using", "in use"),
        ("in progress", "being removed"),
        ("already paused", "paused"),
        ("is not paused", "not paused"),
        ("is paused", "paused"),
        ("is not running", "not running"),
        ("is running", "running"),
        ("running container", "running"),
        ("is restarting", "restarting"),
    ];
    known
        .iter()
        .find(|(words, _)| reason.contains(words))
        .map_or("in the way", |(_, state)| state)
}

/// An answer that makes no sense. The engine may have done what it was asked for, as when no answer comes.
fn not_understood(endpoint: &Endpoint, operation: &OperationContext<'_>, reason: &str) -> ProviderError {
    let (subject, remedy) = (operation.subject(), "report this with the engine's version");
    let reason = format!("the answer of {} was not understood: {reason}", endpoint.address);
    match operation.changes {
        true => unavailable(subject, reason, remedy),
        false => internal(subject, reason, remedy),
    }
}

/// More than is taken of an answer. The engine may have done what it was asked for, as when no answer comes.
fn too_much(endpoint: &Endpoint, operation: &OperationContext<'_>, exceeded: Exceeded) -> ProviderError {
    match operation.changes {
        true => unavailable(
            operation.subject(),
            format!("{exceeded}, from {}", endpoint.address),
            exceeded.0.remedy,
        ),
        false => exceeded.about(operation.subject()),
    }
}

/// The first error of the operating system in an error's chain.
fn io_error(error: &Error) -> Option<&io::Error> {
    if let Error::IOError { err } = error {
        return Some(err);
    }
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// There is no connection to be had. Nothing was asked of the engine.
fn unreachable(endpoint: &Endpoint, error: Option<&io::Error>) -> ProviderError {
    let subject = format!("the Docker engine at {}", endpoint.address);
    let Some(error) = error else {
        return unavailable(subject, "no connection could be made", "start it, or set `host`");
    };
    if let Some(Unreachable(error)) = inside(error) {
        return error.clone();
    }
    if let Some(fault) = inside::<rustls::Error>(error) {
        return no_trust(subject, fault);
    }
    let (reason, remedy) = match (&endpoint.address, error.kind()) {
        (Address::Unix(path), ErrorKind::NotFound) => (
            format!("there is no socket {} ({})", path.display(), endpoint.source),
            "install Docker, or start it with `sudo systemctl start docker`; an engine elsewhere is named with `host` or \
             DOCKER_HOST",
        ),
        (Address::Unix(path), ErrorKind::ConnectionRefused) if !is_socket(path) => (
            format!("{} ({}) is not a socket", path.display(), endpoint.source),
            "name the engine's socket, usually unix:///var/run/docker.sock",
        ),
        (Address::Unix(_), ErrorKind::ConnectionRefused) => (
            "the socket is there but nothing listens on it".to_owned(),
            "start Docker with `sudo systemctl start docker`",
        ),
        (Address::Unix(path), ErrorKind::PermissionDenied) => (
            format!("you may not use the socket {}", path.display()),
            "add yourself to the group docker with `sudo usermod -aG docker $USER`, then log out and in again",
        ),
        (Address::Unix(path), ErrorKind::InvalidInput) => {
            return invalid(
                "host",
                path.display().to_string(),
                error.to_string(),
                "use a shorter path",
            );
        }
        (_, ErrorKind::ConnectionRefused) => (
            "nothing listens there".to_owned(),
            "start the engine with `-H tcp://…`, or correct the host and the port",
        ),
        _ => (
            error.to_string(),
            "see whether the engine runs and its address is right",
        ),
    };
    unavailable(subject, reason, remedy)
}

/// An error that an error of the operating system was made to carry.
fn inside<E: std::error::Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref()?.downcast_ref()
}

/// One end does not believe the other.
fn no_trust(subject: String, fault: &rustls::Error) -> ProviderError {
    let remedy = match fault {
        rustls::Error::AlertReceived(_) => {
            "give the certificate that the engine asks for: cert.pem and key.pem, signed by the CA of its --tlscacert"
        }
        rustls::Error::InvalidCertificate(_) => {
            "see that ca.pem has signed the engine's certificate, and that the certificate bears the host's name or address as \
             a subjectAltName and has not expired"
        }
        _ => "see whether the engine speaks TLS at that port (`dockerd --tlsverify`)",
    };
    unavailable(subject, format!("TLS: {fault}"), remedy)
}

fn is_socket(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// There was a connection, and it failed.
fn broken(endpoint: &Endpoint, operation: &OperationContext<'_>, error: &Error) -> ProviderError {
    let subject = format!("the Docker engine at {}", endpoint.address);
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<hyper::Error>().is_some_and(is_no_http) {
            return unavailable(
                subject,
                format!("what answers there does not speak HTTP ({cause})"),
                "correct `host` or DOCKER_HOST; an address with TLS needs DOCKER_TLS_VERIFY",
            );
        }
        source = cause.source();
    }
    if let Some(fault) = io_error(error).and_then(inside::<rustls::Error>) {
        return no_trust(subject, fault);
    }
    let detail = io_error(error).map_or_else(|| error.to_string(), io::Error::to_string);
    unavailable(
        subject,
        format!(
            "the connection was lost while it was to {} {} ({detail})",
            operation.verb,
            operation.subject()
        ),
        "see whether the engine runs (`systemctl status docker`), then look at what became of it and try again",
    )
}

/// An answer that is no HTTP, or one that comes before anything was asked, for which hyper has no question of its own.
fn is_no_http(error: &hyper::Error) -> bool {
    error.is_parse() || error.to_string().contains("unexpected message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Source;

    fn operation() -> OperationContext<'static> {
        OperationContext {
            verb: "start",
            kind: "container",
            name: "a1",
            changes: true,
            deadline: Duration::from_secs(30),
        }
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            address: Address::Unix("/x.sock".into()),
            source: Source::DockerHost,
            tls: None,
        }
    }

    fn answer(status_code: u16, message: &str) -> ProviderError {
        let message = message.to_owned();
        let error = Error::DockerResponseServerError { status_code, message };
        failed(&endpoint(), &operation(), &error)
    }

    #[test]
    fn an_answer_that_makes_no_sense_leaves_open_whether_a_change_was_made() {
        let nonsense = || Error::JsonSerdeError {
            err: serde_json::from_str::<u8>("[]").expect_err("no number"),
        };
        assert_eq!(failed(&endpoint(), &operation(), &nonsense()).kind(), "unavailable");
        let looks = OperationContext {
            changes: false,
            ..operation()
        };
        assert_eq!(failed(&endpoint(), &looks, &nonsense()).kind(), "internal");
    }

    #[test]
    fn a_container_that_stops_or_goes_at_the_same_moment_is_in_the_wrong_state() {
        for words in [
            "runc did not terminate successfully: exit status 1: container not running",
            "Container 0123 is not running: Removal In Progress",
            "Cannot update container 0123: container is marked for removal and cannot be \"update\"",
            "Cannot update container 0123: cannot update a stopped container: unknown",
        ] {
            assert_eq!(answer(500, words).kind(), "conflict", "{words}");
        }
        assert_eq!(answer(500, "something else").kind(), "internal");
    }

    #[test]
    fn a_flag_that_the_engine_refuses_in_the_words_of_its_own_failure_is_named() {
        let create = OperationContext {
            verb: "create",
            ..operation()
        };
        let said = |operation: &OperationContext<'_>, message: &str| {
            let message = message.to_owned();
            let error = Error::DockerResponseServerError {
                status_code: 500,
                message,
            };
            failed(&endpoint(), operation, &error)
        };
        for (words, flag) in [
            ("invalid mode: ro,ro", "volume"),
            ("invalid --security-opt 2: \"no-new-privileges=maybe\"", "security-opt"),
            ("bad format for links: a:b:c", "link"),
            ("Cannot mkdir: /etc/passwd is not a directory", "workdir"),
            ("source /data/merged/etc/passwd is not directory", "volume"),
            (
                "invalid volume specification: '/x:/t:nocopy': invalid mount config for type \"bind\"",
                "volume",
            ),
        ] {
            let error = said(&create, words);
            assert_eq!(
                (error.kind(), error.field()),
                ("invalid_argument", Some(flag)),
                "{words}"
            );
            assert_eq!(said(&operation(), words).kind(), "internal", "{words}");
        }
        let cannot = said(&create, "--storage-opt is not supported");
        assert!(cannot.kind() == "unsupported" && cannot.message().contains("--storage-opt"));
        assert_eq!(
            answer(500, "Multiple IDs found with provided prefix: a").kind(),
            "invalid_argument"
        );
    }

    #[test]
    fn each_way_to_have_no_connection_has_its_own_remedy() {
        let remedy = |kind: ErrorKind| {
            let error = unreachable(&endpoint(), Some(&kind.into()));
            assert_eq!(error.kind(), "unavailable");
            assert!(error.message().contains("unix:///x.sock"));
            error.remedy().to_owned()
        };
        assert!(remedy(ErrorKind::PermissionDenied).contains("usermod -aG docker"));
        assert!(remedy(ErrorKind::NotFound).contains("systemctl start docker"));
        assert!(!remedy(ErrorKind::ConnectionReset).is_empty());
        let path_too_long = unreachable(&endpoint(), Some(&ErrorKind::InvalidInput.into()));
        assert_eq!(path_too_long.field(), Some("host"));
    }

    #[test]
    fn a_deadline_that_passed_tells_a_change_from_a_question() {
        let may_have_happened = |changes| match late(&endpoint(), &OperationContext { changes, ..operation() }) {
            ProviderError::Timeout(timeout) => timeout.may_have_happened,
            other => panic!("{other:?}"),
        };
        assert!(may_have_happened(true));
        assert!(!may_have_happened(false));
    }

    #[test]
    fn what_an_old_engine_calls_its_own_failure_is_the_callers_where_it_is() {
        assert_eq!(
            answer(500, "extraction point is not a directory").kind(),
            "invalid_argument"
        );
        for place in ["container rootfs", "mounted volume"] {
            let error = answer(403, &format!("{place} is marked read-only"));
            assert!(error.kind() == "conflict" && error.remedy().contains("may be written"));
        }
    }

    #[test]
    fn an_http_status_becomes_the_contracts_case_and_keeps_the_engines_words() {
        let cases = [
            (400, "invalid_argument"),
            (404, "not_found"),
            (409, "conflict"),
            (500, "internal"),
            (503, "internal"),
        ];
        for (status, kind) in cases {
            let error = answer(status, "the engine's own words");
            assert_eq!(error.kind(), kind);
            assert!(error.message().contains("the engine's own words"));
            assert!(error.message().contains("a1"));
            assert!(!error.remedy().is_empty());
        }
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let error = answer(500, "write /var/lib/docker/tmp/x: no space left on device");
        assert_eq!(error.kind(), "resource_exhausted");
    }

    #[test]
    fn a_conflict_says_in_which_state_the_thing_is() {
        let name = answer(
            409,
            "Conflict. The container name \"/a1\" is already in use by container \"f00\".",
        );
        let ProviderError::Conflict(name) = name else {
            panic!("{name:?}")
        };
        assert_eq!(name.state, "in use");
        assert!(name.reason.contains("f00"));
        let ProviderError::Conflict(stopped) = answer(409, "Container a1 is not running") else {
            panic!("a conflict")
        };
        assert_eq!(stopped.state, "not running");
    }

    #[test]
    fn an_answer_without_words_names_its_status() {
        assert!(answer(502, "").message().contains("502"));
    }
}
