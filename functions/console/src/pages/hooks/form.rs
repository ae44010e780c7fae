//! The form of a hook, new or to be changed: name, what its scheme asks for, which events, how old a call may be.

use super::scheme::signs_time;
use crate::{
    field::{Field, Text},
    form::Form,
    view::View,
};
use api::{hooks::HookView, problem::FieldProblem};
use domain::hook::{REPLAY_WINDOW_S, REPLAY_WINDOWS_S, SchemeName};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

/// The settings of the scheme `hmac` that are entered as text, in the order of the form.
const HMAC_TEXTS: [&str; 7] =
    ["header", "prefix", "template", "timestamp_header", "id_header", "event_header", "event_pointer"];

/// What the form shows: what was entered, or is saved, and what is wrong with it.
pub(super) struct Entered<'a> {
    pub(super) scheme: SchemeName,
    pub(super) form: Option<&'a Form>,
    pub(super) saved: Option<&'a HookView>,
    pub(super) errors: &'a [FieldProblem],
}

impl Entered<'_> {
    /// What stands in a field.
    fn value(&self, name: &str) -> String {
        match (self.form, self.saved) {
            (Some(form), _) => text_of(form, name).to_owned(),
            (None, Some(hook)) => saved(hook, name),
            (None, None) => match name {
                "hmac.header" => "X-Signature".to_owned(),
                "hmac.template" => "{body}".to_owned(),
                "replay_window_s" => REPLAY_WINDOW_S.to_string(),
                _ => String::new(),
            },
        }
    }

    fn field<'f>(&'f self, view: &View, name: &'f str, title: &'f str, help: &'f str) -> Field<'f> {
        Field::new(view, name, title, help).judged(self.errors)
    }

    fn text(&self, view: &View, field: Field<'_>, kind: Text) -> Markup {
        field.text(view, kind, &self.value(field.name))
    }

    /// The name, which every hook has.
    pub(super) fn name(&self, view: &View) -> Markup {
        let help = view.say("By which you know it again.", "تعرفه به لاحقًا.");
        self.text(view, self.field(view, "name", view.say("Name", "الاسم"), help).required(), Text::Words)
    }

    /// What the scheme asks for.
    pub(super) fn of_scheme(&self, view: &View) -> Markup {
        match self.scheme {
            SchemeName::Hmac => self.hmac(view),
            SchemeName::Twilio => {
                let title = view.say("Address as it is entered at Twilio", "العنوان كما أُدخل في Twilio");
                let help = view.say(
                    "Only where calls reach this webhook through a proxy or a domain of yours: Twilio signs the address.",
                    "فقط إذا كانت الطلبات تصل عبر وسيط أو نطاق لك: يوقّع Twilio العنوان نفسه.",
                );
                let field = self.field(view, "public_url", title, help).example("https://hooks.example.com/twilio");
                self.text(view, field, Text::Code)
            }
            _ => html! {},
        }
    }

    fn hmac(&self, view: &View) -> Markup {
        let algorithms = [("sha256", "SHA-256"), ("sha512", "SHA-512"), ("sha1", "SHA-1")];
        let encodings =
            [("hex", view.say("hexadecimal digits", "أرقام ست عشرية")), ("base64", view.say("base 64", "الأساس 64"))];
        let code = |name, title, help, example| {
            self.text(view, self.field(view, name, title, help).example(example), Text::Code)
        };
        let needed = |name, title, help, example| {
            self.text(view, self.field(view, name, title, help).example(example).required(), Text::Code)
        };
        let chosen = |name, title, choices: &[(&str, &str)]| {
            self.field(view, name, title, "").required().choice(view, &self.value(name), choices)
        };
        html! {
            fieldset {
                legend { (view.say("How the sender signs", "كيف يوقّع المرسل")) }
                (needed("hmac.header", view.say("Header with the signature", "ترويسة التوقيع"), "", "X-Acme-Signature"))
                (code("hmac.prefix", view.say("What stands before the signature", "ما يسبق التوقيع"), "", "sha256="))
                (chosen("hmac.algorithm", view.say("Algorithm", "الخوارزمية"), &algorithms))
                (chosen("hmac.encoding", view.say("Written as", "طريقة الكتابة"), &encodings))
                (needed(
                    "hmac.template",
                    view.say("What is signed", "ما الذي يُوقَّع"),
                    view.say(
                        "With {body} and, where they are signed, {timestamp} and {id} in their places.",
                        "يحوي {body}، وكذلك {timestamp} و{id} في مواضعهما إن كانا يُوقَّعان.",
                    ),
                    "{timestamp}.{body}",
                ))
                (code(
                    "hmac.timestamp_header",
                    view.say("Header with the time of signing", "ترويسة وقت التوقيع"),
                    view.say(
                        "In seconds since 1970. With it, old calls are refused; it belongs together with {timestamp}.",
                        "بالثواني منذ 1970. بها تُرفض الطلبات القديمة؛ وهي تلازم {timestamp}.",
                    ),
                    "X-Acme-Time",
                ))
                (code(
                    "hmac.id_header",
                    view.say("Header with the event's id", "ترويسة معرّف الحدث"),
                    view.say("A signed one tells repeats from new events.", "المعرّف الموقَّع يميّز المكرر من الجديد."),
                    "X-Acme-Id",
                ))
                (code(
                    "hmac.event_header",
                    view.say("Header with the event's name", "ترويسة اسم الحدث"),
                    view.say("For the filter below.", "لأجل التصفية أدناه."),
                    "X-Acme-Event",
                ))
                (code(
                    "hmac.event_pointer",
                    view.say("Or its place in the JSON body", "أو موضع الاسم في محتوى JSON"),
                    view.say("As a JSON pointer.", "بصيغة JSON pointer."),
                    "/event/type",
                ))
            }
        }
    }

    /// Which events it takes, and how old a call may be.
    pub(super) fn taken(&self, view: &View) -> Markup {
        let events = Field {
            // What is wrong with one of them is told by its place: `events[2]`.
            fault: self.errors.iter().find(|fault| fault.field.starts_with("events")),
            ..self.field(
                view,
                "events",
                view.say("Only these events", "هذه الأحداث فقط"),
                view.say(
                    "One a line, by name or by beginning. Left empty, it takes all; others are acknowledged and counted, \
                     but not kept.",
                    "واحد في كل سطر، بالاسم أو ببدايته. إن تُرك فارغًا استُقبل الكل؛ وغيرها يُقرّ باستلامه ويُعدّ ولا يُحفظ.",
                ),
            )
        };
        let window = self
            .field(
                view,
                "replay_window_s",
                view.say("How old a call may be, in seconds", "أقصى عمر للطلب بالثواني"),
                view.say(
                    "A call that was signed longer ago is refused: it may be a replay by somebody else. 30 to 3,600.",
                    "يُرفض طلب وُقّع قبل ذلك: فقد يكون إعادة من طرف آخر. من 30 إلى 3600.",
                ),
            )
            .required();
        let (least, most) = (u64::from(*REPLAY_WINDOWS_S.start()), u64::from(*REPLAY_WINDOWS_S.end()));
        html! {
            (self.text(view, events.example("issues.*"), Text::CodeLines))
            @if signs_time(self.scheme) { (window.number(view, &self.value(window.name), least, Some(most))) }
        }
    }

    /// The fields that are shown, as the API names them.
    pub(super) fn shown(&self) -> Vec<String> {
        let first_event = self.errors.iter().find(|fault| fault.field.starts_with("events")).map(|it| it.field.clone());
        let hmac = HMAC_TEXTS.iter().map(|name| format!("hmac.{name}"));
        let rest = ["name", "public_url", "replay_window_s", "secret"].map(str::to_owned);
        rest.into_iter().chain(first_event).chain(hmac).collect()
    }
}

