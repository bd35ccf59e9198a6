use mngr_host_shim::contract::ProviderError;
use mngr_host_shim::engine::Engine;

use super::fixture::{IMAGE, commit_options, engine, kind, run, sh, sleeper, spec, words};

#[tokio::test]
async fn a_commit_keeps_files_config_and_labels() {
    let engine = engine();
    let mut with_config = sleeper("a1");
    with_config.env = words(&["SECRET=1"]);
    with_config.volumes = words(&["/data"]);
    let id = run(&engine, with_config).await;
    sh(&engine, &id, "echo 1 > /root/f; echo 2 > /data/f").await;
    let image = engine.container_commit(&id, commit_options("one")).await.unwrap();
    sh(&engine, &id, "echo changed > /root/f").await;

    let described = engine.image_inspect("mngr-snapshot:one").await.unwrap();
    assert_eq!(described.id, image);
    assert_eq!(described.layers, 2);
    assert_eq!(described.command, ["sleep", "infinity"]);
    assert!(described.env_names.contains(&"SECRET".to_owned()));
    assert!(described.labels.contains(&("agent".to_owned(), "a1".to_owned())));
    assert!(described.labels.contains(&("snapshot".to_owned(), "one".to_owned())));

    let mut restored = spec("a2", &[]);
    restored.image = "mngr-snapshot:one".to_owned();
    let id = run(&engine, restored).await;
    assert_eq!(sh(&engine, &id, "cat /root/f; ls /data").await.stdout, "1\n");
    let labels = engine.container_inspect(&id, false).await.unwrap().labels;
    assert!(
        labels.contains(&("agent".to_owned(), "a2".to_owned())),
        "its own label wins"
    );
    assert!(
        labels.contains(&("snapshot".to_owned(), "one".to_owned())),
        "the image's is inherited"
    );
}

#[tokio::test]
async fn a_tag_moves_to_the_newer_image() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let first = engine.container_commit(&id, commit_options("x")).await.unwrap();
    let second = engine.container_commit(&id, commit_options("x")).await.unwrap();
    assert_eq!(engine.image_inspect("mngr-snapshot:x").await.unwrap().id, second);
    assert!(engine.image_inspect(&first).await.unwrap().tags.is_empty());
}

#[tokio::test]
async fn an_image_has_at_most_125_layers() {
    let engine = engine();
    for depth in 2..=125 {
        let mut next = sleeper("a1");
        next.image = if depth == 2 {
            IMAGE.to_owned()
        } else {
            format!("mngr-snapshot:{}", depth - 1)
        };
        let id = engine.container_create(next).await.unwrap().id;
        engine
            .container_commit(&id, commit_options(&depth.to_string()))
            .await
            .unwrap();
        engine.container_remove(&id, false, false).await.unwrap();
    }
    let mut last = sleeper("a1");
    last.image = "mngr-snapshot:125".to_owned();
    let id = engine.container_create(last).await.unwrap().id;
    let error = engine.container_commit(&id, commit_options("126")).await.unwrap_err();
    assert!(error.message().contains("max depth exceeded"));
}

#[tokio::test]
async fn an_image_in_use_stays_and_one_with_more_tags_is_untagged() {
    let engine = engine();
    let id = run(&engine, sleeper("a1")).await;
    let error = engine.image_remove(IMAGE, false).await.unwrap_err();
    assert_eq!(error.kind(), "conflict");
    assert!(error.message().contains(&id[..12]));
    engine.image_tag(IMAGE, "other", "").await.unwrap();
    assert_eq!(engine.image_remove("other", false).await.unwrap(), ["other:latest"]);
    engine.container_remove(&id, true, false).await.unwrap();
    let image = engine.image_inspect(IMAGE).await.unwrap().id;
    assert_eq!(engine.image_inspect(&image[7..19]).await.unwrap().id, image);
    assert_eq!(
        engine.image_remove(IMAGE, false).await.unwrap(),
        [IMAGE.to_owned(), image]
    );
    assert_eq!(kind(engine.image_inspect(IMAGE).await), "not_found");
    assert_eq!(kind(engine.image_remove(IMAGE, false).await), "not_found");
}

#[tokio::test]
async fn an_entrypoint_given_drops_the_images_command() {
    let engine = engine();
    let mut own = sleeper("a1");
    own.entrypoint = Some(words(&["echo"]));
    own.command = Some(words(&["x"]));
    let id = run(&engine, own).await;
    engine.container_commit(&id, commit_options("echo")).await.unwrap();
    let from = async |name: &str, entrypoint: Option<&[&str]>, command: &[&str]| {
        let mut spec = spec(name, command);
        spec.image = "mngr-snapshot:echo".to_owned();
        spec.entrypoint = entrypoint.map(words);
        let id = engine.container_create(spec).await?.id;
        let container = engine.container_inspect(&id, false).await?;
        Ok::<_, ProviderError>((container.entrypoint, container.command))
    };
    assert_eq!(from("b1", None, &[]).await.unwrap(), (words(&["echo"]), words(&["x"])));
    assert_eq!(
        from("b2", None, &["y"]).await.unwrap(),
        (words(&["echo"]), words(&["y"]))
    );
    assert_eq!(
        from("b3", Some(&["cat"]), &[]).await.unwrap(),
        (words(&["cat"]), Vec::new())
    );
    assert_eq!(
        from("b4", Some(&[""]), &["ls"]).await.unwrap(),
        (Vec::new(), words(&["ls"]))
    );
    assert_eq!(kind(from("b5", Some(&[""]), &[]).await), "invalid_argument");
}

#[tokio::test]
async fn there_is_no_registry_and_no_build() {
    let engine = engine();
    let progress: mngr_host_shim::engine::ProgressSink = std::sync::Arc::new(|_| {});
    assert_eq!(
        kind(engine.image_pull("nope", None, None, progress.clone()).await),
        "not_found"
    );
    assert_eq!(kind(engine.image_push(IMAGE, None, progress).await), "unavailable");
}
