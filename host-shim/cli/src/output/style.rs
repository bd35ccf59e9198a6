//! Colours. They are dropped where the stream is no terminal or `NO_COLOR` is set.

use anstyle::AnsiColor;
use mngr_host_shim::contract::types::AgentState;

use super::Shown;

/// One way to print a text.
#[derive(Debug, Clone, Copy)]
pub struct Style(anstyle::Style);

pub const ERROR: Style = Style(AnsiColor::Red.on_default().bold());
pub const WARNING: Style = Style(AnsiColor::Yellow.on_default().bold());
pub const HELP: Style = Style(AnsiColor::Cyan.on_default());
pub const GOOD: Style = Style(AnsiColor::Green.on_default());
pub const HEADER: Style = Style(anstyle::Style::new().bold());
pub const DIM: Style = Style(anstyle::Style::new().dimmed());
pub const PLAIN: Style = Style(anstyle::Style::new());

impl Style {
    /// The text in this style, which ends with it.
    pub fn on(self, text: impl Into<Shown>) -> Shown {
        let style = self.0;
        Shown(format!("{style}{}{style:#}", text.into().0))
    }
}

/// The colour of a state.
pub fn state(state: AgentState) -> Style {
    match state {
        AgentState::Running => GOOD,
        AgentState::Building | AgentState::Starting | AgentState::Stopping => Style(AnsiColor::Cyan.on_default()),
        AgentState::Paused => Style(AnsiColor::Yellow.on_default()),
        AgentState::Stopped | AgentState::Destroyed => DIM,
        AgentState::Crashed | AgentState::Failed => Style(AnsiColor::Red.on_default()),
        AgentState::Unknown => Style(AnsiColor::Magenta.on_default()),
    }
}
