//! The SMTP provider against a peer that says exactly what a case needs, over real sockets and real TLS.

use crate::{Carry as _, Connect, Email, Endpoints, Outgoing, testing::tags};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    secret::{Secret, Secrets},
    template::Rendered,
};
use guard::{Egress, Guard};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

const LATER: FailureKind = FailureKind::Transient { after_ms: None };
const CLOSE: &str = "close";
const HANG: &str = "hang";

/// When the peer speaks TLS.
#[derive(Clone)]
enum Tls {
    Never,
    AfterStarttls(TlsAcceptor),
    FromTheStart(TlsAcceptor),
}

/// A mail server that answers each command with a fixed reply, or [`CLOSE`]s or [`HANG`]s there. `GREETING` and
/// `CONTENT` stand for the moments without a command.
#[derive(Clone)]
struct Peer {
    replies: Arc<Mutex<BTreeMap<&'static str, &'static str>>>,
    log: Arc<Mutex<Vec<String>>>,
    tls: Tls,
    port: u16,
}

impl Peer {
    async fn start(tls: Tls, special: &[(&'static str, &'static str)]) -> Self {
        let mut replies = BTreeMap::from([
            ("GREETING", "220 mail.example ESMTP"),
            ("EHLO", "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN"),
            ("AUTH", "235 2.7.0 welcome"),
            ("MAIL", "250 2.1.0 Ok"),
            ("RCPT", "250 2.1.5 Ok"),
            ("DATA", "354 go ahead"),
            ("CONTENT", "250 2.0.0 Ok: queued as 4Y1tQz"),
            ("NOOP", "250 2.0.0 Ok"),
            ("RSET", "250 2.0.0 Ok"),
            ("QUIT", "221 2.0.0 Bye"),
            ("STARTTLS", "220 2.0.0 Ready"),
        ]);
        replies.extend(special.iter().copied());
        if matches!(tls, Tls::AfterStarttls(_)) {
            replies.insert("EHLO", "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = Self { replies: Arc::new(Mutex::new(replies)), log: Arc::default(), tls, port };
        let serving = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let peer = serving.clone();
                tokio::spawn(async move { peer.serve(stream).await });
            }
        });
        peer
    }

    async fn serve(self, stream: tokio::net::TcpStream) {
        self.note("CONNECT");
        match self.tls.clone() {
            Tls::Never => {
                self.talk(BufReader::new(stream), true).await;
            }
            Tls::FromTheStart(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.talk(BufReader::new(stream), true).await;
                }
            }
            Tls::AfterStarttls(acceptor) => {
                if let Some(plain) = self.talk(BufReader::new(stream), true).await
                    && let Ok(stream) = acceptor.accept(plain.into_inner()).await
                {
                    self.talk(BufReader::new(stream), false).await;
                }
            }
        }
    }

    fn note(&self, line: &str) {
        self.log.lock().unwrap().push(line.to_owned());
    }

    fn reply(&self, to: &str) -> String {
        self.replies.lock().unwrap().get(to).map_or_else(|| "502 5.5.1 what?".to_owned(), |reply| (*reply).to_owned())
    }

    /// Answers, and says whether the conversation goes on.
    async fn answer(&self, stream: &mut (impl AsyncWrite + Unpin), to: &str) -> bool {
        match self.reply(to).as_str() {
            CLOSE => false,
            HANG => std::future::pending().await,
            reply => stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_ok(),
        }
    }

    /// Talks until the end, or until STARTTLS was answered: then gives the stream back.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: BufReader<S>,
        greet: bool,
    ) -> Option<BufReader<S>> {
        if greet && !self.answer(stream.get_mut(), "GREETING").await {
            return None;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line.split([' ', '\r']).next().unwrap_or_default().to_uppercase();
            self.note(line.trim_end());
            if !self.answer(stream.get_mut(), &verb).await || verb == "QUIT" {
                return None;
            }
            if verb == "STARTTLS" {
                return Some(stream);
            }
            if verb == "DATA" && self.reply("DATA").starts_with("354") {
                let mut line = String::new();
                while line != ".\r\n" {
                    line.clear();
                    if stream.read_line(&mut line).await.ok()? == 0 {
                        return None;
                    }
                }
                if !self.answer(stream.get_mut(), "CONTENT").await {
                    return None;
                }
            }
        }
    }

    fn say(&self, to: &'static str, reply: &'static str) {
        self.replies.lock().unwrap().insert(to, reply);
    }

    fn count(&self, verb: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.starts_with(verb)).count()
    }

    /// A connection to this peer. `settings` are laid over plain, anonymous ones.
    fn connect(&self, settings: Value) -> Email {
        let mut config = json!({
            "host": "127.0.0.1", "port": self.port, "security": "none", "from_address": "news@example.com", "timeout_s": 1
        });
        let (config, Value::Object(settings)) = (config.as_object_mut().unwrap(), settings) else { unreachable!() };
        config.extend(settings);
        let guard = Guard::new(Egress::parse(&format!("127.0.0.1:*,localhost:{}", self.port)).unwrap());
        let secrets = Secrets::from([("password".to_owned(), Secret::new("canary-password".to_owned()))]);
        Email::open(Provider::Smtp, config, &secrets, Arc::new(guard), &Endpoints::default()).unwrap()
    }
}

