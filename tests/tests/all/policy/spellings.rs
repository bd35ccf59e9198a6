//! Every spelling of a path that leads to where no agent has any business.

use mngr_host_shim::contract::docker::{Mount, MountKind};
use mngr_host_shim::policy::{LeadsTo, Machine, Permissions, Policy, Preset, Rule, Wanted, plain};
use proptest::prelude::*;
use serde_json::json;

use super::request::{Case, case, labels_of, pairs};
use super::room::{Things, within};

/// Where no agent has any business.
const FORBIDDEN: [&str; 62] = [
    "/",
    "/etc",
    "/etc/shadow",
    "/proc",
    "/proc/1/root",
    "/sys",
    "/sys/fs/cgroup",
    "/dev",
    "/dev/sda",
    "/boot",
    "/run",
    "/run/user/0",
    "/var/run",
    "/var/lib/docker/volumes",
    "/var/lib/containerd",
    "/home",
    "/home/ann",
    "/root",
    "/usr",
    "/var",
    "/var/lib",
    "/root/.ssh",
    "/home/ann/.ssh/id_ed25519",
    "/home/ann/.docker",
    "/home/ann/.docker/config.json",
    "/home/ann/.aws/credentials",
    "/home/ann/.gnupg",
    "/home/ann/.kube/config",
    "/home/ann/.config",
    "/home/ann/.config/gcloud",
    "/home/ann/.azure",
    "/home/ann/.netrc",
    "/srv/backup/.ssh",
    "/srv/backup/.SSH",
    "/home/ann/.local/share/keyrings",
    "/home/ann/.git-credentials",
    "/home/ann/.bashrc",
    "/home/ann/.local/bin",
    "/home/ann/.config/systemd/user",
    "/home/ann/.config/autostart",
    "/home/ann/work/.git/hooks",
    "/root/.profile",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/lib/systemd/system",
    "/usr/lib/udev/rules.d",
    "/usr/share",
    "/var/spool/cron",
    "/var/log",
    "/var/lib/systemd",
    "/var/lib/dpkg/info",
    "/var/cache",
    "/bin",
    "/sbin",
    "/lib",
    "/opt",
    "/opt/vendor/bin",
    "/nix/store",
    "/snap",
    "/var/tmp",
];
/// Sockets of engines.
const SOCKETS: [&str; 7] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/srv/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/var/run/crio/crio.sock",
    "/run/buildkit/buildkitd.sock",
];

/// Ways to write the same path.
fn ways(path: &str) -> Vec<String> {
    let below = path.trim_start_matches('/');
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("//{below}"),
        format!("/./{below}"),
        format!("/srv/../{below}"),
        format!("/srv/a/b/../../..//{below}/."),
        format!("/../../{below}"),
    ]
}

/// Each of them as a bind, and as a mount or a volume's device.
pub fn cases(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    let places = FORBIDDEN.iter().map(|path| (Rule::Binds, path));
    let sockets = SOCKETS.iter().map(|path| (Rule::EngineSocket, path));
    for (rule, path) in places.chain(sockets) {
        for (number, way) in ways(path).into_iter().enumerate() {
            cases.push(case(
                rule,
                match number % 2 {
                    0 => things.create(|spec| spec.binds = vec![format!("{way}:/data")]),
                    _ => things.create(|spec| {
                        spec.mounts = vec![Mount {
                            kind: MountKind::Bind,
                            source: way,
                            target: "/data".to_owned(),
                            ..Mount::default()
                        }];
                    }),
                },
            ));
        }
    }
    cases.dedup_by_key(|case| format!("{:?}", case.request));
    cases
}

#[test]
fn no_spelling_of_a_forbidden_path_is_mounted() {
    within(async |room| room.all_refused(cases(&room.things)).await);
}

