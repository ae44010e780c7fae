//! The settings of an endpoint.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
};
use domain::{
    channel::Provider,
    integration::Config,
    rate::Limits,
    secret::{Secret, Secrets},
    time::Timestamp,
    webhook::{
        EndpointSettings, Signing,
        filter::{Combine, Condition, EventPattern, Filter, Op},
        secret::SigningKey,
        transform::Transform,
    },
};
use guard::Guard;
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The secret that posts are signed with.
pub(crate) const SIGNING_SECRET: &str = "signing_secret";
/// The secret before, with which posts are signed too until `previous_until`.
pub(crate) const PREVIOUS_SECRET: &str = "previous_secret";
/// What the names of secrets begin with that are custom headers.
pub(crate) const HEADER: &str = "header.";

const NAMES: &[&str] = &["url", "description", "events", "filter", "transform", "signing", "ordered", "previous_until"];

const URL_MAX_CHARS: usize = 2_048;
const DESCRIPTION_MAX_CHARS: usize = 500;
const EVENTS_MAX: usize = 50;
const CONDITIONS_MAX: usize = 20;
/// The most values that one condition compares with.
const VALUES_MAX: usize = 100;
const TRANSFORM_MAX: usize = 50;
/// The longest name of a field in an event's data, in characters.
const FIELD_MAX_CHARS: usize = 200;
/// The longest constant or value to compare with, as JSON, in bytes.
const VALUE_MAX_BYTES: usize = 4_096;
const HEADERS_MAX: usize = 20;
const HEADER_MAX_BYTES: usize = 4_096;

/// What no custom header is called: what belongs to the connection (RFC 9110, section 7.6.1, and what proxies add to it),
/// what HTTP makes of the URL and the body, and ours.
const RESERVED: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "host",
    "expect",
    "date",
    "user-agent",
    "accept-encoding",
];
const RESERVED_BEGINNINGS: [&str; 3] = ["content-", "webhook-", "x-trunkline-"];

/// The custom headers among the secrets: names and values.
pub(crate) fn custom_headers(secrets: &Secrets) -> impl Iterator<Item = (&str, &Secret)> {
    secrets.iter().filter_map(|(name, secret)| Some((name.strip_prefix(HEADER)?, secret)))
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    check_secret_names(&mut fields, secrets);
    let url = url(&mut fields);
    let description = fields.text("description", DESCRIPTION_MAX_CHARS);
    let events = events(&mut fields, config.get("events"));
    let filter = filter(&mut fields, config.get("filter"));
    let transform = transform(&mut fields, config.get("transform"));
    let signing =
        fields.text("signing", 40).map_or(Ok(Signing::default()), |text| Signing::deserialize(Value::from(text)));
    let signing = signing.unwrap_or_else(|_| {
        fields.fault("signing", "invalid", "Choose `hmac` or `ed25519`.");
        Signing::default()
    });
    let ordered = fields.flag("ordered").unwrap_or_default();
    let previous_until = previous_until(&mut fields, config.get("previous_until"));
    let settings = url.map(|url| EndpointSettings {
        url,
        description,
        events,
        filter,
        transform,
        signing,
        ordered,
        previous_until,
    });
    let config = match settings.map(serde_json::to_value) {
        Some(Ok(Value::Object(config))) => Some(config),
        _ => None,
    };
    fields.finish(config)
}

