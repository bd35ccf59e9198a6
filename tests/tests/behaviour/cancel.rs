//! A call that is interrupted leaves nothing half made.

use mngr_docker_tests::behaviours;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::provider::NewAgent;
use tokio_util::sync::CancellationToken;

behaviours! {
    async fn a_create_that_is_cancelled_at_any_step_leaves_no_container(bed) {
        // The plugin reports each step; cancelling at the first, second, … report meets every one of them.
        for step in 0..4 {
            let cancel = CancellationToken::new();
            let (token, reports) = (cancel.clone(), std::sync::atomic::AtomicUsize::new(0));
            let provider = bed.provider.clone().cancelled_by(cancel).on_progress(std::sync::Arc::new(move |_| {
                if reports.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == step {
                    token.cancel();
                }
            }));
            match provider.create(NewAgent::named("a")).await {
                Err(error) => assert_eq!(error.kind(), "unavailable"),
                Ok(_) => drop(bed.provider.destroy("a", Default::default()).await.expect("destroyed")),
            }
            let all = DiscoverRequest::default();
            assert!(bed.provider.discover(all).await.expect("a list").is_empty(), "cancelled at step {step}");
        }
    }

    async fn a_call_cancelled_before_it_begins_does_nothing(bed) {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let provider = bed.provider.clone().cancelled_by(cancel);
        assert!(provider.create(NewAgent::named("a")).await.is_err());
        let all = DiscoverRequest::default();
        assert!(bed.provider.discover(all).await.expect("a list").is_empty());
    }
}
