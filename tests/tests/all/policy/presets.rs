//! What each preset says of the same requests, and what a single permission adds.

use mngr_docker_tests::IMAGE;
use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::contract::docker::{ContainerFilter, DeviceMapping};
use mngr_host_shim::contract::gpu::Depth;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{PERMISSIONS, Permissions, Preset, Rule};
use serde_json::{Value, json};

use super::request::{Request, commit, gpus, labels_of, pairs, words};
use super::room::{Room, Things, within};

/// Requests that each need one permission that `standard` does not give, with the line that gives it.
fn single(things: &Things) -> Vec<(Value, Request)> {
    let device = DeviceMapping {
        host_path: "/dev/null".to_owned(),
        container_path: "/dev/x".to_owned(),
        permissions: "r".to_owned(),
    };
    vec![
        (
            json!({"docker.privileged": true}),
            things.create(|spec| spec.privileged = true),
        ),
        (
            json!({"docker.capabilities": ["NET_*"]}),
            things.create(|spec| spec.cap_add = words(&["cap_net_admin"])),
        ),
        (
            json!({"docker.devices": ["/dev/null"]}),
            things.create(|spec| spec.devices = vec![device]),
        ),
        (
            json!({"docker.device-rules": ["c 1:3 *"]}),
            things.create(|spec| spec.device_cgroup_rules = words(&["c 1:3 rwm"])),
        ),
        (
            json!({"docker.sysctls": ["net.ipv4.*"]}),
            things.create(|spec| spec.sysctls = pairs(&[("net.ipv4.ip_forward", "1")])),
        ),
        (
            json!({"docker.security-options": ["seccomp=unconfined"]}),
            things.create(|spec| spec.security_options = words(&["seccomp:unconfined"])),
        ),
        (
            json!({"docker.namespaces": ["own", "pid=host"]}),
            things.create(|spec| spec.pid_mode = Some("host".to_owned())),
        ),
        (
            json!({"docker.volumes-from": "own"}),
            things.create(|spec| spec.volumes_from = vec![things.own.clone()]),
        ),
        (
            json!({"docker.binds": ["safe", "/etc/ssl"]}),
            things.create(|spec| spec.binds = words(&["/etc/ssl/private:/private:ro"])),
        ),
        (
            json!({"docker.engine-socket": true}),
            things.create(|spec| spec.binds = words(&["/var/run/docker.sock:/s"])),
        ),
        (
            json!({"docker.propagation": ["rshared"]}),
            things.create(|spec| spec.binds = vec![format!("{}:/x:rshared", things.directory)]),
        ),
        (
            json!({"docker.volumes": ["own", things.plain_volume]}),
            things.create(|spec| spec.binds = vec![format!("{}:/x", things.plain_volume)]),
        ),
        (
            json!({"docker.images": ["own", things.their_image]}),
            things.create(|spec| spec.image = things.their_image.clone()),
        ),
        (
            json!({"docker.containers": ["own", things.plain]}),
            Request::GetFiles(things.plain.clone()),
        ),
        (json!({"ssh.exec": ["id"]}), Request::Run(words(&["id", "-u"]))),
    ]
}

#[test]
fn the_line_that_a_refusal_names_is_the_one_that_allows_it() {
    within(async |room| {
        for (line, request) in single(&room.things) {
            let shown = format!("{line}: {request:?}");
            let refused = room.outcome(&room.standard(), request.clone()).await.0;
            let Err(ProviderError::Denied(denied)) = refused else {
                panic!("not refused but {refused:?}: {shown}");
            };
            let (name, _) = line.as_object().and_then(|line| line.iter().next()).expect("a line");
            assert_eq!(&denied.rule, name, "{shown}");
            // What is named is allowed, and so is what the refusal itself says to write.
            let mut named = room.guard(Preset::Standard, &line);
            for told in [false, true] {
                if told {
                    let written = denied.remedy.split('`').nth(1).expect("a line");
                    let (key, value) = written.split_once(": ").expect("a key and a value");
                    let value: Value = serde_json::from_str(value).expect("JSON");
                    named = room.guard(Preset::Standard, &json!({ key: value }));
                }
                let outcome = room.outcome(&named, request.clone()).await.0;
                outcome.unwrap_or_else(|error| panic!("{}: {shown}", error.message()));
                drop(room.engine.container_remove(&room.things.spec().name, true, true).await);
            }
        }
    });
}