fn check_secret_names(fields: &mut Fields<'_>, secrets: &BTreeSet<String>) {
    if !secrets.contains(SIGNING_SECRET) {
        fields.push(FieldError::secret(SIGNING_SECRET, "required", "Posts are signed: a secret must be there."));
    }
    let own: BTreeSet<_> = secrets.iter().filter(|name| !name.starts_with(HEADER)).cloned().collect();
    fields.known_secrets(&own, &[SIGNING_SECRET, PREVIOUS_SECRET, "header.<name>"]);
    let mut seen = BTreeSet::new();
    for (at, secret) in secrets.iter().filter(|name| name.starts_with(HEADER)).enumerate() {
        let name = &secret[HEADER.len()..];
        let shown: String = secret.chars().take(60).collect();
        let lower = name.to_ascii_lowercase();
        let reserved = RESERVED.contains(&lower.as_str()) || RESERVED_BEGINNINGS.iter().any(|it| lower.starts_with(it));
        let (code, words) = if at >= HEADERS_MAX {
            ("out_of_range", format!("Enter at most {HEADERS_MAX} headers."))
        } else if name.len() > 100 || HeaderName::try_from(name).is_err() {
            ("invalid", "Name the header with up to 100 letters, digits and `-`.".to_owned())
        } else if reserved {
            ("not_allowed", "This header is made by HTTP or by us. Choose another name.".to_owned())
        } else if !seen.insert(lower) {
            ("conflict", "There is a header of this name already: names do not tell capital letters.".to_owned())
        } else {
            continue;
        };
        fields.push(FieldError::secret(&shown, code, words));
    }
}

/// Scheme, port and address are the guard's business: see [`validate_secrets`].
fn url(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.required_text("url", URL_MAX_CHARS, "Enter the URL that events are posted to: https://...")?;
    let fault = match Url::parse(&text) {
        Err(_) => "Enter a URL that begins with https://.",
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "Leave user name and password out of the URL: enter them as the header Authorization."
        }
        Ok(url) if url.fragment().is_some() => "Leave out `#` and what follows: it is never sent.",
        Ok(url) if !url.has_host() => "Name the host in the URL.",
        Ok(_) => return Some(text),
    };
    fields.fault("url", "invalid", fault);
    None
}

fn events(fields: &mut Fields<'_>, value: Option<&Value>) -> Vec<EventPattern> {
    let mut patterns = Vec::new();
    for (at, value) in list(fields, "events", value, EVENTS_MAX).iter().enumerate() {
        match value.as_str().map(|text| text.trim().parse::<EventPattern>()) {
            Some(Ok(pattern)) if !patterns.contains(&pattern) => patterns.push(pattern),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                let words = "Enter an event type such as `order.created`, `order.*`, or `*`.";
                fields.fault(&format!("events.{at}"), "invalid", words);
            }
        }
    }
    patterns
}

fn filter(fields: &mut Fields<'_>, value: Option<&Value>) -> Option<Filter> {
    let object = object(fields, "filter", value, &["match", "conditions"])?;
    let combine = match object.get("match") {
        None | Some(Value::Null) => Combine::default(),
        Some(value) => Combine::deserialize(value).unwrap_or_else(|_| {
            fields.fault("filter.match", "invalid", "Choose `all` or `any`.");
            Combine::default()
        }),
    };
    let listed = list(fields, "filter.conditions", object.get("conditions"), CONDITIONS_MAX);
    let conditions: Vec<_> = listed.iter().enumerate().filter_map(|(at, value)| condition(fields, at, value)).collect();
    // A filter without conditions is none.
    (!conditions.is_empty()).then_some(Filter { combine, conditions })
}

fn condition(fields: &mut Fields<'_>, at: usize, value: &Value) -> Option<Condition> {
    let name = format!("filter.conditions.{at}");
    let object = object(fields, &name, Some(value), &["field", "op", "value"])?;
    let field = object.get("field").and_then(|it| field_name(fields, &format!("{name}.field"), it.as_str()));
    if !object.contains_key("field") {
        fields.fault(&format!("{name}.field"), "required", "Name the field, such as `customer.country`.");
    }
    let op = object.get("op").and_then(|op| Op::deserialize(op).ok());
    let Some(op) = op else {
        let words = "Choose eq, ne, in, exists, absent, gt, gte, lt, lte, prefix or contains.";
        fields.fault(&format!("{name}.op"), if object.contains_key("op") { "invalid" } else { "required" }, words);
        return None;
    };
    let value = object.get("value").cloned().unwrap_or_default();
    if let Err(words) = check_value(op, &value) {
        fields.fault(&format!("{name}.value"), "invalid", words);
        return None;
    }
    Some(Condition { field: field?, op, value })
}

