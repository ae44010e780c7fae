//! A tenant's own templates, beside the ready-made ones that came with the hub.

use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read, Write},
};
use api::{
    page::List,
    problem::{Problem, ProblemKind},
    templates::{TemplateBody, TemplateView},
};
use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{
    audit::AuditEntry,
    channel::Channel,
    ids::TemplateId,
    principal::Caller,
    template::{RESERVED_PREFIX, Template, TemplateError, TemplateText, ready_made},
    time::Timestamp,
};
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::{Settings, StoreError};

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 100;
/// The most bytes of all texts together: a template is one record, and DynamoDB's holds 400 KB.
const TEXTS_MAX_BYTES: usize = 256 * 1024;

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
) -> Answer<Json<List<TemplateView>>> {
    let own = hub.store.templates(&caller.scope).await?;
    Ok(Json(List { items: ready_made().into_iter().chain(own).map(TemplateView::from).collect(), next: None }))
}

pub(crate) async fn read<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<TemplateId>,
) -> Answer<Json<TemplateView>> {
    let found = ::hub::content::template(&*hub.store, &caller.scope, &id, None).await?;
    Ok(Json(found.ok_or_else(not_found)?.into()))
}

pub(crate) async fn create<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Json(body): Json<TemplateBody>,
) -> Answer<Response> {
    let id = new_id(&body)?;
    if hub.store.template(&caller.scope, &id, None).await?.is_some() {
        return Err(exists(&id).into());
    }
    // A deleted template keeps counting, because what was accepted with one of its versions is sent as it was.
    let version = hub.store.template_version(&caller.scope, &id).await? + 1;
    let template = made(id, version, body, hub.now());
    match hub.store.save_template(&caller.scope, &template, &audit(&caller, "template.created", &template)).await {
        Err(StoreError::Conflict) => return Err(exists(&template.id).into()),
        saved => saved?,
    }
    let location = format!("/v1/templates/{}", template.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(TemplateView::from(template))).into_response())
}

pub(crate) async fn replace<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<TemplateId>,
    Json(body): Json<TemplateBody>,
) -> Answer<Json<TemplateView>> {
    own(&id)?;
    let mut faults = Faults::default();
    if body.id.as_ref().is_some_and(|other| *other != id) {
        faults.add("id", "conflict", format!("Leave it out, or repeat the path's `{id}`: a template keeps its id."));
    }
    check(&mut faults, &body);
    faults.finish()?;
    let saved = match next_version(&hub, &caller, &id, &body).await {
        // Somebody else made that version: ours becomes the one after it.
        Err(StoreError::Conflict) => next_version(&hub, &caller, &id, &body).await,
        done => done,
    };
    Ok(Json(saved?.ok_or_else(not_found)?.into()))
}

async fn next_version<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    id: &TemplateId,
    body: &TemplateBody,
) -> Result<Option<Template>, StoreError> {
    let Some(newest) = hub.store.template(&caller.scope, id, None).await? else { return Ok(None) };
    let template = made(id.clone(), newest.version + 1, body.clone(), hub.now());
    hub.store.save_template(&caller.scope, &template, &audit(caller, "template.updated", &template)).await?;
    Ok(Some(template))
}

pub(crate) async fn delete<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<TemplateId>,
) -> Answer<StatusCode> {
    own(&id)?;
    let audit = AuditEntry {
        principal: caller.principal.clone(),
        action: "template.deleted",
        target: id.to_string(),
        detail: String::new(),
        at: hub.now(),
    };
    if hub.store.delete_template(&caller.scope, &id, &audit).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found().into())
    }
}

fn not_found() -> Problem {
    Problem::not_found("template")
}

fn exists(id: &TemplateId) -> Problem {
    let detail =
        format!("There is a template `{id}` already. Change it with PUT /v1/templates/{id}, or choose another id.");
    Problem::new(ProblemKind::Conflict, detail)
}

