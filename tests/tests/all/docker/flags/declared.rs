//! What is otherwise than Docker on purpose: each with the line of the documentation that says so.

use super::inspected::Difference;

/// The documentation.
pub const README: &str = include_str!("../../../../../README.md");

const SET: &str =
    "Every agent has its provider's labels, an init as PID 1, the setting `stop_timeout_seconds` for its time to stop";
const NOT_SUPPORTED: &str = "what a managed agent can not have: `detach`, `interactive`, `tty`";
const NO_WORD: &str = "`driver-opt` and `gw-priority` of a `--network`, and `--mount type=image`, are `unsupported`";
const TOO_OLD: &str = "else `unsupported` names both versions";
const GPUS: &str = "GPUs that the engine's machine does not have are refused before a container is made";
const AT_START: &str = "What no container can start with is refused when it is made";
const SIZES: &str = "A size has no sign, no exponent and no underscore";
const KERNEL: &str = "A limit that no kernel has is refused";
const NAMELESS: &str = "A label or an option of a volume that has no name is refused";
const LONG_PORT: &str = "A part of a long `--publish` that Docker would pass over is refused";
const PLATFORM: &str = "`--platform` is `OS/ARCHITECTURE`";
const MAC: &str = "`--mac-address` is for every engine";
const CONSISTENCY: &str = "`consistency` of a mount is taken and left out";

/// Parts of what we say of what Docker takes.
const REFUSED: &[(&str, &str)] = &[
    ("it is not supported", NOT_SUPPORTED),
    ("of a network cannot be passed on", NO_WORD),
    ("images cannot be mounted", NO_WORD),
    ("it needs API", TOO_OLD),
    ("the engine's machine has none that will do", GPUS),
    ("the engine's machine does not have it", GPUS),
    ("it asks for a number of GPUs and for certain ones", GPUS),
    ("`count` is given twice", GPUS),
    ("it is not a number of GPUs", GPUS),
    ("is neither an absolute path nor the name of a volume", AT_START),
    ("is not a path in the container", AT_START),
    ("is not a path inside a volume", AT_START),
    ("it is not a device", AT_START),
    ("it is not an IP address", AT_START),
    ("its container port is not a port", AT_START),
    ("`--network=name=`: its name is missing", AT_START),
    ("`--expose=0`: it is not a port", AT_START),
    ("it has 65 bytes", AT_START),
    ("it is not a size", SIZES),
    ("it is not a number of CPUs", KERNEL),
    ("the kernel has no such weight", KERNEL),
    ("it is no number of processes", KERNEL),
    ("it is not a weight", KERNEL),
    ("it is out of range or not a whole number", KERNEL),
    ("its name is empty", NAMELESS),
    ("is not a part of a port", LONG_PORT),
    ("it is not a platform", PLATFORM),
];

/// Parts of what Docker says of what we take.
const TAKEN: &[(&str, &str)] = &[("\"specify mac-address per network\" requires API version 1.44", MAC)];

/// What Docker says of a field.
enum Docker {
    Nothing,
    True,
}

/// Fields that every container of ours has otherwise.
const ALWAYS: &[(&str, Docker)] = &[
    ("Config.Labels.com.imbue.mngr.", Docker::Nothing),
    ("Config.StopTimeout", Docker::Nothing),
    ("Config.AttachStdout", Docker::True),
    ("Config.AttachStderr", Docker::True),
    ("HostConfig.Init", Docker::Nothing),
];

/// The line that says that this is refused.
pub fn refused(words: &str) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(part, _)| words.contains(part))
        .map(|(_, line)| *line)
}

/// The line that says that what Docker refuses in these words is taken.
pub fn taken(words: &str) -> Option<&'static str> {
    TAKEN
        .iter()
        .find(|(part, _)| words.contains(part))
        .map(|(_, line)| *line)
}

/// Whether every container of ours has the field so.
pub fn is_always(found: &Difference) -> bool {
    ALWAYS.iter().any(|(path, docker)| {
        let said = match docker {
            Docker::Nothing => found.docker.is_none(),
            Docker::True => found.docker.as_ref().is_some_and(|value| *value == true),
        };
        said && found.path.starts_with(path)
    })
}

/// The line that says why a field of this row differs.
pub fn field(found: &Difference) -> Option<&'static str> {
    let without = |mounts: &serde_json::Value| {
        let mut mounts = mounts.clone();
        for mount in mounts.as_array_mut().into_iter().flatten() {
            mount.as_object_mut().map(|mount| mount.remove("Consistency"));
        }
        mounts
    };
    let same = found.docker.as_ref().map(without) == found.ours.as_ref().map(without);
    (found.path == "HostConfig.Mounts" && same).then_some(CONSISTENCY)
}

/// Every line that is quoted.
pub fn lines() -> impl Iterator<Item = &'static str> {
    let parts = REFUSED.iter().chain(TAKEN).map(|(_, line)| *line);
    parts.chain([SET, CONSISTENCY])
}