/// What can be compared with by this operator.
fn check_value(op: Op, value: &Value) -> Result<(), &'static str> {
    if value.to_string().len() > VALUE_MAX_BYTES {
        return Err("Enter a shorter value.");
    }
    let (fits, words) = match op {
        Op::Eq | Op::Ne => (true, ""),
        Op::In => {
            let fits = value.as_array().is_some_and(|list| (1..=VALUES_MAX).contains(&list.len()));
            (fits, "Enter a list of 1 to 100 values.")
        }
        Op::Exists | Op::Absent => (value.is_null(), "Leave out the value: only the field matters."),
        Op::Gt | Op::Gte | Op::Lt | Op::Lte => (value.is_number(), "Enter a number, without quotation marks."),
        Op::Prefix => (value.is_string(), "Enter a text."),
        Op::Contains => (!value.is_null(), "Enter the text or the list's element to look for."),
    };
    if fits { Ok(()) } else { Err(words) }
}

fn transform(fields: &mut Fields<'_>, value: Option<&Value>) -> Option<Transform> {
    let object = object(fields, "transform", value, &["pick", "rename", "constant"])?;
    let listed = list(fields, "transform.pick", object.get("pick"), TRANSFORM_MAX);
    let named = |(at, it): (usize, &Value)| field_name(fields, &format!("transform.pick.{at}"), it.as_str());
    let pick: Vec<String> = listed.iter().enumerate().filter_map(named).collect();
    let mut entries = |part: &str| -> Vec<(String, Value)> {
        let name = format!("transform.{part}");
        let Some(value) = object.get(part).filter(|value| !value.is_null()) else { return Vec::new() };
        let Value::Object(map) = value else {
            fields.fault(&name, "wrong_type", "Enter an object: fields and what becomes of them.");
            return Vec::new();
        };
        let at = |field: &str| format!("{name}.{}", field.chars().take(60).collect::<String>());
        map.iter()
            .filter_map(|(field, value)| Some((field_name(fields, &at(field), Some(field))?, value.clone())))
            .collect()
    };
    let renames = entries("rename");
    let constant: BTreeMap<String, Value> = entries("constant").into_iter().collect();
    let mut rename = BTreeMap::new();
    for (old, new) in renames {
        if let Some(new) = field_name(fields, &format!("transform.rename.{old}"), new.as_str()) {
            rename.insert(old, new);
        }
    }
    for (name, _) in constant.iter().filter(|(_, value)| value.to_string().len() > VALUE_MAX_BYTES) {
        fields.fault(&format!("transform.constant.{name}"), "out_of_range", "Enter a shorter value.");
    }
    if pick.len() + rename.len() + constant.len() > TRANSFORM_MAX {
        fields.fault("transform", "out_of_range", format!("Enter at most {TRANSFORM_MAX} entries in all."));
    }
    let transform = Transform { pick, rename, constant };
    (!transform.is_nothing()).then_some(transform)
}

/// Written by a rotation, in the form that it is stored in.
fn previous_until(fields: &mut Fields<'_>, value: Option<&Value>) -> Option<Timestamp> {
    let value = value.filter(|value| !value.is_null())?;
    let moment = Timestamp::deserialize(value).ok();
    if moment.is_none() {
        fields.fault("previous_until", "wrong_type", "This is set when the secret is rotated.");
    }
    moment
}

/// The name of a field in an event's data.
fn field_name(fields: &mut Fields<'_>, at: &str, text: Option<&str>) -> Option<String> {
    let name = text.map(str::trim).filter(|name| {
        let fits = name.chars().count() <= FIELD_MAX_CHARS && !name.chars().any(char::is_control);
        fits && name.split('.').all(|word| !word.is_empty())
    });
    if name.is_none() {
        let words = "Name a field with up to 200 characters, with dots into objects: `customer.country`.";
        fields.fault(at, "invalid", words);
    }
    name.map(ToOwned::to_owned)
}

fn list<'v>(fields: &mut Fields<'_>, name: &str, value: Option<&'v Value>, longest: usize) -> &'v [Value] {
    match value {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) if list.len() <= longest => list,
        Some(Value::Array(_)) => {
            fields.fault(name, "out_of_range", format!("Enter at most {longest} entries."));
            &[]
        }
        Some(_) => {
            fields.fault(name, "wrong_type", "Enter a list.");
            &[]
        }
    }
}

