//! How a command fails, and what a person or a program is shown of it.

use std::io;

use mngr_host_shim::config::ConfigError;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::types::Finding;
use mngr_host_shim::json::ErrorJson;

use super::exit::Exit;
use super::output::{self, Output, Shown, shown, style};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The provider, its plugin or the engine said no.
    Provider(ProviderError),
    /// The configuration can not be used; at least one fault.
    Config(Vec<ConfigError>),
    /// A signal ended it.
    Interrupted(Exit),
    /// Its own output can not be written.
    Write(io::Error),
}

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(vec![error])
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Failure {
    /// The status that the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Provider(error) => error.into(),
            Self::Config(_) => Exit::USAGE,
            Self::Interrupted(exit) => *exit,
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::OK,
            Self::Write(_) => Exit::INTERNAL,
        }
    }

    /// Shows it: on stderr for a person, as one JSON value on stdout for a program.
    pub fn show(&self, output: &Output) -> io::Result<()> {
        match self {
            Self::Interrupted(_) => Ok(()),
            Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Self::Write(error) => complain("can not write the output", error, &[]),
            Self::Provider(error) if output.json => output.value(&ErrorJson::from(error)),
            Self::Provider(error) => show_provider_error(error),
            Self::Config(faults) if output.json => match faults.first() {
                Some(fault) => output.value(&ErrorJson::new(
                    fault.kind(),
                    fault.message(),
                    Some(fault.field()),
                    fault.remedy(),
                )),
                None => Ok(()),
            },
            Self::Config(faults) => faults.iter().try_for_each(show_config_error),
        }
    }
}

/// What failed and what to do, where there is room for one line.
pub fn in_one_line(error: &ProviderError) -> String {
    format!("{}; {}", error.message(), error.remedy())
}

/// `error: …` with the remedy under it.
pub fn show_provider_error(error: &ProviderError) -> io::Result<()> {
    let findings = match error {
        ProviderError::SnapshotBlocked(findings) => findings.as_slice(),
        _ => &[],
    };
    complain(error.message(), error.remedy(), findings)
}

/// The same of one of several providers.
pub fn complain_of(provider: &str, error: &ProviderError) -> io::Result<()> {
    complain(
        shown!("provider {}: {}", provider, error.message()),
        error.remedy(),
        &[],
    )
}

fn complain(message: impl Into<Shown>, remedy: impl Into<Shown>, findings: &[Finding]) -> io::Result<()> {
    let mut text = shown!("{} {}\n", style::ERROR.on("error:"), message.into());
    for finding in findings.iter().filter(|finding| !finding.covered) {
        let place = finding.path.as_deref().or(finding.source.as_deref()).unwrap_or("-");
        text.push(shown!("  {}: {}; {}\n", place, &finding.reason, &finding.remedy));
    }
    let remedy = remedy.into();
    if remedy != Shown::default() {
        text.push(shown!("  {} {}\n", style::HELP.on("help:"), remedy));
    }
    output::complain(text)
}

fn show_config_error(error: &ConfigError) -> io::Result<()> {
    let plain = miette::GraphicalTheme::unicode_nocolor;
    let coloured = match output::stderr_is_coloured() {
        true => miette::GraphicalTheme::unicode,
        false => plain,
    };
    match (rendered(error, coloured()), rendered(error, plain())) {
        (Ok(coloured), Ok(plain)) => output::complain(Shown::rendered(coloured, &plain)),
        _ => complain(error.message(), error.remedy(), &[]),
    }
}

fn rendered(error: &ConfigError, theme: miette::GraphicalTheme) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    miette::GraphicalReportHandler::new_themed(theme).render_report(&mut text, error)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit(), Exit::OK);
        let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(failure.exit(), Exit::INTERNAL);
    }
}
