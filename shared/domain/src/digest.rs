//! SHA-256 over several parts, each preceded by its length, so that no two lists of parts share an input.

use ring::digest::{Context, Digest, SHA256};

/// The digest of the parts.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish()
}

/// The digest of the parts in lowercase hex.
#[must_use]
pub fn hex_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    hex(of_parts(parts).as_ref())
}

/// The digest of these bytes alone in lowercase hex, as anybody else computes it.
#[must_use]
pub fn hex_of(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&SHA256, bytes).as_ref())
}

/// Bytes in lowercase hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let nibble = |value: u8| char::from(HEX[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [nibble(byte >> 4), nibble(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hex_of_parts([&b"ab"[..], b"c"]), hex_of_parts([&b"a"[..], b"bc"]));
        assert_eq!(hex_of_parts([]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