/// An object with no other fields than these.
fn object<'v>(
    fields: &mut Fields<'_>,
    name: &str,
    value: Option<&'v Value>,
    known: &[&str],
) -> Option<&'v Map<String, Value>> {
    let value = value.filter(|value| !value.is_null())?;
    let Some(object) = value.as_object() else {
        fields.fault(name, "wrong_type", "Enter an object.");
        return None;
    };
    for field in object.keys().filter(|field| !known.contains(&field.as_str())) {
        let shown: String = field.chars().take(60).collect();
        let words = format!("There is no such field. Known fields: {}.", known.join(", "));
        fields.fault(&format!("{name}.{shown}"), "unknown_field", words);
    }
    Some(object)
}

pub(crate) fn validate_secrets(config: &Config, secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let Ok(settings) = EndpointSettings::read(config) else { return errors };
    if let Err(refusal) = guard.check_url(&settings.url) {
        errors.push(FieldError::config("url", "not_allowed", format!("The URL may not be used: {refusal}.")));
    }
    for name in [SIGNING_SECRET, PREVIOUS_SECRET] {
        let fault = match secrets.get(name).map(|secret| SigningKey::parse(secret.expose())) {
            Some(Err(error)) => error.to_string(),
            Some(Ok(key)) if name == SIGNING_SECRET && key.signing() != settings.signing => match settings.signing {
                Signing::Hmac => "With `signing: hmac` the secret begins with `whsec_`".to_owned(),
                Signing::Ed25519 => "With `signing: ed25519` the secret begins with `whsk_`".to_owned(),
            },
            Some(Ok(_)) | None => continue,
        };
        errors.push(FieldError::secret(name, "invalid", format!("{fault}.")));
    }
    for (name, secret) in custom_headers(secrets) {
        let text = secret.expose();
        if text.is_empty() || text.len() > HEADER_MAX_BYTES || HeaderValue::from_str(text).is_err() {
            let words = format!("Enter one line of 1 to {HEADER_MAX_BYTES} visible ASCII characters.");
            errors.push(FieldError::secret(&format!("{HEADER}{name}"), "invalid", words));
        }
    }
    errors
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "webhook",
        provider: Provider::Webhook,
        name: "Webhook endpoint",
        name_ar: "نقطة استقبال الويب هوك",
        description: "Events posted to a URL of yours, signed as Standard Webhooks says. Made and changed at /v1/endpoints.",
        description_ar: "أحداث تُرسل إلى عنوان تملكه، موقّعة وفق Standard Webhooks. تُنشأ وتُعدّل في /v1/endpoints.",
        schema: schema(),
        secrets: vec![
            SecretField {
                name: SIGNING_SECRET,
                title: "Signing secret",
                title_ar: "سر التوقيع",
                description: "What posts are signed with: whsec_ and the base64 of 24 to 64 bytes, or whsk_ and an Ed25519 private key. One is made for you if you give none.",
                description_ar: "ما تُوقَّع به الرسائل: whsec_ ثم base64 لعدد 24 إلى 64 بايت، أو whsk_ ثم مفتاح Ed25519 خاص. يُنشأ لك واحد إن لم تُدخل شيئًا.",
                needed: "always",
                needed_ar: "دائمًا",
                required: true,
            },
            SecretField {
                name: PREVIOUS_SECRET,
                title: "Previous signing secret",
                title_ar: "سر التوقيع السابق",
                description: "The signing secret before the last rotation. Posts are signed with it too until `previous_until`.",
                description_ar: "سر التوقيع قبل آخر تدوير. تُوقَّع به الرسائل أيضًا حتى `previous_until`.",
                needed: "never: a rotation keeps it",
                needed_ar: "لا يُطلب أبدًا: يحفظه التدوير",
                required: false,
            },
            SecretField {
                name: "header.<name>",
                title: "Custom header",
                title_ar: "ترويسة مخصّصة",
                description: "A header that goes with every post, such as header.Authorization. Up to 20; none of ours, of the connection's, and no Content-*.",
                description_ar: "ترويسة ترافق كل رسالة، مثل header.Authorization. حتى 20 ترويسة؛ ليست من ترويساتنا ولا من ترويسات الاتصال، ولا Content-*.",
                needed: "when the endpoint asks for one",
                needed_ar: "إن طلبت نقطة الاستقبال ذلك",
                required: false,
            },
        ],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "None: an endpoint that wants fewer says so by 429, or is given a limit here.",
            note_ar: "بلا حدود: نقطة الاستقبال التي تريد أقل ترد بالرمز 429، أو يُحدّد لها حدّ هنا.",
        },
        docs: "docs/providers/webhook.md",
    }
}

