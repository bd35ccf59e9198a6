//! How calls of a library end: with an answer, a panic, a limit, or because nobody wants them any more.

use std::time::Duration;

use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::{ProviderError, Result};
use mngr_host_shim::provider::{NewAgent, Provider};
use tokio_util::sync::CancellationToken;

use super::{odd, ours};

fn broken<T: std::fmt::Debug>(outcome: Result<T>) -> ProviderError {
    let error = outcome.expect_err("it does not answer");
    assert_eq!(error.kind(), "internal", "{}", error.message());
    assert!(
        error.message().contains("odd.so"),
        "it names the plugin: {}",
        error.message()
    );
    error
}

async fn still_works(provider: &Provider) {
    let found = provider.discover(DiscoverRequest::default()).await;
    assert_eq!(found.expect("it works on").len(), 0);
}

#[tokio::test]
async fn a_library_that_panics_ends_its_call_with_the_reason_and_no_other() {
    let (provider, _folder) = odd(|_| ()).await;
    for _ in 0..3 {
        let error = broken(provider.get("nobody").await);
        let message = error.message();
        assert!(
            message.contains("it panicked: there is no such agent as nobody"),
            "{message}"
        );
        assert!(message.contains("odd.rs:"), "the place is told: {message}");
        still_works(&provider).await;
    }
    let (ours, _engine) = ours().await;
    ours.create(NewAgent::named("a")).await.expect("another plugin works");
}

#[tokio::test]
async fn a_function_that_a_library_lacks_and_an_answer_that_can_not_be_written_or_read_are_told() {
    let (provider, _folder) = odd(|_| ()).await;
    let lacking = broken(provider.volume_delete("v").await).message();
    assert!(lacking.contains("no function instance.volume-delete"), "{lacking}");
    let unwritable = broken(provider.resume("a").await).message();
    assert!(
        unwritable.contains("it can not answer instance.resume: it can not be written"),
        "{unwritable}"
    );
    let unreadable = broken(provider.resources("a").await).message();
    assert!(
        unreadable.contains("instance.resources can not be read"),
        "{unreadable}"
    );
    let unknown = broken(provider.changes("a").await).message();
    assert!(unknown.contains("docker.burn"), "{unknown}");
    let stuck = broken(provider.volumes().await).message();
    assert!(stuck.contains("it waits for nothing"), "{stuck}");
    still_works(&provider).await;
}

#[tokio::test]
async fn a_stream_that_it_does_not_hold_is_not_handed_out() {
    let (provider, _folder) = odd(|_| ()).await;
    let error = provider.logs("a", Default::default()).await.expect_err("there is none");
    assert!(error.message().contains("no such stream as 77"), "{}", error.message());
}

#[tokio::test]
async fn what_computes_for_ever_ends_with_the_time_of_its_call() {
    let (provider, _folder) = odd(|config| config.plugin_limits.time = Duration::from_secs(1)).await;
    let error = broken(provider.stats("a").await);
    assert!(error.message().contains("did not end within 1s"), "{}", error.message());
    assert!(
        error.remedy().contains("plugin_limits.call_seconds"),
        "{}",
        error.remedy()
    );
    still_works(&provider).await;
}

#[tokio::test]
async fn what_waits_by_its_own_choice_ends_with_its_idle_time() {
    let (provider, _folder) = odd(|config| config.plugin_limits.idle = Duration::from_secs(1)).await;
    let error = broken(provider.gpus().await);
    assert!(error.message().contains("by its own choice"), "{}", error.message());
    still_works(&provider).await;
}

#[tokio::test]
async fn what_writes_without_end_ends_with_its_output() {
    let (provider, _folder) = odd(|config| config.plugin_limits.output = 10_000).await;
    let error = broken(provider.pause("a").await);
    assert!(error.remedy().contains("plugin_limits.output"), "{}", error.remedy());
    still_works(&provider).await;
}

#[tokio::test]
async fn host_calls_that_a_library_joins_are_under_way_together() {
    let (provider, _folder) = odd(|_| ()).await;
    // The last of a hundred can end first only while the ninety-nine before it are under way.
    assert_eq!(provider.watch(0, 0).await.expect("one ends").cursor, 99);
    still_works(&provider).await;
}

#[tokio::test]
async fn host_calls_beyond_those_that_may_be_under_way_end_the_call() {
    let (provider, _folder) = odd(|config| config.plugin_limits.handles = 99).await;
    let error = broken(provider.watch(0, 0).await);
    assert!(error.message().contains("99 handles"), "{}", error.message());
    still_works(&provider).await;
}

#[tokio::test]
async fn a_call_that_is_cancelled_ends_at_once() {
    let (provider, _folder) = odd(|_| ()).await;
    let cancel = CancellationToken::new();
    let cancelled = provider.clone().cancelled_by(cancel.clone());
    // It waits for an hour. Were it not for the cancellation, it would end by a limit, which is the plugin's fault: `internal`.
    let (outcome, ()) = tokio::join!(cancelled.gpus(), async { cancel.cancel() });
    assert_eq!(outcome.expect_err("cancelled").kind(), "unavailable");
    still_works(&provider).await;
}
