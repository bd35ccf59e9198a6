//! `check`: whether what must always be true is true.

use std::path::PathBuf;

use clap::Args;
use mngr_host_shim::check::{Baseline, Checker, Ledger, Verdict};
use mngr_host_shim::json::VerdictJson;

use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Shown, Table, cells, shown, style};

/// Check that nothing is lost, half done or left behind
///
/// Changes nothing (but with --boot) and asks the engine past the plugin. What a crash left half done shows here; any other
/// command would settle it first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker check
  mngr-docker check --save-baseline before.json; …; mngr-docker check --baseline before.json
  mngr-docker check --boot")]
pub struct Check {
    /// Compare with what callers were told, as the setting `ledger` has it written down [default: that file]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Compare what is not this provider's with an earlier --save-baseline
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write down what is not this provider's, and check nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ledger", "baseline", "boot"])]
    save_baseline: Option<PathBuf>,
    /// Make an agent of every snapshot, look whether it runs, and remove it again
    #[arg(long)]
    boot: bool,
}

impl Check {
    /// Looks at every rule and shows what was found.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("checking");
        let provider = context.provider(&spinner).await?;
        if let Some(path) = &self.save_baseline {
            let baseline = Baseline::of(&provider).await.map_err(|error| context.failure(error))?;
            baseline
                .write(path)
                .map_err(|error| file_fault("save-baseline", path, &error))?;
            drop(spinner);
            let count = baseline.len();
            if context.output.json {
                context
                    .output
                    .value(&serde_json::json!({ "baseline": path, "things": count }))?;
            } else {
                context
                    .output
                    .note(shown!("{} things are written down in {}", count, path.display()));
            }
            return Ok(Exit::OK);
        }
        let mut checker = Checker::new(&provider);
        let configured = context.provider_config(&context.config()?)?.ledger;
        let given = self.ledger.is_some();
        // The file that the settings name is made with the first call.
        let path = self.ledger.or(configured).filter(|path| given || path.exists());
        if let Some(path) = path {
            checker = checker.with_ledger(&Ledger::at(path, provider.name()))?;
        }
        if let Some(path) = &self.baseline {
            let baseline = Baseline::read(path).map_err(|error| file_fault("baseline", path, &error))?;
            checker = checker.with_baseline(baseline);
        }
        if self.boot {
            checker = checker.booting();
        }
        let verdicts = checker.run().await.map_err(|error| context.failure(error))?;
        drop(spinner);
        let broken: usize = verdicts.iter().map(|verdict| verdict.violations.len()).sum();
        if context.output.json {
            let values: Vec<_> = verdicts.iter().map(VerdictJson::from).collect();
            context.output.value(&values)?;
        } else {
            context.output.table(table(&verdicts))?;
            for violation in verdicts.iter().flat_map(|verdict| &verdict.violations) {
                let subject = style::ERROR.on(&violation.subject);
                context.output.line(shown!("{}: {}", subject, &violation.reason))?;
                let help = style::HELP.on("help:");
                context.output.line(shown!("  {} {}", help, &violation.remedy))?;
            }
        }
        Ok(if broken == 0 { Exit::OK } else { Exit::INTERNAL })
    }
}

fn file_fault(field: &str, path: &std::path::Path, error: &std::io::Error) -> mngr_host_shim::contract::ProviderError {
    let remedy = "name a file of `mngr-docker check --save-baseline` that can be read, or a place that can be written";
    mngr_host_shim::error::invalid(field, path.display().to_string(), error.to_string(), remedy)
}

fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::with_header(&["RULE", "OUTCOME", "LOOKED AT", "WHAT IT SAYS"]);
    for verdict in verdicts {
        let outcome = match (verdict.looked_at, verdict.violations.len()) {
            (None, _) => style::DIM.on("not asked"),
            (Some(_), 0) => style::GOOD.on("holds"),
            (Some(_), count) => style::ERROR.on(shown!("broken {} times", count)),
        };
        table.row(&cells![
            verdict.rule.name,
            outcome,
            Shown::or_dash(verdict.looked_at),
            verdict.rule.statement,
        ]);
    }
    table
}