fn schema() -> Value {
    let field = json!({
        "type": "string", "minLength": 1, "maxLength": FIELD_MAX_CHARS, "title": "Field", "x-title-ar": "الحقل",
        "description": "A field of the event's data, with dots into objects and numbers into lists.",
        "x-description-ar": "حقل من بيانات الحدث، بنقاط إلى داخل الكائنات وأرقام إلى داخل القوائم.",
        "examples": ["customer.country"]
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Webhook endpoint", "x-title-ar": "نقطة استقبال الويب هوك",
        "type": "object",
        "additionalProperties": false,
        "required": ["url"],
        "properties": {
            "url": {
                "type": "string", "format": "uri", "maxLength": URL_MAX_CHARS, "title": "URL", "x-title-ar": "العنوان",
                "examples": ["https://example.com/hooks/trunkline"],
                "description": "Where events are posted to: https on port 443, a public address, no user name, no fragment. It is never redirected.",
                "x-description-ar": "إلى أين تُرسل الأحداث: https على المنفذ 443، وعنوان عام، بلا اسم مستخدم ولا جزء بعد #. ولا تُتبع إعادة التوجيه أبدًا."
            },
            "description": {
                "type": "string", "maxLength": DESCRIPTION_MAX_CHARS, "title": "Description", "x-title-ar": "الوصف", "examples": ["Orders to the warehouse"],
                "description": "What the endpoint is for, in a person's words.",
                "x-description-ar": "الغرض من نقطة الاستقبال، بكلمات يفهمها الناس."
            },
            "events": {
                "type": "array", "maxItems": EVENTS_MAX, "uniqueItems": true, "title": "Event types", "x-title-ar": "أنواع الأحداث",
                "items": {"type": "string", "pattern": "^(\\*|[a-z0-9_]+(\\.[a-z0-9_]+)*(\\.\\*)?)$"},
                "examples": [["order.created", "invoice.*"]],
                "description": "The types of events that it wants: one, all below a word (`order.*`), or `*`. All where the list is empty.",
                "x-description-ar": "أنواع الأحداث المطلوبة: نوع واحد، أو كل ما تحت كلمة (`order.*`)، أو `*`. والكل إن كانت القائمة فارغة."
            },
            "filter": filter_schema(&field),
            "transform": transform_schema(&field),
            "signing": {
                "type": "string", "enum": ["hmac", "ed25519"],
                "x-enum-titles": ["Shared secret (HMAC)", "Key pair (Ed25519)"],
                "x-enum-titles-ar": ["سر مشترك (HMAC)", "زوج مفاتيح (Ed25519)"],
                "default": "hmac", "title": "Signing", "x-title-ar": "التوقيع", "examples": ["hmac"],
                "description": "`hmac`: HMAC-SHA256 under a shared secret (v1). `ed25519`: a private key signs, and receivers have the public one (v1a).",
                "x-description-ar": "`hmac`: توقيع HMAC-SHA256 بسر مشترك (v1). و`ed25519`: يوقّع مفتاح خاص، ولدى المستقبلين المفتاح العام (v1a)."
            },
            "ordered": {
                "type": "boolean", "default": false, "title": "Strict order", "x-title-ar": "ترتيب صارم", "examples": [false],
                "description": "Whether events with the same key are posted strictly one after another. One that fails holds up those after it until it is taken or given up.",
                "x-description-ar": "هل تُرسل الأحداث ذات المفتاح نفسه واحدًا بعد آخر بلا استثناء. وما يفشل منها يؤخّر ما بعده حتى يُقبل أو يُتخلّى عنه."
            },
            "previous_until": {
                "type": "integer", "readOnly": true, "title": "Previous secret until", "x-title-ar": "السر السابق حتى", "examples": [1_763_640_000_000_i64],
                "description": "Until when posts are also signed with the secret before, in ms since 1970. Set by a rotation.",
                "x-description-ar": "إلى متى تُوقَّع الرسائل بالسر السابق أيضًا، بالملّي ثانية منذ 1970. يحدّده التدوير."
            }
        }
    })
}

