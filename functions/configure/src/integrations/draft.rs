//! Settings as somebody wants them saved, judged before anything is done with them.

use crate::faults::Faults;
use api::{
    integrations::{IntegrationCreate, NAME_MAX_CHARS, SecretValues},
    problem::{Problem, ProblemKind},
};
use domain::{
    channel::{Kind, Provider},
    integration::{Config, PROBE_INTERVAL_MINUTES},
    principal::Caller,
    rate::Limits,
    secret::{Secret, Secrets},
    sign_in::SignInSettings,
};
use guard::Guard;
use providers::FieldError;
use runtime::http::Answer;
use std::collections::{BTreeMap, BTreeSet};

/// The longest secret value, in bytes. Tokens have a few hundred at most.
const SECRET_MAX_BYTES: usize = 4_096;

/// Settings and secrets that fit together, normalised by the provider.
pub(super) struct Draft {
    pub(super) provider: Provider,
    pub(super) config: Config,
    pub(super) secrets: Secrets,
}

impl Draft {
    /// The settings of a new integration, if everything about it is in order.
    pub(super) fn of_new(body: &IntegrationCreate, guard: &Guard) -> Answer<Self> {
        let mut faults = Faults::default();
        faults.check_name(&body.name, NAME_MAX_CHARS);
        let own = body.provider.kind();
        if body.kind.is_some_and(|kind| kind != own) {
            let message =
                format!("The provider `{}` is of the kind `{own}`. Send that, or leave `kind` out.", body.provider);
            faults.add("kind", "conflict", message);
        }
        if let Some(limits) = body.limits {
            check_limits(&mut faults, limits);
        }
        check_probe_interval(&mut faults, "probe_interval_minutes", body.probe_interval_minutes);
        check_sizes(&mut faults, &body.secrets);
        let draft = Self {
            provider: body.provider,
            config: body.config.clone(),
            secrets: merged(&Secrets::new(), &body.secrets),
        };
        let config = draft.judged(guard).map_err(|errors| faults.extend(errors)).ok();
        faults.finish()?;
        Ok(Self { config: config.unwrap_or_default(), ..draft })
    }

    /// New settings, new secrets or both over those that are saved. What is wrong goes to `faults`, and the answer is
    /// `None`.
    pub(super) fn over(
        provider: Provider,
        config: &Config,
        old: &Secrets,
        new: &SecretValues,
        guard: &Guard,
        faults: &mut Faults,
    ) -> Option<Self> {
        check_sizes(faults, new);
        let mut draft = Self { provider, config: config.clone(), secrets: merged(old, new) };
        let mut judged = draft.judged(guard);
        // A saved secret for which the new settings have no use, such as the token of the mode that was left, goes
        // unasked: nobody could take it out otherwise.
        if let Err(errors) = &judged {
            let unused = |name: &String| {
                !new.contains_key(name)
                    && errors.iter().any(|error| {
                        error.code == "unknown_field" && error.field.strip_prefix("secrets.") == Some(name.as_str())
                    })
            };
            let gone: Vec<_> = draft.secrets.keys().filter(|name| unused(name)).cloned().collect();
            if !gone.is_empty() {
                draft.secrets.retain(|name, _| !gone.contains(name));
                judged = draft.judged(guard);
            }
        }
        match judged {
            Ok(config) => Some(Self { config, ..draft }),
            Err(errors) => {
                faults.extend(errors);
                None
            }
        }
    }

    /// The settings as the provider normalises them, or everything that is wrong with them and the secrets.
    fn judged(&self, guard: &Guard) -> Result<Config, Vec<FieldError>> {
        let present: BTreeSet<String> = self.secrets.keys().cloned().collect();
        let validated = providers::validate(self.provider, &self.config, &present);
        // Where the settings are wrong, what can be said about the secrets is said all the same.
        let config = validated.as_ref().unwrap_or(&self.config);
        let more = providers::validate_secrets(self.provider, config, &self.secrets, guard);
        match validated {
            Ok(config) if more.is_empty() => Ok(config),
            Ok(_) => Err(more),
            Err(mut errors) => {
                errors.extend(
                    more.into_iter()
                        .filter(|error| !errors.iter().any(|known| known.field == error.field))
                        .collect::<Vec<_>>(),
                );
                Err(errors)
            }
        }
    }

    /// Refuses a sign-in whose users may come to have more than `caller` has: whoever names the provider can have any user
    /// they like, themselves too.
    pub(super) fn check_gives(&self, caller: &Caller) -> Answer<()> {
        if self.provider.kind() != Kind::Entra {
            return Ok(());
        }
        // Settings that cannot be read were not validated.
        let gives = SignInSettings::read(&self.config).map(|settings| settings.gives()).unwrap_or_default();
        let Some(more) = caller.lacks(&gives) else { return Ok(()) };
        let detail = format!(
            "This sign-in may give its users `{}`, which is more than you have. Somebody who has it must set this up, or \
             its lists of roles must be shorter.",
            more.as_str()
        );
        Err(Problem::new(ProblemKind::Forbidden, detail).into())
    }

    /// What may be shown of each secret.
    pub(super) fn masks(&self) -> BTreeMap<String, String> {
        self.secrets.iter().map(|(name, secret)| (name.clone(), secret.mask())).collect()
    }

    /// The names of the secrets that are not what they were.
    pub(super) fn changed_secrets(&self, old: &Secrets) -> Vec<String> {
        let names: BTreeSet<&String> = self.secrets.keys().chain(old.keys()).collect();
        let differs =
            |name: &&String| self.secrets.get(*name).map(Secret::expose) != old.get(*name).map(Secret::expose);
        names.into_iter().filter(differs).map(|name| format!("secrets.{name}")).collect()
    }
}

/// The old secrets with the new ones put over them. An empty value takes a secret out.
fn merged(old: &Secrets, new: &SecretValues) -> Secrets {
    let mut merged = old.clone();
    for (name, value) in new {
        if value.is_empty() {
            merged.remove(name);
        } else {
            merged.insert(name.clone(), Secret::new(value.clone()));
        }
    }
    merged
}

fn check_sizes(faults: &mut Faults, secrets: &SecretValues) {
    for (name, _) in secrets.iter().filter(|(_, value)| value.len() > SECRET_MAX_BYTES) {
        let name: String = name.chars().take(60).collect();
        faults.add(format!("secrets.{name}"), "out_of_range", format!("Enter at most {SECRET_MAX_BYTES} bytes."));
    }
}

/// Adds a fault for each limit that would let nothing through.
pub(super) fn check_limits(faults: &mut Faults, limits: Limits) {
    let all = [("per_second", limits.per_second), ("per_hour", limits.per_hour), ("per_day", limits.per_day)];
    for (name, _) in all.into_iter().filter(|(_, limit)| *limit == Some(0)) {
        let message = "Enter at least 1, or leave it out for no limit. To stop sending, disable the integration.";
        faults.add(format!("limits.{name}"), "out_of_range", message);
    }
}

/// Adds a fault unless the pause between two probes is one we can keep.
pub(super) fn check_probe_interval(faults: &mut Faults, field: &str, minutes: u16) {
    if !PROBE_INTERVAL_MINUTES.contains(&minutes) {
        let (least, most) = (PROBE_INTERVAL_MINUTES.start(), PROBE_INTERVAL_MINUTES.end());
        faults.add(field, "out_of_range", format!("Enter a number of minutes from {least} to {most}."));
    }
}
