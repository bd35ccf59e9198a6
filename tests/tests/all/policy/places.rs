//! Of all directories that a machine has, only those of the named kinds may be mounted, whatever way leads there.

use std::path::Path;
use std::sync::Arc;

use mngr_docker_tests::sshd::Sshd;
use mngr_host_shim::engine::Engine;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{LeadsTo, Machine, Policy, Preset, Rule, Wanted};
use mngr_host_shim::streams::Archive;
use serde_json::json;

use super::request::{Request, case, labels_of, pairs};
use super::room::{Room, within};

/// How deep the walk of this machine goes.
const DEPTH: usize = 5;
/// Places of each kind that nobody has allowed.
const REFUSED: [&str; 14] = [
    "/",
    "/bin",
    "/etc/cron.d",
    "/home",
    "/opt",
    "/root",
    "/root/.bashrc",
    "/root/.local/bin",
    "/usr/bin",
    "/usr/lib/systemd/system",
    "/usr/local/bin",
    "/usr/share",
    "/var/log",
    "/var/spool/cron",
];

/// The kind of place that a path is, in the simplest words: none where it is of no kind that is named.
fn kind(parts: &[&str]) -> Option<&'static str> {
    let work = |below: &[&str]| !below.is_empty() && !below.iter().any(|part| part.starts_with('.'));
    let made = |name: &str| name.trim_start_matches('.').starts_with("tmp") && name.len() > "tmp12345".len();
    match parts {
        ["home" | "Users", _, below @ ..] | ["var", "home", _, below @ ..] | ["root", below @ ..] if work(below) => {
            Some("work in a home")
        }
        ["srv" | "mnt" | "media" | "data" | "Volumes", ..] | ["var", "srv" | "mnt", ..] | ["run", "media", ..] => {
            Some("data")
        }
        ["tmp", name, ..] | ["var", "tmp", name, ..] if made(name) => Some("a fresh temporary directory"),
        _ => None,
    }
}

/// Whether anybody may read what is there.
fn is_for_reading(parts: &[&str]) -> bool {
    matches!(
        parts,
        ["usr", "share" | "include", ..]
            | ["usr", "lib", "locale", ..]
            | ["usr", "local", "share", "ca-certificates", ..]
            | ["etc", "ca-certificates", ..]
            | ["etc", "ssl", "certs", ..]
            | ["etc", "pki", "ca-trust", "extracted", ..]
    )
}

/// Looks at one place, and counts it.
fn judge(path: &str, looked_at: &mut Vec<String>) {
    let machine = Machine {
        homes: vec!["/root".to_owned()],
        ..Machine::default()
    };
    let standard = Policy::standard("docker");
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let may = |read_only| {
        let wanted = wanted(path, read_only);
        standard
            .place(&wanted, &LeadsTo::Places(vec![path.to_owned()]), &machine)
            .is_ok()
    };
    assert!(!may(false) || kind(&parts).is_some(), "{path} may be written");
    assert!(
        !may(true) || kind(&parts).is_some() || is_for_reading(&parts),
        "{path} may be read"
    );
    looked_at.push(path.to_owned());
}

fn wanted(path: &str, read_only: bool) -> Wanted {
    Wanted {
        rule: Rule::Binds,
        what: "a mount".to_owned(),
        path: path.to_owned(),
        read_only,
        restarts: false,
        is_named: false,
    }
}

fn walk(directory: &Path, depth: usize, looked_at: &mut Vec<String>) {
    let Some(path) = directory.to_str() else { return };
    judge(path, looked_at);
    if depth == 0 || path == "/proc" || path == "/sys" {
        return;
    }
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), depth - 1, looked_at),
            Ok(_) => entry
                .path()
                .to_str()
                .into_iter()
                .for_each(|path| judge(path, looked_at)),
            // It has gone meanwhile.
            Err(_) => {}
        }
    }
}