fn filter_schema(field: &Value) -> Value {
    json!({
        "type": "object", "title": "Filter", "x-title-ar": "المرشِّح", "additionalProperties": false, "required": ["conditions"],
        "examples": [{"match": "all", "conditions": [{"field": "customer.country", "op": "in", "value": ["AE", "SA"]}]}],
        "description": "What must be true of an event's data.",
        "x-description-ar": "ما يجب أن يصدق على بيانات الحدث.",
        "properties": {
            "match": {"type": "string", "enum": ["all", "any"],
            "x-enum-titles": ["All conditions", "Any condition"],
            "x-enum-titles-ar": ["كل الشروط", "أي شرط"],
                "default": "all", "title": "Match", "x-title-ar": "المطابقة", "examples": ["all"],
                "description": "Whether all conditions must hold, or one is enough.",
                "x-description-ar": "هل تلزم كل الشروط، أم يكفي واحد منها."},
            "conditions": {
                "type": "array", "maxItems": CONDITIONS_MAX, "title": "Conditions", "x-title-ar": "الشروط",
                "description": "What is compared.",
                "x-description-ar": "ما الذي يُقارن.", "examples": [[{"field": "total", "op": "gte", "value": 100}]],
                "items": {
                    "type": "object", "additionalProperties": false, "required": ["field", "op"],
                    "properties": {
                        "field": field,
                        "op": {"type": "string", "title": "Operator", "x-title-ar": "المعامل", "examples": ["eq"],
                            "enum": ["eq", "ne", "in", "exists", "absent", "gt", "gte", "lt", "lte", "prefix", "contains"],
                            "x-enum-titles": ["is", "is not", "is one of", "is there", "is not there", "is more than", "is at least", "is less than", "is at most", "begins with", "contains"],
                            "x-enum-titles-ar": ["يساوي", "لا يساوي", "أحد", "موجود", "غير موجود", "أكبر من", "لا يقل عن", "أصغر من", "لا يزيد على", "يبدأ بـ", "يحتوي"],
                            "description": "How. A field that is not there meets only `ne` and `absent`.",
                            "x-description-ar": "كيف تتم المقارنة. الحقل غير الموجود لا يحقق إلا `ne` و`absent`."},
                        "value": {"title": "Value", "x-title-ar": "القيمة", "examples": ["AE"],
                            "description": "With what: a list for `in`, a number for `gt` and its like, a text for `prefix`, nothing for `exists` and `absent`.",
                            "x-description-ar": "بماذا تُقارن: قائمة لـ `in`، وعدد لـ `gt` وأمثاله، ونص لـ `prefix`، ولا شيء لـ `exists` و`absent`."}
                    }
                }
            }
        }
    })
}

