//! A page: its head, navigation and foot, and what goes wrong as a page.

use crate::{
    assets::{ICON, SCRIPT, STYLE},
    cookies,
    flash::Flash,
    language::Language,
    view::{Theme, View},
    visit::Visit,
};
use ::api::problem::{Problem, ProblemKind};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use domain::principal::Scope;
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

/// A page, ready to be sent.
pub(crate) struct Page {
    status: StatusCode,
    body: Markup,
    /// Whether it showed a message that must not come again.
    told: bool,
}

/// Where a page stands in the navigation: its path below `/console`, its name, and what one must be allowed to see it.
struct Place {
    path: &'static str,
    english: &'static str,
    arabic: &'static str,
    needs: Scope,
    icon: &'static str,
}

const fn place(
    path: &'static str,
    english: &'static str,
    arabic: &'static str,
    needs: Scope,
    icon: &'static str,
) -> Place {
    Place { path, english, arabic, needs, icon }
}

/// The icons are paths of 24 by 24.
const PLACES: &[Place] = &[
    place(
        "",
        "Dashboard",
        "لوحة المتابعة",
        Scope::IntegrationsRead,
        "M4 13h6V4H4zm0 7h6v-5H4zm10 0h6v-9h-6zm0-16v5h6V4z",
    ),
    place(
        "/integrations",
        "Integrations",
        "التكاملات",
        Scope::IntegrationsRead,
        "M8 3v5M16 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
    ),
    place("/campaigns", "Campaigns", "الحملات", Scope::CampaignsRead, "M3 6h18v12H3zM3 7l9 6 9-6"),
    place("/templates", "Templates", "القوالب", Scope::IntegrationsRead, "M6 3h9l4 4v14H6zM9 8h4M9 12h7M9 16h5"),
    place("/endpoints", "Webhooks out", "الويب هوك الصادرة", Scope::EndpointsRead, "M12 15V3M7 8l5-5 5 5M4 20h16"),
    place("/hooks", "Webhooks in", "الويب هوك الواردة", Scope::HooksRead, "M12 3v12M7 10l5 5 5-5M4 20h16"),
    place(
        "/rules",
        "Rules",
        "القواعد",
        Scope::RulesRead,
        "M4 6h5l4 12h7M4 18h5l1.500-4.500M13.500 9l1-3H20M18 4l2 2-2 2M18 16l2 2-2 2",
    ),
    place("/logs", "Logs", "السجلات", Scope::LogsRead, "M4 6h16M4 10h16M4 14h10M4 18h7"),
    place(
        "/keys",
        "API keys",
        "مفاتيح API",
        Scope::KeysRead,
        "M14 10a4 4 0 1 0-3.5 4L12 15.500V18h2.500v2.500H18V17l-4-4.500",
    ),
    place("/audit", "Audit trail", "سجل التدقيق", Scope::AuditRead, "M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3"),
    place(
        "/settings",
        "Settings",
        "الإعدادات",
        Scope::IntegrationsRead,
        "M4 7h9M17 7h3M4 17h3M11 17h9M13 7a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7 17a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
    ),
];

/// Pages that belong to a place without beginning with its path.
const PARTS: [(&str, &str); 3] =
    [("/event-types", "/endpoints"), ("/preflight", "/campaigns"), ("/suppressions", "/campaigns")];

/// The icon of the menu.
const MENU: &str = "M4 6h16M4 12h16M4 18h16";

