//! The real table.
