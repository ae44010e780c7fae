//! HMACs, and how they are written.

use crate::hook::{Algorithm, Cause, Encoding, Refusal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use subtle::ConstantTimeEq as _;

impl Algorithm {
    fn ring(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// The HMAC of some parts, one after the other.
fn hmac(algorithm: Algorithm, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm.ring(), key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}

/// Whether `given` is the HMAC of some parts. Takes the same time whatever is given of the right length.
pub(super) fn is_hmac(algorithm: Algorithm, key: &[u8], parts: &[&[u8]], given: &[u8]) -> bool {
    hmac(algorithm, key, parts).as_ref().ct_eq(given).into()
}

/// Reads a signature; `header` is where it stood.
pub(super) fn decode(encoding: Encoding, text: &str, header: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = match encoding {
        Encoding::Hex => from_hex(text),
        Encoding::Base64 => STANDARD.decode(text).ok(),
    };
    bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(|| Refusal::of(Cause::SignatureMalformed, header))
}

/// Bytes from hexadecimal digits in either case.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_strictly() {
        assert_eq!(decode(Encoding::Hex, "00fFa0", "h"), Ok(vec![0, 255, 160]));
        assert_eq!(decode(Encoding::Base64, "AP8=", "h"), Ok(vec![0, 255]));
        for (encoding, bad) in [
            (Encoding::Hex, "abc"),
            (Encoding::Hex, "zz"),
            (Encoding::Hex, ""),
            (Encoding::Base64, "AP8"),
            (Encoding::Base64, "A P8="),
        ] {
            assert_eq!(decode(encoding, bad, "h"), Err(Refusal::of(Cause::SignatureMalformed, "h")), "{bad}");
        }
    }
}
