use mngr_host_shim::contract::docker::CommitOptions;
use mngr_host_shim::engine::Engine;

use super::fixture::{IMAGE, LABEL, Own, OwnImage, engine, no_progress, unique};

fn commit(repository: &str) -> CommitOptions {
    CommitOptions {
        flatten: false,
        without_env: Vec::new(),
        repository: repository.into(),
        tag: "1".into(),
        comment: "a test".into(),
        author: String::new(),
        pause: false,
        labels: vec![(LABEL.into(), "committed".into()), ("more".into(), "x=y z".into())],
    }
}

#[tokio::test]
async fn a_commit_keeps_files_and_config_and_sets_labels_over_the_containers() {
    let own = Own::started("commit").await;
    own.ran(&["sh", "-c", "echo kept > /kept"]).await;
    let image = OwnImage(format!("{}:1", own.name));
    let id = own
        .engine
        .container_commit(&own.id, commit(&own.name))
        .await
        .expect("committed");

    let inspected = own.engine.image_inspect(&image.0).await.expect("it is there");
    assert_eq!(inspected.id, id);
    assert_eq!(inspected.tags, std::slice::from_ref(&image.0));
    assert!(inspected.labels.contains(&(LABEL.into(), "committed".into())));
    assert!(inspected.labels.contains(&("more".into(), "x=y z".into())));
    assert_eq!(inspected.command[0], "sh");
    assert!(inspected.env_names.contains(&"SECRET".into()));
    assert!(inspected.layers > 1 && inspected.created.is_some() && !inspected.parent_id.is_empty());

    let mut wanted = super::fixture::spec(&unique("from-commit"));
    wanted.image.clone_from(&image.0);
    let copy = Own::created(wanted).await;
    copy.engine.container_start(&copy.id).await.expect("it starts");
    assert_eq!(copy.ran(&["cat", "/kept"]).await.1, "kept\n");
}

#[tokio::test]
async fn images_are_found_by_label_tagged_and_removed() {
    let own = Own::started("tag").await;
    let image = OwnImage(format!("{}:1", own.name));
    let mut options = commit(&own.name);
    options
        .labels
        .push(("com.imbue.mngr.test.mark".into(), own.name.clone()));
    let id = own.engine.container_commit(&own.id, options).await.expect("committed");
    own.engine.image_tag(&id, &own.name, "2").await.expect("tagged");

    let found = own
        .engine
        .image_list(vec![format!("com.imbue.mngr.test.mark={}", own.name)])
        .await
        .expect("a list");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].tags.len()), (id.as_str(), 2));
    let untagged = own
        .engine
        .image_remove(&format!("{}:2", own.name), false)
        .await
        .expect("untagged");
    assert_eq!(untagged, [format!("{}:2", own.name)]);
    let removed = own.engine.image_remove(&image.0, false).await.expect("removed");
    assert!(removed.contains(&id));
    let gone = own.engine.image_remove(&image.0, false).await.expect_err("gone");
    assert_eq!(gone.kind(), "not_found");
    assert!(gone.message().contains(&image.0));
}

#[tokio::test]
async fn an_image_in_use_is_a_conflict() {
    let own = Own::started("in-use").await;
    let image = OwnImage(format!("{}:1", own.name));
    own.engine
        .container_commit(&own.id, commit(&own.name))
        .await
        .expect("committed");
    let mut wanted = super::fixture::spec(&unique("user"));
    wanted.image.clone_from(&image.0);
    let user = Own::created(wanted).await;
    let error = own.engine.image_remove(&image.0, false).await.expect_err("it is used");
    assert_eq!(error.kind(), "conflict");
    assert!(error.message().contains(&user.id[..12]));
}

#[tokio::test]
async fn a_commit_to_a_tag_that_can_not_be_leaves_no_image() {
    let own = Own::started("bad-tag").await;
    let mut options = commit(&own.name);
    options.tag = "no:such+tag".into();
    options
        .labels
        .push(("com.imbue.mngr.test.mark".into(), own.name.clone()));
    let error = own
        .engine
        .container_commit(&own.id, options)
        .await
        .expect_err("a bad tag");
    assert_eq!(error.field(), Some("tag"));
    let left = own
        .engine
        .image_list(vec![format!("com.imbue.mngr.test.mark={}", own.name)])
        .await
        .expect("a list");
    assert!(left.is_empty());
    let upper = own.engine.image_tag(IMAGE, "UPPER", "1").await.expect_err("a bad name");
    assert_eq!(upper.field(), Some("repository"));
}

#[tokio::test]
async fn a_pull_that_can_not_be_fails_as_an_error_and_not_as_progress() {
    let error = engine()
        .image_pull("127.0.0.1:1/mngr-test/none:1", None, None, no_progress())
        .await
        .expect_err("nothing listens there");
    assert_eq!(error.kind(), "unavailable", "{error:?}");
    assert!(error.message().contains("127.0.0.1:1"));
    let push = engine()
        .image_push("127.0.0.1:1/mngr-test/none:1", None, no_progress())
        .await
        .expect_err("no image");
    assert!(push.message().contains("127.0.0.1:1"), "{push:?}");
}
