//! What a snapshot would not hold, and agents made of one, by the command line and on a real engine.

use serde_json::{Value, json};

use crate::person::Person;

#[test]
fn a_snapshot_that_would_lose_data_is_told_and_refused_by_status_9_until_it_is_forced() {
    let person = Person::new();
    person.json(&["create", "a1", "-s", "--tmpfs=/root"]);
    let checked = person.run(&["snapshot", "check", "a1"]);
    assert_eq!(checked.status, 9);
    assert!(
        checked.stdout.contains("block") && checked.stdout.contains("/root"),
        "{}",
        checked.stdout
    );
    let checked = person.run(&["--json", "snapshot", "check", "a1"]);
    let findings: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!((findings[0]["kind"].as_str(), checked.status), (Some("tmpfs"), 9));

    let refused = person.run(&["snapshot", "create", "a1"]);
    assert!(
        refused.status == 9 && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    let forced = person.run(&["snapshot", "create", "a1", "--force", "--name", "first"]);
    assert!(
        forced.status == 0 && forced.stderr.contains("warning: /root"),
        "{}",
        forced.stderr
    );
    assert_eq!(person.json(&["snapshot", "list"])[0]["findings"], findings);
    assert_eq!(person.run(&["stop", "a1", "--snapshot", "--force"]).status, 0);
    let restored = person.run(&["start", "a1", "--snapshot", "first"]);
    assert!(
        restored.status == 0 && restored.stderr.contains("warning: /root"),
        "{}",
        restored.stderr
    );
    assert_eq!(person.run(&["destroy", "a1", "--snapshots"]).status, 0);
}

#[test]
fn an_agent_is_forked_by_count_and_its_changes_and_lineage_are_shown() {
    let person = Person::new();
    let parent = person.json(&["create", "a1"]);
    let forks = person.json(&["fork", "a1", "try", "--count", "2"]);
    assert_eq!(
        (&forks[0]["name"], &forks[1]["name"]),
        (&json!("try-1"), &json!("try-2"))
    );
    assert_eq!(forks[1]["parent_id"], parent["id"]);
    assert_eq!(person.run(&["exec", "try-1", "--", "touch", "/new"]).status, 0);
    assert_eq!(person.run(&["snapshot", "diff", "try-1"]).stdout, "A /new\n");
    person.json(&["snapshot", "create", "try-1", "--name", "idea"]);
    person.json(&["snapshot", "create", "a1", "--name", "plain"]);
    assert_eq!(person.run(&["snapshot", "diff", "plain", "idea"]).stdout, "A /new\n");
    assert_eq!(
        person.json(&["snapshot", "diff", "idea", "a1"]),
        json!({"added": [], "modified": [], "deleted": ["/new"]})
    );
    let tree = person.run(&["snapshot", "list", "--tree"]).stdout;
    assert!(tree.contains(" of a1,") && tree.contains("└─ snap-"), "{tree}");
    assert_eq!(person.run(&["destroy", "try-1", "try-2", "--snapshots"]).status, 0);
    assert_eq!(person.run(&["destroy", "a1", "--snapshots"]).status, 0);
    assert_eq!(person.json(&["snapshot", "list"]), json!([]));
}

#[test]
fn volumes_are_taken_along_after_their_cost_is_told_and_come_back() {
    let person = Person::new();
    person.json(&["create", "a1", "-s", "--volume=/data", "-s", "--tmpfs=/root"]);
    let fill = "dd if=/dev/zero of=/data/f bs=1k count=3000 2>/dev/null; echo t > /root/f";
    assert_eq!(person.run(&["exec", "a1", "--", "sh", "-c", fill]).status, 0);
    assert_eq!(
        person.run(&["snapshot", "create", "a1"]).status,
        9,
        "the tmpfs is its home"
    );
    let checked = person.run(&["snapshot", "check", "a1", "--include-volumes"]);
    assert_eq!(
        (checked.status, checked.stdout.matches("covered").count()),
        (0, 2),
        "{}",
        checked.stdout
    );

    let taken = person.run(&["snapshot", "create", "a1", "--include-volumes", "--name", "all"]);
    assert_eq!(taken.status, 0, "{}", taken.stderr);
    assert!(
        taken.stderr.contains("taking along /data of a1 (volume "),
        "{}",
        taken.stderr
    );
    assert!(
        taken.stderr.contains("taking along /root of a1: ") && taken.stderr.contains("about 1 second"),
        "{}",
        taken.stderr
    );
    let quiet = person.run(&["--json", "snapshot", "create", "a1", "--include-volumes"]);
    assert_eq!((quiet.status, quiet.stderr.as_str()), (0, ""));
    let listed = person.json(&["snapshot", "list"]);
    let volumes = listed[1]["volumes"].as_array().expect("volumes");
    assert_eq!(volumes.len(), 2);
    let held = volumes.iter().find(|volume| volume["path"] == "/data").expect("it");
    assert_eq!(held["kind"], "anonymous_volume");
    assert!(held["size_bytes"].as_u64() >= Some(3_072_000), "{held}");

    assert_eq!(person.run(&["create", "a2", "--snapshot", "all"]).status, 0);
    let seen = person.run(&["exec", "a2", "--", "sh", "-c", "cat /root/f; wc -c /data/f"]);
    assert_eq!(seen.stdout, "t\n3072000 /data/f\n");
    assert_eq!(person.run(&["fork", "a1", "a3", "--include-volumes"]).status, 0);
    assert_eq!(person.run(&["exec", "a3", "--", "cat", "/root/f"]).stdout, "t\n");
    assert_eq!(
        person
            .run(&["stop", "a1", "--snapshot=end", "--include-volumes"])
            .status,
        0
    );
    assert_eq!(
        person.json(&["snapshot", "list"])[0]["volumes"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let destroyed = person.run(&["destroy", "a2"]);
    assert!(
        destroyed.stdout.contains("; volume mngr-") && destroyed.stdout.contains(" kept"),
        "{}",
        destroyed.stdout
    );
    assert_eq!(person.run(&["destroy", "a1", "a3", "--snapshots"]).status, 0);
    assert_eq!(person.volumes().len(), 2);
    assert_eq!(person.run(&["gc", "-y"]).status, 0);
    assert_eq!(person.volumes().len(), 0);
}
