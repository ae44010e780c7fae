//! A body that may be left out.

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use runtime::http::{Failed, Json};
use serde::de::DeserializeOwned;

/// A JSON body, or what a body that says nothing means, where none is sent.
pub(crate) struct OrDefault<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OrDefault<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let says_nothing = !request.headers().contains_key(header::CONTENT_TYPE);
        if length.map_or(says_nothing, |length| length == "0") {
            return Ok(Self(T::default()));
        }
        Ok(Self(Json::<T>::from_request(request, state).await?.0))
    }
}
