//! What is others', and what is the machine's: volumes, containers and images of theirs, its programs.

use mngr_docker_tests::IMAGE;
use mngr_host_shim::contract::docker::{Mount, MountKind};
use mngr_host_shim::engine::Engine;
use mngr_host_shim::policy::{Preset, Rule};
use serde_json::json;

use super::request::{Case, Request, build, case, import, labels_of, pairs, words};
use super::room::{Things, within};

fn mount(source: &str) -> Mount {
    Mount {
        kind: MountKind::Volume,
        source: source.to_owned(),
        target: "/data".to_owned(),
        ..Mount::default()
    }
}

/// Volumes of others, and volumes that are the machine in disguise.
pub fn volumes(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in [&things.their_volume, &things.plain_volume] {
        let (bind, read_only, mounted) = (format!("{name}:/data"), format!("{name}:/data:ro"), name.clone());
        cases.push(case(Rule::Volumes, things.create(|spec| spec.binds = vec![bind])));
        cases.push(case(Rule::Volumes, things.create(|spec| spec.binds = vec![read_only])));
        cases.push(case(
            Rule::Volumes,
            things.create(|spec| spec.mounts = vec![mount(&mounted)]),
        ));
        cases.push(case(Rule::Volumes, Request::RemoveVolume(name.clone())));
        cases.push(case(
            Rule::Volumes,
            Request::FillVolume(name.clone(), things.own_image.clone()),
        ));
        cases.push(case(
            Rule::Volumes,
            Request::Volume(
                name.clone(),
                "local".to_owned(),
                Vec::new(),
                labels_of(&things.provider),
            ),
        ));
    }
    let fresh = format!("{}-fresh", things.provider);
    let own = || labels_of(&things.provider);
    for labels in [Vec::new(), pairs(&[("a", "b")])] {
        cases.push(case(
            Rule::Volumes,
            Request::Volume(fresh.clone(), "local".to_owned(), Vec::new(), labels),
        ));
    }
    for options in [
        [("type", "none"), ("o", "bind"), ("device", "/srv")],
        [("type", "none"), ("o", "rbind,ro"), ("device", "/etc")],
        [("type", "none"), ("o", "ro, bind"), ("device", "/srv")],
        [("type", "tmpfs"), ("o", "bind"), ("device", "/root")],
        [("type", "nfs"), ("o", "addr=192.0.2.1,bind"), ("device", ":/x")],
        [("type", "nfs"), ("o", "addr=192.0.2.1"), ("device", "/etc")],
        [("type", "cifs"), ("o", "BIND"), ("device", "//host/share")],
        [("type", "cifs"), ("o", "ro"), ("device", "/etc")],
        [("type", "ext4"), ("o", "ro"), ("device", "/dev/sda1")],
        [
            ("type", "overlay"),
            ("o", "lowerdir=/etc,upperdir=/tmp/u,workdir=/tmp/w"),
            ("device", "overlay"),
        ],
        [
            ("type", "overlay"),
            ("o", "lowerdir=/etc:/root"),
            ("device", "/overlay"),
        ],
        [("type", "proc"), ("o", ""), ("device", "proc")],
        [("type", "sysfs"), ("o", ""), ("device", "sysfs")],
        [("type", "devtmpfs"), ("o", ""), ("device", "devtmpfs")],
        [("type", "cgroup2"), ("o", ""), ("device", "cgroup2")],
        [("type", "tmpfs"), ("o", "remount"), ("device", "tmpfs")],
        [("type", "tmpfs"), ("o", "shared"), ("device", "tmpfs")],
        [("type", ""), ("o", "bind"), ("device", "/var/lib")],
        [("Type", "none"), ("O", "bind"), ("Device", "/srv")],
        [("type", "fuse.sshfs"), ("o", ""), ("device", "a@b:/")],
        [("type", "9p"), ("o", "trans=virtio"), ("device", "share")],
        [("type", "tmpfs"), ("o", ""), ("device", "/etc")],
    ] {
        for driver in ["local", ""] {
            let made = Request::Volume(fresh.clone(), driver.to_owned(), pairs(&options), own());
            cases.push(case(Rule::VolumeBinds, made));
        }
        for source in [fresh.as_str(), ""] {
            let mount = Mount {
                volume_options: pairs(&options),
                ..mount(source)
            };
            cases.push(case(Rule::VolumeBinds, things.create(|spec| spec.mounts = vec![mount])));
        }
    }
    cases
}

