//! Lists and their cursors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many entries a page has when the caller does not say.
pub const LIMIT_DEFAULT: usize = 50;
/// The most entries of a page.
pub const LIMIT_MAX: usize = 200;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` at the end.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    /// Entries a page, 1 to 200.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit within its bounds.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
    }
}
