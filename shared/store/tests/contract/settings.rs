//! Templates, settings and the audit chain.

use crate::fixtures::{NOON, acme, audit};
use domain::{
    audit::AuditRecord,
    channel::Channel,
    settings::{SandboxRecipients, TenantSettings},
    template::{Locale, Template, TemplateText},
};
use futures::future::join_all;
use std::collections::BTreeMap;
use trunkline_store::{Store, StoreError};

fn template(id: &str, version: u32) -> Template {
    let text = |text: &str| TemplateText {
        subject: Some("Hello".to_owned()),
        text: text.to_owned(),
        html: None,
        link: Some("{{ link }}".to_owned()),
    };
    Template {
        id: id.parse().unwrap(),
        version,
        name: format!("Version {version}"),
        channel: Channel::Slack,
        texts: BTreeMap::from([(Locale::En, text("Hi {{ name }}")), (Locale::Ar, text("مرحبا {{ name }}"))]),
        default_locale: Locale::Ar,
        created_at: NOON,
    }
}

pub(crate) async fn templates_keep_every_version(store: &impl Store) {
    let save = async |template: &Template| store.save_template(&acme(), template, &audit("template.saved")).await;
    let (first, second, other) = (template("welcome", 1), template("welcome", 2), template("alert", 1));
    assert_eq!(save(&second).await, Err(StoreError::Conflict), "there is no first");
    save(&first).await.unwrap();
    assert_eq!(save(&first).await, Err(StoreError::Conflict));
    save(&second).await.unwrap();
    save(&other).await.unwrap();
    assert_eq!(store.template(&acme(), &first.id, None).await, Ok(Some(second.clone())));
    assert_eq!(store.template(&acme(), &first.id, Some(1)).await, Ok(Some(first.clone())));
    assert_eq!(store.template(&acme(), &first.id, Some(3)).await, Ok(None));
    assert_eq!(store.template(&acme(), &"none".parse().unwrap(), None).await, Ok(None));
    assert_eq!(store.templates(&acme()).await, Ok(vec![other, second]), "by id");
}

pub(crate) async fn a_deleted_template_keeps_counting(store: &impl Store) {
    let first = template("welcome", 1);
    let delete = async || store.delete_template(&acme(), &first.id, &audit("template.deleted")).await;
    assert_eq!(delete().await, Ok(false));
    assert_eq!(store.template_version(&acme(), &first.id).await, Ok(0));
    store.save_template(&acme(), &first, &audit("template.saved")).await.unwrap();
    assert_eq!(delete().await, Ok(true));
    assert_eq!(delete().await, Ok(false));
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 2, "what was not done leaves no record");
    assert_eq!(store.template(&acme(), &first.id, None).await, Ok(None));
    assert_eq!(store.templates(&acme()).await, Ok(vec![]));
    assert_eq!(
        store.template(&acme(), &first.id, Some(1)).await,
        Ok(Some(first.clone())),
        "what was accepted needs it"
    );
    let again = store.save_template(&acme(), &first, &audit("template.saved")).await;
    assert_eq!(again, Err(StoreError::Conflict));
    assert_eq!(store.template_version(&acme(), &first.id).await, Ok(1));
    let second = template("welcome", 2);
    store.save_template(&acme(), &second, &audit("template.saved")).await.unwrap();
    assert_eq!(store.templates(&acme()).await, Ok(vec![second]));
}

pub(crate) async fn settings_have_a_revision(store: &impl Store) {
    assert_eq!(store.settings(&acme()).await, Ok(TenantSettings::default()));
    let first = TenantSettings {
        sandbox: SandboxRecipients {
            email: vec!["qa@example.com".to_owned()],
            slack: vec![],
            ..SandboxRecipients::default()
        },
        rev: 1,
    };
    let save = async |settings: &TenantSettings| store.save_settings(&acme(), settings, &audit("settings.saved")).await;
    save(&first).await.unwrap();
    assert_eq!(save(&first).await, Err(StoreError::Conflict));
    let second = TenantSettings { rev: 2, ..TenantSettings::default() };
    save(&second).await.unwrap();
    assert_eq!(store.settings(&acme()).await, Ok(second));
    assert_eq!(save(&TenantSettings { rev: 2, ..first }).await, Err(StoreError::Conflict));
}

fn assert_continuous(records: &[AuditRecord]) {
    let mut last: Option<&AuditRecord> = None;
    for record in records {
        assert_eq!(record.seq, last.map_or(0, |last| last.seq) + 1);
        assert_eq!(record.prev, last.map(|last| last.hash.clone()).unwrap_or_default());
        assert_eq!(record.hash, record.computed_hash());
        last = Some(record);
    }
}

pub(crate) async fn the_audit_chain_is_continuous_under_concurrency(store: &impl Store) {
    let names: Vec<String> = (0..3).map(|number| format!("template-{number}")).collect();
    let templates: Vec<Template> = names.iter().map(|name| template(name, 1)).collect();
    let entry = audit("something.happened");
    let scope = acme();
    let appends = join_all((0..3).map(|_| store.append_audit(&scope, &entry)));
    let saves = join_all(templates.iter().map(|template| store.save_template(&scope, template, &entry)));
    // One of the two that write this template is refused.
    let rival = store.save_template(&scope, &templates[0], &entry);
    let (appended, written, _) = futures::join!(appends, saves, rival);
    assert!(appended.iter().all(Result::is_ok), "{appended:?}");
    assert!(written.iter().skip(1).all(Result::is_ok), "{written:?}");
    let records = store.audit(&acme(), None, 200).await.unwrap().items;
    assert_eq!(records.len(), 6);
    assert_continuous(&records);
    assert_eq!(records[0].principal, "operator");
}

pub(crate) async fn audit_records_come_page_by_page(store: &impl Store) {
    for _ in 0..12 {
        store.append_audit(&acme(), &audit("something.happened")).await.unwrap();
    }
    let mut records = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.audit(&acme(), cursor.as_deref(), 4).await.unwrap();
        assert_eq!(page.items.len(), 4);
        records.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(records.len(), 12);
    assert_continuous(&records);
    let after = store.audit(&acme(), Some("11"), 10).await.unwrap();
    assert_eq!(after.items, records[11..]);
}