#[test]
fn of_this_machine_only_the_named_kinds_of_places_are_allowed() {
    let mut looked_at = Vec::new();
    walk(Path::new("/"), DEPTH, &mut looked_at);
    assert!(looked_at.len() > 1000, "{}", looked_at.len());
    for place in ["/usr/bin", "/etc", "/var"] {
        assert!(looked_at.iter().any(|path| path == place), "{place}");
    }
}

#[test]
fn of_the_root_of_an_image_only_the_named_kinds_of_places_are_allowed() {
    within(async |room| {
        let Archive::Tar(bytes) = room.engine.archive_get(&room.things.own, "/").await.expect("the files") else {
            panic!("an archive")
        };
        let chunks: Vec<_> = futures::StreamExt::collect(bytes).await;
        let bytes: Vec<u8> = chunks
            .into_iter()
            .flat_map(|chunk| chunk.expect("bytes").to_vec())
            .collect();
        let mut looked_at = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().expect("entries") {
            let path = entry.expect("an entry").path().expect("a path").display().to_string();
            let path = path.trim_matches('/');
            judge(&format!("/{}", path.trim_start_matches("./")), &mut looked_at);
        }
        assert!(looked_at.iter().any(|path| path == "/bin"), "{looked_at:?}");
    });
}

/// Every way to each of the refused places: by its name, with detours, and by links.
fn ways(room: &Room) -> Vec<String> {
    let mut ways = Vec::new();
    for (number, place) in REFUSED.into_iter().enumerate() {
        let below = place.trim_start_matches('/');
        let link = room.link(&format!("way-{number}"), place);
        let chained = room.link(&format!("way-{number}-again"), &link);
        ways.extend([
            place.to_owned(),
            format!("//{below}/"),
            format!("/srv/..//{below}"),
            format!("/usr/bin/../../{below}"),
            format!("{link}/."),
            chained,
        ]);
    }
    ways
}

#[test]
fn no_way_to_a_place_that_is_not_named_makes_it_safe() {
    within(async |room| {
        let ways = ways(room);
        let binds = ways.iter().map(|way| case(Rule::Binds, room.bound(way)));
        let mounts = ways.iter().map(|way| case(Rule::Binds, room.mounted(way)));
        room.all_refused(binds.chain(mounts).collect()).await;
        let guard = room.guard(Preset::Standard, &json!({"docker.volume-binds": "safe"}));
        for way in &ways {
            let (outcome, sent) = room.outcome(&guard, room.laid_over(way)).await;
            assert_eq!(outcome.expect_err(way).kind(), "denied", "{way}");
            assert!(sent.is_empty(), "{way}");
        }
        room.outcome(&guard, room.laid_over(&room.things.directory))
            .await
            .0
            .expect("a place of work");
    });
}

#[test]
fn behind_ssh_it_is_the_other_machine_that_says_where_a_path_leads() {
    within(async |room| {
        let sshd = Sshd::start(&[]);
        let engine = connect(&sshd.provider("test"), &Environment::default(), &Tunnels::default()).expect("an engine");
        let guard = Guard::new(
            Arc::new(engine),
            Arc::new(Policy::standard(&room.things.provider)),
            None,
        );
        for way in ways(room).iter().step_by(3) {
            let refused = room.bound(way).make(&guard).await.expect_err(way);
            assert_eq!(refused.kind(), "denied", "{way}");
        }
        room.bound(&room.things.directory)
            .make(&guard)
            .await
            .expect("a place of work");
    });
}

#[test]
fn what_is_safe_to_read_is_not_safe_to_write() {
    within(async |room| {
        let share = "/usr/share";
        let (refused, _) = room.outcome(&room.standard(), room.mounted(share)).await;
        assert!(refused.expect_err("writable").message().contains("read-only"));
        let read = format!("{share}:/data:ro");
        let request = room.things.create(|spec| spec.binds = vec![read]);
        room.outcome(&room.standard(), request).await.0.expect("to read");
        room.outcome(&room.standard(), Request::Start(room.things.spec().name))
            .await
            .0
            .expect("it starts as it was made");
    });
}

