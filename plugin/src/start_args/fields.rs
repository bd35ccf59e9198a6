//! Fields of the spec that a value is more to than its type: what may stand in each.

use super::values::{Outcome, boolean, device_rate, flag_number, integer, one_of, pair, size, ulimit};
use mngr_docker_grammar::words::shown;

use super::{Bad, Draft, Pull, draft};
use crate::contract::docker::RestartPolicy;
use crate::contract::types::DeviceRate;
use crate::labels;

/// As long as the kernel lets a host's name be.
const MOST_OF_A_HOST_NAME: usize = 64;
/// Kernel parameters that a container has of its own, besides those of [`SYSCTL_TREES`].
const SYSCTLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];
const SYSCTL_TREES: [&str; 2] = ["net.", "fs.mqueue."];

pub fn shares(value: &str) -> Outcome<i64> {
    flag_number(value, 0, 262_144)
}

pub fn swap(value: &str) -> Outcome<i64> {
    if value == "-1" { Ok(-1) } else { size(value) }
}

pub fn pids(value: &str) -> Outcome<i64> {
    flag_number(value, -1, i64::MAX)
}

/// 0 for no weight of its own.
pub fn blkio_weight(value: &str) -> Outcome<u16> {
    let bad = || Bad::new("it is not a weight", "write a number from 10 to 1000, or 0 for none");
    flag_number(value, 0, 1000)
        .ok()
        .filter(|weight| *weight == 0 || *weight >= 10)
        .and_then(|weight| weight.try_into().ok())
        .ok_or_else(bad)
}

pub fn bps(value: &str) -> Outcome<DeviceRate> {
    device_rate(value, true)
}

pub fn iops(value: &str) -> Outcome<DeviceRate> {
    device_rate(value, false)
}

pub fn oom_score(value: &str) -> Outcome<i32> {
    let bad = || Bad::new("it is not a score", "write a number from -1000 to 1000");
    flag_number(value, -1000, 1000)
        .ok()
        .and_then(|score| score.try_into().ok())
        .ok_or_else(bad)
}

pub fn stop_timeout(value: &str) -> Outcome<i64> {
    flag_number(value, i64::from(i32::MIN), i64::from(i32::MAX))
}

pub fn cgroupns(value: &str) -> Outcome<String> {
    one_of(value, &["private", "host"])
}

pub fn absolute(value: &str) -> Outcome<String> {
    match value.starts_with('/') {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            "it is not an absolute path",
            "write a path that begins with /",
        )),
    }
}

/// What the kernel takes for a name, whatever is in it.
pub fn host(value: &str) -> Outcome<String> {
    match value.len() <= MOST_OF_A_HOST_NAME {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            format!("it has {} bytes", value.len()),
            format!("write a name of at most {MOST_OF_A_HOST_NAME} bytes, which is what the kernel takes"),
        )),
    }
}

/// A kernel parameter that has a namespace of its own in a container, and its value.
pub fn sysctl(value: &str) -> Outcome<(&str, &str)> {
    let (name, content) = value
        .split_once('=')
        .ok_or_else(|| Bad::new("its value is missing", "write NAME=VALUE"))?;
    if SYSCTLS.contains(&name) || SYSCTL_TREES.iter().any(|tree| name.starts_with(tree)) {
        return Ok((name, content));
    }
    Err(Bad::new(
        format!("`{}` is a parameter of the whole machine, or none", shown(name)),
        format!("use one below net. or fs.mqueue., or one of {}", SYSCTLS.join(", ")),
    ))
}

/// `c 1:3 mr`
pub fn cgroup_rule(value: &str) -> Outcome<String> {
    let number = |text: &str| text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match value.split(' ').collect::<Vec<_>>()[..] {
        [kind, numbers, access] => {
            ["a", "b", "c"].contains(&kind)
                && numbers
                    .split_once(':')
                    .is_some_and(|(major, minor)| number(major) && number(minor))
                && (1..=3).contains(&access.len())
                && access.chars().all(|letter| "rwm".contains(letter))
        }
        _ => false,
    };
    match fits {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            "it is not a rule for devices",
            "write a type (a, b or c), two numbers (or *) and what is allowed, for example `c 1:3 rwm`",
        )),
    }
}

