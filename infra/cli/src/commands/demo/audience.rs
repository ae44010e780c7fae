//! Who receives the demo's campaign, and what should become of each message.

use super::Fallible;
use api::campaigns::RecipientBody;
use domain::template::Locale;

pub(super) const TITLE_EN: &str = "Spotting phishing";
pub(super) const TITLE_AR: &str = "كشف التصيّد";

const NAMES_EN: [&str; 5] = ["Sara", "Omar", "Layla", "Adam", "Nora"];
const NAMES_AR: [&str; 5] = ["سارة", "عمر", "ليلى", "آدم", "نورة"];

const EMAILS: usize = 500;
const SLACK_MEMBERS: usize = 20;

/// What the mail server does with a recipient: it decides by the address (see `infra/local/smtp_server.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Takes the message.
    Taken,
    /// Refuses it for good: 550.
    Refused,
    /// Refuses it at first, takes it at the second try: 451.
    TakenLater,
}

/// One e-mail to be.
pub(super) struct Addressee {
    pub(super) body: RecipientBody,
    pub(super) fate: Fate,
    /// What the subject will be, by the words of the ready-made template.
    pub(super) subject: String,
}

impl Addressee {
    pub(super) fn is_arabic(&self) -> bool {
        self.body.locale == Some(Locale::Ar)
    }
}

/// Everybody who receives it.
pub(super) struct Audience {
    pub(super) email: Vec<Addressee>,
    pub(super) slack: Vec<RecipientBody>,
}

impl Audience {
    pub(super) fn new() -> Fallible<Self> {
        Ok(Self {
            email: (0..EMAILS).map(addressee).collect::<Fallible<_>>()?,
            slack: (0..SLACK_MEMBERS).map(slack_member).collect::<Fallible<_>>()?,
        })
    }

    pub(super) fn emails(&self) -> Vec<RecipientBody> {
        self.email.iter().map(|it| it.body.clone()).collect()
    }

    /// How many e-mails meet this fate.
    pub(super) fn count(&self, which: impl Fn(&Addressee) -> bool) -> usize {
        self.email.iter().filter(|it| which(it)).count()
    }

    pub(super) fn len(&self) -> usize {
        self.email.len() + self.slack.len()
    }
}

/// English and Arabic take turns. Of each 25, one is busy at first; of each 50, one is unknown: both in either language.
fn addressee(number: usize) -> Fallible<Addressee> {
    let fate = match (number % 25, number / 25 % 4) {
        (7, 0 | 1) => Fate::Refused,
        (11, _) => Fate::TakenLater,
        _ => Fate::Taken,
    };
    let prefix = match fate {
        Fate::Taken => "",
        Fate::Refused => "refuse-550-",
        Fate::TakenLater => "later-451-",
    };
    let body = recipient(number, format!("{prefix}user{number}@example.com"))?;
    let (name, title) = (&body.variables["name"], &body.variables["campaign"]);
    let subject = match body.locale {
        Some(Locale::Ar) => format!("{name}، تدريبك \"{title}\" جاهز"),
        _ => format!("{name}, your training \"{title}\" is ready"),
    };
    Ok(Addressee { body, fate, subject })
}

fn slack_member(number: usize) -> Fallible<RecipientBody> {
    recipient(EMAILS + number, format!("U0DEMO{number:02}"))
}

fn recipient(number: usize, address: String) -> Fallible<RecipientBody> {
    let (locale, names, title) =
        if number.is_multiple_of(2) { (Locale::En, NAMES_EN, TITLE_EN) } else { (Locale::Ar, NAMES_AR, TITLE_AR) };
    let name = names[number / 2 % names.len()];
    let link = format!("https://training.acme.example/t/{number}");
    Ok(RecipientBody {
        user_id: format!("u-{number}").parse()?,
        address,
        locale: Some(locale),
        variables: [("name", name), ("campaign", title), ("link", &link)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    })
}