fn saved(hook: &HookView, name: &str) -> String {
    match name {
        "name" => hook.name.clone(),
        "public_url" => hook.public_url.clone().unwrap_or_default(),
        "replay_window_s" => hook.replay_window_s.to_string(),
        "events" => hook.events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        _ => {
            let settings = serde_json::to_value(&hook.hmac).unwrap_or_default();
            let setting = name.strip_prefix("hmac.").and_then(|name| settings[name].as_str().map(str::to_owned));
            setting.unwrap_or_default()
        }
    }
}

/// What was entered in a field; of a prefix its blanks count, too: `sha256 `.
fn text_of<'f>(form: &'f Form, name: &str) -> &'f str {
    if name == "hmac.prefix" { form.raw(name).unwrap_or_default() } else { form.text(name) }
}

/// What was sent, as the API takes it. What is no number goes as it is: the API says what is wrong with it.
pub(super) fn body(scheme: SchemeName, form: &Form) -> Map<String, Value> {
    let lines = form.text("events").lines().map(str::trim).filter(|line| !line.is_empty());
    let mut body = Map::from_iter([
        ("name".to_owned(), form.text("name").into()),
        ("events".to_owned(), lines.collect::<Vec<_>>().into()),
    ]);
    if signs_time(scheme) {
        let window = form.text("replay_window_s");
        body.insert("replay_window_s".to_owned(), window.parse::<u64>().map_or_else(|_| json!(window), |s| json!(s)));
    }
    match scheme {
        SchemeName::Hmac => {
            let texts = HMAC_TEXTS.into_iter().chain(["algorithm", "encoding"]);
            let given = texts.map(|name| (name, text_of(form, &format!("hmac.{name}"))));
            let given = given.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text.into()));
            let mut settings: Map<String, Value> = given.collect();
            // It must be there to be judged.
            settings.entry("header").or_insert_with(|| "".into());
            body.insert("hmac".to_owned(), settings.into());
        }
        SchemeName::Twilio => {
            body.insert("public_url".to_owned(), form.text("public_url").into());
        }
        _ => {}
    }
    body
}
