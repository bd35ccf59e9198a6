//! Links on the engine's machine lead where they lead, at create and at every start.

use std::path::Path;

use mngr_host_shim::engine::Engine;
use mngr_host_shim::policy::{Preset, Rule};
use serde_json::json;

use super::request::{Case, Request, case};
use super::room::within;

#[test]
fn a_link_to_what_is_forbidden_is_as_forbidden_however_it_leads_there() {
    within(async |room| {
        let mut cases: Vec<Case> = Vec::new();
        for (number, target) in [
            "/",
            "/etc",
            "/proc",
            "/sys",
            "/dev",
            "/root",
            "/var/lib/docker",
            "/run",
            "/home",
        ]
        .iter()
        .enumerate()
        {
            let direct = room.link(&format!("direct-{number}"), target);
            let chained = room.link(&format!("chained-{number}"), &direct);
            let up = "../".repeat(Path::new(&direct).components().count());
            let relative = room.link(&format!("relative-{number}"), &format!("{up}{}", &target[1..]));
            for link in [&direct, &chained, &relative] {
                cases.push(case(Rule::Binds, room.bound(link)));
                cases.push(case(Rule::Binds, room.mounted(&format!("{link}/"))));
                cases.push(case(Rule::Binds, room.bound(&format!("{link}/."))));
            }
        }
        let etc = room.path("direct-1").display().to_string();
        for below in ["ssl", "not/there/yet", "../etc/ssl", "./ssh"] {
            cases.push(case(Rule::Binds, room.bound(&format!("{etc}/{below}"))));
            cases.push(case(Rule::Binds, room.mounted(&format!("{etc}//{below}"))));
        }
        // `..` behind a link is the machine's business and not the text's.
        let folder = room.path("folder");
        std::fs::create_dir(&folder).expect("a folder");
        std::os::unix::fs::symlink("/etc/ssl", folder.join("out")).expect("a link");
        cases.push(case(Rule::Binds, room.bound(&format!("{}/out/..", folder.display()))));
        std::fs::create_dir(room.path(".ssh")).expect("a folder");
        let credentials = room.path(".ssh").display().to_string();
        cases.push(case(Rule::Binds, room.bound(&room.link("keys", &credentials))));
        let socket = room.link("socket", "/var/run/docker.sock");
        cases.push(case(Rule::EngineSocket, room.bound(&socket)));
        cases.push(case(Rule::EngineSocket, room.mounted(&room.link("twice", &socket))));
        // The socket through which this very engine is reached, and the directory that it lies in.
        let own = room.path("engine").display().to_string();
        cases.push(case(Rule::EngineSocket, room.bound(&own)));
        cases.push(case(Rule::EngineSocket, room.bound(&format!("{own}/proxy.sock"))));
        cases.push(case(Rule::EngineSocket, room.bound(&room.link("beside", &own))));
        let (once, again) = (room.path("loop-1"), room.path("loop-2"));
        std::os::unix::fs::symlink(&once, &again).expect("a link");
        std::os::unix::fs::symlink(&again, &once).expect("a link");
        cases.push(case(Rule::Binds, room.bound(&once.display().to_string())));
        room.all_refused(cases).await;
    });
}

#[test]
fn a_link_to_what_is_safe_is_safe_and_a_named_root_may_be_a_link_itself() {
    within(async |room| {
        let link = room.link("link", &room.things.directory);
        let (made, _) = room.outcome(&room.standard(), room.bound(&link)).await;
        made.expect("it leads to what is safe");
        room.engine
            .container_remove(&room.things.spec().name, true, true)
            .await
            .expect("removed");

        let named = json!({"docker.binds": [room.things.directory]});
        let guard = room.guard(Preset::Standard, &named);
        let inside = format!("{}/inside", room.things.directory);
        std::os::unix::fs::symlink("/opt", &inside).expect("a link");
        let (refused, sent) = room.outcome(&guard, room.bound(&inside)).await;
        let error = refused.expect_err("it leads out of the named root");
        assert!(
            error.remedy().contains("\"/opt\"") && sent.is_empty(),
            "{}",
            error.remedy()
        );
    });
}

#[test]
fn what_was_safe_at_create_is_looked_at_again_at_the_start() {
    within(async |room| {
        let moved = format!("{}/work", room.things.directory);
        std::fs::create_dir(&moved).expect("a folder");
        room.outcome(&room.standard(), room.bound(&moved))
            .await
            .0
            .expect("a container");
        let name = room.things.spec().name;
        std::fs::remove_dir(&moved).expect("removed");
        std::os::unix::fs::symlink("/etc", &moved).expect("a link");
        let (refused, sent) = room.outcome(&room.standard(), Request::Start(name.clone())).await;
        let error = refused.expect_err("it leads to /etc by now");
        assert!(
            error.message().contains("docker.binds") && error.message().contains("/etc"),
            "{}",
            error.message()
        );
        assert!(sent.is_empty());
        std::fs::remove_file(&moved).expect("removed");
        std::fs::create_dir(&moved).expect("a folder");
        room.outcome(&room.standard(), Request::Start(name))
            .await
            .0
            .expect("it is as it was");
    });
}
