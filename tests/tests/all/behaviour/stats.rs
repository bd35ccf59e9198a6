//! What an agent uses at one moment.

use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::provider::NewAgent;

behaviours! {
    async fn a_running_agent_uses_memory_and_has_processes(bed) {
        let start_args = vec!["--memory=64m".to_owned()];
        bed.provider.create(NewAgent { start_args, ..NewAgent::named("a") }).await.expect("an agent");
        let first = bed.provider.stats("a").await.expect("a sample");
        assert!(first.pids >= 1 && first.memory_bytes > 0 && first.online_cpus >= 1);
        assert_eq!(first.memory_limit_bytes, 64 << 20);
        bed.shell("a", "for each in 1 2 3; do ls / > /dev/null; done").await;
        let second = bed.provider.stats("a").await.expect("a sample");
        assert!(second.cpu_total > first.cpu_total && second.system_cpu_total >= first.system_cpu_total);
    }

    async fn an_agent_that_does_not_run_uses_nothing(bed) {
        bed.agent("a").await;
        bed.provider.stop("a", Default::default()).await.expect("stopped");
        assert_eq!(error_kind(bed.provider.stats("a").await), "conflict");
        assert_eq!(error_kind(bed.provider.stats("b").await), "not_found");
    }
}
