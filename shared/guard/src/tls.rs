//! What went wrong in a TLS handshake, in words for the person who can mend it.

use domain::failure::{Failure, FailureKind};
use rustls::{CertificateError, Error as Tls, InvalidMessage};
use std::{error::Error, io};

/// The failure of a TLS handshake, if `error` or one of its causes is one. Nothing was sent in any of these cases, and
/// an admin can mend them, so they are transient.
#[must_use]
pub fn failure(error: &(dyn Error + 'static)) -> Option<Failure> {
    let tls = find::<Tls>(error)?;
    let (code, words) = explain(tls);
    Some(Failure::new(FailureKind::Transient { after_ms: None }, code, &words))
}

/// The first error of type `T` among `error` and its causes. An [`io::Error`] hides the error it wraps from
/// [`Error::source`], so this looks inside.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The words of the innermost cause, which say most.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    loop {
        let inner = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
        match inner {
            Some(inner) => error = inner,
            None => return error.to_string(),
        }
    }
}

/// Our code and plain words for a TLS error.
fn explain(error: &Tls) -> (&'static str, String) {
    match error {
        Tls::InvalidCertificate(fault) => ("certificate_untrusted", certificate_words(fault)),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            ("tls_failed", "the server does not speak TLS on this port".to_owned())
        }
        Tls::AlertReceived(alert) => ("tls_failed", format!("the server ended the TLS handshake: {alert:?}")),
        other => ("tls_failed", other.to_string()),
    }
}

fn certificate_words(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => {
            "the certificate was issued by an authority that is not trusted here (self-signed, or a private authority)"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = match fault {
                CertificateError::NotValidForNameContext { expected, presented } => format!(
                    ": it is for {}, not for {}",
                    if presented.is_empty() { "no name at all".to_owned() } else { bare(presented).join(", ") },
                    expected.to_str()
                ),
                _ => String::new(),
            };
            format!("the certificate belongs to another host name{names}")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        CertificateError::BadEncoding => "the certificate cannot be read".to_owned(),
        // rustls-webpki calls this CaUsedAsEndEntity and hands it over as an opaque error.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server shows an authority's own certificate (CA:TRUE) as its own: issue a separate certificate for \
             the host from that authority, and enter the authority's in `ca_certificate`"
                .to_owned()
        }
        other => format!("the certificate was refused: {other}"),
    }
}

/// rustls writes a name as `DnsName("host")`: the host alone.
fn bare(names: &[String]) -> Vec<&str> {
    names.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect()
}
