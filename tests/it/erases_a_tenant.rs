//! A tenant is erased: nothing is left of it but the proof.

use crate::{
    await_until::await_until,
    stack::Stack,
    tenant::{Answer, Tenant},
};
use reqwest::Method;
use serde_json::{Value, json};

async fn as_operator(tenant: &Tenant, method: Method, path: &str) -> Answer {
    tenant.ask(tenant.request(method, path).bearer_auth(&tenant.stack.operator_key)).await
}

async fn erase(tenant: &Tenant) -> Answer {
    as_operator(tenant, Method::DELETE, &format!("/v1/tenants/{0}?confirm={0}", tenant.id)).await
}

/// Lets the time pass in which everything under way comes to its end.
async fn quiet(tenant: &Tenant) {
    let key = json!({"pk": {"S": "TENANT"}, "sk": {"S": tenant.id}});
    tenant.aws.set_number_in("AuthTable", &key, "erasing_since", 1_700_000_000_000).await;
}

/// Asks for piece after piece until it is done.
async fn erased(tenant: &Tenant) -> Value {
    quiet(tenant).await;
    await_until("the tenant is erased", async || {
        let answer = erase(tenant).await;
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.text) }
    })
    .await
}

/// Every item of both tables that names the tenant anywhere.
async fn named(tenant: &Tenant) -> Vec<Value> {
    let mut items = tenant.aws.items("TenantTable").await;
    items.extend(tenant.aws.items("AuthTable").await);
    items.retain(|item| item.to_string().contains(&tenant.id));
    items
}

/// With the template's IAM policies enforced, so that the function may do what it has to, and no more.
#[tokio::test]
async fn after_a_busy_life_and_only_the_proof_is_left() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    let neighbour = Tenant::on(stack).await;
    let (email, chat) = (tenant.email().await, tenant.slack().await);
    for campaign in ["spring", "autumn"] {
        tenant.send(campaign, "email", &["a", "refuse-550-1"].map(|name| tenant.address(name))).await;
        tenant.send(campaign, "slack", &[tenant.channel("NEWS")]).await;
        tenant.settled(campaign).await;
    }
    tenant
        .put(&format!("/v1/integrations/{email}/secrets"), &json!({"secrets": {"password": stack.smtp.password}}))
        .await
        .expect(200);
    let template = json!({"id": "welcome", "name": "W", "channel": "slack", "texts": {"en": {"text": "Hi"}}});
    tenant.post("/v1/templates", &template).await.expect(201);
    tenant.call(Method::PATCH, "/v1/settings", &json!({"sandbox": {"email": [tenant.address("test")]}})).await;
    // Something is queued and held when it begins.
    tenant.post(&format!("/v1/integrations/{chat}/disable"), &Value::Null).await.expect(200);
    tenant.send_through("held", "email", Some(&email), &[tenant.address("late")]).await;
    neighbour.email().await;
    neighbour.send("spring", "email", &[neighbour.address("a")]).await;
    neighbour.settled("spring").await;
    let before = neighbour.aws.items_of(&neighbour.id).await;
    assert!(named(&tenant).await.len() > 20);

    let wrong = as_operator(&tenant, Method::DELETE, &format!("/v1/tenants/{}", tenant.id)).await;
    assert_eq!(wrong.status, 422, "it has to be said twice");
    let begun = erase(&tenant).await.expect(202);
    assert_eq!((&begun["step"], &begun["done"]), (&json!("waiting"), &json!(false)));
    let left = tenant.aws.items_of(&tenant.id).await;
    let kinds = ["INT#", "SEC#", "KEY#", "TPL#", "TPV#", "POL#"];
    for item in &left {
        let sk = item["sk"]["S"].as_str().unwrap();
        assert!(!kinds.iter().any(|kind| sk.starts_with(kind)), "no access is left: {item}");
    }
    // A request that was let in a moment before finds nothing to send through, and can change nothing.
    let late = json!({"channel": "email", "message": {"text": "x"}, "recipients": [{"user_id": "u", "address": "a@b.example"}]});
    let refused = tenant.post("/v1/campaigns/late/deliveries", &late).await;
    assert!([401, 403, 404, 409].contains(&refused.status), "{}", refused.text);
    let change = tenant.call(Method::PATCH, "/v1/settings", &json!({})).await;
    assert!([200, 401, 403, 404].contains(&change.status), "{}", change.text);
    let key = tenant
        .request(Method::POST, "/v1/keys")
        .bearer_auth(&stack.operator_key)
        .json(&json!({"name": "x", "scopes": ["*"]}));
    tenant.ask(key.header("X-Trunkline-Tenant", &tenant.id)).await.expect(404);

    let done = erased(&tenant).await;
    let left = named(&tenant).await;
    for item in &left {
        let (pk, sk) = (item["pk"]["S"].as_str().unwrap(), item["sk"]["S"].as_str().unwrap());
        let is_proof = pk == format!("T#{}#AUD", tenant.id) || (pk, sk) == ("TENANT", &tenant.id);
        assert!(is_proof, "left: {item}");
        assert!(!item.to_string().contains('@'), "no address in the proof: {item}");
    }
    assert_eq!(neighbour.aws.items_of(&neighbour.id).await, before, "others are left alone");

    let path = format!("/v1/tenants/{}/audit", tenant.id);
    let verdict = as_operator(&tenant, Method::GET, &format!("{path}/verify")).await.expect(200);
    assert_eq!((&verdict["ok"], &verdict["head"]), (&json!(true), &done["proof"]));
    let trail = as_operator(&tenant, Method::GET, &format!("{path}?limit=200")).await.expect(200);
    let last: Vec<_> = trail["items"].as_array().unwrap().iter().rev().take(2).map(|it| it["action"].clone()).collect();
    assert_eq!(last, ["tenant.erased", "tenant.erasure_begun"]);
    let anew = tenant.request(Method::POST, "/v1/tenants").bearer_auth(&stack.operator_key);
    tenant.ask(anew.json(&json!({"id": tenant.id, "name": "Again"}))).await.expect(409);
}

