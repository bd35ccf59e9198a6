//! Which devices a wish gets, or what of it the machine can not meet. Nothing here asks anybody.

use mngr_docker_grammar::words::shown;

use super::holders::{Holder, named};
use super::portion::Portion;
use super::{Wish, gibibytes};
use crate::contract::gpu::{Device, HandOut, Inventory};
use crate::contract::types::{DeviceRequest, ProviderError};
use crate::error::{conflict, exhausted, invalid, not_found};
use crate::grant::Held;
use crate::start_args::Conditions;

/// Picks devices for every request of a wish, none twice.
///
/// # Errors
/// `not-found` for a device that is not there, `invalid-argument` for one that does not meet the conditions, `conflict` for
/// one that is held, `resource-exhausted` where there are too few; each says what the machine has.
pub fn choose(wish: &Wish, inventory: &Inventory, holders: &[Holder]) -> Result<Vec<Portion>, ProviderError> {
    let table = Table {
        devices: &inventory.devices,
        holders,
        conditions: &wish.conditions,
    };
    let mut taken: Vec<&Device> = Vec::new();
    let mut portions = Vec::new();
    let mut like = wish.like.iter();
    for request in &wish.requests {
        let devices = match (wish.like.is_empty(), request.device_ids.as_slice()) {
            (false, _) => {
                let share = share(request, wish);
                let equal: Result<Vec<_>, _> = like
                    .by_ref()
                    .take(share)
                    .map(|held| table.equal(held, &taken))
                    .collect();
                let equal = equal?;
                if equal.is_empty() { continue } else { equal }
            }
            (true, []) => table.some(request, &taken)?,
            (true, ids) => {
                let each: Result<Vec<_>, _> = ids.iter().map(|id| table.named(request, id)).collect();
                each?
            }
        };
        let way = way(request, &devices).ok_or_else(|| {
            let ids: Vec<_> = devices.iter().map(|device| Held::of(device).to_string()).collect();
            exhausted(
                "GPUs",
                format!("the engine can not hand {} out in one way", ids.join(" and ")),
                "ask for each with a --gpus of its own",
            )
        })?;
        taken.extend(&devices);
        portions.push(Portion {
            request: request.clone(),
            devices: devices.into_iter().cloned().collect(),
            way,
        });
    }
    Ok(portions)
}

/// How many of the devices to be equalled fall to a request: all to the only one.
fn share(request: &DeviceRequest, wish: &Wish) -> usize {
    match (wish.requests.len(), request.device_ids.len(), request.count) {
        (1, ..) | (_, 0, Some(-1)) => wish.like.len(),
        (_, 0, count) => usize::try_from(count.unwrap_or(1)).unwrap_or(1),
        (_, ids, _) => ids,
    }
}

/// The first way that all of them have, and that the request does not rule out.
fn way(request: &DeviceRequest, devices: &[&Device]) -> Option<HandOut> {
    let fits = |way: &HandOut| match request.driver.as_str() {
        "cdi" => *way == HandOut::Cdi,
        _ => request.options.is_empty() || *way == HandOut::DeviceRequest,
    };
    let mut ways = devices.first()?.hand_outs.iter().copied().filter(fits);
    ways.find(|way| devices.iter().all(|device| device.hand_outs.contains(way)))
}

struct Table<'a> {
    devices: &'a [Device],
    holders: &'a [Holder],
    conditions: &'a Conditions,
}

