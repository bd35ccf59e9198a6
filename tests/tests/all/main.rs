//! Every integration test of the shim and its plugins but those of the command line, in one program: what is linked once is
//! linked fast.

mod behaviour;
mod conformance;
mod docker;
mod engine;
mod native;
mod plugins;
mod policy;
mod sandbox;
mod ssh;
mod tls;