#[test]
fn open_is_as_docker_run() {
    within(async |room| {
        for (line, request) in single(&room.things) {
            let shown = format!("{line}: {request:?}");
            let outcome = room.outcome(&room.guard(Preset::Open, &Value::Null), request).await.0;
            assert_ne!(
                outcome.as_ref().err().map_or("", |error| error.kind()),
                "denied",
                "{shown}: {outcome:?}"
            );
            drop(room.engine.container_remove(&room.things.spec().name, true, true).await);
        }
        let nobodys = room.things.create(|spec| spec.labels = Vec::new());
        room.outcome(&room.guard(Preset::Open, &Value::Null), nobodys)
            .await
            .0
            .expect("a plain container");
        room.engine
            .container_remove(&room.things.spec().name, true, true)
            .await
            .expect("removed");
    });
}

/// Every kind of request, those that only look too.
async fn everything(room: &Room, guard: &Guard) -> Vec<(&'static str, Option<ProviderError>)> {
    let things = &room.things;
    let (own, none) = (things.own.as_str(), Vec::new());
    let filter = ContainerFilter {
        all: true,
        labels: Vec::new(),
    };
    let mut outcomes = vec![
        ("version", guard.version().await.err()),
        ("info", guard.info().await.err()),
        ("container-list", guard.container_list(filter).await.err()),
        ("container-inspect", guard.container_inspect(own, false).await.err()),
        ("container-diff", guard.container_diff(own).await.err()),
        ("image-inspect", guard.image_inspect(IMAGE).await.err()),
        ("image-list", guard.image_list(none.clone()).await.err()),
        ("volume-list", guard.volume_list(none.clone()).await.err()),
        ("volume-inspect", guard.volume_inspect(&things.own_volume).await.err()),
        ("volume-users", guard.volume_users(&things.own_volume).await.err()),
        ("network-inspect", guard.network_inspect("bridge").await.err()),
        ("logs", guard.logs(own, Default::default()).await.err()),
        ("archive-stat", guard.archive_stat(own, "/bin").await.err()),
        ("stats", guard.stats(own).await.err()),
        ("events", guard.events(none, 0, 1).await.err()),
        ("gpus", guard.gpus(Depth::Identity).await.err()),
        (
            "pull",
            guard
                .image_pull("127.0.0.1:1/a:1", None, std::sync::Arc::new(|_| {}))
                .await
                .err(),
        ),
    ];
    for (name, request) in [
        ("create", things.create(|_| {})),
        ("start", Request::Start(own.to_owned())),
        ("exec", Request::Exec(own.to_owned())),
        (
            "commit",
            Request::Commit(own.to_owned(), Box::new(commit("mngr-snapshot", "x", Vec::new()))),
        ),
        ("save", Request::Save(things.own_image.clone())),
        (
            "volume",
            Request::Volume(
                "x".to_owned(),
                "local".to_owned(),
                Vec::new(),
                labels_of(&things.provider),
            ),
        ),
        ("remove", Request::Remove(own.to_owned())),
        ("run", Request::Run(words(&["stat", "/"]))),
    ] {
        outcomes.push((name, room.outcome(guard, request).await.0.err()));
    }
    outcomes
}