/// Containers of others, and images of others under names of others.
pub fn others(things: &Things) -> Vec<Case> {
    let mut cases = Vec::new();
    for id in [&things.theirs, &things.plain] {
        let id = || id.clone();
        let snapshot = || Box::new(super::request::commit("mngr-snapshot", "stolen", Vec::new()));
        for request in [
            Request::Start(id()),
            Request::Stop(id()),
            Request::Kill(id()),
            Request::Pause(id()),
            Request::Unpause(id()),
            Request::Rename(id(), "taken".to_owned()),
            Request::Remove(id()),
            Request::Update(id(), Box::default()),
            Request::Exec(id()),
            Request::Unpack(id(), things.own_image.clone()),
            Request::PutFiles(id()),
            Request::GetFiles(id()),
            Request::Commit(id(), snapshot()),
            Request::ReadVolume(
                id(),
                Box::new(import("mngr-snapshot-volume", "stolen", labels_of(&things.provider))),
            ),
        ] {
            cases.push(case(Rule::Containers, request));
        }
    }
    for image in [things.their_image.as_str(), IMAGE] {
        cases.push(case(Rule::Images, Request::RemoveImage(image.to_owned())));
        cases.push(case(Rule::Images, Request::Save(image.to_owned())));
        cases.push(case(
            Rule::Images,
            Request::Push(image.to_owned(), "127.0.0.1:1/a:1".to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::Tag(image.to_owned(), "mngr-snapshot".to_owned(), "stolen".to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::FillVolume(things.own_volume.clone(), image.to_owned()),
        ));
        cases.push(case(
            Rule::Images,
            Request::Unpack(things.own.clone(), image.to_owned()),
        ));
        let into = super::request::derive("mngr-snapshot", "stolen", labels_of(&things.provider));
        cases.push(case(Rule::Images, Request::Derive(image.to_owned(), Box::new(into))));
    }
    let theirs = things.their_image.clone();
    cases.push(case(Rule::Images, things.create(|spec| spec.image = theirs)));
    // Names that are not a provider's, and the name of another's snapshot.
    let taken = things.their_image.split_once(':').expect("a tag");
    let names = [
        ("debian", "latest"),
        ("registry.example/mngr-snapshot", "a"),
        ("mngr-snapshots", "a"),
        ("MNGR-SNAPSHOT", "a"),
        ("mngr-snapshot:a", "b"),
        ("mngr-snapshot", ""),
        ("mngr-snapshot", "a/b"),
        ("mngr-snapshot", "../a"),
        ("mngr-snapshot", "a b"),
        ("mngr-snapshot", "a&repo=debian"),
        ("mngr-snapshot/../debian", "a"),
        taken,
    ];
    for (repository, tag) in names {
        let own = || labels_of(&things.provider);
        cases.push(case(
            Rule::Images,
            Request::Commit(
                things.own.clone(),
                Box::new(super::request::commit(repository, tag, Vec::new())),
            ),
        ));
        cases.push(case(
            Rule::Images,
            Request::Import(Box::new(import(repository, tag, own()))),
        ));
        cases.push(case(
            Rule::Images,
            Request::Build(Box::new(build(&format!("{repository}:{tag}"), own(), None))),
        ));
        cases.push(case(
            Rule::Images,
            Request::Tag(things.own_image.clone(), repository.to_owned(), tag.to_owned()),
        ));
        let into = Box::new(super::request::derive(repository, tag, own()));
        cases.push(case(Rule::Images, Request::Derive(things.own_image.clone(), into)));
    }
    for network in ["host", "container:x"] {
        let options = build("mngr-build:agent-1", labels_of(&things.provider), Some(network));
        cases.push(case(Rule::Namespaces, Request::Build(Box::new(options))));
    }
    cases
}

/// Programs on the engine's machine.
pub fn programs() -> Vec<Case> {
    [
        &["sh", "-c", "stat"][..],
        &["/tmp/stat"],
        &["/usr/bin/stat", "/"],
        &["rm", "-rf", "/"],
        &[""],
        &[],
        &["nvidia-smi", "-r"],
        &["stat "],
        &["STAT", "/"],
        &["docker", "ps"],
        &["cat", "/etc/shadow"],
        &["env"],
        &["realpath", "/"],
        &["./df"],
        &["du", "--files0-from=/etc/shadow"],
        &["du", "--files0=/etc/shadow"],
        &["du", "-aX", "/etc/shadow"],
        &["du", "--exclude-from=/etc/shadow", "/"],
        &["findmnt", "-F", "/etc/shadow"],
        &["findmnt", "--tab-file=/etc/shadow"],
    ]
    .into_iter()
    .map(|argv| case(Rule::SshExec, Request::Run(words(argv))))
    .collect()
}

#[test]
fn volumes_of_others_and_volumes_that_are_the_machine_are_refused() {
    within(async |room| room.all_refused(volumes(&room.things)).await);
}

#[test]
fn of_the_volumes_of_others_it_is_said_where_they_are_and_no_password() {
    within(async |room| {
        let share = pairs(&[
            ("type", "cifs"),
            ("device", "//host/share"),
            ("o", "username=a,password=b"),
        ]);
        let (own, other) = (&room.things.provider, &room.things.other);
        let (owned, foreign) = (format!("{own}-share"), format!("{other}-share"));
        for (name, provider) in [(&owned, own), (&foreign, other)] {
            let made = room
                .engine
                .volume_create(name, "local", share.clone(), labels_of(provider))
                .await;
            made.expect("a volume");
        }
        let anybodys = room.guard(Preset::Standard, &json!({"docker.volumes": "any"}));
        for (guard, name, expected) in [
            (room.standard(), &owned, &share[..]),
            (room.standard(), &foreign, &share[..2]),
            (anybodys, &foreign, &share[..]),
        ] {
            let inspected = guard.volume_inspect(name).await.expect("a volume");
            let listed = guard.volume_list(Vec::new()).await.expect("volumes");
            let listed = listed.into_iter().find(|volume| volume.name == *name);
            for volume in [inspected, listed.expect("the volume")] {
                let mut options = volume.options;
                options.sort_by_key(|option| share.iter().position(|known| known == option));
                assert_eq!(options, expected, "{name}");
            }
        }
    });
}

#[test]
fn containers_and_images_of_others_are_left_alone() {
    within(async |room| room.all_refused(others(&room.things)).await);
}

#[test]
fn programs_that_do_more_than_look_are_not_run_on_the_machine() {
    within(async |room| room.all_refused(programs()).await);
}
