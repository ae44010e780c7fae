//! The form of an endpoint. Rows that run out are had by a button that sends the form and gets it back with more of them;
//! so there is no end to them without a script either.

use super::{
    draft::{ConditionRow, Draft, LIMITS},
    words::retries,
};
use crate::{
    faults,
    field::{Field, Text},
    language::Language,
    view::View,
    visit::Visit,
};
use ::api::{events::EventTypeView, problem::FieldProblem};
use domain::{retry::RetryPolicy, webhook::filter::Op};
use maud::{Markup, html};
use serde_json::json;

/// How many empty rows a form has for each kind.
const EMPTY: usize = 2;

/// How many more there are once somebody asked for more.
const MORE: usize = 5;

/// What is shown around what was entered.
pub(super) struct Shown<'a> {
    /// The registered types of events.
    pub(super) types: &'a [EventTypeView],
    pub(super) errors: &'a [FieldProblem],
    /// Of which kind of rows somebody asked for more.
    pub(super) more: &'a str,
    /// Whether the endpoint is made here: what is said only then is asked for.
    pub(super) is_new: bool,
}

/// The first words of the names of fields that the form shows faults of.
const PLACES: [&str; 10] =
    ["name", "url", "description", "events", "filter", "transform", "headers", "signing", "secret", "limits"];

/// Whether the fault of a field of this name has its place in the form.
fn has_place(field: &str) -> bool {
    field == "retry_policy" || PLACES.contains(&field.split('.').next().unwrap_or_default())
}

/// Which of these faults the form shows beside their fields.
pub(super) fn shown(errors: &[FieldProblem]) -> Vec<String> {
    errors.iter().map(|error| error.field.clone()).filter(|field| has_place(field)).collect()
}

impl Shown<'_> {
    fn fault(&self, field: &str) -> Option<&FieldProblem> {
        faults::of(self.errors, field)
    }

    fn rows(&self, kind: &str) -> usize {
        if self.more == kind { MORE } else { EMPTY }
    }
}

/// All fields.
pub(super) fn all(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    let field = |name, title, help| Field::new(visit, name, title, help).judged(shown.errors);
    let name = field("name", visit.say("Name", "الاسم"), visit.say("By which people know it.", "يعرفه به الناس."));
    let url = field(
        "url",
        visit.say("URL", "العنوان"),
        visit.say("Where events are posted to: https, a public address.", "إلى أين تُرسل الأحداث: https وعنوان عام."),
    );
    let description =
        field("description", visit.say("What it is for", "الغرض منه"), visit.say("For people only.", "للناس فقط."));
    html! {
        (name.required().text(visit, Text::Words, &draft.name))
        (url.required().example("https://example.com/hooks").text(visit, Text::Code, &draft.url))
        (description.text(visit, Text::Words, &draft.description))
        (events(visit, draft, shown))
        (filter(visit, draft, shown))
        (transform(visit, draft, shown))
        (headers(visit, draft, shown))
        @if shown.is_new { (signing(visit, draft, shown)) }
        (sending(visit, draft, shown))
    }
}

fn events(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    // The API names the first that is wrong by its number in the list.
    let fault = shown.errors.iter().find(|error| error.field == "events" || error.field.starts_with("events."));
    let told = fault.map(|fault| {
        let at = fault.field.strip_prefix("events.").and_then(|at| at.parse::<usize>().ok());
        let entered = at.and_then(|at| draft.events().get(at).copied()).unwrap_or_default();
        let message = format!("{entered} {}", fault.message).trim().to_owned();
        FieldProblem { message, ..fault.clone() }
    });
    let title = if shown.types.is_empty() {
        visit.say("Types", "الأنواع")
    } else {
        visit.say("Other types", "أنواع أخرى")
    };
    let help =
        visit.say("One a line; `.*` stands for all below a word.", "واحد في كل سطر؛ تعني `.*` كل ما تحت الكلمة.");
    let others = Field { fault: told.as_ref(), ..Field::new(visit, "events", title, help) };
    html! {
        fieldset {
            legend { (visit.say("Which events", "أي الأحداث")) }
            p.help { (visit.say("With nothing chosen it gets all of them.", "إن لم تختر شيئًا فإنه يتلقاها كلها.")) }
            @if !shown.types.is_empty() {
                ul.boxes {
                    @for kind in shown.types {
                        @let name = kind.kind.as_str();
                        li { label {
                            input type="checkbox" name="event" value=(name) checked[draft.ticked.iter().any(|ticked| ticked == name)];
                            " " code dir="ltr" { (name) }
                            @if kind.deprecated { " " small.quiet { (visit.say("deprecated", "متروك")) } }
                        } }
                    }
                }
            }
            (others.example("order.*").text(visit, Text::CodeLines, &draft.others))
        }
    }
}

