//! Values that are built at their first use, so that a function pays at its start for nothing that its request does not
//! need.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

/// A shared value that is built at its first use. Reads like the value itself.
pub struct Lazy<T>(Arc<State<T>>);

enum State<T> {
    Ready(T),
    Later(OnceLock<T>, Box<dyn Fn() -> T + Send + Sync>),
}

impl<T> Lazy<T> {
    /// A value that `build` makes at its first use.
    pub fn new(build: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(State::Later(OnceLock::new(), Box::new(build))))
    }

    /// A value that exists already, e.g. a store's twin in a test.
    pub fn ready(value: T) -> Self {
        Self(Arc::new(State::Ready(value)))
    }

    /// The value if it has been built.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        match &*self.0 {
            State::Ready(value) => Some(value),
            State::Later(cell, _) => cell.get(),
        }
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Lazy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &*self.0 {
            State::Ready(value) => value,
            State::Later(cell, build) => cell.get_or_init(build),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn is_built_once_and_only_when_used() {
        let builds = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&builds);
        let lazy = Lazy::new(move || counter.fetch_add(1, Ordering::SeqCst) + 7);
        let other = lazy.clone();
        assert!(lazy.get().is_none());
        assert_eq!((*lazy, *other), (7, 7));
        assert_eq!((builds.load(Ordering::SeqCst), lazy.get()), (1, Some(&7)));
    }
}