#[test]
fn who_names_the_device_of_a_volume_names_it_and_what_lies_below_it_and_nothing_else() {
    within(async |room| {
        let named = json!({"docker.volume-binds": [room.things.directory]});
        let device = |device: &str| {
            let options = pairs(&[("type", "none"), ("o", "bind"), ("device", device)]);
            super::request::Request::Volume(
                format!("{}-bound", room.things.provider),
                "local".to_owned(),
                options,
                labels_of(&room.things.provider),
            )
        };
        let escape = format!("{}/../../etc", room.things.directory);
        let guard = room.guard(Preset::Standard, &named);
        for refused in ["/srv", "/etc", &escape, &format!("{}-beside", room.things.directory)] {
            let (outcome, sent) = room.outcome(&guard, device(refused)).await;
            assert_eq!(outcome.expect_err("refused").kind(), "denied", "{refused}");
            assert!(sent.is_empty());
        }
        let (outcome, sent) = room.outcome(&guard, device(&room.things.directory)).await;
        outcome.expect("named");
        assert_eq!(sent.len(), 1);
    });
}

/// Steps that lead nowhere else, to be put between the parts of a path.
fn detours() -> impl Strategy<Value = String> {
    let detour = prop::sample::select(vec![
        "",
        "/",
        "//",
        "/.",
        "/./",
        "/a/..",
        "/a/b/../..",
        "/.ssh/..",
        "/etc/..",
    ]);
    prop::collection::vec(detour, 0..4).prop_map(|detours| detours.concat())
}

/// A forbidden path, spelled anyhow, perhaps with something below it.
fn spelled() -> impl Strategy<Value = (String, String)> {
    let path = prop::sample::select(FORBIDDEN.to_vec());
    (path, prop::collection::vec(detours(), 9), "(/[a-z]{1,5}){0,2}").prop_map(|(path, detours, below)| {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let spelled: String = parts
            .zip(&detours)
            .map(|(part, detour)| format!("{detour}/{part}"))
            .collect();
        // What lies below a home is not forbidden with it, nor a fresh directory below the one for temporary ones.
        let is_whole = ["/", "/home", "/home/ann", "/root", "/var", "/var/tmp"].contains(&path);
        let below = if is_whole { String::new() } else { below };
        (path.to_owned(), format!("/{spelled}{}{below}", detours[8]))
    })
}

fn refused(policy: &Policy, asked: &str, leads_to: Option<Vec<String>>) -> bool {
    let wanted = Wanted {
        rule: Rule::Binds,
        what: "a mount".to_owned(),
        path: asked.to_owned(),
        read_only: false,
        restarts: false,
        is_named: false,
    };
    let leads_to = leads_to.map_or(LeadsTo::Unknown, LeadsTo::Places);
    policy.place(&wanted, &leads_to, &Machine::default()).is_err()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_detour_hides_where_a_path_ends((path, spelled) in spelled()) {
        let standard = Policy::standard("docker");
        let clean = plain(&spelled);
        prop_assert!(clean.starts_with(&path), "{spelled} is {clean}");
        prop_assert!(refused(&standard, &spelled, Some(vec![clean.clone(), clean.clone()])), "{spelled}");
        // The same where only the machine sees where it leads.
        prop_assert!(refused(&standard, "/srv/link", Some(vec![clean, "/srv/link".to_owned()])), "{spelled}");
        // Who names what is safe does not name it.
        let named = Permissions::of(&json!({"docker.binds": ["safe", "/srv", "/nowhere"]})).expect("permissions");
        let named = Policy::new("docker", Preset::Standard, &named);
        prop_assert!(refused(&named, &spelled, Some(vec![plain(&spelled)])), "{spelled}");
    }

    #[test]
    fn a_named_root_holds_what_lies_in_it_and_nothing_that_only_begins_like_it(below in "(/[a-z.]{1,6}){0,4}", beside in "[a-z.-]{1,6}") {
        let named = Permissions::of(&json!({"docker.binds": ["/data/agents"]})).expect("permissions");
        let policy = Policy::new("docker", Preset::Strict, &named);
        let inside = plain(&format!("/data/agents{below}"));
        let is_inside = inside == "/data/agents" || inside.starts_with("/data/agents/");
        prop_assert_eq!(!refused(&policy, &inside, Some(vec![inside.clone()])), is_inside, "{}", inside);
        let outside = format!("/data/agents{beside}");
        prop_assert!(refused(&policy, &outside, Some(vec![outside.clone()])));
        // A link that is named and leads out.
        prop_assert!(refused(&policy, "/data/agents/link", Some(vec!["/data/other".to_owned()])));
        // A machine that can not be asked: what is named is taken at its word.
        prop_assert_eq!(!refused(&policy, &inside, None), is_inside);
        prop_assert!(refused(&Policy::standard("docker"), &inside, None));
    }
}
