//! What the handler does.
