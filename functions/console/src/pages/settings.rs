//! Settings: who receives what a sandbox campaign sends, how people sign in, how each integration tries again.

use crate::{
    api::{Asked, Listed},
    faults,
    field::{Field, Text},
    flash::Flash,
    form::Form,
    organisation,
    page::Page,
    parts::{self, facts, health, provider_name},
    retries,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    integrations::IntegrationView,
    problem::Problem,
    settings::{SandboxBody, SettingsView},
};
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{
    channel::Kind,
    integration::TEST_FRESH_MS,
    principal::Scope,
    rule::RUN_KEEP_MS,
    time::{DAY_MS, HOUR_MS},
};
use http::Method;
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use serde_json::{Map, Value, json};

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/settings", get(show).post(save))
}

/// The lists of test recipients: the channel's name in the API, and what is entered for it.
struct List {
    channel: &'static str,
    kind: Kind,
    help: (&'static str, &'static str),
    example: &'static str,
}

const LISTS: [List; 4] = [
    List {
        channel: "email",
        kind: Kind::Email,
        help: ("E-mail addresses, one a line, at most 20.", "عناوين بريد، واحد في كل سطر، 20 على الأكثر."),
        example: "qa@example.com",
    },
    List {
        channel: "slack",
        kind: Kind::Slack,
        help: (
            "Slack channel or member ids, one a line, at most 20; “default” is the integration's own channel.",
            "معرّفات قنوات أو أعضاء Slack، واحد في كل سطر، 20 على الأكثر؛ «default» هي قناة التكامل نفسه.",
        ),
        example: "C0123456789",
    },
    List {
        channel: "teams",
        kind: Kind::Teams,
        help: (
            "“default”, the Teams channel that the integration posts to.",
            "«default»، وهي قناة Teams التي ينشر فيها التكامل.",
        ),
        example: "default",
    },
    List {
        channel: "m365",
        kind: Kind::M365,
        help: (
            "Sign-in names of Microsoft 365 users who agreed to be targets of a trial, one a line, at most 20.",
            "أسماء دخول مستخدمي Microsoft 365 الذين قبلوا أن يُجرَّب عليهم، واحد في كل سطر، 20 على الأكثر.",
        ),
        example: "sara@contoso.com",
    },
];

fn stored<'a>(sandbox: &'a SandboxBody, channel: &str) -> &'a [String] {
    match channel {
        "email" => &sandbox.email,
        "slack" => &sandbox.slack,
        "teams" => &sandbox.teams,
        _ => &sandbox.m365,
    }
}

/// `GET /console/settings`.
pub(crate) async fn show(visit: Visit) -> Answer<Page> {
    page(&visit, None, None).await
}

/// `POST /console/settings`.
pub(crate) async fn save(Posted { visit, form }: Posted) -> Answer<Response> {
    let mut sandbox = Map::new();
    for list in &LISTS {
        let text = form.text(&format!("sandbox.{}", list.channel));
        let lines: Vec<&str> = text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty()).collect();
        sandbox.insert(list.channel.to_owned(), lines.into());
    }
    let changed: Asked<SettingsView> =
        visit.api.send(Method::PATCH, "/v1/settings", &json!({"sandbox": Value::Object(sandbox)})).await;
    Ok(match changed {
        Ok(_) => visit.go("/settings", &Flash::good(visit.say("Saved.", "حُفظت."))),
        Err(problem) => {
            let problem = faults::by_line(&problem, str::to_owned);
            page(&visit, Some(&form), Some(&problem)).await?.with_status(problem.status).into_response()
        }
    })
}

async fn page(visit: &Visit, entered: Option<&Form>, problem: Option<&Problem>) -> Answer<Page> {
    let settings: SettingsView = visit.api.get("/v1/settings").await?;
    let integrations: Listed<IntegrationView> = visit.api.get("/v1/integrations").await?;
    let title = visit.say("Settings", "الإعدادات");
    let body = html! {
        h1 { (title) }
        @if let Some(problem) = problem {
            (faults::refusal(visit, problem, &LISTS.map(|list| format!("sandbox.{}", list.channel))))
        }
        (recipients(visit, &settings.sandbox, entered, problem))
        (signing_in(visit, &integrations.items))
        (trying_again(visit, &integrations.items))
        (fixed(visit))
        (elsewhere(visit))
    };
    Ok(visit.page(title, &body))
}

