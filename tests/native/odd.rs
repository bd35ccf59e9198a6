//! A library that is a plugin, finds no agents, and does something odd in each of its other functions.
//!
//! The contract's records are written as the tuples that they are in its format.
#![allow(missing_docs, unsafe_code)]

use std::rc::Rc;

use abi_stable::export_root_module;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{RSlice, RStr};
use futures::future::select_all;
use mngr_plugin_abi::guest::{self, Guest};
use mngr_plugin_abi::{BoxedHost, Outcome, Plugin, PluginRef, decode, encode};
use serde::ser::{Serialize, SerializeSeq, Serializer};

/// The version that it says it is. Tests write another over it.
const VERSION: &str = "0.1.0                           ";
async fn answer(guest: Rc<Guest>, operation: String, arguments: Vec<u8>) -> Result<Vec<u8>, String> {
    Ok(match operation.as_str() {
        "backend.describe" => {
            let version = std::hint::black_box(VERSION).trim_end();
            let capabilities = ["instance.discover".to_owned()].to_vec();
            encode(&("odd", version, "Is odd.", capabilities, 0_u8, 0_u8, 0_u8))?
        }
        "backend.check-config" => encode(&("{}", 0_u8, 0_u8))?,
        // A list of none.
        "instance.discover" => vec![0, 0],
        "instance.get" => panic!("there is no such agent as {}", decode_name(&arguments)),
        // Computes for ever.
        "instance.stats" => loop {
            std::hint::spin_loop();
        },
        // Waits by its own choice.
        "instance.gpus" => {
            guest.submit::<()>("system.sleep", &(3_600_000_u64,)).await;
            Vec::new()
        }
        // Asks, and does not wait for the answer; then waits for nothing.
        "instance.volumes" => {
            drop(guest.submit::<()>("system.sleep", &(3_600_000_u64,)));
            std::future::pending().await
        }
        // A hundred waits, of which all but the last are of an hour: which of them ends first.
        "instance.watch" => {
            let wait = |number| if number < 99 { 3_600_000_u64 } else { 0 };
            let waits = (0..100).map(|number| guest.submit::<()>("system.sleep", &(wait(number),)));
            let (_, first, _) = select_all(waits.map(Box::pin)).await;
            encode(&Ok::<_, u8>((0_u8, first as u64)))?
        }
        "instance.resources" => vec![0xff; 32],
        "instance.logs" => encode(&Ok::<u64, u8>(77))?,
        "instance.resume" => encode(&Shapeless)?,
        "instance.changes" => {
            guest.submit::<()>("docker.burn", &()).await;
            Vec::new()
        }
        "instance.pause" => {
            let line = "x".repeat(1000);
            for _ in 0..100_000 {
                guest.ask::<()>("system.log", &(4_u8, &line));
            }
            Vec::new()
        }
        // What a handle stands for after it was handed over.
        "instance.copy-in" => {
            let (_, _, _, archive, _): ((String, String), String, String, u64, bool) = decode(&arguments)?;
            drop(guest.stream(archive));
            let put = ("c", "/", None::<String>, archive);
            guest
                .submit::<Result<(), Vec<u8>>>("docker.archive-put", &put)
                .await
                .ok();
            Vec::new()
        }
        other => return Err(format!("it has no function {other}")),
    })
}

/// A sequence that does not say how long it is, for which the format has no form.
struct Shapeless;

impl Serialize for Shapeless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_seq(None)?.end()
    }
}

/// The agent that a call is for: the second of its arguments.
fn decode_name(arguments: &[u8]) -> String {
    let decoded: Result<((String, String), String), _> = decode(arguments);
    decoded.map(|(_, agent)| agent).unwrap_or_default()
}

extern "C" fn call(operation: RStr<'_>, arguments: RSlice<'_, u8>, host: BoxedHost) -> Outcome {
    guest::call(operation, arguments, host, answer)
}

#[export_root_module]
pub fn plugin() -> PluginRef {
    Plugin {
        contract: RStr::from_str("0.1.0"),
        call,
    }
    .leak_into_prefix()
}
