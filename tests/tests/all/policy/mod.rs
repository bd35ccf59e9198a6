//! What a plugin may ask an engine for: requests as a hostile plugin would make them, on a real engine behind a proxy that
//! sees every byte. Refused means that no request which changes something has gone out.

mod belongings;
mod corpus;
mod harmless;
mod hostile;
mod identity;
mod links;
mod log;
mod names;
mod own;
mod places;
mod presets;
mod request;
mod room;
mod spellings;