fn recipients(visit: &Visit, sandbox: &SandboxBody, entered: Option<&Form>, problem: Option<&Problem>) -> Markup {
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    html! {
        section aria-labelledby="sandbox" {
            h2 #sandbox { (visit.say("Test recipients", "مستلمو التجربة")) }
            p { (visit.say(
                "A campaign in sandbox mode goes to these, whomever it is addressed to. A channel without any refuses to send in \
                 sandbox mode.",
                "حملة في وضع التجربة تذهب إلى هؤلاء، أيًّا كان من تُوجَّه إليهم. القناة التي لا مستلم لها ترفض الإرسال في وضع التجربة.",
            )) }
            @if visit.may(Scope::IntegrationsWrite) {
                form.card.form method="post" action=(visit.link("/settings")) {
                    (visit.token())
                    @for list in &LISTS {
                        @let name = format!("sandbox.{}", list.channel);
                        @let value = entered.map_or_else(|| stored(sandbox, list.channel).join("\n"), |form| form.text(&name).to_owned());
                        (Field::new(visit, &name, parts::kind_name(visit, list.kind), visit.say(list.help.0, list.help.1))
                            .example(list.example).judged(errors).text(visit, Text::CodeLines, &value))
                    }
                    button.button type="submit" { (visit.say("Save", "حفظ")) }
                }
            } @else {
                (facts(&LISTS.each_ref().map(|list| (parts::kind_name(visit, list.kind), several(visit, stored(sandbox, list.channel))))))
            }
        }
    }
}

fn several(visit: &Visit, texts: &[String]) -> Markup {
    html! {
        @if texts.is_empty() { span.quiet { (visit.say("none", "لا أحد")) } }
        @else { ul.plain-list { @for text in texts { li { code dir="ltr" { (text) } } } } }
    }
}

/// Who vouches for people here: the integrations that sign users in, where the provider sends them back to, which of its
/// roles means what.
fn signing_in(visit: &Visit, integrations: &[IntegrationView]) -> Markup {
    let providers: Vec<&IntegrationView> = integrations.iter().filter(|one| one.kind == Kind::Entra).collect();
    let may_write = visit.may(Scope::IntegrationsWrite);
    let add = visit.link("/integrations/new/entra");
    let door = format!("{}/console/sign-in/{}", visit.site, visit.api.caller.scope.tenant());
    html! {
        section aria-labelledby="sso" {
            div.head {
                h2 #sso { (visit.say("Single sign-on", "الدخول الموحّد")) }
                @if may_write && !providers.is_empty() {
                    a.button.second.small href=(add) { (visit.say("Add a provider", "إضافة موفّر")) }
                }
            }
            @if providers.is_empty() {
                p { (visit.say(
                    "People sign in with an API key. Connect Microsoft Entra ID or another OpenID Connect provider, and they \
                     sign in as themselves, with the roles they have there.",
                    "يدخل الناس بمفتاح API. صِل Microsoft Entra ID أو موفّر OpenID Connect آخر ليدخلوا بأنفسهم وبأدوارهم هناك.",
                )) }
                @if may_write { p { a.button href=(add) { (visit.say("Connect a provider", "وصل موفّر")) } } }
            } @else {
                p { (visit.say("This is where people of your organisation sign in; it can be bookmarked.",
                    "من هنا يدخل أفراد مؤسستك؛ يمكن حفظه في المفضلة.")) }
                (parts::copied(visit, "door", visit.say("Where people sign in", "عنوان الدخول"), &door))
                @for provider in providers { (signs_in(visit, provider)) }
            }
        }
    }
}

