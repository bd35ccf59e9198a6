//! Every import of the contract by name, as `wit/` spells it: what a native library's host calls arrive at.
//!
//! What an engine is asked for comes from the table of its operations, so that none can be missing here.

use mngr_contract::Result;
use mngr_contract::docker::{EnginePlace, Filesystem};
use mngr_contract::gpu::Depth;
use mngr_contract::system::{LogLevel, Progress};
use mngr_engine::operations::types::*;
use mngr_plugin_abi::{decode, encode};

use super::{CallContext, Offer};

/// Reads the arguments of a call and encodes what answers it.
macro_rules! answered {
    ($bytes:ident($($argument:ident: $kind:ty),* $(,)?) => $answer:expr) => {{
        let ($($argument,)*): ($($kind,)*) = decode($bytes)?;
        let answering = async { $answer };
        let result: Result<_> = Box::pin(answering).await;
        encode(&result)
    }};
}

/// Answers the import of one operation.
macro_rules! operation {
    // What the contract has in another form than the engine.
    ($calls:ident $bytes:ident container_compare $arguments:tt) => {
        answered!($bytes(older: Filesystem, newer: Filesystem) => $calls.engine()?.filesystem_diff(older, newer).await)
    };
    ($calls:ident $bytes:ident image_pull $arguments:tt) => {
        answered!($bytes(reference: String, platform: Option<String>) => {
            let progress = $calls.context.progress.clone();
            $calls.engine()?.image_pull(&reference, platform.as_deref(), progress).await
        })
    };
    ($calls:ident $bytes:ident image_push $arguments:tt) => {
        answered!($bytes(image: String, name: String) => {
            $calls.engine()?.image_push(&image, &name, $calls.context.progress.clone()).await
        })
    };
    // What takes as long as the plugin says.
    ($calls:ident $bytes:ident events ($($argument:ident: $kind:ty),*)) => {
        answered!($bytes($($argument: $kind),*) => {
            $calls.context.engine_at_its_leisure()?.events($($argument),*).await
        })
    };
    ($calls:ident $bytes:ident machine_run ($($argument:ident: $kind:ty),*)) => {
        answered!($bytes($($argument: $kind),*) => {
            $calls.context.engine_at_its_leisure()?.machine_run($($argument),*).await
        })
    };
    ($calls:ident $bytes:ident $name:ident ($($arguments:tt)*)) => {
        arguments!($calls $bytes $name [] [] [] $($arguments)*)
    };
}

/// Goes through an operation's arguments, one at a time: as what each crosses, what is made of it first, and what is passed on.
macro_rules! arguments {
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]) => {
        answered!($bytes($($wire)*) => {
            $($first)*
            handed_out!($calls $name $calls.engine()?.$name($($given)*).await)
        })
    };
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: &str $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name [$($wire)* $argument: String,] [$($first)*] [$($given)* &$argument,] $($($rest)*)?)
    };
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: Option<&str> $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name
            [$($wire)* $argument: Option<String>,] [$($first)*] [$($given)* $argument.as_deref(),] $($($rest)*)?)
    };
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: Archive $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name
            [$($wire)* $argument: u64,]
            [$($first)* let $argument: Archive = $calls.streams.take($argument)?;]
            [$($given)* $argument,]
            $($($rest)*)?)
    };
    // The plugin has no part in it.
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: ProgressSink $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name
            [$($wire)*] [$($first)*] [$($given)* $calls.context.progress.clone(),] $($($rest)*)?)
    };
    // The guard knows them.
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: Fractions $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name [$($wire)*] [$($first)*] [$($given)*] $($($rest)*)?)
    };
    ($calls:ident $bytes:ident $name:ident [$($wire:tt)*] [$($first:tt)*] [$($given:tt)*]
        $argument:ident: $kind:ty $(, $($rest:tt)*)?) => {
        arguments!($calls $bytes $name
            [$($wire)* $argument: $kind,] [$($first)*] [$($given)* $argument,] $($($rest)*)?)
    };
}

