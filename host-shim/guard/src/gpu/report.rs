//! What came of each source, for people.

use mngr_contract::gpu::{SourceNote, SourceReport};

use super::ask::Answer;
use super::sighting::{Found, Sighting};
use super::usable::{HOOK, Means, PROGRAM_DIRECTORIES};
use super::{Amd, amd_smi};

/// The sources that were asked, and what is to be said of them.
#[derive(Debug, Default)]
pub struct Report {
    /// Every source.
    pub sources: Vec<SourceReport>,
    /// What failed, and who disagreed.
    pub notes: Vec<SourceNote>,
}

impl Report {
    /// Reads what a source answered, and notes what came of it. Without an answer it was not asked.
    pub fn take(
        &mut self,
        source: &str,
        place: &str,
        answer: Option<Answer>,
        parse: impl FnOnce(&str) -> Result<Found, String>,
    ) -> Vec<Sighting> {
        let misread = |fault| format!("what it printed is not understood: {fault}");
        let read = match answer {
            None => return self.nothing(source, place, "not asked"),
            Some(Answer::Absent) => return self.nothing(source, place, "not there"),
            Some(Answer::Skipped) => return self.nothing(source, place, "not asked: `nvidia-smi -L` has failed"),
            Some(Answer::NoWay) => {
                return self.nothing(source, place, "not asked: there is no way to the engine's machine");
            }
            Some(Answer::Failed(fault)) => Err(fault),
            Some(Answer::Text(text)) => parse(&text).map_err(misread),
            Some(Answer::Faulty { text, fault }) => match parse(&text) {
                Ok(mut found) if !found.devices.is_empty() => {
                    found.faults.push(fault);
                    Ok(found)
                }
                _ => Err(fault),
            },
        };
        match read {
            Ok(Found { devices: found, faults }) => {
                self.note_all(source, faults);
                let outcome = match found.len() {
                    0 => "no device".to_owned(),
                    1 => "1 device".to_owned(),
                    count => format!("{count} devices"),
                };
                self.source(source, place, outcome);
                found
            }
            Err(fault) => {
                self.note(source, fault);
                self.nothing(source, place, "failed")
            }
        }
    }

    /// The same of `amd-smi`, whose commands are read together.
    pub fn take_amd(&mut self, amd: Option<Amd>) -> Vec<Sighting> {
        let place = "amd-smi on the PATH";
        let Some(amd) = amd else {
            return self.take(amd_smi::SOURCE, place, None, |_| Ok(Found::default()));
        };
        let mut part = |answer: Option<Answer>, name: &str| match answer {
            Some(Answer::Text(text)) => Some(text),
            Some(Answer::Faulty { text, fault }) => {
                self.note(amd_smi::SOURCE, format!("{name}: {fault}"));
                Some(text)
            }
            Some(Answer::Failed(fault)) => {
                self.note(amd_smi::SOURCE, format!("{name}: {fault}"));
                None
            }
            _ => None,
        };
        let fixed = part(amd.fixed, "static");
        let metric = part(amd.metric, "metric");
        let process = part(amd.process, "process");
        self.take(amd_smi::SOURCE, place, Some(amd.list), |list| {
            amd_smi::parse(&amd_smi::Printed {
                list: list.to_owned(),
                fixed,
                metric,
                process,
            })
        })
    }

    /// Whether NVIDIA's hook was found, and where it was looked for.
    pub fn hook(&mut self, means: &Means) {
        let place = format!("{HOOK} on the PATH and in {}", PROGRAM_DIRECTORIES.join(", "));
        let outcome = match &means.hook {
            Some(path) => format!("at {path}"),
            None if means.complete => "not there".to_owned(),
            None => "not asked: there is no way to the engine's machine".to_owned(),
        };
        self.source("hook", &place, outcome);
    }

    /// A source and what came of it.
    pub fn source(&mut self, source: &str, place: &str, outcome: String) {
        self.sources.push(SourceReport {
            source: source.to_owned(),
            place: place.to_owned(),
            outcome,
        });
    }

    /// Several faults of one source.
    pub fn note_all(&mut self, source: &str, faults: Vec<String>) {
        for fault in faults {
            self.note(source, fault);
        }
    }

    fn note(&mut self, source: &str, message: String) {
        self.notes.push(SourceNote {
            source: source.to_owned(),
            message,
        });
    }

    fn nothing(&mut self, source: &str, place: &str, outcome: &str) -> Vec<Sighting> {
        self.source(source, place, outcome.to_owned());
        Vec::new()
    }
}
