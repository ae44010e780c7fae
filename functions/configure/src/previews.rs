//! What a template makes of given values, before it is saved: by the code that makes the messages which are sent.
//!
//! The route is not below `/v1/templates`, where every name may be a template's id.

use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read},
};
use api::templates::{PreviewAnswer, PreviewRequest};
use axum::extract::State;
use domain::{
    message::Message,
    template::{Locale, Rendered, TemplateError, TemplateText},
};
use runtime::http::{Answer, Json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) async fn preview<P: Place>(
    State(_): State<Arc<Hub<P>>>,
    _: May<Read>,
    Json(wanted): Json<PreviewRequest>,
) -> Answer<Json<PreviewAnswer>> {
    let mut faults = Faults::default();
    let (mut variables, mut previews) = (BTreeSet::new(), BTreeMap::new());
    for (locale, text) in &wanted.texts {
        match made(text, &wanted, &mut variables) {
            Ok(message) => drop(previews.insert(*locale, message.into())),
            Err(error) => tell(&mut faults, *locale, error),
        }
    }
    Ok(Json(PreviewAnswer { variables, previews, errors: faults.found() }))
}

fn made(
    text: &TemplateText,
    wanted: &PreviewRequest,
    variables: &mut BTreeSet<String>,
) -> Result<Rendered, TemplateError> {
    variables.extend(text.variables()?);
    let TemplateText { subject, text, html, link } = text.clone();
    Message { subject, text, html, link }.render(wanted.channel, &wanted.variables)
}

fn tell(faults: &mut Faults, locale: Locale, error: TemplateError) {
    let place = |part: &str| format!("texts.{}.{part}", locale.as_str());
    match error {
        TemplateError::MissingVariable { part, variable } => {
            let message = format!("Give it a value: `{}` uses it.", place(part));
            faults.add(format!("variables.{variable}"), "required", message);
        }
        TemplateError::Invalid { part, reason } => {
            faults.add(place(part), "invalid", format!("This is not a template: {reason}."));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use serde_json::json;

    #[tokio::test]
    async fn both_languages_are_made_by_the_rules_of_their_channel() {
        let stage = Stage::new().await;
        let before = stage.stored().await;
        let wanted = json!({
            "channel": "email", "variables": {"name": "<b>Sara</b>", "score": 7},
            "texts": {
                "en": {"subject": "Hi {{ name }}", "text": "{{ name }}: {{ score }}", "html": "<p>{{ name }}</p>"},
                "ar": {"subject": "مرحبًا", "text": "{{ score }}"},
            },
        });
        let answer = stage.post("/v1/template-previews", wanted.clone()).await;
        let made = json!({
            "en": {
                "subject": "Hi <b>Sara</b>", "text": "<b>Sara</b>: 7",
                "html": "<p>&lt;b&gt;Sara&lt;&#x2f;b&gt;</p>", "link": null,
            },
            "ar": {"subject": "مرحبًا", "text": "7", "html": null, "link": null},
        });
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({"variables": ["name", "score"], "previews": made, "errors": []}));
        let slack =
            json!({"channel": "slack", "variables": {"name": "<!here>"}, "texts": {"en": {"text": "{{ name }}"}}});
        let answer = stage.post("/v1/template-previews", slack).await;
        assert_eq!(answer.body["previews"]["en"]["text"], "&lt;!here&gt;");
        assert_eq!((stage.stored().await, stage.store.calls("save_template")), (before, 0), "nothing is stored");
    }

    #[tokio::test]
    async fn what_keeps_a_language_from_being_made_is_told_and_keeps_no_other() {
        let stage = Stage::new().await;
        let wanted = json!({
            "channel": "email", "variables": {"name": "Sara"},
            "texts": {"en": {"text": "one\ntwo {{ name"}, "ar": {"text": "{{ name }} {{ link }}"}},
        });
        let answer = stage.post("/v1/template-previews", wanted).await;
        let errors = answer.body["errors"].as_array().unwrap();
        assert_eq!((answer.status, errors.len(), &answer.body["previews"]), (200, 2, &json!({})));
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!("texts.en.text"), &json!("invalid")));
        assert!(errors[0]["message"].as_str().unwrap().contains("(line 2)"), "{}", errors[0]);
        assert_eq!(errors[1]["field"], "variables.link");
        assert_eq!(answer.body["variables"], json!(["link", "name"]));
    }

    #[tokio::test]
    async fn a_template_that_never_ends_is_stopped() {
        let stage = Stage::new().await;
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let wanted = json!({"channel": "slack", "texts": {"en": {"text": endless}}});
        let answer = stage.post("/v1/template-previews", wanted).await;
        assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (200, &json!("texts.en.text")));
    }
}
