//! What is not there yet says so by name, and nothing is pretended.

use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::contract::instance::ForkRequest;

behaviours! {
    async fn features_of_later_versions_answer_unsupported(bed) {
        bed.agent("a").await;
        let fork = ForkRequest { names: vec!["b".to_owned()], snapshot: None, tags: Vec::new(), start_args: Vec::new() };
        assert_eq!(error_kind(bed.provider.snapshot_check("a").await), "unsupported");
        assert_eq!(error_kind(bed.provider.fork("a", fork).await), "unsupported");
        assert_eq!(error_kind(bed.provider.stats("a").await), "unsupported");
        assert_eq!(error_kind(bed.provider.volumes().await), "unsupported");
        assert_eq!(error_kind(bed.provider.gpus().await), "unsupported");
        assert_eq!(error_kind(bed.provider.gc(true).await), "unsupported");
        assert_eq!(error_kind(bed.provider.reconcile().await), "unsupported");
        assert_eq!(error_kind(bed.provider.watch(0, 0).await), "unsupported");
    }

    async fn the_plugin_claims_only_what_works(bed) {
        let description = bed.provider.plugin().describe().await.expect("a description");
        assert_eq!(description.name, "docker");
        for works in ["instance.create", "instance.discover", "instance.snapshot-create"] {
            assert!(description.capabilities.iter().any(|name| name == works), "{works}");
        }
        for missing in ["instance.fork", "instance.gpus", "instance.watch"] {
            assert!(!description.capabilities.iter().any(|name| name == missing), "{missing}");
        }
    }
}
