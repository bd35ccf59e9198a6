//! `--gpus`.

use super::values::{Outcome, comma_separated, integer};
use super::{Bad, Draft};
use crate::contract::types::DeviceRequest;
use crate::error::shown;

/// `all`, a number, or `driver=…,count=…,"device=0,1","capabilities=compute,utility"`.
pub fn gpus(draft: &mut Draft, value: &str) -> Outcome {
    let mut request = DeviceRequest {
        driver: String::new(),
        count: None,
        device_ids: Vec::new(),
        capabilities: Vec::new(),
        options: Vec::new(),
    };
    let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
    for field in comma_separated(value)? {
        match field.split_once('=').unwrap_or(("count", &field)) {
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

fn count(value: &str) -> Outcome<i64> {
    if value == "all" {
        return Ok(-1);
    }
    integer(value, 1, i64::from(i32::MAX)).map_err(|_| {
        Bad::new(
            "it is not a number of GPUs",
            "write all, a number, or device=ID, for example --gpus all",
        )
    })
}