#[tokio::test]
async fn while_a_campaign_is_on_its_way_and_nothing_comes_back() {
    let tenant = Tenant::new().await;
    let mut settings = tenant.slack_settings();
    settings["limits"] = json!({"per_second": 5});
    tenant.create(&settings).await;
    let channels: Vec<String> = (0..60).map(|n| tenant.channel(&format!("N{n}"))).collect();
    tenant.send("spring", "slack", &channels).await;
    erase(&tenant).await.expect(202);
    // Senders find no integration any more, and end what is queued; only then may the time be let pass.
    let partition = format!("T#{}#C#spring", tenant.id);
    await_until("nothing is at work any more", async || {
        let items = tenant.aws.items_of(&tenant.id).await;
        let busy = |item: &&Value| {
            item["pk"]["S"] == partition.as_str() && ["q", "s"].contains(&item["st"]["S"].as_str().unwrap_or(""))
        };
        match items.iter().filter(busy).count() {
            0 => Ok(()),
            count => Err(count),
        }
    })
    .await;
    erased(&tenant).await;
    // A message that comes late, or again, is settled and leaves nothing.
    let message = json!({"tenant": tenant.id, "campaign": "spring", "bundle": "01JD0000000000000000000000.0000"});
    tenant.aws.queue("SlackQueueUrl", &message.to_string()).await;
    for (function, event) in [("sweep", json!({"due": "all"})), ("probe", json!({"due": "probes"}))] {
        let invoked = tenant.aws.invoke(function, &event).await;
        assert!(!invoked.failed, "{invoked:?}");
    }
    let left = named(&tenant).await;
    assert!(
        left.iter().all(|item| item["pk"]["S"] == format!("T#{}#AUD", tenant.id) || item["pk"]["S"] == "TENANT"),
        "{left:?}"
    );
}
