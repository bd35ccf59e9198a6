//! A little of what `cargo xtask soak` does for long. A run that fails prints its seed; with `MNGR_SOAK_SEED` it is that one again.

use std::path::Path;
use std::time::{Duration, Instant};

use mngr_docker_soak::crowd::listed_and_watched;
use mngr_docker_soak::engines::{Harm, harmed};
use mngr_docker_soak::load::{Clients, creates_at_once};
use mngr_docker_soak::{Row, USER_COMMANDS, UserCommand, World, deaths, open_with_ledger, replies};
use mngr_docker_tests::{FaultProxy, PrivateEngine, Setup, remove_all};
use mngr_host_shim::check::Ledger;
use mngr_host_shim::provider::Provider;

const ENGINE: &str = "unix:///var/run/docker.sock";

fn seed() -> u64 {
    let given = std::env::var("MNGR_SOAK_SEED").ok();
    let seed = given.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    println!("MNGR_SOAK_SEED={seed}");
    seed
}

fn engine() -> String {
    std::env::var("DOCKER_HOST").unwrap_or_else(|_| ENGINE.to_owned())
}

fn world() -> World {
    World::new(Path::new(env!("CARGO_BIN_EXE_mngr-docker")), &engine(), seed())
}

fn user_command(name: &str) -> &'static UserCommand {
    USER_COMMANDS
        .iter()
        .find(|command| command.name == name)
        .expect("a command")
}

fn clean(row: &Row, at_least: u32) {
    assert!(row.times >= at_least, "{row:?}");
    assert_eq!(row.violations, [""; 0], "{row:?}");
}

/// Only where something changes: what comes before a request that asks is as what came after the one before it.
fn changes(_: &mut World, place: &str) -> bool {
    place.starts_with("journal.") || place.starts_with("engine.POST") || place.starts_with("engine.DELETE")
}

macro_rules! killed {
    ($($name:ident: $command:literal at least $places:literal;)*) => {$(
        #[test]
        fn $name() {
            let mut world = world();
            clean(&deaths::at_every_place(&mut world, user_command($command), changes), $places);
            assert_eq!(world.check(&["--boot"]), [""; 0]);
        }
    )*};
}

killed! {
    a_create_killed_at_every_place_leaves_nothing_half_made: "create" at least 8;
    a_create_with_a_volume_killed_at_every_place_leaves_nothing_half_made: "create with a volume" at least 8;
    a_restore_killed_at_every_place_leaves_one_whole_agent: "start --snapshot" at least 12;
    a_rename_killed_at_every_place_leaves_one_name: "rename" at least 4;
    a_snapshot_killed_at_every_place_leaves_the_agent_running: "snapshot create" at least 6;
    a_stop_with_a_snapshot_killed_at_every_place_loses_neither: "stop --snapshot" at least 6;
    a_fork_killed_at_every_place_leaves_nothing_half_made: "fork" at least 10;
    a_destroy_killed_at_every_place_is_done_or_not: "destroy --snapshots" at least 2;
}

#[test]
fn nothing_is_lost_whenever_it_is_killed() {
    let mut world = world();
    clean(&deaths::at_any_moment(&mut world, USER_COMMANDS, 40), 40);
    assert_eq!(world.check(&["--boot"]), [""; 0]);
}

#[test]
fn nothing_is_lost_whatever_becomes_of_an_answer() {
    let mut world = world();
    let socket = engine();
    let proxy = FaultProxy::new(
        world.home().join("proxy.sock"),
        socket.strip_prefix("unix://").expect("a socket"),
    );
    world.use_engine(&format!("unix://{}", proxy.socket().display()), 3);
    for fault in replies::FAULTS {
        // The fourth change of a restore takes the old container away.
        for (name, changes) in [
            ("create", 3),
            ("start --snapshot", 4),
            ("snapshot create", 3),
            ("destroy", 3),
        ] {
            clean(
                &replies::spoilt(&mut world, &proxy, user_command(name), *fault, changes),
                1,
            );
        }
    }
}

fn an_engine(setup: Setup, harm: Harm, times: u32) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut engine = runtime.block_on(PrivateEngine::start(setup));
    let mut world = World::new(Path::new(env!("CARGO_BIN_EXE_mngr-docker")), &engine.host(), seed());
    world.use_engine(&engine.host(), 2);
    clean(&harmed(&mut world, &mut engine, harm, "harmed", times), times);
}

#[test]
fn nothing_is_lost_when_the_engine_dies_and_its_containers_live() {
    an_engine(Setup::default(), Harm::Kill, 4);
}

#[test]
fn nothing_is_lost_when_the_engine_dies_with_its_containers() {
    let setup = Setup {
        live_restore: false,
        ..Setup::default()
    };
    an_engine(setup, Harm::Kill, 4);
}

#[test]
fn nothing_is_lost_when_the_engine_hangs() {
    an_engine(Setup::default(), Harm::Hang(Duration::from_secs(5)), 2);
}

#[test]
fn nothing_is_lost_when_the_disk_is_full() {
    let setup = Setup {
        disk: Some(512),
        ..Setup::default()
    };
    an_engine(setup, Harm::FullDisk, 3);
}

/// Has it work with a provider of its own, of which nothing is left afterwards.
fn with_a_provider<R>(work: impl AsyncFnOnce(&Provider, &Ledger, u64) -> R) -> R {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (directory, seed) = (tempfile::tempdir().expect("a directory"), seed());
        let name = format!("soak-{:08x}", fastrand::Rng::with_seed(seed).u32(..));
        let opened = open_with_ledger(&engine(), &name, directory.path()).await;
        let (provider, ledger) = opened.expect("a provider");
        let done = work(&provider, &ledger, seed).await;
        assert_eq!(remove_all(&**provider.engine(), &name).await, [""; 0]);
        done
    })
}

#[test]
fn many_creates_at_once_and_many_clients_lose_nothing() {
    let (made, (row, samples)) = with_a_provider(async |provider, ledger, seed| {
        let made = creates_at_once(provider, 24).await;
        let clients = Clients {
            clients: 10,
            agents: 16,
            operations: 120,
            until: Instant::now() + Duration::from_secs(120),
            seed,
        };
        (made, clients.work(provider, ledger).await)
    });
    clean(&made, 1);
    clean(&row, 40);
    assert!(!samples.is_empty());
}

#[test]
fn nothing_that_happens_to_one_of_many_escapes_a_watcher() {
    clean(
        &with_a_provider(async |provider, _, _| listed_and_watched(provider, 60).await),
        1,
    );
}