fn signs_in(visit: &Visit, provider: &IntegrationView) -> Markup {
    let id = &provider.id;
    let roles = |field: &str| {
        let names = provider.config.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
        let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        several(visit, &names)
    };
    let claim = provider.config.get("roles_claim").and_then(Value::as_str).unwrap_or("roles");
    let back = format!("{}/console{}", visit.site, organisation::callback(id));
    let tried = format!("{}/v1/sign-in/callback", visit.site);
    html! {
        div.card {
            div.head {
                h3 { a href=(visit.link(&format!("/integrations/{id}"))) { bdi { (provider.name) } } }
                (health(visit, provider.enabled, provider.last_test.as_ref()))
            }
            p { (visit.say("Register these two redirect addresses at the provider:", "سجّل هذين العنوانين لإعادة التوجيه لدى الموفّر:")) }
            (parts::copied(visit, &format!("back-{id}"), visit.say("Redirect address of the console", "عنوان العودة إلى لوحة التحكم"), &back))
            (parts::copied(visit, &format!("tried-{id}"), visit.say("Redirect address of the test", "عنوان العودة من التجربة"), &tried))
            p { (visit.say("Roles are read from the claim", "تُقرأ الأدوار من المطالبة")) " " code dir="ltr" { (claim) } ":" }
            (facts(&[
                (visit.say("Admin: may do everything", "مدير: يفعل كل شيء"), roles("admin_roles")),
                (visit.say("Operator: runs campaigns, tests, sends again", "مشغّل: يدير الحملات ويختبر ويعيد الإرسال"), roles("operator_roles")),
                (visit.say("Viewer: looks", "مطّلع: ينظر فقط"), roles("viewer_roles")),
            ]))
        }
    }
}