#[test]
fn strict_gives_nothing_and_a_plugin_gets_by_on_what_is_named() {
    within(async |room| {
        for (name, error) in everything(room, &room.guard(Preset::Strict, &Value::Null)).await {
            let Some(ProviderError::Denied(denied)) = error else {
                panic!("{name} is not refused: {error:?}");
            };
            assert!(
                PERMISSIONS.iter().any(|permission| permission.name == denied.rule),
                "{name}"
            );
            assert!(denied.remedy.contains("policy: standard"), "{}", denied.remedy);
        }
        let named =
            json!({"docker.containers": "own", "docker.base-images": ["mngr-test:*"], "docker.network": ["bridge"]});
        let guard = room.guard(Preset::Strict, &named);
        room.outcome(&guard, room.things.create(|_| {}))
            .await
            .0
            .expect("a container");
        room.outcome(&guard, Request::Start(room.things.spec().name))
            .await
            .0
            .expect("it starts");
        let exec = room.outcome(&guard, Request::Exec(room.things.spec().name)).await.0;
        assert_eq!(exec.expect_err("not named").kind(), "denied");
        let other = room
            .outcome(&guard, room.things.create(|spec| spec.image = "debian".to_owned()))
            .await
            .0;
        assert!(
            other
                .expect_err("not named")
                .message()
                .contains(Rule::BaseImages.name())
        );
    });
}

#[test]
fn gpus_are_counted_however_they_are_asked_for() {
    within(async |room| {
        let things = &room.things;
        let node = |path: &str| DeviceMapping {
            host_path: path.to_owned(),
            container_path: path.to_owned(),
            permissions: "rw".to_owned(),
        };
        let ask = |most: Value, request: Request| async move {
            let guard = room.guard(Preset::Standard, &json!({"gpu": most}));
            let denied = match room.outcome(&guard, request).await.0 {
                Err(ProviderError::Denied(denied)) => Some(denied.rule),
                _ => None,
            };
            drop(room.engine.container_remove(&room.things.spec().name, true, true).await);
            denied
        };
        for (most, count, request) in [
            (2, 2, things.create(|spec| spec.limits.gpus = vec![gpus(Some(2), &[])])),
            (
                2,
                3,
                things.create(|spec| spec.limits.gpus = vec![gpus(Some(2), &[]), gpus(Some(1), &[])]),
            ),
            (
                2,
                3,
                things.create(|spec| spec.limits.gpus = vec![gpus(None, &["0", "1", "GPU-2"])]),
            ),
            (2, 9, things.create(|spec| spec.limits.gpus = vec![gpus(Some(-1), &[])])),
            (
                2,
                9,
                things.create(|spec| spec.limits.gpus = vec![gpus(None, &["nvidia.com/gpu=all"])]),
            ),
            (
                1,
                2,
                things.create(|spec| spec.devices = vec![node("/dev/dri/renderD128"), node("/dev/dri/renderD129")]),
            ),
            (
                0,
                1,
                things.create(|spec| spec.env = words(&["NVIDIA_VISIBLE_DEVICES=0"])),
            ),
            (
                1,
                9,
                things.create(|spec| spec.env = words(&["NVIDIA_VISIBLE_DEVICES=all"])),
            ),
            (
                0,
                0,
                things.create(|spec| spec.env = words(&["NVIDIA_VISIBLE_DEVICES=void"])),
            ),
        ] {
            let shown = format!("{request:?}");
            let refused = ask(json!(most), request).await;
            assert_eq!(refused.is_some(), count > most, "{refused:?}: {shown}");
        }
        let own = things.own.clone();
        let limits = mngr_host_shim::contract::types::Limits {
            gpus: vec![gpus(Some(1), &[])],
            ..Default::default()
        };
        assert_eq!(
            ask(json!(0), Request::Update(own, Box::new(limits))).await.as_deref(),
            Some("gpu")
        );
    });
}

#[test]
fn what_is_named_is_read_as_it_was_written() {
    let named = json!({"docker.containers": "own", "gpu": 2});
    let permissions = Permissions::of(&named).expect("permissions");
    assert_eq!(permissions.get(Rule::Gpu).expect("named").to_json(), json!(2));
    assert!(permissions.get(Rule::Exec).is_none());
}