impl<'a> Table<'a> {
    /// Devices by number.
    fn some(&self, request: &DeviceRequest, taken: &[&Device]) -> Result<Vec<&'a Device>, ProviderError> {
        let vendor = self.vendor(request);
        let mut fit: Vec<&Device> = self
            .devices
            .iter()
            .filter(|device| vendor.is_none_or(|vendor| device.vendor == vendor))
            .filter(|device| !device.hand_outs.is_empty() && self.unmet(device).is_none())
            .collect();
        let all = fit.len();
        let is_taken = |device: &&&Device| taken.iter().all(|other| !Held::of(other).is(device));
        if request.count == Some(-1) {
            if let Some(device) = fit.iter().find(|device| self.rival(device).is_some()) {
                return Err(self.held(device));
            }
            fit = fit.iter().filter(is_taken).copied().collect();
            return match fit.is_empty() {
                true => Err(self.too_few(1, all)),
                false => Ok(fit),
            };
        }
        fit.retain(|device| self.rival(device).is_none());
        fit = fit.iter().filter(is_taken).copied().collect();
        let wanted = usize::try_from(request.count.unwrap_or(1)).unwrap_or(usize::MAX);
        if fit.len() < wanted {
            return Err(self.too_few(wanted, all));
        }
        // Those that fewest use; of these the smallest that will do.
        fit.sort_by_key(|device| {
            let holders = self
                .holders
                .iter()
                .filter(|holder| !holder.released && holder.has(device));
            (holders.count(), device.holders.len(), device.memory_bytes, device.index)
        });
        fit.truncate(wanted);
        fit.sort_by_key(|device| device.index);
        Ok(fit)
    }

    /// A device by the number, UUID, PCI address or CDI name that a request has for it.
    fn named(&self, request: &DeviceRequest, id: &str) -> Result<&'a Device, ProviderError> {
        let vendor = self.vendor(request);
        let wanted = named(id);
        let found = self.devices.iter().find(|device| {
            device.cdi_name.as_deref() == Some(id)
                || device.uuid.as_deref() == Some(id)
                || device.pci_bus_id.as_deref() == Some(id)
                || (wanted.uuid.is_none()
                    && device.mig_parent.is_none()
                    && device.index == wanted.index
                    && vendor.is_none_or(|vendor| device.vendor == vendor))
                || self.is_part(device, id)
        });
        let Some(device) = found else {
            return Err(not_found(
                format!("GPU `{}`", shown(id)),
                format!("the engine's machine does not have it: {}", self.contents()),
                "name one that is there: mngr-docker gpus",
            ));
        };
        if let Some(reason) = &device.unusable_reason {
            return Err(exhausted(
                format!("GPU `{}`", shown(id)),
                format!("the engine can not hand it out: {reason}"),
                "see `mngr-docker gpus` for those that it can",
            ));
        }
        if let Some(unmet) = self.unmet(device) {
            let name = Held::of(device);
            return Err(invalid(
                "gpus",
                id,
                format!("{name} {unmet}"),
                "leave the condition out, or name another",
            ));
        }
        match self.rival(device) {
            Some(_) => Err(self.held(device)),
            None => Ok(device),
        }
    }

    /// `0:1`: the second partition of the first device.
    fn is_part(&self, device: &Device, id: &str) -> bool {
        let Some((whole, part)) = id.split_once(':') else {
            return false;
        };
        let parent = self.devices.iter().find(|parent| {
            parent.mig_parent.is_none() && parent.vendor == "nvidia" && parent.index.to_string() == whole
        });
        let is_its = parent.is_some_and(|parent| parent.uuid.is_some() && parent.uuid == device.mig_parent);
        is_its && device.index.to_string() == part
    }

    /// A device as good as one that was held: that very one where it is free.
    fn equal(&self, held: &Held, taken: &[&Device]) -> Result<&'a Device, ProviderError> {
        let free = |device: &&Device| {
            !device.hand_outs.is_empty()
                && self.rival(device).is_none()
                && taken.iter().all(|other| !Held::of(other).is(device))
        };
        let own = self.devices.iter().find(|device| held.is(device) && free(device));
        let equal = || self.devices.iter().find(|device| held.equals(device) && free(device));
        own.or_else(equal).ok_or_else(|| {
            exhausted(
                "GPUs",
                format!("no device equal to {held} is free: {}", self.contents()),
                "free one, or ask for another with --gpus",
            )
        })
    }

    /// Whose devices a request can mean: those of its driver, else NVIDIA's, else those of the vendor that there is.
    fn vendor(&self, request: &DeviceRequest) -> Option<&'a str> {
        let usable = |vendor: &&str| {
            self.devices
                .iter()
                .any(|device| device.vendor == **vendor && !device.hand_outs.is_empty())
        };
        let named = ["nvidia", "amd", "intel"]
            .into_iter()
            .find(|vendor| *vendor == request.driver);
        let by_name = request.device_ids.iter().find_map(|id| {
            let (vendor, _) = id.split_once(".com/")?;
            ["nvidia", "amd", "intel"].into_iter().find(|known| *known == vendor)
        });
        named
            .or(by_name)
            .or_else(|| ["nvidia", "amd", "intel"].into_iter().find(|vendor| usable(vendor)))
    }

    /// Which condition a device does not meet.
    fn unmet(&self, device: &Device) -> Option<String> {
        if let Some(least) = self.conditions.memory_min {
            match device.memory_bytes {
                Some(bytes) if bytes >= least => {}
                Some(bytes) => {
                    return Some(format!(
                        "has {}, and {} are asked for",
                        gibibytes(bytes),
                        gibibytes(least)
                    ));
                }
                None => return Some("does not tell how much memory it has".to_owned()),
            }
        }
        if let Some(model) = &self.conditions.model {
            let is = device.model.as_deref().unwrap_or_default().to_lowercase();
            if !is.contains(&model.to_lowercase()) {
                return Some(format!("is no {model}"));
            }
        }
        None
    }

    fn rival(&self, device: &Device) -> Option<&Holder> {
        let held = [Held::of(device)];
        self.holders
            .iter()
            .find(|holder| holder.stands_against(&held, self.conditions.exclusive))
    }

    fn held(&self, device: &Device) -> ProviderError {
        let names: Vec<_> = self
            .holders
            .iter()
            .filter(|holder| holder.stands_against(&[Held::of(device)], self.conditions.exclusive))
            .map(|holder| match holder.grant.exclusive {
                true => format!("{} (for itself alone)", holder.name),
                false => holder.name.clone(),
            })
            .collect();
        conflict(
            Held::of(device).to_string(),
            "held",
            format!("by {}", names.join(", ")),
            "destroy that agent, or ask for another device: mngr-docker gpus",
        )
    }

    fn too_few(&self, wanted: usize, fit: usize) -> ProviderError {
        let reason = match (wanted, fit) {
            (_, 0) => format!("the engine's machine has none that will do: {}", self.contents()),
            _ if wanted == 1 => format!("one is asked for and none is free: {}", self.contents()),
            _ => format!("{wanted} are asked for and fewer are free: {}", self.contents()),
        };
        exhausted("GPUs", reason, "ask for what is there: mngr-docker gpus")
    }

    /// What the machine has, for an error.
    fn contents(&self) -> String {
        let each = self.devices.iter().map(|device| {
            let mut text = Held::of(device).to_string();
            if let Some(bytes) = device.memory_bytes {
                text += &format!(" with {}", gibibytes(bytes));
            }
            if let Some(reason) = &device.unusable_reason {
                text += &format!(", not to be handed out ({reason})");
            }
            let names: Vec<_> = self
                .holders
                .iter()
                .filter(|holder| !holder.released && holder.has(device))
                .map(|holder| holder.name.as_str())
                .collect();
            if !names.is_empty() {
                text += &format!(", held by {}", names.join(", "));
            }
            text
        });
        let all: Vec<_> = each.collect();
        match all.is_empty() {
            true => "it has no GPU; `mngr-docker gpus` says where one was looked for".to_owned(),
            false => format!("it has {}", all.join("; ")),
        }
    }
}
