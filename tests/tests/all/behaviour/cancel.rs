//! A call that is interrupted leaves nothing half made.

use mngr_docker_tests::behaviours;
use mngr_host_shim::contract::instance::{DiscoverRequest, SnapshotRequest};
use mngr_host_shim::contract::types::AgentState;
use mngr_host_shim::provider::NewAgent;
use tokio_util::sync::CancellationToken;

behaviours! {
    #[everywhere]
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

    #[everywhere]
    async fn a_snapshot_with_volumes_that_is_cancelled_at_any_step_leaves_no_image_and_nobody_frozen(bed) {
        let start_args = vec!["--volume=/data".to_owned(), "--tmpfs=/fast".to_owned()];
        bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        for step in 0..3 {
            let cancel = CancellationToken::new();
            let (token, reports) = (cancel.clone(), std::sync::atomic::AtomicUsize::new(0));
            let provider = bed.provider.clone().cancelled_by(cancel).on_progress(std::sync::Arc::new(move |_| {
                if reports.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == step {
                    token.cancel();
                }
            }));
            let request = SnapshotRequest { include_volumes: true, pause: Some(true), ..SnapshotRequest::default() };
            match provider.snapshot_create("a", request).await {
                Err(error) => assert_eq!(error.kind(), "unavailable", "{}", error.message()),
                Ok(taken) => drop(bed.provider.snapshot_delete(None, &taken.id).await.expect("deleted")),
            }
            let own = format!("{}={}", mngr_host_shim::policy::PROVIDER_LABEL, bed.provider.name());
            assert_eq!(bed.engine.image_list(vec![own]).await.expect("images").len(), 0, "cancelled at step {step}");
            assert_eq!(bed.provider.get("a").await.expect("it").state, AgentState::Running, "cancelled at step {step}");
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
