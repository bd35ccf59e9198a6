//! Flags of `docker run` that are known and not taken, each with the reason.

use super::Bad;

struct Refusal {
    long: &'static [&'static str],
    short: &'static [char],
    reason: &'static str,
    remedy: &'static str,
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        long: &["detach", "attach", "sig-proxy", "detach-keys", "quiet"],
        short: &['d', 'a', 'q'],
        reason: "an agent always runs by itself, with no terminal attached",
        remedy: "leave it out; `mngr-docker logs NAME` shows what the agent prints",
    },
    Refusal {
        long: &["interactive", "tty"],
        short: &['i', 't'],
        reason: "an agent's main command has no terminal",
        remedy: "leave it out; `mngr-docker exec -it NAME -- sh` gives a terminal",
    },
    Refusal {
        long: &["rm"],
        short: &[],
        reason: "an agent outlives its main command, so that it can be started again",
        remedy: "leave it out; `mngr-docker destroy NAME` removes the agent",
    },
    Refusal {
        long: &["name"],
        short: &[],
        reason: "the container's name is made of the provider's and the agent's",
        remedy: "leave it out, and name the agent instead",
    },
    Refusal {
        long: &["cidfile"],
        short: &[],
        reason: "a plugin writes no files",
        remedy: "leave it out; `mngr-docker show NAME --json` has the container's id",
    },
    Refusal {
        long: &["env-file", "label-file"],
        short: &[],
        reason: "a plugin reads no files of your machine, and settings name none for it",
        remedy: "give the flag to `mngr-docker create`, or write each line as --env NAME=VALUE or --label NAME=VALUE",
    },
    Refusal {
        long: &["disable-content-trust"],
        short: &[],
        reason: "the engine pulls images, and it checks no signatures",
        remedy: "leave it out; name an image by its digest to be sure of it",
    },
    Refusal {
        long: &[
            "cpu-period",
            "cpu-quota",
            "cpu-rt-period",
            "cpu-rt-runtime",
            "cpu-count",
            "cpu-percent",
        ],
        short: &[],
        reason: "CPU time is given as a number of CPUs",
        remedy: "use --cpus, for example --cpus=1.5",
    },
    Refusal {
        long: &["kernel-memory", "memory-swappiness"],
        short: &[],
        reason: "newer kernels have no such limit",
        remedy: "use --memory and --memory-swap",
    },
    Refusal {
        long: &["volume-driver"],
        short: &[],
        reason: "a driver is given with the volume it is for",
        remedy: "use --mount type=volume,source=NAME,target=PATH,volume-driver=DRIVER",
    },
    Refusal {
        long: &["isolation", "io-maxbandwidth", "io-maxiops"],
        short: &[],
        reason: "it is for containers of Windows",
        remedy: "leave it out; --device-read-bps and --device-read-iops limit a device's I/O",
    },
    Refusal {
        long: &["use-api-socket"],
        short: &[],
        reason: "it would hand the agent the engine's socket and your credentials for registries",
        remedy: "leave it out; where you trust every agent, mount the socket with --volume and permit `docker.engine-socket`",
    },
    Refusal {
        long: &["help"],
        short: &[],
        reason: "it is not for a container",
        remedy: "leave it out; `docker run --help` explains the flags",
    },
];

fn bad(refusal: &Refusal) -> Bad {
    Bad::new(format!("it is not supported: {}", refusal.reason), refusal.remedy)
}

/// The refusal of a long flag.
pub fn by_long(name: &str) -> Option<Bad> {
    REFUSALS.iter().find(|refusal| refusal.long.contains(&name)).map(bad)
}

/// The refusal of a short flag.
pub fn by_short(letter: char) -> Option<Bad> {
    REFUSALS.iter().find(|refusal| refusal.short.contains(&letter)).map(bad)
}
