//! What a provider plugin and its host share where the plugin is a dynamic library and not a WebAssembly component.
//!
//! The contract is that of `wit/`, the same for both; nothing of it is repeated here. What crosses is the name of a function,
//! `instance.create` or `docker.container-list`, and its arguments in the order of `wit/`, as one tuple in the format of
//! [`postcard`]. What comes back is the function's result in the same format. A stream that the host owns is a number.
//!
//! What is here is the shape of the crossing: [`Plugin`], which a library exports, and [`Host`], which it is handed with each
//! call. `abi_stable` compares the layout of both before anything is called. [`guest`] is the plugin's side of it.

mod crossing;
pub mod guest;

pub use crossing::{Answer, BoxedHost, Host, Outcome, Plugin, PluginRef};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes arguments or a result.
///
/// # Errors
/// Why it can not be written, for people: the format has no form for a sequence or a map whose length is not known beforehand.
pub fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    postcard::to_stdvec(value).map_err(|error| format!("it can not be written: {error}"))
}

/// Reads arguments or a result; all of it must be used up.
///
/// # Errors
/// What is wrong with it, for people.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Serializer;
    use serde::ser::SerializeSeq;

    use super::*;

    /// A sequence that does not say how long it is.
    pub(crate) struct Shapeless;

    impl Serialize for Shapeless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None)?.end()
        }
    }

    #[test]
    fn what_has_no_form_is_an_error_and_not_an_empty_message() {
        assert!(encode(&Shapeless).is_err());
    }

    #[test]
    fn what_is_written_is_read_and_neither_more_nor_less() {
        let value = ("a".to_owned(), Some(7_u64), vec![Err::<(), u8>(3), Ok(())]);
        let bytes = encode(&value).expect("it has a form");
        assert_eq!(decode(&bytes), Ok(value));
        type Value = (String, Option<u64>, Vec<Result<(), u8>>);
        assert!(decode::<Value>(&bytes[..bytes.len() - 1]).is_err());
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<Value>(&longer), Err("1 bytes too many".to_owned()));
    }
}
