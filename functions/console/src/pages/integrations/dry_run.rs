//! `/console/integrations/{id}/dry-run`: tries out all that a phishing simulation needs, and shows how each step went.

use crate::{
    api::Asked,
    checklist::{self, Line, Status},
    faults::{by_line, refusal},
    field::{Field, Text},
    form::Form,
    language::Language,
    page::Page,
    parts::{self, badge},
    view::View,
    visit::{Posted, Visit},
};
use api::{
    dry_run::{DryRunAnswer, DryRunRequest, DryRunStep},
    integrations::IntegrationView,
    problem::Problem,
    settings::SettingsView,
};
use axum::response::{IntoResponse, Response};
use domain::ids::IntegrationId;
use http::Method;
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// `GET /console/integrations/{id}/dry-run`.
pub(super) async fn ask(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let integration: IntegrationView = visit.api.get(&format!("/v1/integrations/{id}")).await?;
    let settings: SettingsView = visit.api.get("/v1/settings").await?;
    let users = settings.sandbox.m365.join("\n");
    Ok(page(&visit, &integration, (&users, false), &html! {}, &[]))
}

/// `POST /console/integrations/{id}/dry-run`.
pub(super) async fn run(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let route = format!("/v1/integrations/{id}");
    let integration: IntegrationView = visit.api.get(&route).await?;
    let wanted = wanted(&form);
    let tried: Asked<DryRunAnswer> = visit.api.send(Method::POST, &format!("{route}/dry-run"), &wanted).await;
    let entered = (form.text("recipients"), wanted.draft);
    Ok(match tried {
        Ok(answer) => page(&visit, &integration, entered, &told(&visit, &answer), &[]).into_response(),
        Err(problem) => {
            let problem = by_line(&problem, str::to_owned);
            let note = refusal(&visit, &problem, &["recipients".to_owned()]);
            page(&visit, &integration, entered, &note, std::slice::from_ref(&problem))
                .with_status(problem.status)
                .into_response()
        }
    })
}

fn wanted(form: &Form) -> DryRunRequest {
    let lines = form.text("recipients").split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty());
    DryRunRequest { recipients: lines.map(str::to_owned).collect(), draft: form.has("draft") }
}

fn page(
    visit: &Visit,
    integration: &IntegrationView,
    (recipients, draft): (&str, bool),
    note: &Markup,
    problem: &[Problem],
) -> Page {
    let title = visit.say("Dry run", "تجربة جافة");
    let faults = problem.first().map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let help = visit.say(
        "One a line, at most 20, and only those among the test recipients of the settings.",
        "واحد في كل سطر، 20 على الأكثر، وممّن هم في مستلمي التجربة في الإعدادات فقط.",
    );
    let targets = Field::new(visit, "recipients", visit.say("Test users", "مستخدمو التجربة"), help).required();
    let body = html! {
        (parts::crumbs(visit, &format!("/integrations/{}", integration.id), &integration.name))
        h1 { (title) }
        p { (visit.say(
            "Tries out everything that a simulation needs. None is scheduled, and nobody gets anything.",
            "تُجرّب كل ما تحتاج إليه المحاكاة. لا تُجدول أي محاكاة، ولا يتلقى أحد شيئًا.",
        )) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (targets.judged(faults).text(visit, Text::CodeLines, recipients))
            p.help { a href=(visit.link("/settings#sandbox")) { (visit.say("Test recipients in the settings", "مستلمو التجربة في الإعدادات")) } }
            p.field { label {
                input type="checkbox" name="draft" checked[draft];
                " " (visit.say("Also create a draft at Microsoft, look at it and delete it", "وإنشاء مسودة لدى Microsoft والنظر إليها ثم حذفها"))
            } }
            div.actions {
                button.button type="submit" { (visit.say("Try", "تجربة")) }
                a.button.second href=(visit.link(&format!("/integrations/{}", integration.id))) { (visit.say("Back", "رجوع")) }
            }
        }
    };
    visit.page(title, &body)
}

fn told(view: &View, answer: &DryRunAnswer) -> Markup {
    let lines: Vec<Line<'_>> = answer.steps.iter().map(|step| line(view, step)).collect();
    html! {
        section.card tabindex="-1" data-focus aria-labelledby="came" {
            div.head {
                h2 #came { (view.say("How it went", "كيف سارت")) }
                @if answer.ready { (badge("good", view.say("Ready", "جاهز"))) } @else { (badge("bad", view.say("Not ready", "غير جاهز"))) }
            }
            (checklist::list(view, &lines))
        }
    }
}

fn line<'a>(view: &View, step: &'a DryRunStep) -> Line<'a> {
    let status = match step.status.as_str() {
        "pass" => Status::Pass,
        "fail" => Status::Fail,
        _ => Status::Skipped,
    };
    let (reason, fix) = match view.language {
        Language::English => (&step.reason, &step.fix),
        Language::Arabic => (&step.reason_ar, &step.fix_ar),
    };
    let title = match step.step.as_str() {
        "recipients" => view.say("They are test users", "هم من مستخدمي التجربة"),
        "token" => view.say("The app may sign in", "يستطيع التطبيق الدخول"),
        "simulations" => view.say("It may look at simulations", "يستطيع الاطلاع على المحاكاة"),
        "payload" => view.say("The payload is there", "الحمولة موجودة"),
        "pages" => view.say("The pages are there", "الصفحات موجودة"),
        "draft_created" => view.say("A draft can be created", "يمكن إنشاء مسودة"),
        "draft_read" => view.say("The draft can be read", "يمكن قراءة المسودة"),
        "draft_deleted" => view.say("The draft is deleted", "حُذفت المسودة"),
        other => other,
    };
    Line { status, title, reason, fix, detail: &step.detail }
}
