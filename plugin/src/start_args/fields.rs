//! Fields of the spec that a value is more to than its type: what may stand in each.

use super::values::{Outcome, boolean, device_rate, integer, one_of, pair, size, text, ulimit};
use super::{Bad, Draft, Pull, draft};
use crate::contract::docker::RestartPolicy;
use crate::contract::types::DeviceRate;
use crate::labels;

pub fn shares(value: &str) -> Outcome<i64> {
    integer(value, 0, 262_144)
}

pub fn swap(value: &str) -> Outcome<i64> {
    if value == "-1" { Ok(-1) } else { size(value) }
}

pub fn pids(value: &str) -> Outcome<i64> {
    integer(value, -1, i64::from(u32::MAX))
}

pub fn blkio_weight(value: &str) -> Outcome<u16> {
    let bad = || Bad::new("it is not a weight", "write a number from 10 to 1000");
    integer(value, 10, 1000)
        .ok()
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
    integer(value, -1000, 1000)
        .ok()
        .and_then(|score| score.try_into().ok())
        .ok_or_else(bad)
}

pub fn stop_timeout(value: &str) -> Outcome<i64> {
    integer(value, -1, i64::from(i32::MAX))
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

pub fn host(value: &str) -> Outcome<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    match (1..=63).contains(&value.len()) && value.chars().all(plain) {
        true => Ok(value.to_owned()),
        false => Err(Bad::new(
            "it is not a host name",
            "use at most 63 of the characters a-z A-Z 0-9 - . _",
        )),
    }
}

/// A variable without a value comes from the environment of the user's machine: the command line fills it in, a plugin can
/// not see it.
pub fn env(draft: &mut Draft, value: &str) -> Outcome {
    let bad = |reason: &str| Bad::new(reason, "write --env NAME=VALUE");
    let (name, content) = value
        .split_once('=')
        .ok_or_else(|| bad("its value is missing: only `mngr-docker create -s` takes one from your environment"))?;
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) || content.contains('\0') {
        return Err(bad("its name is not the name of a variable"));
    }
    let same = |known: &String| known.split_once('=').is_some_and(|(known, _)| known == name);
    draft.spec.env.retain(|known| !same(known));
    draft.spec.env.push(value.to_owned());
    Ok(())
}

pub fn label(draft: &mut Draft, value: &str) -> Outcome {
    let (name, value) = pair(value)?;
    if name.starts_with(labels::PREFIX) {
        return Err(Bad::new(
            format!("labels under {} are the provider's own", labels::PREFIX),
            "use a label of your own, or a tag",
        ));
    }
    draft::set(&mut draft.spec.labels, name, value);
    Ok(())
}

pub fn restart(value: &str) -> Outcome<RestartPolicy> {
    let (name, retries) = match value.split_once(':') {
        Some((name, retries)) => (name, Some(retries)),
        None => (value, None),
    };
    let name = one_of(name, &["no", "always", "unless-stopped", "on-failure"])?;
    let max_retries = match retries {
        None => None,
        Some(times) if name == "on-failure" => {
            Some(u32::try_from(integer(times, 0, i64::from(i32::MAX))?).unwrap_or_default())
        }
        Some(_) => {
            return Err(Bad::new(
                "only on-failure takes a number",
                "write on-failure:3, or the policy alone",
            ));
        }
    };
    Ok(RestartPolicy { name, max_retries })
}

/// A seccomp profile comes as its JSON: the command line reads the file. The Docker CLI rewrites `systempaths` to two lists
/// that the contract leaves out, and neither kind of file is the plugin's to read.
pub fn security(value: &str) -> Outcome<String> {
    let (name, content) = value.split_once(['=', ':']).unwrap_or((value, ""));
    match (name, content) {
        ("seccomp", "unconfined" | "builtin") => {}
        ("seccomp", profile) if profile.starts_with('{') => {
            if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(profile) {
                return Err(Bad::new(
                    format!("its profile is not a JSON object: {error}"),
                    "see the engine's own profile for the form",
                ));
            }
        }
        ("seccomp", _) => {
            let remedy = "name the file with `mngr-docker create -s`, which reads it; elsewhere write its JSON in place of its \
                          name, or seccomp=unconfined";
            return Err(Bad::new(
                "a profile in a file of your machine can not be read here",
                remedy,
            ));
        }
        ("systempaths", _) => {
            return Err(Bad::new("masked paths can not be opened one by one", "leave it out"));
        }
        ("no-new-privileges" | "label" | "apparmor", _) => {}
        _ => {
            let remedy = "use no-new-privileges, label=…, apparmor=PROFILE or seccomp=PROFILE";
            return Err(Bad::new("there is no such option", remedy));
        }
    }
    Ok(value.to_owned())
}

/// `/dev/sda:500`
pub fn device_weight(value: &str) -> Outcome<DeviceRate> {
    let rate = device_rate(value, false)?;
    blkio_weight(&rate.rate.to_string())?;
    Ok(rate)
}

pub fn pull(draft: &mut Draft, value: &str) -> Outcome {
    draft.pull = match one_of(value, &["missing", "always", "never"])?.as_str() {
        "always" => Pull::Always,
        "never" => Pull::Never,
        _ => Pull::Missing,
    };
    Ok(())
}

pub fn platform(draft: &mut Draft, value: &str) -> Outcome {
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
    draft.healthcheck().test = vec!["CMD-SHELL".to_owned(), text(value)?];
    Ok(())
}

pub fn no_healthcheck(draft: &mut Draft, value: &str) -> Outcome {
    if boolean(value)? {
        draft.healthcheck().test = vec!["NONE".to_owned()];
    }
    Ok(())
}

pub fn retries(value: &str) -> Outcome<i64> {
    integer(value, 0, i64::from(i32::MAX))
}

pub fn log_driver(draft: &mut Draft, value: &str) -> Outcome {
    draft.log_config().driver = text(value)?;
    Ok(())
}

pub fn log_option(draft: &mut Draft, value: &str) -> Outcome {
    let (name, value) = pair(value)?;
    draft::set(&mut draft.log_config().options, name, value);
    Ok(())
}
