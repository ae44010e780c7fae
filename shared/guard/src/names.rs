//! Where names are looked up.

use std::{fmt, future::Future, io, net::IpAddr, pin::Pin};

/// Looks names up. The system does; tests do in its place, so that a name may lead anywhere.
pub trait Names: fmt::Debug + Send + Sync {
    /// The addresses of a host, in the order in which they are to be tried.
    fn look_up<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct System;

impl Names for System {
    fn look_up<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
