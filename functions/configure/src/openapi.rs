//! The description of the API, for anybody.

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
};

pub(crate) async fn document() -> impl IntoResponse {
    // Clients may keep it for five minutes; it changes only when a new version is deployed.
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], api::openapi::SERVED)
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use axum::http::Method;
    use runtime::{caller::Context, testing::call};
    use serde_json::Value;

    #[tokio::test]
    async fn anybody_may_read_it() {
        let stage = Stage::new().await;
        let answer = call(&stage.app, &Context::default(), Method::GET, "/v1/openapi.json", Value::Null).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
        assert_eq!(answer.body["openapi"], "3.1.0");
    }
}
