//! `events`.

use clap::Args;
use mngr_host_shim::contract::instance::AgentEvent;
use mngr_host_shim::json::EventJson;

use super::context::Context;
use super::failure::Outcome;
use super::output::{Shown, shown};
use super::units::short_id;
use super::watch::Watcher;

/// Print what happens to agents, as it happens; Ctrl-C ends it
///
/// A break in the connection is said on stderr and bridged. What happened meanwhile is not told: see `list --watch` for a
/// picture that is always whole.
#[derive(Debug, Args)]
#[command(
    after_help = "Events: created, started, stopped, crashed, oom, paused, resumed, renamed, destroyed

Examples:
  mngr-docker events
  mngr-docker events --json | jq -r 'select(.event == \"crashed\") | .name'"
)]
pub struct Events {}

impl Events {
    /// Prints them.
    pub async fn run(self, context: &Context) -> Outcome {
        let spinner = context.spinner("asking the engine");
        let provider = context.provider(&spinner).await?;
        let mut watcher = Watcher::new(context, &provider);
        watcher.mark_start().await?;
        drop(spinner);
        loop {
            for event in watcher.next().await? {
                match context.output.json {
                    true => context.output.value(&EventJson::from(&event))?,
                    false => context.output.line(line(&event))?,
                }
            }
            watcher.mark_start().await?;
        }
    }
}

fn line(event: &AgentEvent) -> Shown {
    let code = event.exit_code.map(|code| shown!(" ({})", code)).unwrap_or_default();
    shown!(
        "{}  {}{}  {}  {}",
        &event.at,
        &event.what,
        code,
        &event.agent_name,
        short_id(&event.agent_id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_or_a_value() {
        let event = AgentEvent {
            what: "crashed".to_owned(),
            agent_id: "agent-0123456789abcdef0123".to_owned(),
            agent_name: "a\u{7}".to_owned(),
            at: "2026-01-31T12:00:00Z".to_owned(),
            exit_code: Some(3),
        };
        assert_eq!(
            line(&event).plain(),
            "2026-01-31T12:00:00Z  crashed (3)  a\\u{7}  agent-0123456789ab"
        );
        insta::assert_json_snapshot!(EventJson::from(&event), @r#"
        {
          "at": "2026-01-31T12:00:00Z",
          "event": "crashed",
          "id": "agent-0123456789abcdef0123",
          "name": "a\u0007",
          "exit_code": 3
        }
        "#);
    }
}
