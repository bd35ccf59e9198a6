//! Builds, on a real engine: the one in memory has no builder and says so.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mngr_docker_tests::{Kind, Testbed, error_kind, run, until};
use mngr_host_shim::contract::Result;
use mngr_host_shim::contract::instance::DiscoverRequest;
use mngr_host_shim::contract::types::Agent;
use mngr_host_shim::policy::PROVIDER_LABEL;
use mngr_host_shim::provider::{AgentSource, NewAgent};
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
        from: AgentSource::Build { context, args },
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
        for builder in [&["--no-cache"][..], &["--no-cache", "--secret=id=a,src=/etc/hostname"]] {
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
            let cancelled = provider.create(from(directory.path(), builder)).await;
            assert_eq!(error_kind(cancelled), "unavailable");
            assert_nothing_is_left(bed).await;
        }
    });
}

#[test]
fn a_file_that_can_not_be_read_is_named_and_not_told_as_an_engine_that_is_gone() {
    run(Kind::Real, async |bed| {
        let elsewhere = context(&[("Dockerfile", "FROM mngr-test:busybox\nCOPY . /ctx\n")]);
        let flag = format!("--file={}", elsewhere.path().join("Dockerfile").display());
        // Of its files the kernel lets nobody read `flush`.
        let unreadable = Path::new("/proc/sys/net/ipv4/route");
        let error = bed
            .provider
            .create(from(unreadable, &[&flag]))
            .await
            .expect_err("unreadable");
        assert_eq!((error.kind(), error.field()), ("invalid_argument", Some("build")));
        let message = error.message();
        assert!(message.contains("route/flush: Permission denied"), "{message}");
        assert!(error.remedy().contains(".dockerignore"), "{}", error.remedy());
        assert_nothing_is_left(bed).await;
    });
}

#[test]
fn the_users_proxies_reach_a_build_and_its_agent_and_what_the_user_says_wins() {
    run(Kind::Real, async |bed| {
        let proxies = serde_json::json!({ "default": { "httpProxy": "http://p:1", "noProxy": "a,b" } });
        bed.docker_config(&serde_json::json!({ "proxies": proxies }));
        let dockerfile = "FROM mngr-test:busybox\nRUN echo $HTTP_PROXY $http_proxy $no_proxy > /built\n";
        let directory = context(&[("Dockerfile", dockerfile)]);
        let mut agent = from(directory.path(), &["--no-cache", "--build-arg=http_proxy=own"]);
        agent.start_args = ["--env", "NO_PROXY=mine"].map(str::to_owned).to_vec();
        bed.provider.create(agent).await.expect("an agent");
        let seen = bed
            .shell("a", "cat /built; echo $HTTP_PROXY $http_proxy $NO_PROXY $no_proxy")
            .await
            .1;
        assert_eq!(seen, "own own a,b\nhttp://p:1 http://p:1 mine a,b\n");
        let agent = bed.provider.get("a").await.expect("an agent");
        let container = bed
            .engine
            .container_inspect(&agent.container_id, false)
            .await
            .expect("it");
        assert!(
            !format!("{:?}", container.labels).contains("p:1"),
            "{:?}",
            container.labels
        );

        bed.provider
            .snapshot_create("a", Default::default())
            .await
            .expect("a snapshot");
        let restored = NewAgent {
            from: AgentSource::Snapshot(
                bed.provider.snapshot_list(Default::default()).await.expect("a list")[0]
                    .id
                    .clone(),
            ),
            ..NewAgent::named("b")
        };
        bed.docker_config(&serde_json::json!({ "proxies": { "default": { "httpProxy": "http://new:1" } } }));
        bed.provider.create(restored).await.expect("restored");
        assert_eq!(
            bed.shell("b", "echo $http_proxy").await.1,
            "http://new:1\n",
            "those that hold by now"
        );

        let off = bed
            .provider_on(bed.engine.clone(), bed.provider.name(), |config| {
                config.docker_proxies = false
            })
            .await;
        off.create(NewAgent::named("c").image("mngr-test:busybox"))
            .await
            .expect("an agent");
        assert_eq!(bed.shell("c", "echo .$http_proxy.").await.1, "..\n");
    });
}

#[test]
fn an_agent_whose_first_process_no_kernel_would_start_is_not_made() {
    run(Kind::Real, async |bed| {
        let too_long = "x".repeat(128 << 10);
        let long = [
            (vec![format!("--env=BIG={too_long}")], Vec::new(), "BIG"),
            (Vec::new(), vec!["echo".to_owned(), too_long.clone()], "argument 1"),
            (
                (0..30)
                    .map(|n| format!("--env=V{n}={}", &too_long[..100_000]))
                    .collect(),
                Vec::new(),
                "stack",
            ),
        ];
        for (start_args, command, word) in long {
            let agent = NewAgent {
                start_args,
                command,
                ..NewAgent::named("a").image("mngr-test:busybox")
            };
            let error = bed.provider.create(agent).await.expect_err(word);
            assert_eq!(error.kind(), "invalid_argument", "{word}");
            let told = format!("{} {}", error.message(), error.remedy());
            assert!(told.contains(word) && !told.contains("xxxx"), "{told}");
            assert_nothing_is_left(bed).await;
        }
        // What just fits is started by a real kernel.
        let agent = NewAgent {
            start_args: vec![format!("--env=B={}", &too_long[..(128 << 10) - 3])],
            ..NewAgent::named("a").image("mngr-test:busybox")
        };
        bed.provider.create(agent).await.expect("an agent");
        assert_eq!(bed.shell("a", "echo runs").await.1, "runs\n");
    });
}

