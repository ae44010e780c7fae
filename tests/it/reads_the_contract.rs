//! The OpenAPI document that the deployed hub serves.

use crate::tenant::Tenant;
use api::routes::{Access, ROUTES};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn anybody_reads_it_and_it_describes_every_route_and_no_other() {
    let tenant = Tenant::new().await;
    let served = tenant.ask(tenant.request(Method::GET, "/v1/openapi.json")).await.expect(200);
    assert_eq!(served["openapi"], "3.1.0");
    let made: Value = serde_json::from_str(api::openapi::SERVED).unwrap();
    assert_eq!(served, made);
    let described: BTreeSet<(String, String)> = served["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    let routes: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(described, routes);
}

/// What reads without changing anything answers as the document says.
#[tokio::test]
async fn every_list_answers_as_described() {
    let tenant = Tenant::new().await;
    for route in ROUTES.iter().filter(|route| route.method == "GET" && !route.path.contains('{')) {
        // A person who comes back from a sign-in that nobody began is shown a page that says so.
        let is_list = route.function != "sign-in";
        if is_list && route.access != Access::Operator {
            assert_eq!(tenant.get(route.path).await.status, route.response.0, "{}", route.path);
        }
    }
}
