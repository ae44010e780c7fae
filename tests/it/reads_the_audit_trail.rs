//! Who changed what: a chain in which nothing can be altered unseen.

use crate::tenant::Tenant;
use serde_json::{Value, json};

#[tokio::test]
async fn and_finds_every_change_in_order_with_who_did_it() {
    let tenant = Tenant::new().await;
    let email = tenant.email().await;
    let path = format!("/v1/integrations/{email}");
    for verb in ["disable", "enable"] {
        tenant.post(&format!("{path}/{verb}"), &Value::Null).await.expect(200);
    }
    tenant.put(&format!("{path}/secrets"), &json!({"secrets": {"password": tenant.stack.smtp.password}})).await;
    tenant.send("spring", "email", &[tenant.address("a")]).await;
    tenant.settled("spring").await;
    for verb in ["pause", "resume", "cancel"] {
        tenant.post(&format!("/v1/campaigns/spring/{verb}"), &Value::Null).await.expect(200);
    }
    tenant.call(reqwest::Method::DELETE, &path, &Value::Null).await.expect(204);

    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.get(&format!("/v1/audit?limit=3{cursor}")).await.expect(200);
        records.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let did: Vec<String> = records
        .iter()
        .map(|record| {
            let who = record["principal"].as_str().unwrap().split(':').next().unwrap();
            format!("{} {who} {}", record["seq"], record["action"].as_str().unwrap())
        })
        .collect();
    insta::assert_json_snapshot!("the_audit_trail", did);
    assert_eq!(records[0]["prev"], "");
    for pair in records.windows(2) {
        assert_eq!(pair[1]["prev"], pair[0]["hash"], "each record names the one before");
    }

    let whole = tenant.get("/v1/audit/verify").await.expect(200);
    let head = json!({"seq": 11, "hash": records[10]["hash"]});
    assert_eq!(whole, json!({"ok": true, "records": 11, "head": head, "broken": null, "next": null}));
}

#[tokio::test]
async fn and_is_told_when_somebody_with_access_to_the_table_altered_or_cut_it() {
    let tenant = Tenant::new().await;
    let email = tenant.email().await;
    tenant.post(&format!("/v1/integrations/{email}/disable"), &Value::Null).await.expect(200);
    let key = |seq: u64| json!({"pk": {"S": format!("T#{}#AUD", tenant.id)}, "sk": {"S": format!("{seq:020}")}});
    tenant.aws.delete_item(&key(4)).await;
    let cut = tenant.get("/v1/audit/verify").await.expect(200);
    assert_eq!(
        (&cut["ok"], &cut["records"], &cut["broken"]["code"]),
        (&json!(false), &json!(3), &json!("end_cut_off"))
    );

    tenant.aws.set_text(&key(2), "principal", "system").await;
    let altered = tenant.get("/v1/audit/verify").await.expect(200);
    assert_eq!((&altered["broken"]["seq"], &altered["broken"]["code"]), (&json!(2), &json!("record_altered")));
}