async fn send(connection: &Email) -> Result<Option<String>, Failure> {
    let delivery: DeliveryId = "dlv_01JD0000000000000000000000".parse().unwrap();
    let message =
        Rendered { subject: Some("مرحبا".into()), text: "Hello\r\n.\r\nthere".into(), html: None, link: None };
    let out = Outgoing { tags: tags(&delivery), address: "sara@example.org", locale: None, message: &message };
    connection.send(&out).await
}

/// A certificate for `name`, signed by an authority, as the server's side and as the authority's PEM.
fn certificate(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut leaf);
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    (acceptor(leaf.der().clone(), &key), authority.pem())
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_message_is_taken_and_the_connection_serves_the_next_one() {
    let peer = Peer::start(Tls::Never, &[]).await;
    let connection = peer.connect(json!({}));
    for _ in 0..3 {
        assert_eq!(send(&connection).await.unwrap().as_deref(), Some("4Y1tQz"));
    }
    assert_eq!((peer.count("CONNECT"), peer.count("MAIL FROM:<news@example.com>")), (1, 3));
    assert_eq!((peer.count("EHLO example.com"), peer.count("AUTH")), (1, 0), "no login without a user name");
}

#[tokio::test]
async fn the_moment_of_a_failure_decides_what_it_means() {
    use FailureKind::{Permanent, Unauthorized, Unknown};
    for (at, reply, kind, code) in [
        ("GREETING", "421 4.3.2 busy", LATER, "smtp_try_later"),
        ("GREETING", "554 5.7.1 not for you", LATER, "smtp_service_refused"),
        ("GREETING", "SSH-2.0-OpenSSH_9.6", LATER, "smtp_protocol"),
        ("GREETING", CLOSE, LATER, "unreachable"),
        ("GREETING", HANG, LATER, "unreachable"),
        ("MAIL", "451 4.3.0 later", LATER, "smtp_try_later"),
        ("MAIL", "550 5.7.1 not your address", Unauthorized, "smtp_sender_refused"),
        ("MAIL", "530 5.7.0 log in first", Unauthorized, "smtp_login_refused"),
        ("MAIL", CLOSE, LATER, "unreachable"),
        ("RCPT", "550 5.1.1 no such user", Permanent, "smtp_recipient_refused"),
        ("RCPT", "451 4.7.1 greylisted", LATER, "smtp_try_later"),
        ("RCPT", HANG, LATER, "unreachable"),
        ("DATA", "554 5.5.1 no", Permanent, "smtp_message_refused"),
        ("DATA", "250 what", LATER, "smtp_protocol"),
        ("DATA", CLOSE, LATER, "unreachable"),
        ("CONTENT", "554 5.7.1 spam", Permanent, "smtp_message_refused"),
        ("CONTENT", "452 4.3.1 full", LATER, "smtp_try_later"),
        ("CONTENT", CLOSE, Unknown, "connection_lost"),
        ("CONTENT", "hm?", Unknown, "smtp_protocol"),
    ] {
        let peer = Peer::start(Tls::Never, &[(at, reply)]).await;
        let failure = send(&peer.connect(json!({}))).await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code), "{at}: {reply}: {}", failure.detail);
        if reply.starts_with(['4', '5']) {
            assert_eq!(failure.detail, reply, "the server's own words");
        }
    }
}

#[tokio::test]
async fn a_refused_recipient_does_not_cost_the_connection() {
    let peer = Peer::start(Tls::Never, &[("RCPT", "550 5.1.1 no such user")]).await;
    let connection = peer.connect(json!({}));
    send(&connection).await.unwrap_err();
    peer.say("RCPT", "250 Ok");
    send(&connection).await.unwrap();
    assert_eq!((peer.count("CONNECT"), peer.count("RSET")), (1, 1));
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_meanwhile_is_replaced() {
    for reply in [CLOSE, "421 4.4.2 idle too long"] {
        let peer = Peer::start(Tls::Never, &[]).await;
        let connection = peer.connect(json!({}));
        send(&connection).await.unwrap();
        peer.say("MAIL", reply);
        let failure = send(&connection).await.unwrap_err();
        assert_eq!(failure.kind, LATER);
        assert_eq!(peer.count("CONNECT"), 2, "one fresh connection, no more: {reply}");
        peer.say("MAIL", "250 Ok");
        send(&connection).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_listens() {
    let peer = Peer::start(Tls::Never, &[]).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let failure = peer.connect(json!({"port": free})).test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (LATER, "unreachable"));
    let failure = peer.connect(json!({"host": "10.0.0.1", "port": 587})).test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "address_not_allowed"));
}

