//! What a request presents as its credential.

use domain::{key::ApiKey, secret::Secret};
use providers::oidc::Token;

const OPERATOR: &str = "tk_ops_";

/// A credential that is at least well-formed.
#[derive(Debug)]
pub(crate) enum Credential {
    Key(ApiKey),
    /// What may be the token of a user.
    Token(Secret),
    Operator(Secret),
}

impl Credential {
    /// Reads the `Authorization` header. Most junk is rejected here, before anything is looked up: an API key carries its
    /// own checksum, and a token has its form.
    pub(crate) fn parse(authorization: &str) -> Option<Self> {
        let (scheme, token) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = token.trim();
        match token.strip_prefix(OPERATOR) {
            Some("") => None,
            Some(secret) => Some(Self::Operator(Secret::new(secret.to_owned()))),
            None if Token::is_like(token) => Some(Self::Token(Secret::new(token.to_owned()))),
            None => ApiKey::parse(token).map(Self::Key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_a_well_formed_bearer_token_is_rejected() {
        let key = ApiKey::from_entropy(&(0..128).collect::<Vec<u8>>()).unwrap();
        let key = key.whole().expose();
        assert!(matches!(Credential::parse(&format!("Bearer {key}")), Some(Credential::Key(_))));
        assert!(matches!(Credential::parse(&format!("bearer  {key} ")), Some(Credential::Key(_))));
        assert!(matches!(Credential::parse("Bearer tk_ops_x"), Some(Credential::Operator(_))));
        assert!(matches!(Credential::parse("Bearer eyJ0.eyJ0.x"), Some(Credential::Token(_))));
        let cut = &key[..key.len() - 1];
        for junk in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer tk_ops_",
            "Bearer ey.x",
            "Bearer a.b.c",
            key,
            &format!("Basic {key}"),
            &format!("Bearer {cut}"),
        ] {
            assert!(Credential::parse(junk).is_none(), "{junk}");
        }
    }
}