fn trying_again(visit: &Visit, integrations: &[IntegrationView]) -> Markup {
    let senders: Vec<&IntegrationView> = integrations.iter().filter(|one| one.kind != Kind::Entra).collect();
    html! {
        section aria-labelledby="retries" {
            h2 #retries { (visit.say("Retries", "إعادة المحاولة")) }
            p { (visit.say(
                "When a provider is busy or away for a moment, a message is tried again as its integration says.",
                "حين يكون الموفّر مشغولًا أو غائبًا للحظة، تُعاد محاولة الرسالة كما يقول تكاملها.",
            )) }
            @if senders.is_empty() {
                p.quiet { (visit.say("No integration sends anything yet.", "لا تكامل يرسل شيئًا بعد.")) " "
                    a href=(visit.link("/integrations")) { (visit.say("Integrations", "التكاملات")) } }
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("Integration", "التكامل")) }
                        th scope="col" { (visit.say("Provider", "الموفّر")) }
                        th scope="col" { (visit.say("A passing failure", "فشل عابر")) }
                        th scope="col" { (visit.say("An unknown outcome", "نتيجة مجهولة")) }
                    } }
                    tbody {
                        @for one in senders {
                            @let link = if one.kind == Kind::Webhook { format!("/endpoints/{}", one.id) } else { format!("/integrations/{}", one.id) };
                            tr {
                                th scope="row" { a href=(visit.link(&link)) { bdi { (one.name) } } }
                                td data-label=(visit.say("Provider", "الموفّر")) { (provider_name(one.provider)) }
                                td data-label=(visit.say("A passing failure", "فشل عابر")) { (retries::policy(visit, one.retry_policy)) }
                                td data-label=(visit.say("An unknown outcome", "نتيجة مجهولة")) { (retries::unknown(visit, one.on_unknown)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is the same for every tenant.
fn fixed(visit: &Visit) -> Markup {
    let whole = |ms: i64, unit: i64| visit.number(u64::try_from(ms / unit).unwrap_or(0));
    let hours = format!("{} {}", whole(TEST_FRESH_MS, HOUR_MS), visit.say("hours", "ساعة"));
    let days = |ms: i64| format!("{} {}", whole(ms, DAY_MS), visit.say("days", "يومًا"));
    html! {
        section aria-labelledby="fixed" {
            h2 #fixed { (visit.say("What holds for everyone", "ما يسري على الجميع")) }
            (facts(&[
                (visit.say("A campaign starts only if its integration passed a test in the last", "لا تبدأ حملة إلا إذا نجح اختبار تكاملها خلال آخر"), html! { (hours) }),
                (visit.say("Log entries are kept for", "تُحفظ قيود السجل مدة"), html! { (days(domain::log::KEEP_MS)) }),
                (visit.say("Runs of rules are kept for", "تُحفظ مرات عمل القواعد مدة"), html! { (days(RUN_KEEP_MS)) }),
                (visit.say("The audit trail is kept", "يُحفظ سجل التدقيق"), html! { (visit.say("for good", "دائمًا")) }),
            ]))
        }
    }
}

fn elsewhere(visit: &Visit) -> Markup {
    let places = [
        ("/suppressions", Scope::SuppressionsRead, visit.say("Suppressed addresses", "العناوين المحجوبة")),
        ("/event-types", Scope::EndpointsRead, visit.say("Types of events", "أنواع الأحداث")),
        ("/rules", Scope::RulesRead, visit.say("Rules", "القواعد")),
        ("/audit", Scope::AuditRead, visit.say("Audit trail", "سجل التدقيق")),
        ("/account", Scope::ConsoleUse, visit.say("Your account", "حسابك")),
    ];
    html! {
        section aria-labelledby="elsewhere" {
            h2 #elsewhere { (visit.say("Elsewhere", "في مكان آخر")) }
            ul {
                @for (path, _, words) in places.iter().filter(|(_, scope, _)| visit.may(*scope)) {
                    li { a href=(visit.link(path)) { (words) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, audit, scope};
    use domain::{channel::Provider, integration::Integration};
    use runtime::testing::integration;
    use serde_json::json;
    use store::{Integrations, Settings};

    #[tokio::test]
    async fn test_recipients_are_saved_a_line_each_and_what_is_wrong_is_told_by_its_line() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        let fields = [
            ("sandbox.email", "qa@example.com\r\n\r\nqa2@example.com"),
            ("sandbox.slack", "default"),
            ("sandbox.teams", ""),
            ("sandbox.m365", ""),
        ];
        let saved = stage.post(&browser, "/console/settings", &fields).await;
        assert_eq!((saved.status, saved.location()), (303, "/base/console/settings"));
        let sandbox = stage.store.settings(&scope("acme")).await.unwrap().sandbox;
        assert_eq!(sandbox.email, ["qa@example.com", "qa2@example.com"]);
        let refused = stage.post(&browser, "/console/settings", &[("sandbox.email", "qa@example.com\nqa@")]).await;
        assert_eq!(refused.status, 422);
        assert!(
            refused.body.contains("id=\"sandbox-email-error\"") && refused.body.contains("line 2:"),
            "{}",
            refused.body
        );
        assert!(refused.body.contains("qa@example.com\nqa@"), "what was entered is kept");
    }

    #[tokio::test]
    async fn whoever_may_not_write_sees_values_and_no_form() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        stage.post(&browser, "/console/settings", &[("sandbox.email", "qa@example.com")]).await;
        let (key, _) = stage.key("acme", "console:use integrations:read", 20).await;
        let reader = stage.browser(&key).await;
        let page = stage.look(&reader.session, "/console/settings", "ar").await.body;
        assert!(page.contains("qa@example.com") && !page.contains("<textarea"), "{page}");
        assert!(!page.contains("/console/audit\"") && !page.contains("/integrations/new"), "{page}");
        let refused = stage.post(&reader, "/console/settings", &[("sandbox.email", "me@example.com")]).await;
        assert_eq!(refused.status, 403);
    }

    #[tokio::test]
    async fn a_sign_in_is_shown_with_what_to_register_and_which_role_means_what() {
        let stage = Stage::new().await;
        let (key, _) = stage.key("acme", "*", 1).await;
        let browser = stage.browser(&key).await;
        let none = stage.get(&browser.session, "/console/settings").await.body;
        assert!(none.contains("Connect a provider"), "{none}");
        let mut config = domain::integration::Config::new();
        config.insert("admin_roles".into(), json!(["Hub.Admin"]));
        config.insert("roles_claim".into(), json!("groups"));
        let people = Integration { config, name: "People".into(), ..integration(Provider::Entra) };
        stage.store.save_integration(&scope("acme"), &people, None, false, &audit()).await.unwrap();
        let page = stage.get(&browser.session, "/console/settings").await.body;
        for words in ["People", "Hub.Admin", "groups", "/base/v1/sign-in/callback", "/base/console/sign-in/acme"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(page.contains(&format!("/base/console/signed-in/{}", people.id)), "{page}");
    }
}