impl Page {
    /// A page of somebody who is signed in.
    pub(crate) fn of(visit: &Visit, title: &str, body: &Markup) -> Self {
        let view = &visit.view;
        let here = view.path.strip_prefix("/console").unwrap_or_default();
        let here = here.split('?').next().unwrap_or_default();
        let part = PARTS.iter().find(|(page, _)| here.starts_with(page)).map_or(here, |(_, place)| place);
        let is_here = |path: &str| {
            if path.is_empty() { part.trim_end_matches('/').is_empty() } else { part.starts_with(path) }
        };
        let places: Vec<_> = PLACES.iter().filter(|place| visit.may(place.needs)).collect();
        let here_is = places.iter().find(|place| is_here(place.path));
        let shell = html! {
            a.skip href="#main" { (view.say("Skip to content", "تجاوز إلى المحتوى")) }
            header.top {
                a.brand href=(view.link("")) { (brand()) span { "Trunkline" } }
                span.tenant { (view.say("Tenant", "المستأجر")) " " strong { bdi { (visit.api.caller.scope.tenant()) } } }
                div.who {
                    a href=(view.link("/account")) { bdi { (visit.name) } }
                    form method="post" action=(view.link("/sign-out")) {
                        (visit.token())
                        button.plain type="submit" { (view.say("Sign out", "تسجيل الخروج")) }
                    }
                }
            }
            div.frame {
                nav.side aria-label=(view.say("Main", "القائمة الرئيسية")) {
                    // A drawer where there is little room; the stylesheet leaves it open where there is enough.
                    details.menu {
                        summary { (icon(MENU)) span { (view.say("Menu", "القائمة")) }
                            @if let Some(place) = here_is { small.quiet { (view.say(place.english, place.arabic)) } } }
                        ul {
                            @for place in &places {
                                li {
                                    a href=(view.link(place.path)) aria-current=[is_here(place.path).then_some("page")] {
                                        (icon(place.icon)) span { (view.say(place.english, place.arabic)) }
                                    }
                                }
                            }
                        }
                    }
                }
                main #main tabindex="-1" {
                    (told(view))
                    (body)
                }
            }
            (foot(view))
        };
        Self::new(view, title, &shell)
    }

    /// A page of whoever is not signed in, or of what went wrong.
    pub(crate) fn bare(view: &View, title: &str, body: &Markup) -> Self {
        let shell = html! {
            header.top { a.brand href=(view.link("")) { (brand()) span { "Trunkline" } } }
            main #main.narrow { (told(view)) (body) }
            (foot(view))
        };
        Self::new(view, title, &shell)
    }

    fn new(view: &View, title: &str, shell: &Markup) -> Self {
        let asset = |name: &str| view.link(&format!("/assets/{name}"));
        let theme = view.preferences.theme;
        let body = html! {
            (DOCTYPE)
            html lang=(view.language.tag()) dir=(view.language.direction())
                data-theme=[(theme != Theme::Device).then_some(theme.name())]
                data-digits=[view.preferences.indic.then_some("arab")] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · Trunkline" }
                    link rel="stylesheet" href=(asset(&STYLE.name));
                    link rel="icon" type="image/svg+xml" href=(asset(&ICON.name));
                    script src=(asset(&SCRIPT.name)) defer {}
                }
                body { (shell) }
            }
        };
        Self { status: StatusCode::OK, body, told: view.flash.is_some() }
    }

    /// A part of a page, for the script.
    pub(crate) const fn part(body: Markup) -> Self {
        Self { status: StatusCode::OK, body, told: false }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK), ..self }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body.into_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        if self.told
            && let Some(cookie) = cookies::clear(cookies::FLASH)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// To another page, with what it tells.
pub(crate) fn redirect(target: &str, flash: Option<&Flash>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(target) = HeaderValue::from_str(target) {
        response.headers_mut().insert(header::LOCATION, target);
    }
    let cookie = flash.and_then(Flash::cookie).and_then(|value| cookies::set(cookies::FLASH, &value, Some(60)));
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn brand() -> Markup {
    html! {
        svg.logo viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" {
            path d="M3 12h7m4 0h7M10 12c4 0 3-7 7-7h4M10 12c4 0 3 7 7 7h4" {}
            circle cx="10" cy="12" r="2.5" {}
        }
    }
}

