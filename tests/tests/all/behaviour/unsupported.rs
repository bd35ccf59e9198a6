//! What is not there yet says so by name, and nothing is pretended.

use mngr_docker_tests::behaviours;

behaviours! {
    async fn the_plugin_claims_only_what_works(bed) {
        let description = bed.provider.plugin().describe().await.expect("a description");
        assert_eq!(description.name, "docker");
        for works in ["instance.create", "instance.snapshot-check", "instance.fork", "instance.watch", "instance.gpus"] {
            assert!(description.capabilities.iter().any(|name| name == works), "{works}");
        }
        assert!(!description.capabilities.iter().any(|name| name == "instance.compose"));
    }
}
