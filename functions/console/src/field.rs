//! A label, a control, its help and what is wrong with it, tied together for those who hear the page.

use crate::{faults, view::View};
use ::api::problem::FieldProblem;
use maud::{Markup, html};

/// One field of a form around its control.
#[derive(Clone, Copy, Default)]
pub(crate) struct Field<'a> {
    /// Under which name it is sent, and the API names it when it is wrong.
    pub(crate) name: &'a str,
    /// Its label and the label's language.
    pub(crate) title: (&'a str, &'a str),
    /// What to enter, and its language.
    pub(crate) help: (&'a str, &'a str),
    pub(crate) example: &'a str,
    pub(crate) required: bool,
    pub(crate) fault: Option<&'a FieldProblem>,
}

/// Which kind of text goes into an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// In whatever language.
    Words,
    /// An address, a name of a machine, a number: from left to right.
    Code,
    /// Several lines of words.
    Lines,
    /// Several lines of code.
    CodeLines,
}

impl<'a> Field<'a> {
    /// A field whose words are in the page's language.
    pub(crate) fn new(view: &View, name: &'a str, title: &'a str, help: &'a str) -> Self {
        let tag = view.language.tag();
        Self { name, title: (title, tag), help: (help, tag), ..Self::default() }
    }

    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) fn example(self, example: &'a str) -> Self {
        Self { example, ..self }
    }

    /// With what these faults say of it.
    pub(crate) fn judged(self, faults: &'a [FieldProblem]) -> Self {
        Self { fault: faults::of(faults, self.name), ..self }
    }

    fn id(&self) -> String {
        self.name.replace(['.', '[', ']'], "-")
    }

    fn described(&self) -> Option<String> {
        let id = self.id();
        let parts = [
            (!self.help.0.is_empty() || !self.example.is_empty()).then(|| format!("{id}-help")),
            self.fault.map(|_| format!("{id}-error")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// What `aria-invalid` says.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        self.fault.map(|_| "true")
    }

    /// The field around its control, which is given its id and what describes it.
    pub(crate) fn around(&self, view: &View, control: impl FnOnce(&str, Option<&str>) -> Markup) -> Markup {
        let id = self.id();
        let described = self.described();
        let ((title, language), (help, help_language)) = (self.title, self.help);
        html! {
            div.field.wrong[self.fault.is_some()] {
                label for=(id) {
                    span lang=(language) { (title) }
                    @if !self.required { " " small.quiet { (view.say("optional", "اختياري")) } }
                }
                (control(&id, described.as_deref()))
                @if let Some(fault) = self.fault { p.error id={ (id) "-error" } { (faults::words(view, fault)) } }
                @if !help.is_empty() || !self.example.is_empty() {
                    p.help id={ (id) "-help" } {
                        @if !help.is_empty() { span lang=(help_language) dir="auto" { (prose(help)) } }
                        @if !self.example.is_empty() {
                            span { (view.say("Example:", "مثال:")) " " code dir="ltr" { (self.example) } }
                        }
                    }
                }
            }
        }
    }

    /// The field with a text in it.
    pub(crate) fn text(&self, view: &View, kind: Text, value: &str) -> Markup {
        let direction = if matches!(kind, Text::Words | Text::Lines) { "auto" } else { "ltr" };
        self.around(view, |id, described| match kind {
            Text::Words | Text::Code => html! {
                input id=(id) name=(self.name) value=(value) required[self.required] dir=(direction) autocomplete="off"
                    spellcheck=[(kind == Text::Code).then_some("false")] aria-describedby=[described] aria-invalid=[self.wrong()];
            },
            Text::Lines | Text::CodeLines => html! {
                textarea id=(id) name=(self.name) rows="3" required[self.required] dir=(direction)
                    spellcheck=[(kind == Text::CodeLines).then_some("false")] aria-describedby=[described] aria-invalid=[self.wrong()] { (value) }
            },
        })
    }

    /// The field with a whole number in it, of at least `least` and, if there is one, at most `most`.
    pub(crate) fn number(&self, view: &View, value: &str, least: u64, most: Option<u64>) -> Markup {
        self.around(view, |id, described| html! {
            input id=(id) type="number" name=(self.name) value=(value) min=(least) max=[most] required[self.required] dir="ltr"
                aria-describedby=[described] aria-invalid=[self.wrong()];
        })
    }

    /// The field with a choice in it: values and the words for them.
    pub(crate) fn choice(&self, view: &View, chosen: &str, choices: &[(&str, &str)]) -> Markup {
        self.around(view, |id, described| {
            html! {
                select id=(id) name=(self.name) aria-describedby=[described] aria-invalid=[self.wrong()] {
                    @for (value, words) in choices { option value=(value) selected[*value == chosen] { (words) } }
                }
            }
        })
    }
}

/// A sentence in which what stands between backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code dir="ltr" { (part) } } @else { (part) }
        }
    }
}
