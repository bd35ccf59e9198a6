//! What is going on, on stderr, where a person waits for more than half a second.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mngr_host_shim::contract::system::Progress;
use mngr_host_shim::engine::ProgressSink;
use tokio::task::AbortHandle;

use super::output::{Output, Shown, raw, say_on, shown};

/// What is done sooner than this is not worth a word.
const DELAY: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// One spinner, shown after a while and gone when this is dropped.
pub struct Spinner {
    bar: ProgressBar,
    shown_later: Option<AbortHandle>,
}

impl Spinner {
    /// A spinner that says `step` until it hears better. Says nothing to programs and where stderr is no terminal.
    pub fn new(output: Output, step: impl Into<Shown>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(ProgressStyle::default_spinner());
        say_on(&bar, step);
        let shown_later = (!output.json && raw::stderr_is_terminal()).then(|| {
            let bar = bar.clone();
            tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TICK);
            })
            .abort_handle()
        });
        Self { bar, shown_later }
    }

    /// One that is never shown.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            shown_later: None,
        }
    }

    /// Where calls report to.
    pub fn sink(&self) -> ProgressSink {
        let bar = self.bar.clone();
        Arc::new(move |progress| say_on(&bar, describe(&progress)))
    }

    /// Prints past the spinner.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(task) = &self.shown_later {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

fn describe(progress: &Progress) -> Shown {
    let mut text = Shown::from(&progress.step);
    if !progress.subject.is_empty() {
        text.push(shown!(" {}", &progress.subject));
    }
    if let (Some(done), Some(total @ 1..)) = (progress.done, progress.total) {
        text.push(shown!(" ({} %)", done.min(total).saturating_mul(100) / total));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: Option<u64>, total: Option<u64>) -> Progress {
        Progress {
            step: "pulling".into(),
            subject: "debian:12".into(),
            done,
            total,
        }
    }

    #[test]
    fn what_an_engine_reports_can_not_drive_the_terminal() {
        let pulling = Progress {
            subject: "a\u{1b}[2J\r".into(),
            ..progress(None, None)
        };
        assert_eq!(describe(&pulling).plain(), "pulling a\\u{1b}[2J\\r");
    }

    #[test]
    fn a_share_is_shown_only_where_the_whole_is_known() {
        assert_eq!(
            describe(&progress(Some(1), Some(4))).plain(),
            "pulling debian:12 (25 %)"
        );
        assert_eq!(describe(&progress(Some(1), Some(0))).plain(), "pulling debian:12");
        assert_eq!(describe(&progress(Some(1), None)).plain(), "pulling debian:12");
    }
}
