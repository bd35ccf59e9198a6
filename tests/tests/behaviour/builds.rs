//! Builds, on a real engine: the one in memory has no builder and says so.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mngr_docker_tests::{Kind, Testbed, error_kind, run};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::policy::PROVIDER_LABEL;
use mngr_host_shim::provider::{From, NewAgent};
use tokio_util::sync::CancellationToken;

fn context(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        fs::write(directory.path().join(name), content).expect("written");
    }
    directory
}

fn from(directory: &Path, args: &[&str]) -> NewAgent {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let context = directory.to_path_buf();
    NewAgent {
        from: From::Build { context, args },
        ..NewAgent::named("a")
    }
}

async fn create(bed: &Testbed, files: &[(&str, &str)], args: &[&str]) -> Result<Agent> {
    bed.provider.create(from(context(files).path(), args)).await
}

async fn images(bed: &Testbed) -> usize {
    let labels = vec![format!("{PROVIDER_LABEL}={}", bed.provider.name())];
    let images = bed.engine.image_list(labels).await.expect("images");
    images.iter().filter(|image| !image.tags.is_empty()).count()
}

async fn assert_nothing_is_left(bed: &Testbed) {
    assert_eq!(images(bed).await, 0);
    let all = DiscoverRequest::default();
    assert!(bed.provider.discover(all).await.expect("a list").is_empty());
}

#[test]
fn an_agent_is_made_from_a_dockerfile_with_arguments_and_a_target() {
    run(Kind::Real, async |bed| {
        let dockerfile = "FROM mngr-test:busybox AS first\nARG WORD=none\nRUN echo $WORD > /word\nCOPY kept /kept\n\
                          FROM first AS second\nRUN false\n";
        let files = [
            ("Dockerfile", dockerfile),
            ("kept", "kept\n"),
            ("left", "x"),
            (".dockerignore", "left\n"),
        ];
        let agent = create(bed, &files, &["--target=first", "--build-arg", "WORD=hello"])
            .await
            .expect("an agent");
        assert_eq!(agent.image, format!("mngr-build:{}", agent.id));
        assert_eq!(bed.shell("a", "cat /word /kept").await, (0, "hello\nkept\n".to_owned()));
        assert_eq!(images(bed).await, 1);
    });
}

#[test]
fn a_step_that_fails_shows_its_output_and_leaves_neither_image_nor_agent() {
    run(Kind::Real, async |bed| {
        let files = [("Dockerfile", "FROM mngr-test:busybox\nRUN echo it went wrong; exit 3\n")];
        let error = create(bed, &files, &[]).await.expect_err("a failing step");
        assert_eq!(error.kind(), "invalid_argument");
        assert!(error.message().contains("it went wrong"), "{}", error.message());
        let path = error.remedy().rsplit(' ').next().expect("a file").to_owned();
        assert!(fs::read_to_string(&path).expect("the log").contains("it went wrong"));
        fs::remove_file(path).expect("removed");
        assert_nothing_is_left(bed).await;
    });
}

#[test]
fn what_is_ignored_is_not_there_to_be_copied() {
    run(Kind::Real, async |bed| {
        let files = [
            ("Dockerfile", "FROM mngr-test:busybox\nCOPY left /\n"),
            ("left", "x"),
            (".dockerignore", "*\n"),
        ];
        assert_eq!(error_kind(create(bed, &files, &[]).await), "invalid_argument");
        assert_nothing_is_left(bed).await;
    });
}

#[test]
fn a_dockerfile_may_lie_elsewhere_and_one_that_is_missing_is_named() {
    run(Kind::Real, async |bed| {
        let elsewhere = context(&[("Elsewhere", "FROM mngr-test:busybox\nCOPY kept /kept\n")]);
        let path = elsewhere.path().join("Elsewhere");
        let files = [("kept", "kept\n")];
        let error = create(bed, &files, &[]).await.expect_err("no Dockerfile");
        assert!(error.message().contains("Dockerfile"), "{}", error.message());
        create(bed, &files, &["-f", &path.display().to_string()])
            .await
            .expect("an agent");
        assert_eq!(
            bed.shell("a", "cat /kept; ls -a / | grep -c dockerfile").await.1,
            "kept\n0\n"
        );
    });
}

#[test]
fn an_image_whose_agent_can_not_be_made_goes_too() {
    run(Kind::Real, async |bed| {
        let files = [("Dockerfile", "FROM mngr-test:busybox\n")];
        let directory = context(&files);
        let start_args = vec!["--privileged".to_owned()];
        let refused = NewAgent {
            start_args,
            ..from(directory.path(), &[])
        };
        assert_eq!(error_kind(bed.provider.create(refused).await), "denied");
        assert_eq!(error_kind(create(bed, &files, &["--network=host"]).await), "denied");
        assert_nothing_is_left(bed).await;
    });
}

#[test]
fn a_build_that_is_cancelled_leaves_nothing() {
    run(Kind::Real, async |bed| {
        let directory = context(&[("Dockerfile", "FROM mngr-test:busybox\nRUN sleep 600\n")]);
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let provider = bed
            .provider
            .clone()
            .cancelled_by(cancel)
            .on_progress(Arc::new(move |progress| {
                if progress.subject.contains("RUN sleep") {
                    token.cancel();
                }
            }));
        assert_eq!(
            error_kind(provider.create(from(directory.path(), &["--no-cache"])).await),
            "unavailable"
        );
        assert_nothing_is_left(bed).await;
    });
}

#[test]
fn the_engine_in_memory_says_that_it_builds_nothing() {
    run(Kind::Sandbox, async |bed| {
        let files = [("Dockerfile", "FROM mngr-test:busybox\n")];
        assert_eq!(error_kind(create(bed, &files, &[]).await), "unsupported");
    });
}
