//! How anything that went wrong becomes a problem document. What the caller must not see goes to the log here.

use crate::vault::VaultError;
use api::problem::{Problem, ProblemKind};
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use store::StoreError;

/// Why a handler does not answer as asked. Made by `?` from a [`Problem`], a [`StoreError`], a [`VaultError`].
#[derive(Clone, Debug, PartialEq)]
pub struct Failed(Box<Problem>);

/// What a handler returns.
pub type Answer<T> = Result<T, Failed>;

impl Failed {
    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// The head of the response; the problem itself is rendered at the end, when the request's id is known.
    fn into_head<B>(self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(seconds) = self.0.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(*self.0);
        response
    }

    pub(super) fn into_bytes(self) -> Response<Bytes> {
        self.into_head(Bytes::new())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response<Body> {
        self.into_head(Body::empty())
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<Box<Problem>> for Failed {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => {
                Problem::new(ProblemKind::Conflict, "Somebody else changed this first. Read it again and decide anew.")
            }
            StoreError::Erased => Problem::not_found("tenant"),
            StoreError::Taken => Problem::new(
                ProblemKind::Conflict,
                "Another integration, of this or another tenant, already signs users in with this issuer and audience. \
                 Disable that one, or register an application of your own and enter its audience.",
            ),
            StoreError::InvalidCursor => {
                Problem::invalid_field("cursor", "invalid", "must be the `next` of the page before, unchanged")
            }
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the store is unavailable");
                Problem::new(ProblemKind::Unavailable, "The store is busy. Nothing was changed; try again.")
                    .retry_after(1)
            }
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "a record is corrupt");
                Problem::new(ProblemKind::Internal, "This is a defect of ours.")
            }
        }
        .into()
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable(_) => {
                tracing::warn!(%error, "the vault is unavailable");
                Problem::new(ProblemKind::Unavailable, "The key service is busy. Nothing was changed; try again.")
                    .retry_after(1)
            }
            VaultError::Unreadable(_) => {
                tracing::error!(%error, "a secret cannot be read");
                Problem::new(ProblemKind::Internal, "The stored secret cannot be read. Enter it again.")
            }
        }
        .into()
    }
}
