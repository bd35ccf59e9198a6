//! How a command fails, and what a person or a program is shown of it.

use std::io::{self, Write};

use mngr_host_shim::config::ConfigError;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::types::Finding;
use mngr_host_shim::json::ErrorJson;

use super::exit::Exit;
use super::output::{Output, clean, style};

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
            Self::Write(error) => complain("can not write the output", &error.to_string(), &[]),
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
    complain(&error.message(), error.remedy(), findings)
}

/// The same of one of several providers.
pub fn complain_of(provider: &str, error: &ProviderError) -> io::Result<()> {
    complain(
        &format!("provider {provider}: {}", error.message()),
        error.remedy(),
        &[],
    )
}

fn complain(message: &str, remedy: &str, findings: &[Finding]) -> io::Result<()> {
    let mut err = anstream::stderr().lock();
    let (error, help) = (style::ERROR, style::HELP);
    writeln!(err, "{error}error:{error:#} {}", clean(message))?;
    for finding in findings.iter().filter(|finding| !finding.covered) {
        let place = finding.path.as_deref().or(finding.source.as_deref()).unwrap_or("-");
        writeln!(
            err,
            "  {}: {}; {}",
            clean(place),
            clean(&finding.reason),
            clean(&finding.remedy)
        )?;
    }
    if !remedy.is_empty() {
        writeln!(err, "  {help}help:{help:#} {}", clean(remedy))?;
    }
    Ok(())
}

fn show_config_error(error: &ConfigError) -> io::Result<()> {
    let handler = miette::GraphicalReportHandler::new_themed(theme());
    let mut text = String::new();
    match handler.render_report(&mut text, error) {
        Ok(()) => anstream::stderr().lock().write_all(text.as_bytes()),
        Err(_) => complain(&error.message(), error.remedy(), &[]),
    }
}

fn theme() -> miette::GraphicalTheme {
    let coloured = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    match coloured {
        true => miette::GraphicalTheme::unicode(),
        false => miette::GraphicalTheme::unicode_nocolor(),
    }
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
