//! What a name says is not what it leads to: places that can be exchanged, that can not be followed, or that have other names.

use std::sync::Arc;

use mngr_host_shim::contract::docker::RestartPolicy;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{Belongings, Policy, Preset};
use serde_json::json;

use super::room::within;

#[test]
fn a_container_that_the_engine_starts_again_has_nothing_that_an_agent_could_exchange() {
    within(async |room| {
        let inner = format!("{}/inner", room.things.directory);
        std::fs::create_dir(&inner).expect("a folder");
        let with = |sources: &[&str], policy: &str| {
            let binds = sources
                .iter()
                .zip(1..)
                .map(|(source, number)| format!("{source}:/data{number}"));
            let (binds, name) = (binds.collect(), policy.to_owned());
            room.things.create(|spec| {
                spec.binds = binds;
                spec.restart_policy = RestartPolicy {
                    name,
                    max_retries: None,
                };
            })
        };
        for policy in ["always", "on-failure", "unless-stopped"] {
            for sources in [
                &[inner.as_str()][..],
                &["/srv", "/srv/a"],
                &[&room.things.directory, &inner],
            ] {
                let (refused, sent) = room.outcome(&room.standard(), with(sources, policy)).await;
                let error = refused.expect_err(policy);
                assert!(
                    error.remedy().contains("--restart") && sent.is_empty(),
                    "{}",
                    error.remedy()
                );
            }
            let any = room.guard(Preset::Standard, &json!({"docker.binds": "any"}));
            let (refused, _) = room.outcome(&any, with(&["/srv"], policy)).await;
            assert_eq!(refused.expect_err("any agent may have /").kind(), "denied");
        }
        // Nobody may be given what is above it.
        room.outcome(&room.standard(), with(&["/srv"], "on-failure"))
            .await
            .0
            .expect("topmost");
        drop(room.engine.container_remove(&room.things.spec().name, true, true).await);
        room.outcome(&room.standard(), with(&[&inner], "no"))
            .await
            .0
            .expect("looked at at each start");
    });
}

#[test]
fn a_path_that_can_not_be_followed_hides_nothing_of_the_others_and_is_not_taken_at_its_word() {
    within(async |room| {
        let directory = &room.things.directory;
        let file = format!("{directory}/file");
        std::fs::write(&file, "").expect("a file");
        let link = room.link("to-etc", "/etc");
        let named = json!({"docker.binds": [room.path("").display().to_string()]});
        for permissions in [json!({}), named.clone()] {
            let guard = room.guard(Preset::Standard, &permissions);
            let below_a_file = format!("{file}/below");
            for sources in [
                vec![below_a_file.clone()],
                vec![below_a_file.clone(), directory.clone()],
            ] {
                let binds = sources
                    .iter()
                    .zip(1..)
                    .map(|(source, number)| format!("{source}:/data{number}"));
                let binds: Vec<_> = binds.collect();
                let (refused, sent) = room
                    .outcome(&guard, room.things.create(|spec| spec.binds = binds))
                    .await;
                let message = refused.expect_err("nobody knows").message();
                assert!(message.contains(&below_a_file) && sent.is_empty(), "{message}");
            }
        }
        // What leads elsewhere is seen, whatever stands beside it.
        let any = room.guard(Preset::Standard, &named);
        let binds = vec![format!("{link}/:/etc2"), format!("{directory}:/data")];
        let (refused, _) = room.outcome(&any, room.things.create(|spec| spec.binds = binds)).await;
        let message = refused.expect_err("it leads to /etc").message();
        assert!(message.contains("which leads to /etc"), "{message}");
        for path in ["/proc/self/root/srv", "/proc/1/root", "//proc/thread-self/cwd"] {
            let anything = room.guard(Preset::Standard, &json!({"docker.binds": "any"}));
            let (refused, _) = room.outcome(&anything, room.bound(path)).await;
            assert_eq!(refused.expect_err(path).kind(), "denied", "{path}");
        }
    });
}

#[test]
fn a_home_that_is_a_link_keeps_what_is_in_it() {
    within(async |room| {
        let real = format!("{}/real", room.things.directory);
        std::fs::create_dir_all(format!("{real}/.config")).expect("a folder");
        std::fs::create_dir_all(format!("{real}/work")).expect("a folder");
        let home = room.link("home", &real);
        let policy = Policy::standard(&room.things.provider).keeping(Belongings {
            home: Some(home.clone()),
            ..Belongings::default()
        });
        let guard = Guard::new(Arc::new(room.engine.clone()), Arc::new(policy), None);
        for kept in [
            home.clone(),
            real.clone(),
            format!("{home}/.config"),
            format!("{real}/.config"),
            room.things.directory.clone(),
        ] {
            let refused = room.bound(&kept).make(&guard).await.expect_err(&kept);
            assert_eq!(refused.kind(), "denied", "{kept}");
        }
        room.bound(&format!("{home}/work")).make(&guard).await.expect("work");
    });
}

#[test]
fn sockets_are_known_by_every_name_and_a_directory_that_holds_one_needs_both_permissions() {
    within(async |room| {
        let own = room.path("engine").display().to_string();
        let alias = room.link("alias", &own);
        let guard = |permissions| room.guard(Preset::Standard, &permissions);
        for holder in [&own, &alias] {
            let (refused, _) = room
                .outcome(&guard(json!({"docker.binds": [own]})), room.bound(holder))
                .await;
            assert!(
                refused
                    .expect_err("it holds the socket")
                    .message()
                    .contains("docker.engine-socket")
            );
            let (refused, _) = room
                .outcome(
                    &guard(json!({"docker.engine-socket": true, "docker.binds": "none"})),
                    room.bound(holder),
                )
                .await;
            assert!(
                refused
                    .expect_err("it is a directory")
                    .message()
                    .contains("docker.binds")
            );
        }
        let socket = format!("{alias}/proxy.sock");
        let (made, _) = room
            .outcome(&guard(json!({"docker.engine-socket": true})), room.bound(&socket))
            .await;
        made.expect("the socket alone");
    });
}
