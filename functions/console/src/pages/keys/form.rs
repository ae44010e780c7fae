//! The form of a key, new or to be changed.

use super::scopes;
use crate::{
    faults::refusal,
    field::{Field, Text},
    form::Form,
    view::View,
    visit::Visit,
};
use api::{
    keys::KeyView,
    problem::{FieldProblem, Problem},
};
use domain::{
    principal::Grant,
    quota::{Tier, Tiers},
};
use maud::{Markup, html};

/// What stands in the form.
#[derive(Default)]
pub(super) struct Entered {
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) tier: String,
    /// A day, `2027-01-31`; empty for never.
    pub(super) expires: String,
    /// Networks, one a line.
    pub(super) allow: String,
}

impl Entered {
    /// What was sent.
    pub(super) fn sent(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            scopes: form.all("scope").map(str::to_owned).collect(),
            tier: form.entered("tier").unwrap_or(Tier::default().as_str()).to_owned(),
            expires: form.text("expires_at").to_owned(),
            allow: form.text("allow").to_owned(),
        }
    }

    /// What is saved.
    pub(super) fn saved(key: &KeyView) -> Self {
        Self {
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|grant| grant.as_str().to_owned()).collect(),
            tier: key.tier.as_str().to_owned(),
            expires: key.expires_at.as_deref().and_then(|moment| moment.get(..10)).unwrap_or_default().to_owned(),
            allow: key.allow.join("\n"),
        }
    }

    /// The networks, as the API takes them.
    pub(super) fn networks(&self) -> Vec<&str> {
        self.allow.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
    }
}

/// A day as the moment that the API takes: its beginning.
pub(super) fn beginning_of(day: &str) -> String {
    format!("{day}T00:00:00Z")
}

/// The fields; `held` is what the key has already.
pub(super) fn fields(visit: &Visit, entered: &Entered, held: &[Grant], errors: &[FieldProblem]) -> Markup {
    let field = |name, title, help| Field::new(visit, name, title, help).judged(errors);
    let what = visit.say("What uses the key, so that you know it again.", "ما الذي يستخدم المفتاح، لتعرفه لاحقًا.");
    let name = field("name", visit.say("Name", "الاسم"), what).required();
    let unless = visit.say(
        "Unless whoever runs this deployment has set others; the key's page shows what holds.",
        "ما لم يحدد مشغّل هذا النظام غيرها؛ تعرض صفحة المفتاح ما هو سارٍ.",
    );
    let tier = field("tier", visit.say("Limits", "الحدود"), unless).required();
    let tiers = Tier::ALL.map(|tier| (tier.as_str(), limits(visit, tier)));
    let tiers: Vec<_> = tiers.iter().map(|(name, words)| (*name, words.as_str())).collect();
    let day = visit.say(
        "At the beginning of that day, UTC. Left empty, never.",
        "عند بداية ذلك اليوم بالتوقيت العالمي. إن تُرك فارغًا فأبدًا.",
    );
    let expires = field("expires_at", visit.say("Expires on", "ينتهي في"), day);
    let anywhere = visit.say("One a line. Left empty, from anywhere.", "واحدة في كل سطر. إن تُرك فارغًا فمن أي مكان.");
    let allow = Field {
        // What is wrong with one of them is told by its place: `allow[2]`.
        fault: errors.iter().find(|fault| fault.field.starts_with("allow")),
        ..field("allow", visit.say("Only from these networks", "من هذه الشبكات فقط"), anywhere)
    };
    html! {
        (name.text(visit, Text::Words, &entered.name))
        (scopes::boxes(visit, &entered.scopes, held, scopes::fault(errors)))
        (tier.choice(visit, &entered.tier, &tiers))
        (expires.around(visit, |id, described| html! {
            input id=(id) type="date" name=(expires.name) value=(entered.expires) dir="ltr" aria-describedby=[described] aria-invalid=[expires.wrong()];
        }))
        (allow.example("203.0.113.0/24").text(visit, Text::CodeLines, &entered.allow))
    }
}

/// What the API says against the form, as far as it is not said beside a field.
pub(super) fn note(visit: &Visit, problem: &Problem) -> Markup {
    let fields = ["name", "scopes", "tier", "expires_at", "allow"];
    let beside = |fault: &&FieldProblem| fields.iter().any(|name| fault.field.starts_with(name));
    let shown: Vec<_> = problem.errors.iter().filter(beside).map(|fault| fault.field.clone()).collect();
    refusal(visit, problem, &shown)
}

/// What a tier is called.
pub(super) const fn tier_name(view: &View, tier: Tier) -> &str {
    match tier {
        Tier::Basic => view.say("Basic", "أساسي"),
        Tier::Standard => view.say("Standard", "قياسي"),
        Tier::Premium => view.say("Premium", "ممتاز"),
    }
}

/// A tier with its limits, where a deployment sets no others.
fn limits(view: &View, tier: Tier) -> String {
    let quota = Tiers::default().of(tier);
    let n = |n: u32| view.number(u64::from(n));
    format!(
        "{}: {} {} {} {} {} {}",
        tier_name(view, tier),
        n(quota.minute),
        view.say("a minute,", "في الدقيقة،"),
        n(quota.hour),
        view.say("an hour,", "في الساعة،"),
        n(quota.burst),
        view.say("at once", "دفعة واحدة"),
    )
}
