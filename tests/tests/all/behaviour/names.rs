//! Names, tags and references that can not be meant.

use mngr_docker_tests::{behaviours, error_kind};
use mngr_host_shim::provider::NewAgent;

behaviours! {
    async fn names_that_can_not_be_a_containers_are_refused_with_the_value(bed) {
        let long = "n".repeat(300);
        for name in ["", &long, "a/b", "a:b", "a\nb", "näme", "-dash", ".dot", "a b", "../up", "agent-0123456789abcdef0123456789abcdef"] {
            let error = bed.provider.create(NewAgent::named(name)).await.expect_err(name);
            assert_eq!(error.kind(), "invalid_argument", "{name:?}");
            assert_eq!(error.field(), Some("name"), "{name:?}");
            assert!(error.message().len() < 400, "the value is shortened: {}", error.message());
            assert!(!error.message().contains('\n'), "control characters are escaped: {:?}", error.message());
        }
    }

    async fn the_same_names_are_refused_by_rename(bed) {
        bed.agent("a").await;
        for name in ["", "a/b", "-dash"] {
            assert_eq!(error_kind(bed.provider.rename("a", name).await), "invalid_argument", "{name:?}");
        }
        assert_eq!(bed.provider.get("a").await.expect("unchanged").name, "a");
    }

    async fn names_as_docker_allows_them_are_taken(bed) {
        let longest = "x".repeat(63);
        for name in ["A", "0", "a.b_c-d", &longest] {
            let agent = NewAgent { no_start: true, ..NewAgent::named(name) };
            assert_eq!(bed.provider.create(agent).await.expect(name).name, name);
        }
    }

    async fn tags_that_are_too_large_or_have_no_name_are_refused(bed) {
        for (key, value) in [("", "x".to_owned()), ("a\nb", "x".to_owned()), ("big", "x".repeat(100_000))] {
            let tags = vec![(key.to_owned(), value)];
            let refused = bed.provider.create(NewAgent { tags, ..NewAgent::named("a") }).await;
            assert_eq!(error_kind(refused), "invalid_argument", "{key:?}");
        }
    }

    async fn an_agent_is_found_by_name_id_and_unique_prefix(bed) {
        let agent = bed.agent("a").await;
        for reference in ["a", &agent.id, &agent.id[..14]] {
            assert_eq!(bed.provider.get(reference).await.expect(reference).id, agent.id, "{reference}");
        }
    }

    async fn an_ambiguous_prefix_names_the_candidates(bed) {
        for (name, last) in [("one", '1'), ("two", '2')] {
            let id = format!("agent-abcd{}{last}", "0".repeat(27));
            bed.plant(name, &[("com.imbue.mngr.agent-id", &id)]).await;
        }
        let error = bed.provider.get("agent-abcd").await.expect_err("it fits both");
        assert_eq!(error.kind(), "ambiguous");
        assert!(error.message().contains("one") && error.message().contains("two"), "{}", error.message());
        let shorter = bed.provider.get("abcd").await.expect_err("it fits both");
        assert_eq!(shorter.kind(), "ambiguous");
    }

    async fn a_missing_agent_is_named_with_the_nearest(bed) {
        bed.provider.create(NewAgent { no_start: true, ..NewAgent::named("builder") }).await.expect("an agent");
        let error = bed.provider.get("bulider").await.expect_err("a typing error");
        assert_eq!(error.kind(), "not_found");
        assert!(error.remedy().contains("builder"), "{}", error.remedy());
    }

    async fn hostile_references_are_not_found_and_nothing_else(bed) {
        bed.agent("a").await;
        for reference in ["", "../a", "a/../../containers/json", "a?force=1", "a\0b", "%2e%2e", "a\r\nHost: x"] {
            let error = bed.provider.get(reference).await.expect_err(reference);
            assert!(matches!(error.kind(), "not_found" | "invalid_argument"), "{reference:?}: {}", error.message());
        }
    }
}