pub(crate) fn icon(path: &str) -> Markup {
    html! { svg.icon viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" { path d=(path) {} } }
}

/// What the page before has led to.
fn told(view: &View) -> Markup {
    html! {
        div.toasts role="status" aria-live="polite" data-close=(view.say("Dismiss", "إخفاء")) {
            @if let Some(flash) = &view.flash {
                div.toast.(flash.tone.class()) {
                    p { (flash.text) }
                    @if !flash.detail.is_empty() { p.detail lang="en" dir="auto" { (flash.detail) } }
                }
            }
        }
    }
}

fn foot(view: &View) -> Markup {
    let preferences = view.preferences;
    let themes = [
        (Theme::Device, view.say("As the device", "كما في الجهاز")),
        (Theme::Light, view.say("Light", "فاتح")),
        (Theme::Dark, view.say("Dark", "داكن")),
    ];
    html! {
        footer.foot {
            form.preferences method="post" action=(view.link("/preferences")) {
                input type="hidden" name="back" value=(view.path);
                label {
                    span { (view.say("Language", "اللغة")) }
                    select name="language" {
                        @for (language, name) in [(Language::English, "English"), (Language::Arabic, "العربية")] {
                            option value=(language.tag()) lang=(language.tag()) selected[language == view.language] { (name) }
                        }
                    }
                }
                label {
                    span { (view.say("Theme", "المظهر")) }
                    select name="theme" {
                        @for (theme, name) in themes {
                            option value=(theme.name()) selected[theme == preferences.theme] { (name) }
                        }
                    }
                }
                @if view.language == Language::Arabic {
                    label {
                        span { (view.say("Digits", "الأرقام")) }
                        select name="digits" {
                            option value="latin" selected[!preferences.indic] { "0123456789" }
                            option value="indic" selected[preferences.indic] { "٠١٢٣٤٥٦٧٨٩" }
                        }
                    }
                } @else if preferences.indic {
                    input type="hidden" name="digits" value="indic";
                }
                button.small type="submit" { (view.say("Apply", "تطبيق")) }
            }
        }
    }
}

/// A problem's few words.
pub(crate) fn title_of(view: &View, kind: ProblemKind) -> &'static str {
    let arabic = match kind {
        ProblemKind::MalformedJson => "تعذّرت قراءة المُرسَل",
        ProblemKind::Unauthenticated => "يلزم تسجيل الدخول",
        ProblemKind::KeyRevoked => "أُلغي المفتاح",
        ProblemKind::KeyExpired => "انتهت صلاحية المفتاح",
        ProblemKind::KeySuspended => "المفتاح موقوف",
        ProblemKind::WebhookRefused => "لم يثبت مصدر البلاغ",
        ProblemKind::TokenExpired => "انتهت صلاحية رمز الدخول",
        ProblemKind::NoRole => "لا دور لهذا المستخدم هنا",
        ProblemKind::AddressNotAllowed => "لا يُسمح باستخدام المفتاح من هذا العنوان",
        ProblemKind::Forbidden => "لا تسمح صلاحياتك بذلك",
        ProblemKind::NotFound => "غير موجود",
        ProblemKind::MethodNotAllowed => "لا تُفتح هذه الصفحة مباشرة",
        ProblemKind::Conflict => "يتعارض ذلك مع الحالة الراهنة",
        ProblemKind::NotReady => "الحملة غير جاهزة للانطلاق",
        ProblemKind::BodyTooLarge => "المُرسَل أكبر مما يُقبل",
        ProblemKind::WrongContentType => "نوع المُرسَل غير مقبول",
        ProblemKind::InvalidRequest => "بعض الحقول ناقصة أو خاطئة",
        ProblemKind::ConnectionTestFailed => "فشل اختبار الاتصال",
        ProblemKind::IdempotencyMismatch => "استُخدم مفتاح التكرار من قبل لمحتوى آخر",
        ProblemKind::RateLimited => "طلبات كثيرة جدًا",
        ProblemKind::WebhookMalformed => "تعذّر فهم نداء الويب هوك",
        ProblemKind::WebhookDisabled => "الويب هوك معطّل",
        ProblemKind::Internal => "حدث خطأ لدينا",
        ProblemKind::Unavailable => "غير متاح مؤقتًا",
    };
    match view.language {
        Language::English => kind.title(),
        Language::Arabic => arabic,
    }
}

/// What went wrong, as a page.
pub(crate) fn problem_page(view: &View, problem: &Problem) -> Page {
    let title = title_of(view, problem.code);
    let body = html! {
        div.empty {
            p.code { (view.number(u64::from(problem.status))) }
            h1 { (title) }
            p lang="en" dir="auto" { (problem.detail) }
            p {
                @if problem.status >= 500 {
                    a.button href=(view.base.to_string() + &view.path) { (view.say("Try again", "حاول من جديد")) }
                    " "
                }
                a.button.second href=(view.link("")) { (view.say("To the dashboard", "إلى لوحة المتابعة")) }
            }
        }
    };
    Page::bare(view, title, &body).with_status(problem.status)
}