#[test]
fn a_directory_that_is_named_for_reading_is_not_written() {
    within(async |room| {
        let guard = room.guard(Preset::Standard, &json!({"docker.binds": ["/etc/ssl:ro"]}));
        let (refused, _) = room.outcome(&guard, room.mounted("/etc/ssl")).await;
        let remedy = refused.expect_err("writable").remedy().to_owned();
        assert!(remedy.contains("\"/etc/ssl\"]"), "{remedy}");
        let read = room
            .things
            .create(|spec| spec.binds = vec!["/etc/ssl:/data:ro".to_owned()]);
        room.outcome(&guard, read).await.0.expect("to read");
        room.engine
            .container_remove(&room.things.spec().name, true, true)
            .await
            .expect("removed");
        let read = room
            .things
            .create(|spec| spec.binds = vec!["/etc/ssl:/data:ro".to_owned()]);
        let (refused, _) = room.outcome(&room.standard(), read).await;
        let remedy = refused.expect_err("not named").remedy().to_owned();
        assert!(remedy.contains("\"/etc/ssl:ro\"]"), "{remedy}");
    });
}

#[test]
fn what_another_container_or_a_volume_brings_along_is_judged_as_well() {
    within(async |room| {
        let things = &room.things;
        let mut spec = things.spec();
        spec.name = format!("{}-old", things.provider);
        spec.binds = vec!["/etc/ssl:/ssl:ro".to_owned()];
        room.engine.container_create(spec.clone()).await.expect("a container");
        let from = format!("{}:ro", spec.name);
        let lent = room.guard(Preset::Standard, &json!({"docker.volumes-from": "own"}));
        let request = things.create(|spec| spec.volumes_from = vec![from]);
        let (refused, sent) = room.outcome(&lent, request).await;
        let message = refused.expect_err("it has /etc/ssl").message();
        assert!(
            message.contains("docker.binds") && message.contains("/etc/ssl"),
            "{message}"
        );
        assert!(sent.is_empty());

        // Made past the policy, with the provider's labels.
        let options = pairs(&[("type", "none"), ("o", "bind"), ("device", "/etc/ssl")]);
        let name = format!("{}-old", things.provider);
        let made = room
            .engine
            .volume_create(&name, "local", options, labels_of(&things.provider))
            .await;
        made.expect("a volume");
        let with = || things.create(|spec| spec.binds = vec![format!("{name}:/data")]);
        let (refused, sent) = room.outcome(&room.standard(), with()).await;
        let message = refused.expect_err("it is /etc/ssl").message();
        assert!(message.contains("docker.volume-binds"), "{message}");
        assert!(sent.is_empty());
        // Who names the volume means it.
        let named = room.guard(Preset::Standard, &json!({"docker.volumes": ["own", name]}));
        room.outcome(&named, with()).await.0.expect("it is named");
    });
}

#[test]
fn the_working_directory_is_a_place_of_work_where_it_is_no_systems() {
    let directory = |path: &str| Machine {
        working_directory: Some(path.to_owned()),
        ..Machine::default()
    };
    let standard = Policy::standard("docker");
    let may = |path: &str, machine: &Machine| {
        let leads_to = LeadsTo::Places(vec![path.to_owned()]);
        standard.place(&wanted(path, false), &leads_to, machine).is_ok()
    };
    let project = directory("/workspaces/project");
    assert!(may("/workspaces/project/src", &project) && may("/workspaces/project", &project));
    for path in ["/workspaces", "/workspaces/project/.git", "/workspaces/project/.ssh"] {
        assert!(!may(path, &project), "{path}");
    }
    for path in ["/", "/etc", "/usr/bin", "/opt/tool", "/var/lib/x", "/home"] {
        assert!(!may(path, &directory(path)), "{path}");
    }
}