/// A stream stays with the host, and the library gets its number.
macro_rules! handed_out {
    ($calls:ident exec $answer:expr) => {
        $calls.lend($answer?)
    };
    ($calls:ident logs $answer:expr) => {
        $calls.lend($answer?)
    };
    ($calls:ident image_save $answer:expr) => {
        $calls.lend($answer?)
    };
    ($calls:ident archive_get $answer:expr) => {
        $calls.lend($answer?)
    };
    ($calls:ident $name:ident $answer:expr) => {
        $answer
    };
}

/// Functions that wait.
macro_rules! imports {
    ($($(#[$meta:meta])* $operation:ident: $name:ident $arguments:tt -> $result:ty
        { $import:literal, $effect:ident $(, about $object:expr)? })*) => {
        /// Answers a host call.
        ///
        /// # Errors
        /// A function that there is not, arguments that cannot be read, or an answer that can not be written.
        #[allow(clippy::let_unit_value, reason = "some have no arguments")]
        pub(super) async fn answer(
            calls: &Offer,
            operation: &str,
            arguments: &[u8],
        ) -> std::result::Result<Vec<u8>, String> {
            match operation {
                $($import => operation!(calls arguments $name $arguments),)*
                "docker.exec-archive" => answered!(arguments(id: String, options: ExecOptions) => {
                    calls.lend(calls.engine()?.exec_archive(&id, options).await?)
                }),
                "gpu.probe" => answered!(arguments(depth: Depth) => calls.engine()?.gpus(depth).await),
                "system.sleep" => {
                    let (milliseconds,): (u64,) = decode(arguments)?;
                    calls.context.sleep(milliseconds).await;
                    encode(&())
                }
                _ => Err("there is no such function".to_owned()),
            }
        }
    };
}

mngr_engine::engine_operations!(imports);

/// Answers a function that does not wait.
///
/// # Errors
/// A function that there is not, arguments that cannot be read, or an answer that can not be written.
pub(super) fn answer_at_once(
    context: &CallContext,
    place: EnginePlace,
    operation: &str,
    arguments: &[u8],
) -> std::result::Result<Vec<u8>, String> {
    Ok(match operation {
        "docker.place" => {
            let _ = context.meter.host_call();
            encode(&place)?
        }
        "system.log" => {
            let (level, message): (LogLevel, String) = decode(arguments)?;
            context.log(level, &message);
            Vec::new()
        }
        "system.report" => {
            let (progress,): (Progress,) = decode(arguments)?;
            context.report(progress);
            Vec::new()
        }
        "system.now" => encode(&context.now())?,
        "system.random-id" => encode(&context.random_id())?,
        _ => return Err("there is no such function, or it has to be waited for".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::offer;
    use super::*;

    /// The functions that an interface of `wit/` imports, and whether each has to be waited for.
    fn functions(interface: &str, wit: &str) -> Vec<(String, bool)> {
        let named = wit.lines().filter_map(|line| {
            let (name, rest) = line.trim().split_once(": ")?;
            let waits = rest.starts_with("async func(");
            (waits || rest.starts_with("func(")).then(|| (format!("{interface}.{name}"), waits))
        });
        named.collect()
    }

    #[tokio::test]
    async fn there_is_no_import_of_the_contract_that_is_not_answered() {
        let interfaces = [
            ("docker", include_str!("../../../../../wit/docker.wit")),
            ("gpu", include_str!("../../../../../wit/gpu.wit")),
            ("ssh", include_str!("../../../../../wit/ssh.wit")),
            ("system", include_str!("../../../../../wit/system.wit")),
        ];
        let functions: Vec<_> = interfaces
            .into_iter()
            .flat_map(|(interface, wit)| functions(interface, wit))
            .collect();
        assert!(functions.len() > 50, "{functions:?}");
        let offer = offer();
        // What no arguments of a function can be: it is known, and is not carried out.
        let unreadable = [0xff; 64];
        for (operation, waits) in functions {
            let refused = match waits {
                true => answer(&offer, &operation, &unreadable).await,
                false => answer_at_once(&offer.context, EnginePlace::ThisMachine, &operation, &unreadable),
            };
            if let Err(reason) = refused {
                assert!(!reason.contains("no such function"), "{operation}: {reason}");
            }
        }
        assert!(answer(&offer, "docker.no-such", &[]).await.is_err());
    }
}
