//! Single deliveries and their histories.

pub(crate) mod errors_csv;
pub(crate) mod list;
pub(crate) mod read;
mod view;
mod walk;
