//! What can be configured.

use crate::may::{May, Read};
use api::page::List;
use providers::CatalogEntry;
use runtime::http::Json;

/// Every provider with the JSON Schema of its settings. The same for every tenant.
pub(crate) async fn list(_: May<Read>) -> Json<List<CatalogEntry>> {
    Json(List { items: providers::catalog(), next: None })
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;

    #[tokio::test]
    async fn every_provider_says_what_it_wants_to_know_and_what_of_it_is_secret() {
        let stage = Stage::new().await;
        let catalog = stage.get("/v1/catalog").await.body;
        let providers: Vec<_> = catalog["items"].as_array().unwrap().iter().map(|entry| &entry["provider"]).collect();
        assert_eq!(providers, ["smtp", "sendgrid", "postmark", "ses", "slack", "teams", "m365", "entra", "webhook"]);
        assert_eq!(catalog["items"][0]["schema"]["properties"]["port"]["default"], 587);
        assert_eq!(catalog["items"][4]["secrets"][0]["name"], "bot_token");
    }
}
