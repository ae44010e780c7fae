//! A mail server that speaks TLS from the start and knows one account.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// The account's password.
pub(crate) const PASSWORD: &str = "right-CANARY-horse";

/// A running mail server.
pub(crate) struct MailServer {
    port: u16,
    /// The certificate of the private authority that vouches for it.
    pub(crate) authority: String,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // A client that hangs up ends its own conversation only.
                        let _ = converse(stream).await;
                    }
                });
            }
        });
        Self { port, authority: authority.pem() }
    }

    /// A new integration with this server that works.
    pub(crate) fn body(&self) -> Value {
        json!({
            "provider": "smtp", "name": "Company mail",
            "config": {
                "host": "127.0.0.1", "port": self.port, "security": "tls", "username": "news@example.com",
                "from_address": "news@example.com", "ca_certificate": self.authority,
            },
            "secrets": {"password": PASSWORD},
        })
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.com ready\r\n").await?;
    stream.flush().await?;
    let login = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0news@example.com\0{PASSWORD}")));
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let answer = match line.trim_end() {
            hello if hello.starts_with("EHLO") => "250-mail.example.com\r\n250 AUTH PLAIN\r\n",
            auth if auth == login => "235 welcome\r\n",
            auth if auth.starts_with("AUTH") => "535 5.7.8 username or password not accepted\r\n",
            "NOOP" => "250 ok\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "502 not here\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        line.clear();
    }
    Ok(())
}