/// A name alone takes the image's variable away. The caller has filled in a value where its own environment has one: a plugin
/// cannot see that.
pub fn env(draft: &mut Draft, value: &str) -> Outcome {
    let bad = |reason: &str| Bad::new(reason, "write --env NAME=VALUE");
    let name = value.split_once('=').map_or(value, |(name, _)| name);
    if name.is_empty() || value.contains('\0') {
        return Err(bad("its name is not the name of a variable"));
    }
    draft.spec.env.retain(|known| known.split('=').next() != Some(name));
    draft.spec.env.push(value.to_owned());
    Ok(())
}

pub fn label(draft: &mut Draft, value: &str) -> Outcome {
    let (name, value) = pair(value)?;
    let word = name.trim_start();
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Err(Bad::new(
            "its name is empty or has spaces in it",
            "write NAME=VALUE, with spaces in the value only",
        ));
    }
    if word.starts_with(labels::PREFIX) {
        return Err(Bad::new(
            format!("labels under {} are the provider's own", labels::PREFIX),
            "use a label of your own, or a tag",
        ));
    }
    draft::set(&mut draft.spec.labels, name, value);
    Ok(())
}

/// Nothing said is `no`, and a number that is left out or 0 is no bound.
pub fn restart(value: &str) -> Outcome<RestartPolicy> {
    let (name, retries) = value.split_once(':').unwrap_or((value, ""));
    let name = match value {
        "" => "no".to_owned(),
        _ => one_of(name, &["no", "always", "unless-stopped", "on-failure"])?,
    };
    let times = match retries {
        "" => 0,
        times => integer(times, 0, i64::from(i32::MAX))?,
    };
    if times > 0 && name != "on-failure" {
        return Err(Bad::new(
            "only on-failure takes a number",
            "write on-failure:3, or the policy alone",
        ));
    }
    let max_retries = u32::try_from(times).ok().filter(|times| *times > 0);
    Ok(RestartPolicy { name, max_retries })
}

/// `/dev/sda:500`
pub fn device_weight(value: &str) -> Outcome<DeviceRate> {
    let rate = device_rate(value, false)?;
    blkio_weight(&rate.rate.to_string())?;
    Ok(rate)
}

pub fn pull(draft: &mut Draft, value: &str) -> Outcome {
    draft.pull = match one_of(value, &["", "missing", "always", "never"])?.as_str() {
        "always" => Pull::Always,
        "never" => Pull::Never,
        _ => Pull::Missing,
    };
    Ok(())
}

pub fn platform(draft: &mut Draft, value: &str) -> Outcome {
    if value.is_empty() {
        draft.platform = None;
        return Ok(());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let parts: Vec<_> = value.split('/').collect();
    let fits = (2..=3).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty() && part.chars().all(plain));
    if !fits {
        return Err(Bad::new(
            "it is not a platform",
            "write OS/ARCHITECTURE, for example linux/amd64",
        ));
    }
    draft.platform = Some(value.to_lowercase());
    Ok(())
}

pub fn limit(draft: &mut Draft, value: &str) -> Outcome {
    let limit = ulimit(value)?;
    draft.spec.limits.ulimits.retain(|known| known.name != limit.name);
    draft.spec.limits.ulimits.push(limit);
    Ok(())
}

/// An empty one turns the image's own off.
pub fn entrypoint(draft: &mut Draft, value: &str) -> Outcome {
    draft.spec.entrypoint = Some(vec![value.to_owned()]);
    Ok(())
}

pub fn health_command(draft: &mut Draft, value: &str) -> Outcome {
    if !value.is_empty() {
        draft.healthcheck().test = vec!["CMD-SHELL".to_owned(), value.to_owned()];
    }
    Ok(())
}

pub fn no_healthcheck(draft: &mut Draft, value: &str) -> Outcome {
    if boolean(value)? {
        draft.healthcheck().test = vec!["NONE".to_owned()];
    }
    Ok(())
}

pub fn retries(value: &str) -> Outcome<i64> {
    flag_number(value, 0, i64::from(i32::MAX))
}

pub fn log_driver(draft: &mut Draft, value: &str) -> Outcome {
    draft.log_config().driver = value.to_owned();
    Ok(())
}

pub fn log_option(draft: &mut Draft, value: &str) -> Outcome {
    let (name, value) = pair(value)?;
    draft::set(&mut draft.log_config().options, name, value);
    Ok(())
}
