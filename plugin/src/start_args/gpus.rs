//! `--gpus`, and the conditions `--gpu.count`, `--gpu.memory-min`, `--gpu.model` and `--gpu.exclusive`.

use mngr_docker_grammar::words::shown;

use super::values::{Outcome, boolean, comma_separated, integer, positive_size};
use super::{Bad, Draft};
use crate::contract::types::DeviceRequest;

/// What must be true of the devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// How many, where no request says it.
    pub count: Option<i64>,
    /// Least memory of each, in bytes.
    pub memory_min: Option<u64>,
    /// A part of the model's name, whatever the case.
    pub model: Option<String>,
    /// Nobody else gets them.
    pub exclusive: bool,
}

/// `all`, a number, or `driver=…,count=…,"device=0,1","capabilities=compute,utility"`; also the CDI name of a device.
pub fn gpus(draft: &mut Draft, value: &str) -> Outcome {
    let mut request = DeviceRequest {
        driver: String::new(),
        count: None,
        device_ids: Vec::new(),
        capabilities: Vec::new(),
        options: Vec::new(),
    };
    let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut seen: Vec<String> = Vec::new();
    for field in comma_separated(value)? {
        let (key, given) = match field.split_once('=') {
            Some((kind, _)) if kind.contains('/') => ("device", field.as_str()),
            Some(pair) => pair,
            None => ("count", field.as_str()),
        };
        if seen.iter().any(|known| known == key) {
            let remedy = match key {
                "count" => "give one number; quote a list of devices, for example --gpus '\"device=0,1\"'",
                _ => "give each key once, and its values in one list",
            };
            return Err(Bad::new(format!("`{}` is given twice", shown(key)), remedy));
        }
        seen.push(key.to_owned());
        match (key, given) {
            ("count", value) => request.count = Some(count(value)?),
            ("device", value) => request.device_ids = list(value),
            ("driver", value) => value.clone_into(&mut request.driver),
            ("capabilities", value) => {
                let mut all = list(value);
                if !all.iter().any(|capability| capability == "gpu") {
                    all.push("gpu".to_owned());
                }
                request.capabilities = vec![all];
            }
            ("options", value) => {
                for option in list(value) {
                    let (name, value) = super::values::pair(&option)?;
                    super::draft::set(&mut request.options, name, value);
                }
            }
            (other, _) => {
                let reason = format!("`{}` is not a key of a request for GPUs", shown(other));
                return Err(Bad::new(
                    reason,
                    "use some of: count, device, driver, capabilities, options",
                ));
            }
        }
    }
    if request.count.is_some() && !request.device_ids.is_empty() {
        return Err(Bad::new(
            "it asks for a number of GPUs and for certain ones",
            "give either; quote a list of devices, for example --gpus '\"device=0,1\"'",
        ));
    }
    if request.device_ids.is_empty() {
        request.count.get_or_insert(1);
    }
    if request.capabilities.is_empty() {
        request.capabilities = vec![vec!["gpu".to_owned()]];
    }
    draft.spec.limits.gpus.push(request);
    Ok(())
}

/// How many GPUs where no `--gpus` says it; 0 for none.
pub fn number(draft: &mut Draft, value: &str) -> Outcome {
    draft.gpu.count = Some(match value {
        "0" => 0,
        "-1" => return Err(not_a_number()),
        value => count(value)?,
    });
    Ok(())
}

/// Least memory of each.
pub fn memory_min(draft: &mut Draft, value: &str) -> Outcome {
    draft.gpu.memory_min = Some(u64::try_from(positive_size(value)?).unwrap_or_default());
    Ok(())
}

/// A part of the model's name.
pub fn model(draft: &mut Draft, value: &str) -> Outcome {
    let value = value.trim();
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(Bad::new(
            "it is no part of a model's name",
            "write for example --gpu.model=A100",
        ));
    }
    draft.gpu.model = Some(value.to_owned());
    Ok(())
}

/// Whether nobody else gets them.
pub fn exclusive(draft: &mut Draft, value: &str) -> Outcome {
    draft.gpu.exclusive = boolean(value)?;
    Ok(())
}

fn count(value: &str) -> Outcome<i64> {
    if matches!(value, "all" | "-1") {
        return Ok(-1);
    }
    integer(value, 1, i64::from(i32::MAX)).map_err(|_| not_a_number())
}

fn not_a_number() -> Bad {
    Bad::new(
        "it is not a number of GPUs",
        "write all, a number, or device=ID, for example --gpus all",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Wish;
    use crate::start_args::Fault;

    fn take(args: &[&str]) -> Result<Draft, Fault> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut draft = Draft::new();
        draft.take(&args).map(|()| draft)
    }

    fn draft(args: &[&str]) -> Draft {
        take(args).expect("good arguments")
    }

    fn fault(args: &[&str]) -> Fault {
        take(args).expect_err("a fault")
    }

    #[test]
    fn the_whole_grammar_of_gpus_is_the_docker_cli_s_own() {
        let one = |value: &str| draft(&["--gpus", value]).spec.limits.gpus[0].clone();
        assert_eq!(one("2").count, Some(2));
        assert_eq!(one("count=all").count, Some(-1));
        assert_eq!(one("driver=nvidia").count, Some(1));
        assert_eq!(one("device=GPU-3a23c669").device_ids, ["GPU-3a23c669"]);
        assert_eq!(
            one("\"capabilities=compute,utility\"").capabilities,
            [["compute", "utility", "gpu"]]
        );
        assert_eq!(one("all,\"options=a=1,b=2\"").options.len(), 2);
        assert_eq!(one("nvidia.com/gpu=0").device_ids, ["nvidia.com/gpu=0"]);
        assert_eq!(one("device=nvidia.com/gpu=0").device_ids, ["nvidia.com/gpu=0"]);
        for (bad, word) in [
            ("0", "number"),
            ("two", "number"),
            ("1,2", "twice"),
            ("driver=a,driver=b", "twice"),
            ("colour=red", "colour"),
            ("count=1,device=0", "certain ones"),
            ("", "empty"),
        ] {
            let fault = fault(&["--gpus", bad]);
            assert!(fault.reason.contains(word), "{bad}: {}", fault.reason);
        }
    }

    #[test]
    fn conditions_of_gpus_stand_beside_the_request() {
        let given = draft(&[
            "--gpu.count=2",
            "--gpu.memory-min=40g",
            "--gpu.model",
            "A100",
            "--gpu.exclusive",
        ]);
        assert_eq!(given.gpu.memory_min, Some(40 << 30));
        assert!(given.gpu.exclusive && given.gpu.model.as_deref() == Some("A100"));
        assert_eq!(Wish::of(&given).requests[0].count, Some(2));
        assert!(Wish::of(&draft(&["--gpu.exclusive"])).is_empty());
        assert!(Wish::of(&draft(&["--gpu.count=0"])).is_empty());
        for bad in [
            "--gpu.count=-1",
            "--gpu.memory-min=lots",
            "--gpu.model=",
            "--gpu.exclusive=perhaps",
        ] {
            assert!(!fault(&[bad]).remedy.is_empty(), "{bad}");
        }
    }
}
