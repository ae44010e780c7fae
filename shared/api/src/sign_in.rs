//! Trying a sign-in as a person.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A sign-in that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInBegun {
    /// Open this in a browser and sign in. The page that it ends on says who signed in, or what is wrong.
    pub authorization_url: String,
    /// Where the provider sends the browser then. It must be registered there, to the letter.
    #[schema(example = "https://id.execute-api.us-east-1.amazonaws.com/v1/sign-in/callback")]
    pub redirect_uri: String,
    /// Until when the sign-in must have ended, RFC 3339.
    pub expires_at: String,
}