/// Whether the tenant may change a template of this id: the ready-made ones are everybody's.
fn own(id: &TemplateId) -> Answer<()> {
    if ready_made().iter().any(|template| template.id == *id) {
        let detail = format!("`{id}` came with the hub and stays as it is. Create your own under another id.");
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    Ok(())
}

/// The id of a new template whose body is in order.
fn new_id(body: &TemplateBody) -> Answer<TemplateId> {
    let mut faults = Faults::default();
    match &body.id {
        None => faults.add("id", "required", "Give it an id, by which campaigns will name it, e.g. `welcome`."),
        Some(id) if id.as_str().starts_with(RESERVED_PREFIX) => {
            faults.add("id", "not_allowed", format!("Ids that begin with `{RESERVED_PREFIX}` are the hub's own."));
        }
        Some(_) => {}
    }
    check(&mut faults, body);
    faults.finish()?;
    Ok(body.id.clone().ok_or_else(not_found)?)
}

fn made(id: TemplateId, version: u32, body: TemplateBody, now: Timestamp) -> Template {
    Template {
        id,
        version,
        name: body.name.trim().to_owned(),
        channel: body.channel,
        texts: body.texts,
        default_locale: body.default_locale,
        created_at: now,
    }
}

fn audit(caller: &Caller, action: &'static str, template: &Template) -> AuditEntry {
    AuditEntry {
        principal: caller.principal.clone(),
        action,
        target: template.id.to_string(),
        detail: format!("version {}", template.version),
        at: template.created_at,
    }
}

fn check(faults: &mut Faults, body: &TemplateBody) {
    faults.check_name(&body.name, NAME_MAX_CHARS);
    if body.texts.is_empty() {
        faults.add("texts", "required", "Give at least one text, under `en` or `ar`.");
    } else if !body.texts.contains_key(&body.default_locale) {
        let locale = body.default_locale.as_str();
        faults.add("default_locale", "conflict", format!("There is no text in `{locale}`: add `texts.{locale}`."));
    }
    for (locale, text) in &body.texts {
        check_text(faults, &format!("texts.{}", locale.as_str()), body.channel, text);
    }
    if body.texts.values().map(size).sum::<usize>() > TEXTS_MAX_BYTES {
        faults.add("texts", "out_of_range", format!("All texts together may have at most {TEXTS_MAX_BYTES} bytes."));
    }
}

fn check_text(faults: &mut Faults, place: &str, channel: Channel, text: &TemplateText) {
    if channel == Channel::Email && text.subject.as_deref().unwrap_or_default().trim().is_empty() {
        faults.add(format!("{place}.subject"), "required", "An e-mail needs a subject.");
    }
    if text.text.trim().is_empty() {
        faults.add(format!("{place}.text"), "required", "Enter the plain text; it is what every client can show.");
    }
    if let Err(TemplateError::Invalid { part, reason }) = text.variables() {
        faults.add(format!("{place}.{part}"), "invalid", format!("This is not a template: {reason}."));
    }
}

fn size(text: &TemplateText) -> usize {
    let length = |part: &Option<String>| part.as_ref().map_or(0, String::len);
    text.text.len() + length(&text.subject) + length(&text.html) + length(&text.link)
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, with};
    use serde_json::{Value, json};
    use store::StoreError;

    fn body() -> Value {
        json!({
            "id": "welcome", "name": " Welcome ", "channel": "email",
            "texts": {"en": {"subject": "Hi {{ name }}", "text": "Open {{ link }}"}},
        })
    }

    fn errors(body: &Value) -> Vec<String> {
        let errors = body["errors"].as_array().unwrap().iter();
        errors
            .map(|error| format!("{} {}", error["field"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn a_template_lives_from_version_to_version() {
        let stage = Stage::new().await;
        let created = stage.post("/v1/templates", body()).await;
        assert_eq!((created.status, created.headers["location"].as_str()), (201, "/v1/templates/welcome"));
        insta::assert_json_snapshot!(created.body, @r#"
        {
          "channel": "email",
          "created_at": "2025-11-20T12:00:00.000Z",
          "default_locale": "en",
          "id": "welcome",
          "name": "Welcome",
          "ready_made": false,
          "texts": {
            "en": {
              "subject": "Hi {{ name }}",
              "text": "Open {{ link }}"
            }
          },
          "variables": [
            "link",
            "name"
          ],
          "version": 1
        }
        "#);
        assert_eq!(stage.get("/v1/templates/welcome").await.body, created.body);
        assert_eq!(stage.post("/v1/templates", body()).await.status, 409);

        let changed = with(body(), &[("id", Value::Null), ("name", json!("Hello"))]);
        let changed = stage.put("/v1/templates/welcome", changed).await;
        assert_eq!(
            (changed.status, &changed.body["version"], &changed.body["name"]),
            (200, &json!(2), &json!("Hello"))
        );

        assert_eq!(stage.delete("/v1/templates/welcome").await.status, 204);
        for gone in [
            stage.get("/v1/templates/welcome").await,
            stage.put("/v1/templates/welcome", body()).await,
            stage.delete("/v1/templates/welcome").await,
        ] {
            assert_eq!(gone.status, 404);
        }
        let again = stage.post("/v1/templates", body()).await;
        assert_eq!((again.status, &again.body["version"]), (201, &json!(3)), "a deleted one keeps counting");
        assert_eq!(
            stage.audited().await,
            [
                "template.created version 1",
                "template.updated version 2",
                "template.deleted",
                "template.created version 3"
            ]
        );
    }

    #[tokio::test]
    async fn the_ready_made_ones_are_listed_first_and_stay_as_they_are() {
        let stage = Stage::new().await;
        stage.post("/v1/templates", body()).await;
        let list = stage.get("/v1/templates").await.body;
        let items = list["items"].as_array().unwrap();
        assert_eq!((&items[0]["ready_made"], &items.last().unwrap()["id"]), (&json!(true), &json!("welcome")));
        let path = format!("/v1/templates/{}", items[0]["id"].as_str().unwrap());
        assert_eq!(stage.get(&path).await.body, items[0]);
        let change = with(body(), &[("id", Value::Null)]);
        assert_eq!(stage.put(&path, change).await.status, 409);
        assert_eq!(stage.delete(&path).await.status, 409);
    }

    #[tokio::test]
    async fn whatever_is_wrong_is_named_all_at_once_and_nothing_is_stored() {
        let stage = Stage::new().await;
        let cases = [
            (vec![("id", Value::Null)], vec!["id required"]),
            (vec![("id", json!("trunkline.mine"))], vec!["id not_allowed"]),
            (vec![("id", json!("a b"))], vec!["id invalid"]),
            (vec![("name", json!(" "))], vec!["name required"]),
            (vec![("name", json!("x".repeat(101)))], vec!["name out_of_range"]),
            (vec![("texts", json!({}))], vec!["texts required"]),
            (vec![("texts.fr", json!({"text": "Salut"}))], vec!["texts invalid"]),
            (vec![("default_locale", json!("ar"))], vec!["default_locale conflict"]),
            (
                vec![("texts.en.subject", json!("")), ("texts.en.text", json!("{{ name"))],
                vec!["texts.en.subject required", "texts.en.text invalid"],
            ),
            (vec![("texts.en.html", json!("{% include 'x' %}"))], vec!["texts.en.html invalid"]),
            (vec![("texts.en.text", json!("x".repeat(65_537)))], vec!["texts.en.text invalid"]),
            (
                vec![
                    ("texts.en.subject", json!("x".repeat(65_536))),
                    ("texts.en.text", json!("x".repeat(65_536))),
                    ("texts.en.html", json!("x".repeat(65_536))),
                    ("texts.en.link", json!("x".repeat(65_536))),
                    ("texts.ar", json!({"subject": "x", "text": "x"})),
                ],
                vec!["texts out_of_range"],
            ),
        ];
        for (changes, expected) in cases {
            let answer = stage.post("/v1/templates", with(body(), &changes)).await;
            assert_eq!(
                (answer.status, errors(&answer.body)),
                (422, expected.iter().map(ToString::to_string).collect())
            );
        }
        assert_eq!(stage.store.calls("save_template"), 0);
        stage.post("/v1/templates", body()).await;
        let other = stage.put("/v1/templates/welcome", with(body(), &[("id", json!("other"))])).await;
        assert_eq!(errors(&other.body), ["id conflict"]);
    }

    #[tokio::test]
    async fn whoever_is_second_makes_the_version_after() {
        let stage = Stage::new().await;
        stage.store.fail_next("save_template", StoreError::Conflict);
        assert_eq!(stage.post("/v1/templates", body()).await.status, 409, "created by somebody else meanwhile");
        stage.post("/v1/templates", body()).await;
        stage.store.fail_next("save_template", StoreError::Conflict);
        assert_eq!(stage.put("/v1/templates/welcome", body()).await.body["version"], 2);
    }
}