/// A cell of a row: its name is heard, not seen.
fn cell(name: &str, title: &str, value: &str, fault: Option<&str>) -> Markup {
    let id = name.replace('.', "-");
    html! {
        span {
            label.hidden for=(id) { (title) }
            input id=(id) name=(name) value=(value) placeholder=(title) dir="ltr" spellcheck="false" autocomplete="off"
                aria-describedby=[fault] aria-invalid=[fault.map(|_| "true")];
        }
    }
}

/// What is wrong with a row, or with all of them.
fn told(visit: &Visit, id: &str, fault: Option<&FieldProblem>) -> Markup {
    html! { @if let Some(fault) = fault { p.error id=(id) { (faults::words(visit, fault)) } } }
}

/// What is wrong with this part of the form and with none of its rows.
fn told_of_all(visit: &Visit, shown: &Shown<'_>, part: &str, is_of_row: impl Fn(&str) -> bool) -> Markup {
    let within = |field: &str| field == part || field.strip_prefix(part).is_some_and(|rest| rest.starts_with('.'));
    let rest = shown.errors.iter().filter(|error| within(&error.field) && !is_of_row(&error.field));
    html! { @for fault in rest { p.error { (faults::words(visit, fault)) } } }
}

/// The button by which there are more rows.
fn more(visit: &Visit, kind: &str) -> Markup {
    html! {
        button.small type="submit" name="more" value=(kind) formnovalidate { (visit.say("More rows", "صفوف أخرى")) }
    }
}

const OPS: [(Op, &str, &str); 11] = [
    (Op::Eq, "is", "يساوي"),
    (Op::Ne, "is not", "لا يساوي"),
    (Op::In, "is one of", "أحد هذه"),
    (Op::Exists, "is there", "موجود"),
    (Op::Absent, "is not there", "غير موجود"),
    (Op::Gt, "is more than", "أكبر من"),
    (Op::Gte, "is at least", "لا يقل عن"),
    (Op::Lt, "is less than", "أصغر من"),
    (Op::Lte, "is at most", "لا يزيد على"),
    (Op::Prefix, "begins with", "يبدأ بـ"),
    (Op::Contains, "contains", "يحتوي"),
];

/// What a comparison is called.
pub(super) fn condition_words<'a>(view: &View, op: &str) -> &'a str {
    let known = OPS.iter().find(|(known, ..)| json!(known) == *op);
    known.map_or("", |(_, english, arabic)| view.say(english, arabic))
}

