//! The inbox of a local stack's mail server: what its recipients really got.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder with a `<queue id>.eml` for each message taken, and a line each in `received.jsonl` and `refused.jsonl`.
#[derive(Clone, Debug)]
pub struct Inbox {
    folder: PathBuf,
}

/// A message that the server has.
#[derive(Clone, Debug, Deserialize)]
pub struct Received {
    /// When the server took it, RFC 3339.
    pub at: String,
    /// The server's name for it.
    pub queue_id: String,
    /// Its recipients on the envelope.
    pub rcpt_to: Vec<String>,
    /// Its `Message-ID`.
    pub message_id: Option<String>,
    /// `accepted`, or how the server misbehaved after it had the message: `hung`, `dropped`.
    pub verdict: String,
}

/// A recipient that the server did not take.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// The recipient.
    pub rcpt_to: String,
    /// What the server said.
    pub answer: String,
}

impl Inbox {
    /// The inbox in that folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Every message taken so far, the oldest first.
    pub fn received(&self) -> io::Result<Vec<Received>> {
        self.lines("received.jsonl")
    }

    /// Every refusal so far, the oldest first.
    pub fn refused(&self) -> io::Result<Vec<Refused>> {
        self.lines("refused.jsonl")
    }

    /// The subject of a message as its reader sees it, read from the message itself.
    pub fn subject(&self, queue_id: &str) -> io::Result<Option<String>> {
        let message = fs::read(self.folder.join(format!("{queue_id}.eml")))?;
        Ok(header(&String::from_utf8_lossy(&message), "Subject").map(|subject| decode_words(&subject)))
    }

    fn lines<T: DeserializeOwned>(&self, file: &str) -> io::Result<Vec<T>> {
        let text = match fs::read_to_string(self.folder.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        // A line that is being written has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
    }
}

/// A header with its continuation lines joined (RFC 5322, section 2.2.3).
fn header(message: &str, name: &str) -> Option<String> {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    let mut value = lines.by_ref().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim_start().to_owned())
    })?;
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push_str(line);
    }
    Some(value)
}

/// Reads the encoded words of a header (RFC 2047); white space between two of them means nothing.
fn decode_words(text: &str) -> String {
    // Bytes, because a character may begin in one word and end in the next.
    let (mut bytes, mut rest, mut after_word) = (Vec::new(), text, false);
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = encoded_word(&rest[start..]) else {
            bytes.extend_from_slice(&rest.as_bytes()[..start + 2]);
            (rest, after_word) = (&rest[start + 2..], false);
            continue;
        };
        let between = &rest[..start];
        if !(after_word && between.trim().is_empty()) {
            bytes.extend_from_slice(between.as_bytes());
        }
        bytes.extend_from_slice(&word);
        (rest, after_word) = (&rest[start + length..], true);
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The bytes of the encoded word that the text begins with, and its length. UTF-8 alone, which is all we send.
fn encoded_word(text: &str) -> Option<(Vec<u8>, usize)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (data, _) = rest.split_once("?=")?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "b" | "B" => STANDARD.decode(data).ok()?,
        "q" | "Q" => decode_q(data)?,
        _ => return None,
    };
    Some((bytes, "=?".len() + charset.len() + 1 + encoding.len() + 1 + data.len() + "?=".len()))
}

fn decode_q(data: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), data.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let pair = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&pair).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_its_reader_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        // "سارة" in two words, the second character cut in half between them.
        let message = "From: a@example.com\r\nSubject: =?utf-8?b?2LPY?=\r\n =?utf-8?B?p9ix2Kk=?= is\r\n\there\r\nTo: b\r\n\r\nSubject: no\r\n";
        fs::write(folder.path().join("AB.eml"), message).unwrap();
        let inbox = Inbox::new(folder.path());
        assert_eq!(inbox.subject("AB").unwrap().unwrap(), "سارة is\there");
        assert!(inbox.subject("CD").is_err());
    }

    #[test]
    fn words_that_are_none_stay_as_they_are() {
        assert_eq!(decode_words("a =?b and =?utf-8?q?caf=C3=A9_x?="), "a =?b and café x");
        assert_eq!(decode_words("=?latin1?q?x?= y"), "=?latin1?q?x?= y");
        assert_eq!(decode_words("plain"), "plain");
    }

    #[test]
    fn a_line_that_is_being_written_is_left_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let inbox = Inbox::new(folder.path());
        assert!(inbox.refused().unwrap().is_empty());
        fs::write(folder.path().join("refused.jsonl"), "{\"rcpt_to\":\"a\",\"answer\":\"550\"}\n{\"rcpt").unwrap();
        assert_eq!(inbox.refused().unwrap()[0].answer, "550");
    }
}
