//! The provider's own files are given to no agent, by whatever name, link or directory they are reached.

use std::sync::Arc;

use mngr_host_shim::guard::Guard;
use mngr_host_shim::policy::{Belongings, Permissions, Policy, Preset};
use serde_json::json;

use super::room::within;

#[test]
fn the_providers_own_files_are_given_to_nobody_but_where_everything_is_open() {
    within(async |room| {
        let kept = format!("{}/kept", room.things.directory);
        std::fs::create_dir(&kept).expect("a folder");
        let settings = format!("{kept}/settings.toml");
        std::fs::write(&settings, "").expect("a file");
        let planted = format!("{}/not/there/yet", room.things.directory);
        let link = room.link("alias", &kept);
        let guard = |preset, permissions| {
            let permissions = Permissions::of(&permissions).expect("permissions");
            let policy = Policy::new(&room.things.provider, preset, &permissions).keeping(Belongings {
                own: vec![settings.clone(), format!("{planted}/state")],
                ..Belongings::default()
            });
            Guard::new(Arc::new(room.engine.clone()), Arc::new(policy), None)
        };
        let any = json!({"docker.binds": "any", "docker.volume-binds": "any"});
        for (preset, permissions) in [
            (Preset::Standard, json!({})),
            (Preset::Standard, any.clone()),
            (Preset::Standard, json!({"docker.binds": [settings, kept]})),
            (Preset::Strict, any.clone()),
        ] {
            let guard = guard(preset, permissions);
            for place in [&settings, &kept, &room.things.directory, &link, &planted] {
                for options in ["", ":ro"] {
                    let bind = format!("{place}:/data{options}");
                    let request = room.things.create(|spec| spec.binds = vec![bind]);
                    let refused = request.make(&guard).await.expect_err(place);
                    assert_eq!(refused.kind(), "denied", "{place}");
                }
            }
        }
        let refused = room.bound(&kept).make(&guard(Preset::Standard, any.clone())).await;
        let refused = refused.expect_err("its own");
        assert!(
            refused.message().contains(&settings) && refused.remedy().contains("policy: open"),
            "{} {}",
            refused.message(),
            refused.remedy()
        );
        let refused = room.laid_over(&kept).make(&guard(Preset::Standard, any)).await;
        assert_eq!(refused.expect_err("its own").kind(), "denied");
        let open = guard(Preset::Open, json!({}));
        room.bound(&kept).make(&open).await.expect("everything is open");
    });
}

#[test]
fn a_link_on_the_way_to_an_own_file_is_as_much_its_own_and_so_is_what_a_link_in_an_own_directory_leads_to() {
    within(async |room| {
        let base = &room.things.directory;
        for folder in ["home", "store/v1", "state", "real"] {
            std::fs::create_dir_all(format!("{base}/{folder}")).expect("a folder");
        }
        std::fs::write(format!("{base}/store/v1/settings.toml"), "").expect("a file");
        std::fs::write(format!("{base}/real/trusted.json"), "").expect("a file");
        for (link, target) in [
            ("home/current", "../store/v1"),
            ("settings.toml", "home/current/settings.toml"),
            ("state/trusted.json", "../real/trusted.json"),
        ] {
            std::os::unix::fs::symlink(target, format!("{base}/{link}")).expect("a link");
        }
        let policy = Policy::standard(&room.things.provider).keeping(Belongings {
            own: vec![format!("{base}/settings.toml")],
            directories: vec![format!("{base}/state")],
            ..Belongings::default()
        });
        let guard = Guard::new(Arc::new(room.engine.clone()), Arc::new(policy), None);
        for own in [
            "home",
            "home/current",
            "store",
            "store/v1",
            "state",
            "real",
            "real/trusted.json",
        ] {
            let refused = room.bound(&format!("{base}/{own}")).make(&guard).await.expect_err(own);
            assert!(
                refused.message().contains("the provider's own"),
                "{own}: {}",
                refused.message()
            );
        }
        std::fs::create_dir(format!("{base}/free")).expect("a folder");
        room.bound(&format!("{base}/free"))
            .make(&guard)
            .await
            .expect("nobody's own");
    });
}