#[tokio::test]
async fn the_test_logs_in_over_either_kind_of_tls_and_sends_nothing() {
    for (security, words) in [("starttls", "STARTTLS"), ("tls", "TLS")] {
        let (acceptor, authority) = certificate("localhost", |_| {});
        let tls = if security == "tls" { Tls::FromTheStart(acceptor) } else { Tls::AfterStarttls(acceptor) };
        let peer = Peer::start(tls, &[]).await;
        // `localhost` may resolve to ::1 first, where nobody listens: the next address is tried.
        let connection = peer.connect(json!({
            "host": "localhost", "security": security, "username": "news", "ca_certificate": authority
        }));
        let said = connection.test().await.unwrap();
        assert_eq!(said, format!("mail.example, {words}, logged in as news: 250 2.0.0 Ok"));
        assert_eq!(
            (peer.count("AUTH PLAIN"), peer.count("MAIL"), peer.count("NOOP"), peer.count("QUIT")),
            (1, 0, 1, 1)
        );
        send(&connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_login_is_said_without_the_password() {
    // PLAIN is \0user\0password in base 64.
    let echo = "535 5.7.8 bad: AG5ld3MAY2FuYXJ5LXBhc3N3b3Jk canary-password";
    for (reply, kind, code) in
        [(echo, FailureKind::Unauthorized, "smtp_login_refused"), ("454 4.7.0 try again", LATER, "smtp_try_later")]
    {
        let (acceptor, authority) = certificate("localhost", |_| {});
        let peer = Peer::start(Tls::FromTheStart(acceptor), &[("AUTH", reply)]).await;
        let settings = json!({"host": "localhost", "security": "tls", "username": "news", "ca_certificate": authority});
        let failure = peer.connect(settings).test().await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code));
        assert!(!failure.detail.contains("canary") && !failure.detail.contains("Y2FuYXJ5"), "{}", failure.detail);
    }
    let (acceptor, authority) = certificate("localhost", |_| {});
    let peer = Peer::start(Tls::FromTheStart(acceptor), &[("EHLO", "250 mail.example")]).await;
    let settings = json!({"host": "localhost", "security": "tls", "username": "news", "ca_certificate": authority});
    let failure = peer.connect(settings).test().await.unwrap_err();
    assert_eq!(failure.detail, "the server offers no login (AUTH PLAIN or LOGIN)");
}

#[tokio::test]
async fn an_untrusted_certificate_is_explained() {
    let old = |leaf: &mut CertificateParams| {
        leaf.not_before = rcgen::date_time_ymd(2019, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
    };
    let (good, _) = certificate("localhost", |_| {});
    let (other, other_authority) = certificate("other.example", |_| {});
    let (expired, expired_authority) = certificate("localhost", old);
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = own.self_signed(&key).unwrap();
    for (acceptor, authority, words) in [
        (good, None, "issued by an authority that is not trusted here"),
        (other, Some(other_authority), "belongs to another host name: it is for other.example, not for localhost"),
        (expired, Some(expired_authority), "has expired"),
        (acceptor_of_authority(&own, &key), Some(own.pem()), "an authority's own certificate (CA:TRUE)"),
    ] {
        for security in ["tls", "starttls"] {
            let acceptor = acceptor.clone();
            let tls = if security == "tls" { Tls::FromTheStart(acceptor) } else { Tls::AfterStarttls(acceptor) };
            let peer = Peer::start(tls, &[]).await;
            let settings = json!({"host": "localhost", "security": security, "ca_certificate": authority});
            let failure = peer.connect(settings).test().await.unwrap_err();
            assert_eq!((failure.kind, failure.code), (LATER, "certificate_untrusted"), "{}", failure.detail);
            assert!(failure.detail.contains(words), "{} should say {words}", failure.detail);
        }
    }
}

fn acceptor_of_authority(certificate: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    acceptor(certificate.der().clone(), key)
}

#[tokio::test]
async fn a_port_that_speaks_the_other_security_is_named() {
    let plain = Peer::start(Tls::Never, &[]).await;
    let failure = plain.connect(json!({"security": "tls"})).test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (LATER, "tls_failed"), "{}", failure.detail);
    assert_eq!(failure.detail, "the server does not speak TLS on this port");
    let failure = plain.connect(json!({"security": "starttls"})).test().await.unwrap_err();
    assert_eq!(failure.detail, "the server does not offer STARTTLS on this port");
    let refusing = Peer::start(Tls::AfterStarttls(certificate("localhost", |_| {}).0), &[("STARTTLS", "554 no")]).await;
    let failure = refusing.connect(json!({"security": "starttls"})).test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (LATER, "tls_failed"));
}
