//! The data keys of all secrets are encrypted anew by the key service, and everything opens as before.

use crate::{stack::Stack, tenant::Tenant};
use reqwest::Method;
use serde_json::{Value, json};

async fn secrets(tenant: &Tenant) -> Vec<Value> {
    let mut items = tenant.aws.items_of(&tenant.id).await;
    items.retain(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("SEC#")));
    items
}

/// With the template's IAM policies enforced: the function that does it may open nothing.
#[tokio::test]
async fn every_version_without_opening_one_and_tells_when() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    let email = tenant.email().await;
    let path = format!("/v1/integrations/{email}");
    let put = json!({"secrets": {"password": stack.smtp.password}});
    tenant.put(&format!("{path}/secrets"), &put).await.expect(200);
    tenant.send("spring", "email", &[tenant.address("before")]).await;
    tenant.settled("spring").await;

    let before = secrets(&tenant).await;
    assert_eq!(before.len(), 2);
    let request = tenant.request(Method::POST, &format!("/v1/tenants/{}/re-encrypt", tenant.id));
    let done = tenant.ask(request.bearer_auth(&stack.operator_key).json(&json!({}))).await.expect(200);
    assert_eq!(done, json!({"re_encrypted": 2, "failed": [], "left": 0, "next": null}));
    let after = secrets(&tenant).await;
    for (old, new) in before.iter().zip(&after) {
        assert_ne!(old["data_key"], new["data_key"]);
        assert_eq!(old["ciphertext"], new["ciphertext"]);
    }

    let log = tenant.get(&format!("{path}/secrets")).await.expect(200);
    let versions = log["versions"].as_array().unwrap();
    assert!(versions.iter().all(|version| version["re_encrypted_at"].is_string()), "{log}");
    assert_eq!((&versions[0]["serves"], &versions[1]["serves"]), (&json!(true), &json!(false)));
    assert_eq!((&versions[0]["changed"], &log["fields"][0]["name"]), (&json!(["password"]), &json!("password")));
    // Another process has to open it anew.
    let test = tenant.post(&format!("{path}/test"), &Value::Null).await.expect(200);
    assert_eq!(test["status"], "ok", "{test}");
    tenant.send("spring", "email", &[tenant.address("after")]).await;
    assert_eq!(tenant.settled("spring").await, json!({"total": 2, "settled": true, "sent": 2}));
    let asked = tenant.request(Method::POST, &format!("/v1/tenants/{}/re-encrypt", tenant.id));
    tenant.ask(asked.bearer_auth(&tenant.key).json(&json!({}))).await.expect(403);
}
