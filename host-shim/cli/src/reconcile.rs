//! `reconcile`

use clap::Args;
use mngr_host_shim::json::ActionJson;

use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Table, cells, shown};

/// Finish or roll back what a crash left half done
///
/// Every command does so first and says what it did, so this is for those who want to see that there is nothing left. Where the
/// engine is still at work on what was asked of it, this waits for it, a minute at most.
#[derive(Debug, Args)]
pub struct Reconcile {}

impl Reconcile {
    /// Does what was asked.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("looking for what a crash has left");
        let provider = context.provider(&spinner).await?;
        let actions = provider.reconcile().await.map_err(|error| context.failure(error))?;
        let left = provider.unsettled();
        drop(spinner);
        if left > 0 {
            context.output.warn(shown!(
                "calls that were interrupted and are not settled: {}; the engine is still at work on them, and every command \
                 looks again",
                left
            ));
        }
        if context.output.json {
            let values: Vec<_> = actions.iter().map(ActionJson::from).collect();
            context.output.value(&values)?;
        } else if actions.is_empty() && left > 0 {
            context.output.line("nothing was done")?;
        } else if actions.is_empty() {
            context.output.line("nothing is left half done")?;
        } else {
            let mut table = Table::with_header(&["ACTION", "SUBJECT", "REASON"]);
            for action in &actions {
                table.row(&cells![&action.verb, &action.subject, &action.reason]);
            }
            context.output.table(table)?;
        }
        Ok(Exit::OK)
    }
}