#[test]
fn the_engine_in_memory_says_that_it_builds_nothing() {
    run(Kind::Sandbox, async |bed| {
        let files = [("Dockerfile", "FROM mngr-test:busybox\n")];
        assert_eq!(error_kind(create(bed, &files, &[]).await), "unsupported");
    });
}

#[test]
fn a_step_reads_a_secret_and_neither_image_nor_labels_hold_it() {
    run(Kind::Real, async |bed| {
        let elsewhere = context(&[("token", "hunter2-of-a-token\n")]);
        let secret = format!("id=token,src={}", elsewhere.path().join("token").display());
        let dockerfile = "FROM mngr-test:busybox\nARG WORD\n\
                          RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /length; echo $WORD > /word\n\
                          COPY kept /kept\n";
        let files = [("Dockerfile", dockerfile), ("kept", "kept\n")];
        let agent = create(
            bed,
            &files,
            &["--secret", &secret, "--build-arg=WORD=hello", "--no-cache"],
        )
        .await
        .expect("an agent");
        assert_eq!(
            bed.shell("a", "cat /length /word /kept").await,
            (0, "19\nhello\nkept\n".to_owned())
        );
        let found = bed.shell("a", "find / -xdev -type f -exec grep -l hunter2 {} +").await;
        assert_eq!(found.1, "");
        let image = bed.engine.image_inspect(&agent.image).await.expect("the image");
        let container = bed
            .engine
            .container_inspect(&agent.container_id, false)
            .await
            .expect("it");
        for labels in [&image.labels, &container.labels] {
            assert!(labels.iter().any(|(key, _)| key == PROVIDER_LABEL));
            assert!(!format!("{labels:?}").contains("hunter2") && !format!("{labels:?}").contains("token"));
        }
        let docker = bollard::Docker::connect_with_defaults().expect("the engine's address");
        let history = docker.image_history(&agent.image).await.expect("its history");
        assert!(!format!("{history:?}").contains("hunter2"));
    });
}

#[test]
fn a_secret_that_a_step_prints_is_not_in_the_error_or_the_log() {
    run(Kind::Real, async |bed| {
        let elsewhere = context(&[("token", "hunter2-of-a-token\n")]);
        let secret = format!("--secret=id=token,src={}", elsewhere.path().join("token").display());
        let dockerfile = "FROM mngr-test:busybox\nRUN --mount=type=secret,id=token cat /run/secrets/token; exit 3\n";
        let error = create(bed, &[("Dockerfile", dockerfile)], &[&secret, "--no-cache"])
            .await
            .expect_err("a failing step");
        assert_eq!(error.kind(), "invalid_argument");
        assert!(
            error.message().contains("(secret)") && error.message().contains("exit code: 3"),
            "{}",
            error.message()
        );
        let path = error.remedy().rsplit(' ').next().expect("a file").to_owned();
        let log = fs::read_to_string(&path).expect("the log");
        fs::remove_file(path).expect("removed");
        assert!(
            log.contains("(secret)") && !log.contains("hunter2") && !error.message().contains("hunter2"),
            "{log}"
        );

        let dockerfile = "FROM mngr-test:busybox\nRUN --mount=type=secret,id=other,required=true true\n";
        let error = create(bed, &[("Dockerfile", dockerfile)], &[&secret])
            .await
            .expect_err("no such secret");
        assert!(error.message().contains("other"), "{}", error.message());
        let path = error.remedy().rsplit(' ').next().expect("a file");
        fs::remove_file(path).expect("removed");
        assert_nothing_is_left(bed).await;
    });
}

/// An SSH agent of this test alone.
struct SshAgent(Child);

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn output(program: &str, args: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new(program)
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("a program that `cargo xtask setup` installs");
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_step_asks_an_ssh_agent_of_this_machine() {
    run(Kind::Real, async |bed| {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name).display().to_string();
        let (socket, key) = (at("agent.sock"), at("key"));
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a", &socket])
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent");
        let _agent = SshAgent(agent);
        let listens = || std::os::unix::net::UnixStream::connect(&socket).is_ok();
        until("ssh-agent listens", listens);
        output(
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", "", "-C", "of-the-test", "-f", &key],
            &[],
        );
        output("ssh-add", &["-q", &key], &[("SSH_AUTH_SOCK", &socket)]);

        // The image has no program that speaks to an agent, so it gets this machine's.
        let build = tempfile::tempdir().expect("a directory");
        let program = output("sh", &["-c", "command -v ssh-add"], &[]).trim().to_owned();
        let libraries = output("ldd", &[&program], &[]);
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for path in paths.chain([program.as_str()]) {
            let target = build.path().join("root").join(path.trim_start_matches('/'));
            fs::create_dir_all(target.parent().expect("a folder")).expect("made");
            fs::copy(path, target).expect("copied");
        }
        let dockerfile = "FROM mngr-test:busybox\nCOPY root/ /\nRUN --mount=type=ssh ssh-add -L > /keys\n";
        fs::write(build.path().join("Dockerfile"), dockerfile).expect("written");
        let ssh = format!("--ssh=default={socket}");
        bed.provider
            .create(from(build.path(), &[&ssh, "--no-cache"]))
            .await
            .expect("an agent");
        let public = fs::read_to_string(format!("{key}.pub")).expect("the public key");
        assert_eq!(bed.shell("a", "cat /keys").await, (0, public));
    });
}