fn transform_schema(field: &Value) -> Value {
    json!({
        "type": "object", "title": "Transformation", "x-title-ar": "التحويل", "additionalProperties": false,
        "examples": [{"pick": ["id", "total"], "rename": {"total": "amount"}, "constant": {"source": "shop"}}],
        "description": "What is made of an event's data before it is posted, in this order. At most 50 entries in all.",
        "x-description-ar": "ما يُصنع من بيانات الحدث قبل إرساله، بهذا الترتيب. 50 مدخلًا على الأكثر.",
        "properties": {
            "pick": {"type": "array", "items": field, "title": "Pick", "x-title-ar": "الانتقاء", "examples": [["id", "total"]],
                "description": "The fields that stay; all of them where this is empty.",
                "x-description-ar": "الحقول التي تبقى؛ وكلها إن كان هذا فارغًا."},
            "rename": {"type": "object", "additionalProperties": field, "title": "Rename", "x-title-ar": "إعادة التسمية", "examples": [{"total": "amount"}],
                "description": "Old names and new ones.",
                "x-description-ar": "الأسماء القديمة والجديدة."},
            "constant": {"type": "object", "title": "Constants", "x-title-ar": "الثوابت", "examples": [{"source": "shop"}],
                "description": "Fields that are set, whatever they were.",
                "x-description-ar": "حقول تُضبط، أيًّا كانت قيمتها."}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use guard::Egress;

    fn config(value: Value) -> Config {
        let Value::Object(config) = value else { panic!("{value} is not an object") };
        config
    }

    fn faults(value: Value, secrets: &[&str]) -> Vec<(String, &'static str)> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let errors = validate(&config(value), &secrets).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    const URL: &str = "https://example.com/hook?x=1";

    #[test]
    fn settings_are_normalised_and_what_is_usual_is_left_out() {
        let secrets = BTreeSet::from([SIGNING_SECRET.to_owned(), "header.X-Api-Key".to_owned()]);
        let given = json!({
            "url": format!(" {URL} "), "events": ["order.*", "order.*"], "filter": {"conditions": []}, "transform": {},
        });
        let settings = validate(&config(given), &secrets).unwrap();
        let expected = json!({"url": URL, "events": ["order.*"], "signing": "hmac", "ordered": false});
        assert_eq!(Value::Object(settings), expected);
        let full = json!({
            "url": URL, "description": "Orders", "events": ["a.b", "*"], "signing": "ed25519", "ordered": true, "previous_until": 5,
            "filter": {"match": "any", "conditions": [{"field": "a.0.b", "op": "in", "value": [1]}, {"field": "c", "op": "exists"}]},
            "transform": {"pick": ["a"], "rename": {"a": "b.c"}, "constant": {"d": null}},
        });
        assert_eq!(Value::Object(validate(&config(full.clone()), &secrets).unwrap()), full);
        assert!(EndpointSettings::read(&config(full)).is_ok());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let given = json!({
            "url": "https://me:pw@example.com/", "events": ["Order", 7, "ok"], "colour": 1, "signing": "rsa", "ordered": "yes",
            "previous_until": "tomorrow",
            "filter": {"match": "none", "more": 1, "conditions": [
                {"field": "a..b", "op": "eq"}, {"op": "like"}, {"field": "a", "op": "gt", "value": "1"}, 5,
                {"field": "a", "op": "exists", "value": 1}, {"field": "a", "op": "in", "value": []},
            ]},
            "transform": {"pick": [1], "rename": {"a": ""}, "constant": [], "script": "x"},
        });
        let found: BTreeSet<_> = faults(given, &["password", "header.Host"]).into_iter().collect();
        let expected = [
            ("config.colour", "unknown_field"),
            ("config.events.0", "invalid"),
            ("config.events.1", "invalid"),
            ("config.filter.conditions.0.field", "invalid"),
            ("config.filter.conditions.1.field", "required"),
            ("config.filter.conditions.1.op", "invalid"),
            ("config.filter.conditions.2.value", "invalid"),
            ("config.filter.conditions.3", "wrong_type"),
            ("config.filter.conditions.4.value", "invalid"),
            ("config.filter.conditions.5.value", "invalid"),
            ("config.filter.match", "invalid"),
            ("config.filter.more", "unknown_field"),
            ("config.ordered", "wrong_type"),
            ("config.previous_until", "wrong_type"),
            ("config.signing", "invalid"),
            ("config.transform.constant", "wrong_type"),
            ("config.transform.pick.0", "invalid"),
            ("config.transform.rename.a", "invalid"),
            ("config.transform.script", "unknown_field"),
            ("config.url", "invalid"),
            ("secrets.header.Host", "not_allowed"),
            ("secrets.password", "unknown_field"),
            ("secrets.signing_secret", "required"),
        ];
        assert_eq!(found, expected.map(|(field, code)| (field.to_owned(), code)).into());
    }

    #[test]
    fn lists_end() {
        let at = |value: Value| faults(value, &[SIGNING_SECRET]);
        let conditions = |count| vec![json!({"field": "a", "op": "exists"}); count];
        assert_eq!(at(json!({"url": URL, "events": vec!["a"; 50], "filter": {"conditions": conditions(20)}})), []);
        assert_eq!(
            at(json!({"url": URL, "events": vec!["a"; 51], "filter": {"conditions": conditions(21)}})),
            [("config.events".to_owned(), "out_of_range"), ("config.filter.conditions".to_owned(), "out_of_range")]
        );
        let fields: Vec<String> = (0..26).map(|at| format!("f{at}")).collect();
        let constants: Map<_, _> = fields.iter().skip(1).map(|name| (name.clone(), json!(1))).collect();
        let entries = |pick: &[String]| json!({"url": URL, "transform": {"pick": pick, "constant": constants}});
        assert_eq!(at(entries(&fields[1..])), []);
        assert_eq!(at(entries(&fields)), [("config.transform".to_owned(), "out_of_range")]);
        for url in ["", "example.com", "https://", "https://example.com/#top", "https://user@example.com/"] {
            assert_eq!(at(json!({"url": url})).len(), 1, "{url}");
        }
    }

    #[test]
    fn headers_that_are_not_the_tenants_to_choose_are_refused() {
        let at = |names: &[&str]| {
            let mut names = names.to_vec();
            names.push(SIGNING_SECRET);
            faults(json!({"url": URL}), &names).into_iter().map(|(_, code)| code).collect::<Vec<_>>()
        };
        assert_eq!(at(&["header.Authorization", "header.X-Api-Key", "header.cookie"]), [""; 0]);
        for name in [
            "header.Host",
            "header.Content-Length",
            "header.content-type",
            "header.Transfer-Encoding",
            "header.Connection",
            "header.webhook-id",
            "header.X-Trunkline-Event",
            "header.User-Agent",
        ] {
            assert_eq!(at(&[name]), ["not_allowed"], "{name}");
        }
        for name in ["header.", "header.a b", "header.ü", "header.a:b", "header.a\r\nb"] {
            assert_eq!(at(&[name]), ["invalid"], "{name}");
        }
        assert_eq!(at(&["header.X-A", "header.x-a"]), ["conflict"]);
        let many: Vec<String> = (0..21).map(|at| format!("header.x-{at:02}")).collect();
        assert_eq!(at(&many.iter().map(String::as_str).collect::<Vec<_>>()), ["out_of_range"]);
    }

    #[test]
    fn what_the_guard_refuses_and_secrets_that_do_not_fit_are_named() {
        let guard = Guard::new(Egress::parse("127.0.0.1:9999").unwrap());
        let check = |url: &str, signing: &str, secrets: &[(&str, &str)]| {
            let secrets =
                secrets.iter().map(|(name, it)| ((*name).to_owned(), Secret::new((*it).to_owned()))).collect();
            let settings = config(json!({"url": url, "signing": signing}));
            let errors = validate_secrets(&settings, &secrets, &guard);
            errors.into_iter().map(|error| (error.field, error.message)).collect::<Vec<_>>()
        };
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(check(URL, "hmac", &[(SIGNING_SECRET, good), ("header.A", "Bearer x")]), []);
        assert_eq!(check("http://127.0.0.1:9999/", "hmac", &[(SIGNING_SECRET, good)]), []);
        for url in ["http://example.com/", "https://example.com:8443/", "https://169.254.169.254/", "https://0x7f.1/"] {
            assert_eq!(check(url, "hmac", &[(SIGNING_SECRET, good)])[0].0, "config.url", "{url}");
        }
        assert_eq!(check(URL, "ed25519", &[(SIGNING_SECRET, good)])[0].0, "secrets.signing_secret");
        let faults =
            check(URL, "hmac", &[(SIGNING_SECRET, "whsec_AAAA"), (PREVIOUS_SECRET, "hunter22"), ("header.A", "a\nb")]);
        let fields: Vec<_> = faults.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["secrets.signing_secret", "secrets.previous_secret", "secrets.header.A"]);
        assert!(faults.iter().all(|(_, words)| !words.contains("AAAA") && !words.contains("hunter22")), "{faults:?}");
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut names = NAMES.to_vec();
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(known, names);
    }
}