fn filter(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    let part = "filter.conditions";
    let rows = draft.conditions.len() + shown.rows("conditions");
    let of_row = |field: &str| {
        let at = field.strip_prefix(part).and_then(|rest| rest.strip_prefix('.')?.split('.').next()?.parse().ok());
        at.is_some_and(|at: usize| at < rows)
    };
    let empty = ConditionRow::default();
    let combined = [
        ("all", visit.say("All conditions must hold", "يجب أن تتحقق كل الشروط")),
        ("any", visit.say("One of the conditions is enough", "يكفي تحقق أحد الشروط")),
    ];
    let combine = Field::new(visit, "filter.match", visit.say("Together", "معًا"), "").required();
    html! {
        details open[!draft.conditions.is_empty() || shown.more == "conditions"] {
            summary { (visit.say("Only events whose data fits", "الأحداث التي تطابق بياناتها فقط")) }
            p.help { (visit.say(
                "Name a field with dots into objects: customer.country. Numbers, true and false are compared as such; put quotation marks around a text that looks like one. Several values for “is one of” have commas between them.",
                "سمِّ الحقل بنقاط بين مستوياته: customer.country. تُقارن الأرقام وtrue وfalse على حالها؛ ضع علامتي اقتباس حول نص يشبهها. افصل بفواصل بين القيم في «أحد هذه».",
            )) }
            (told_of_all(visit, shown, "filter", of_row))
            (combine.choice(visit, &draft.combine, &combined))
            ul.rows {
                @for at in 0..rows {
                    @let row = draft.conditions.get(at).unwrap_or(&empty);
                    @let name = format!("{part}.{at}");
                    @let fault = shown.errors.iter().find(|error| error.field.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
                    @let id = format!("filter-conditions-{at}-error");
                    @let described = fault.map(|_| id.as_str());
                    li {
                        (cell(&format!("{name}.field"), visit.say("Field", "الحقل"), &row.field, described))
                        span {
                            label.hidden for={ "filter-conditions-" (at) "-op" } { (visit.say("Comparison", "المقارنة")) }
                            select id={ "filter-conditions-" (at) "-op" } name={ (name) ".op" } {
                                @for (op, english, arabic) in OPS {
                                    @let value = json!(op);
                                    @let value = value.as_str().unwrap_or_default();
                                    option value=(value) selected[value == row.op] { (visit.say(english, arabic)) }
                                }
                            }
                        }
                        (cell(&format!("{name}.value"), visit.say("Value", "القيمة"), &row.value, described))
                        (told(visit, &id, fault))
                    }
                }
            }
            (more(visit, "conditions"))
        }
    }
}

/// Rows of two cells. Their faults are named by the text in the first one.
fn pairs(
    visit: &Visit,
    shown: &Shown<'_>,
    part: &str,
    cells: [(&str, &str); 2],
    rows: &[(String, String)],
    kind: &str,
) -> Markup {
    let nothing = (String::new(), String::new());
    let [(first, first_title), (second, second_title)] = cells;
    html! {
        (told_of_all(visit, shown, part, |field| rows.iter().any(|(name, _)| field == format!("{part}.{name}"))))
        ul.rows {
            @for at in 0..rows.len() + shown.rows(kind) {
                @let (one, two) = rows.get(at).unwrap_or(&nothing);
                @let fault = if one.is_empty() { None } else { shown.fault(&format!("{part}.{one}")) };
                @let id = format!("{}-{at}-error", part.replace('.', "-"));
                @let described = fault.map(|_| id.as_str());
                li {
                    (cell(&format!("{part}.{at}.{first}"), first_title, one, described))
                    (cell(&format!("{part}.{at}.{second}"), second_title, two, described))
                    (told(visit, &id, fault))
                }
            }
        }
        (more(visit, kind))
    }
}

fn transform(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    let is_there = !draft.pick.is_empty() || !draft.renames.is_empty() || !draft.constants.is_empty();
    let below = |field: &str| {
        ["transform.pick", "transform.rename", "transform.constant"].iter().any(|part| field.starts_with(part))
    };
    let picked = shown.errors.iter().find(|error| error.field.starts_with("transform.pick"));
    let help = visit.say("One field a line; with none, all stay.", "حقل في كل سطر؛ إن لم تسمِّ شيئًا بقيت كلها.");
    let pick = Field {
        fault: picked,
        ..Field::new(visit, "transform.pick", visit.say("Fields that stay", "الحقول التي تبقى"), help)
    };
    let renames = [("old", visit.say("Old name", "الاسم القديم")), ("new", visit.say("New name", "الاسم الجديد"))];
    let constants = [("field", visit.say("Field", "الحقل")), ("value", visit.say("Value", "القيمة"))];
    html! {
        details open[is_there || ["rename", "constant"].contains(&shown.more)] {
            summary { (visit.say("Change the data before it is posted", "تغيير البيانات قبل إرسالها")) }
            p.help { (visit.say(
                "First what stays is picked, then fields are renamed, then constants are set.",
                "يُنتقى ما يبقى أولًا، ثم تُعاد تسمية الحقول، ثم تُضبط الثوابت.",
            )) }
            (told_of_all(visit, shown, "transform", below))
            (pick.example("customer.country").text(visit, Text::CodeLines, &draft.pick))
            p.label { (visit.say("Fields that are renamed", "الحقول التي تُعاد تسميتها")) }
            (pairs(visit, shown, "transform.rename", renames, &draft.renames, "rename"))
            p.label { (visit.say("Fields that are set", "الحقول التي تُضبط")) }
            (pairs(visit, shown, "transform.constant", constants, &draft.constants, "constant"))
        }
    }
}

fn headers(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    // Values are never sent back to a browser.
    let entered: Vec<_> = draft.headers.iter().map(|(name, _)| (name.clone(), String::new())).collect();
    let cells = [("name", visit.say("Name", "الاسم")), ("value", visit.say("Value", "القيمة"))];
    let open = !draft.kept.is_empty() || !entered.is_empty() || shown.more == "headers";
    html! {
        details open[open] {
            summary { (visit.say("Headers that go with every post", "ترويسات تُرفق بكل إرسال")) }
            p.help { (visit.say(
                "Such as Authorization. Values are stored encrypted and never shown again. To change one, enter its name with the new value; with another URL, enter all of them again.",
                "مثل Authorization. تُخزَّن القيم مشفّرة ولا تُعرض ثانية. لتغيير إحداها أدخل اسمها مع القيمة الجديدة؛ وإن غيّرت العنوان فأدخلها كلها من جديد.",
            )) }
            @if !draft.kept.is_empty() {
                ul.plain-list {
                    @for (name, mask, removed) in &draft.kept {
                        li {
                            code dir="ltr" { (name) ": " (mask) } " "
                            label {
                                input type="checkbox" name="headers.remove" value=(name) checked[*removed];
                                " " (visit.say("take away", "إزالة")) span.hidden { " " (name) }
                            }
                        }
                    }
                }
            }
            (pairs(visit, shown, "headers", cells, &entered, "headers"))
        }
    }
}

fn signing(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    let choices = signings(visit);
    let method = Field::new(visit, "signing", visit.say("Signature", "التوقيع"), "").required().judged(shown.errors);
    let help = visit.say("Leave it empty, and one is made and shown once.", "اتركه فارغًا ليُنشأ سر ويُعرض مرة واحدة.");
    let own = Field::new(visit, "secret", visit.say("A secret of your own", "سر من عندك"), help).judged(shown.errors);
    html! {
        fieldset {
            legend { (visit.say("How posts are signed", "كيف تُوقَّع الرسائل")) }
            (method.choice(visit, &draft.signing, &choices))
            (secret(visit, &own, "whsec_…"))
        }
    }
}

/// The ways of signing.
pub(super) const fn signings(visit: &Visit) -> [(&'static str, &'static str); 2] {
    match visit.view.language {
        Language::English => [
            ("hmac", "Shared secret (HMAC-SHA256): every library knows it"),
            ("ed25519", "Key pair (Ed25519): receivers hold a public key only"),
        ],
        Language::Arabic => [
            ("hmac", "سر مشترك (HMAC-SHA256): تعرفه كل المكتبات"),
            ("ed25519", "زوج مفاتيح (Ed25519): لا يملك المستقبِل إلا المفتاح العام"),
        ],
    }
}

/// A field for a secret: what was entered is not sent back.
pub(super) fn secret(visit: &Visit, field: &Field<'_>, example: &str) -> Markup {
    field.around(visit, |id, described| {
        html! {
            input id=(id) type="password" name=(field.name) placeholder=(example) dir="ltr" autocomplete="off" spellcheck="false"
                aria-describedby=[described] aria-invalid=[field.wrong()];
        }
    })
}

fn sending(visit: &Visit, draft: &Draft, shown: &Shown<'_>) -> Markup {
    let policies = [RetryPolicy::Standard, RetryPolicy::Exponential, RetryPolicy::Immediate, RetryPolicy::Manual];
    let policies = policies.map(|policy| (policy.as_str(), retries(visit, policy)));
    let retry = Field::new(visit, "retry_policy", visit.say("If a post fails", "إذا فشل الإرسال"), "");
    let titles = [
        visit.say("Posts per second", "رسائل في الثانية"),
        visit.say("Posts per hour", "رسائل في الساعة"),
        visit.say("Posts per day", "رسائل في اليوم"),
    ];
    html! {
        fieldset {
            legend { (visit.say("How it is posted to", "كيف يُرسل إليه")) }
            (retry.required().judged(shown.errors).choice(visit, &draft.retry_policy, &policies))
            div.field {
                label {
                    input type="checkbox" name="ordered" value="on" checked[draft.ordered] aria-describedby="ordered-help";
                    " " (visit.say("Strict order: events with the same key one after another", "ترتيب صارم: الأحداث ذات المفتاح الواحد واحدًا بعد آخر"))
                }
                p.help #ordered-help { (visit.say(
                    "Slower; while the endpoint is down, all events of a key wait, for up to three days.",
                    "أبطأ؛ وحين يتعطل المستقبِل تنتظر كل أحداث المفتاح حتى ثلاثة أيام.",
                )) }
            }
            @for ((name, title), limit) in LIMITS.into_iter().zip(titles).zip(&draft.limits) {
                (Field::new(visit, name, title, "").judged(shown.errors).number(visit, limit, 1, Some(u64::from(u32::MAX))))
            }
            @if shown.is_new {
                div.field { label {
                    input type="checkbox" name="paused" value="on" checked[draft.paused];
                    " " (visit.say("Begin paused: events are kept for it until it is resumed", "يبدأ موقوفًا: تُحفظ الأحداث له حتى يُستأنف"))
                } }
            }
        }
    }
}
