//! `--security-opt`, `--cap-add` and `--cap-drop`.

use super::values::{Outcome, boolean, text};
use super::{Bad, Draft};

/// A seccomp profile comes as its JSON: the command line reads the file, which is not the plugin's to read.
pub fn option(value: &str) -> Outcome<String> {
    let (name, content) = value.split_once(['=', ':']).unwrap_or((value, ""));
    match (name, content) {
        ("no-new-privileges", _) if value == name => {}
        ("no-new-privileges", _) => {
            boolean(content)?;
        }
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
        ("systempaths", _) if value == "systempaths=unconfined" => {}
        ("systempaths", _) => {
            return Err(Bad::new(
                "system paths are masked all or not at all",
                "write systempaths=unconfined, or leave it out",
            ));
        }
        ("label" | "apparmor", "") => {
            return Err(Bad::new(
                "its value is missing",
                "write for example apparmor=PROFILE or label=disable",
            ));
        }
        ("label" | "apparmor", _) => {}
        _ => {
            let remedy = "use no-new-privileges, label=…, apparmor=PROFILE, seccomp=PROFILE or systempaths=unconfined";
            return Err(Bad::new("there is no such option", remedy));
        }
    }
    Ok(value.to_owned())
}

pub fn cap_add(draft: &mut Draft, value: &str) -> Outcome {
    add(&mut draft.spec.cap_add, value)
}

pub fn cap_drop(draft: &mut Draft, value: &str) -> Outcome {
    add(&mut draft.spec.cap_drop, value)
}

/// Each capability stands once, in the kernel's spelling, and all are in order.
fn add(known: &mut Vec<String>, value: &str) -> Outcome {
    let name = text(value)?.to_uppercase();
    let name = match name.as_str() {
        "ALL" => name,
        _ if name.starts_with("CAP_") => name,
        _ => format!("CAP_{name}"),
    };
    if let Err(place) = known.binary_search(&name) {
        known.insert(place, name);
    }
    Ok(())
}
