//! The command line of Trunkline, and the local stack that it and the end-to-end tests bring up.

pub mod stack;
