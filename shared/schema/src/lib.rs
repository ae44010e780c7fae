//! JSON Schema, draft 2020-12, as far as events are held against it.
//!
//! Our own, because a function that judges synchronously has to be small: the crates that know every draft bring engines of
//! regular expressions with Unicode's tables, a quarter of what a function may weigh. What is taken is judged as the draft
//! says (`tests/suite` is the official test suite, and a full implementation is asked in `tests/oracle.rs`); what is not
//! taken is refused when a schema is read, never passed over in silence.
//!
//! Not taken: `$ref` to anywhere but a JSON pointer into the schema itself, `$id` below the root, dynamic references,
//! `unevaluatedProperties` and `unevaluatedItems`. `format` and the `content...` keywords only tell, as the draft has it by
//! default.

mod judge;
mod number;
mod order;
mod pattern;
mod read;

use judge::Judge;
use read::Node;
use serde_json::Value;

/// The most faults that are named of some data.
pub const FAULTS_MAX: usize = 10;

/// A fault of some data: where (a JSON pointer, empty for the whole), and why, without the value.
pub type Fault = (String, String);

/// A schema that data is held against.
#[derive(Debug)]
pub struct Schema {
    /// The first is the root.
    nodes: Vec<Node>,
}

impl Schema {
    /// Reads a schema. The error says what is wrong with it, or what of it is not taken, in words for whoever wrote it.
    pub fn read(schema: &Value) -> Result<Self, String> {
        read::nodes(schema).map(|nodes| Self { nodes })
    }

    /// What is wrong with `data`, at most [`FAULTS_MAX`] faults.
    #[must_use]
    pub fn faults(&self, data: &Value) -> Vec<Fault> {
        Judge::new(&self.nodes).faults(data)
    }
}
