//! What a caller is told when a request is not answered as asked: an RFC 9457 problem document.
//!
//! One policy for every route. `code` is stable and made for programs, `detail` is one sentence for a person that says
//! what to do, `errors` names the fields at fault, and `request_id` finds the matching log lines. Nothing about our
//! insides, and no secret, ever stands in a problem: the cause goes to the log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $code:literal, $title:literal;)*) => {
        /// Every kind of problem there is. A new kind does not compile without its status, code and title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ProblemKind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The HTTP status it is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The stable name, for programs.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// A few words for people; the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The problem type, a reference relative to the API's address.
            #[must_use]
            pub const fn type_uri(self) -> &'static str {
                match self { $(Self::$name => concat!("/problems/", $code),)* }
            }

            /// The kind with this code, e.g. as handed over by the authorizer.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.code() == code)
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON at all.
    MalformedJson = 400, "malformed_json", "The body is not valid JSON";
    /// No credential, or none that we know.
    Unauthenticated = 401, "unauthenticated", "Authentication is required";
    /// The API key was revoked.
    KeyRevoked = 401, "key_revoked", "The API key was revoked";
    /// The API key's time is over.
    KeyExpired = 401, "key_expired", "The API key has expired";
    /// The API key is suspended.
    KeySuspended = 401, "key_suspended", "The API key is suspended";
    /// A provider's report is not proven to be its own; `detail` begins with the cause.
    WebhookRefused = 401, "webhook_refused", "The report is not proven";
    /// The sign-in token's time is over.
    TokenExpired = 401, "token_expired", "The sign-in token has expired";
    /// The user is known and has no role here.
    NoRole = 403, "no_role", "The user has no role";
    /// The API key may not be used from there.
    AddressNotAllowed = 403, "address_not_allowed", "The API key may not be used from this address";
    /// The credential is good, but not for this.
    Forbidden = 403, "forbidden", "The credential does not permit this";
    /// There is no such thing, or it belongs to another tenant: the two look the same from outside.
    NotFound = 404, "not_found", "Not found";
    /// The path exists, but not with this method.
    MethodNotAllowed = 405, "method_not_allowed", "Method not allowed";
    /// Something else happened first, or it exists already.
    Conflict = 409, "conflict", "Conflict with the present state";
    /// A preflight check fails; `checks` holds all of them.
    NotReady = 409, "not_ready", "The campaign is not ready to go";
    /// The body is larger than the route takes.
    BodyTooLarge = 413, "body_too_large", "The body is too large";
    /// The body is not declared as JSON.
    WrongContentType = 415, "wrong_content_type", "The content type is not supported";
    /// The body is JSON, but fields are missing or wrong; `errors` names each.
    InvalidRequest = 422, "invalid_request", "Some fields are missing or wrong";
    /// The connection was tested before saving and the test failed; `test` says how, `errors` names the fields to mend.
    ConnectionTestFailed = 422, "connection_test_failed", "The connection test failed";
    /// An idempotency key was used before with another body.
    IdempotencyMismatch = 422, "idempotency_mismatch", "The idempotency key was used with another body";
    /// Too many requests; `Retry-After` says when.
    RateLimited = 429, "rate_limited", "Too many requests";
    /// A call of an inbound webhook cannot be understood; `errors` names the cause.
    WebhookMalformed = 400, "webhook_malformed", "The call of the webhook cannot be understood";
    /// The inbound webhook takes no calls now.
    WebhookDisabled = 403, "webhook_disabled", "The webhook is disabled";
    /// A defect of ours.
    Internal = 500, "internal", "Something went wrong on our side";
    /// Something that we need is away for a moment; `Retry-After` says when to try again.
    Unavailable = 503, "unavailable", "Temporarily unavailable";
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Where, e.g. `recipients[3].address`. Empty for the body as a whole.
    pub field: String,
    /// What is wrong, for programs: `required`, `unknown`, `unknown_field`, `unknown_variable`, `invalid`, `wrong_type`,
    /// `out_of_range`, `too_long`, `too_large`, `too_many`, `duplicate`, `conflict`, `not_allowed`, `unsupported`,
    /// `address_invalid`, `template_invalid`, `schema`, or the code of what a test of the connection found.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub message: String,
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The problem type, a relative reference that ends in the code.
    #[serde(rename = "type")]
    pub type_: String,
    /// A few words for people; the same for every problem of this type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable name, for programs.
    pub code: ProblemKind,
    /// What happened this time, and what to do.
    pub detail: String,
    /// Quote this when you ask for help: it finds the log lines of this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The fields at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// All preflight checks, where one of them is the reason (`not_ready`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<serde_json::Value>,
    /// What the connection test found, where that is the reason (`connection_test_failed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<serde_json::Value>,
    /// When to try again, in seconds. Sent as the header `Retry-After`, not in the body.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened and what to do.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            type_: kind.type_uri().to_owned(),
            title: kind.title().to_owned(),
            status: kind.status(),
            code: kind,
            detail: detail.into(),
            request_id: None,
            errors: Vec::new(),
            checks: None,
            test: None,
            retry_after_s: None,
        }
    }

    /// 422 with every field at fault.
    #[must_use]
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [only] if only.field.is_empty() => only.message.clone(),
            [only] => format!("{}: {}", only.field, only.message),
            several => format!("{} fields are missing or wrong; see `errors`.", several.len()),
        };
        Self { errors, ..Self::new(ProblemKind::InvalidRequest, detail) }
    }

    /// 422 for one field.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem { field: field.into(), code: code.into(), message: message.into() }])
    }

    /// 404: there is no such `what`. The same whether it never existed, is gone or is another tenant's.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("There is no such {what}."))
    }

    /// Adds all preflight checks.
    #[must_use]
    pub fn with_checks(mut self, checks: serde_json::Value) -> Self {
        self.checks = Some(checks);
        self
    }

    /// Adds what the connection test found.
    #[must_use]
    pub fn with_test(mut self, test: serde_json::Value) -> Self {
        self.test = Some(test);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.code.code(), self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_a_round_trip_and_has_its_own_identity() {
        let mut codes = std::collections::BTreeSet::new();
        for kind in ProblemKind::ALL.iter().copied() {
            let problem = Problem::new(kind, "what happened");
            let json = serde_json::to_value(&problem).unwrap();
            assert_eq!(json["code"], kind.code());
            assert_eq!(json["type"], format!("/problems/{}", kind.code()));
            assert_eq!(json["status"], kind.status());
            assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
            assert_eq!(ProblemKind::from_code(kind.code()), Some(kind));
            assert!((400..600).contains(&kind.status()));
            assert!(codes.insert(kind.code()), "{} stands for two kinds", kind.code());
        }
    }

    #[test]
    fn a_single_field_is_told_in_the_detail_and_several_are_counted() {
        let one = Problem::invalid_field("name", "required", "must be given");
        assert_eq!(one.detail, "name: must be given");
        let field = |name: &str| FieldProblem { field: name.into(), code: "required".into(), message: "x".into() };
        assert!(Problem::invalid(vec![field("a"), field("b")]).detail.starts_with("2 fields"));
    }

    #[test]
    fn optional_parts_are_left_out() {
        let json = serde_json::to_value(Problem::not_found("key").retry_after(3)).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "detail", "status", "title", "type"]);
    }
}
