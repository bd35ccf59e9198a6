//! `gc`.

use clap::Args;
use mngr_host_shim::contract::instance::{Action, GcRequest};
use mngr_host_shim::json::ActionJson;

use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Shown, Table, cells, shown};
use super::units::size;

/// Remove what no agent needs any more: leftovers of crashes, nameless images, volumes and images of agents that are gone
///
/// Asks first on a terminal. Snapshots of agents that are gone are kept unless asked for, and told. What does not bear this
/// provider's labels is never touched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mngr-docker gc --dry-run
  mngr-docker gc --snapshots -y")]
pub struct Gc {
    /// Only say what would be removed
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Remove snapshots whose agent is gone as well
    #[arg(long)]
    snapshots: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
}

impl Gc {
    /// Removes it, after a question where a person can be asked.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("looking for what nobody needs");
        let provider = context.provider(&spinner).await?;
        let request = |dry_run| GcRequest {
            dry_run,
            snapshots: self.snapshots,
        };
        let asks = !self.yes && !self.dry_run && context.output.can_ask();
        if asks {
            let found = provider
                .gc(request(true))
                .await
                .map_err(|error| context.failure(error))?;
            let removable = found.iter().filter(|action| action.verb != "keep").count();
            if removable > 0 {
                spinner.suspend(|| context.output.table(table(&found)))?;
                if !context.ask(shown!("Remove {} of these?", removable)).await? {
                    context.output.note("Nothing was removed.");
                    return Ok(Exit::OK);
                }
            }
        }
        let done = provider
            .gc(request(self.dry_run))
            .await
            .map_err(|error| context.failure(error))?;
        drop(spinner);
        if context.output.json {
            let actions: Vec<_> = done.iter().map(ActionJson::from).collect();
            context.output.value(&actions)?;
        } else {
            if !done.is_empty() {
                context.output.table(table(&done))?;
            }
            context.output.note(total(&done, self.dry_run));
        }
        Ok(Exit::OK)
    }
}

fn table(actions: &[Action]) -> Table {
    let mut table = Table::with_header(&["ACTION", "SUBJECT", "FREES", "WHY"]);
    for action in actions {
        table.row(&cells![
            &action.verb,
            &action.subject,
            Shown::or_dash(action.bytes_freed.map(size)),
            &action.reason,
        ]);
    }
    table
}

fn total(actions: &[Action], dry_run: bool) -> String {
    let removed: Vec<_> = actions.iter().filter(|action| action.verb != "keep").collect();
    let bytes: u64 = removed.iter().filter_map(|action| action.bytes_freed).sum();
    let freed = match bytes {
        0 => String::new(),
        _ => format!(", {} at least", size(bytes)),
    };
    match (removed.len(), dry_run) {
        (0, _) => "There is nothing to remove.".to_owned(),
        (count, true) => format!("{count} would be removed{freed}."),
        (count, false) => format!("{count} removed{freed}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_and_summed_up() {
        let action = |verb: &str, bytes_freed| Action {
            verb: verb.to_owned(),
            subject: "snapshot snap-1".to_owned(),
            reason: "its agent is gone".to_owned(),
            bytes_freed,
        };
        let done = [action("remove", Some(1_500_000)), action("keep", None)];
        let text = table(&done).render().expect("text");
        insta::assert_snapshot!(text.plain(), @r"
        ACTION   SUBJECT           FREES   WHY
        remove   snapshot snap-1   1.5MB   its agent is gone
        keep     snapshot snap-1   -       its agent is gone
        ");
        assert_eq!(total(&done, false), "1 removed, 1.5MB at least.");
        assert_eq!(total(&done, true), "1 would be removed, 1.5MB at least.");
        assert_eq!(total(&done[1..], false), "There is nothing to remove.");
    }
}
