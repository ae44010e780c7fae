//! What the person sees who signed in: a page without scripts, images or tokens, in English or Arabic.

use api::integrations::TestView;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{failure::explain, health::TestReport, principal::Grant};
use providers::SignedIn;
use ring::digest::{SHA256, digest};
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.4rem}dt{font-weight:600}dd{margin:0 0 .6rem}code{overflow-wrap:anywhere}";

/// How a sign-in ended.
pub(crate) enum Outcome {
    /// It works; perhaps without a role.
    SignedIn(SignedIn),
    /// It does not work.
    Failed(TestReport),
    /// The person did not want to.
    Cancelled,
    /// Nobody waits for this answer: it came before, or too late.
    Unknown,
    /// Something of ours is away.
    Away,
}

/// In which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Arabic,
}

impl Language {
    /// The first of the two that the browser names (RFC 9110, section 12.5.4). Browsers name what people prefer first.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first = accepted.split(',').map(|range| range.trim().get(..2).unwrap_or_default().to_ascii_lowercase());
        match first.into_iter().find(|language| matches!(language.as_str(), "ar" | "en")).as_deref() {
            Some("ar") => Self::Arabic,
            _ => Self::English,
        }
    }

    fn choose<'a>(self, english: &'a str, arabic: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Arabic => arabic,
        }
    }
}

/// The page that tells how it ended.
pub(crate) fn page(outcome: &Outcome, language: Language) -> Response<Body> {
    let say = |english, arabic| language.choose(english, arabic);
    let close = say("You may close this page.", "يمكنك إغلاق هذه الصفحة.");
    let (status, title, text) = match outcome {
        Outcome::SignedIn(signed_in) => {
            let title = if signed_in.grants.is_empty() {
                say("You signed in, but you have no role here", "سجّلت الدخول لكن لا دور لك هنا")
            } else {
                say("Sign-in works", "تسجيل الدخول يعمل")
            };
            (StatusCode::OK, title, told(signed_in, language))
        }
        Outcome::Failed(report) => (
            StatusCode::BAD_REQUEST,
            say("Sign-in does not work yet", "تسجيل الدخول لا يعمل بعد"),
            why(report, language),
        ),
        Outcome::Cancelled => {
            let text = say("You did not sign in. Nothing was changed.", "لم تسجّل الدخول، ولم يتغيّر شيء.");
            (StatusCode::OK, say("Sign-in was cancelled", "أُلغي تسجيل الدخول"), paragraph(text))
        }
        Outcome::Unknown => {
            let text = say(
                "A sign-in must end within ten minutes and only once. Begin it again.",
                "يجب أن ينتهي تسجيل الدخول خلال عشر دقائق ومرة واحدة فقط. ابدأه من جديد.",
            );
            (
                StatusCode::BAD_REQUEST,
                say("This sign-in is not known", "محاولة تسجيل الدخول هذه غير معروفة"),
                paragraph(text),
            )
        }
        Outcome::Away => {
            let text = say("Nothing was changed. Begin the sign-in again.", "لم يتغيّر شيء. ابدأ تسجيل الدخول من جديد.");
            let title = say("Temporarily unavailable", "الخدمة غير متاحة مؤقتًا");
            (StatusCode::SERVICE_UNAVAILABLE, title, paragraph(text))
        }
    };
    let (tag, direction) = (say("en", "ar"), say("ltr", "rtl"));
    let html = format!(
        "<!doctype html><html lang=\"{tag}\" dir=\"{direction}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{text}<p>{close}</p></main></body></html>\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    // The address holds state and code: it is kept nowhere and given to nobody.
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_LANGUAGE, tag),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Ok(policy) = HeaderValue::from_str(&policy()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Nothing but this one style.
fn policy() -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// What is wrong, how to mend it, and the provider's own words.
fn why(report: &TestReport, language: Language) -> String {
    let view = TestView::from(report);
    let words = [(&view.reason, &view.reason_ar), (&view.fix, &view.fix_ar)];
    let mut html: String = words.iter().map(|(english, arabic)| paragraph(language.choose(english, arabic))).collect();
    if !view.detail.is_empty() {
        let _ = write!(html, "<p dir=\"ltr\"><code>{}</code></p>", escaped(&view.detail));
    }
    html
}

/// Who signed in, with which roles, and what these permit.
fn told(signed_in: &SignedIn, language: Language) -> String {
    let say = |english, arabic| language.choose(english, arabic);
    let list = |items: Vec<&str>| {
        let items: Vec<_> = items.into_iter().map(|item| format!("<code>{}</code>", escaped(item))).collect();
        if items.is_empty() { say("none", "لا شيء").to_owned() } else { items.join(", ") }
    };
    let roles = list(signed_in.roles.iter().map(String::as_str).collect());
    let grants = list(signed_in.grants.iter().map(Grant::as_str).collect());
    let mut text = String::from("<dl>");
    for (name, value) in [
        (say("Signed in", "من سجّل الدخول"), escaped(&signed_in.name)),
        (say("Known in the audit trail as", "الاسم في سجل التدقيق"), format!("<code>user:{}</code>", signed_in.subject)),
        (say("Roles", "الأدوار"), roles),
        (say("May", "المسموح به"), grants),
    ] {
        let _ = write!(text, "<dt>{name}</dt><dd><bdi>{value}</bdi></dd>");
    }
    text += "</dl>";
    if signed_in.grants.is_empty()
        && let Some(words) = explain("oidc_no_role")
    {
        text += &paragraph(say(words.fix_en, words.fix_ar));
    }
    text
}

fn paragraph(text: &str) -> String {
    format!("<p>{}</p>", escaped(text))
}

/// Other people's text, as text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
