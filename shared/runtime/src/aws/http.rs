//! The HTTP client under all AWS clients: reqwest, which carries messages to providers too, so that a function holds one
//! HTTP stack and not two. The SDK's own comes with HTTP/2, which no service here needs: an eighth of a sender's zip.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use direct::Wire;
use futures::future::BoxFuture;
use reqwest::{Body, Client, Method, Request, Url, header::HeaderMap, redirect::Policy};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// What requests to AWS go through: the SDK's, and those that are made directly.
pub trait Connects: HttpConnector + Clone + 'static {
    /// What carries requests to this address and its path `/`; nothing where it is none.
    fn wire(&self, address: &str) -> Option<Box<dyn Wire>>;
}

/// The connections of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connect_timeout: Duration,
    client: OnceLock<Client>,
}

/// Connections that must stand within `connect_timeout`. Their client is built at its first use, because reading the
/// authorities' certificates costs milliseconds of a cold start.
#[must_use]
pub fn connections(connect_timeout: Duration) -> Connections {
    Connections(Arc::new(Inner { connect_timeout, client: OnceLock::new() }))
}

/// The same as the SDK's clients want it.
#[must_use]
pub fn client(connections: impl HttpConnector + 'static) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(connections);
    http_client_fn(move |_, _| connector.clone())
}

impl Connections {
    #[expect(clippy::disallowed_methods, reason = "it speaks to AWS, at addresses that no tenant chooses")]
    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.0.client.get() {
            return Ok(client);
        }
        // Fails only if something else chose before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(self.0.connect_timeout)
            .build()?;
        Ok(self.0.client.get_or_init(|| client))
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client().cloned().map_err(|error| ConnectorError::user(error.into()));
        HttpConnectorFuture::new(async move { exchange(&client?, request).await })
    }
}

impl Connects for Connections {
    fn wire(&self, address: &str) -> Option<Box<dyn Wire>> {
        Some(Box::new(Posts { connections: self.clone(), url: address.parse().ok()? }))
    }
}

/// Posts to one address.
struct Posts {
    connections: Connections,
    url: Url,
}

impl Wire for Posts {
    fn post(&self, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Result<http::Response<Bytes>, BoxError>> {
        Box::pin(async move {
            let mut request = Request::new(Method::POST, self.url.clone());
            *request.headers_mut() = headers;
            *request.body_mut() = Some(body.into());
            let mut response = self.connections.client()?.execute(request).await?;
            let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
            let mut whole = http::Response::new(response.bytes().await?);
            *whole.status_mut() = status;
            *whole.headers_mut() = headers;
            Ok(whole)
        })
    }
}

async fn exchange(client: &Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    // What we send is always in memory; so is what we get.
    let request = request.map(|body| body.bytes().map_or_else(Body::default, |bytes| Body::from(bytes.to_vec())));
    let request = Request::try_from(request).map_err(|error| ConnectorError::user(error.into()))?;
    let response = client.execute(request).await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut whole = http::Response::new(SdkBody::from(response.bytes().await.map_err(failed)?));
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    HttpResponse::try_from(whole).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The SDK tries again after both kinds.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests {
    use super::{super::Aws, *};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use store::dynamo::Tables;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    fn aws(endpoint: String) -> Aws {
        let credentials = SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test"));
        let tables = Tables { tenant: "tenant".into(), auth: "auth".into() };
        Aws::over(connections(Duration::from_secs(1)), credentials, "us-east-1".into(), Some(endpoint), tables)
    }

    #[tokio::test]
    async fn requests_and_answers_pass_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = String::new();
            while !asked.ends_with('}') {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).await.unwrap();
                asked.push_str(std::str::from_utf8(&part[..length]).unwrap());
            }
            let answer = r#"{"KeyId":"k","Plaintext":"AQID"}"#;
            let head = format!("HTTP/1.1 200 OK\r\nx-amzn-requestid: r-1\r\ncontent-length: {}\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
            asked
        });
        let ask = aws(endpoint).kms().decrypt().ciphertext_blob(aws_sdk_kms::primitives::Blob::new([1])).send().await;
        assert_eq!(ask.unwrap().plaintext.unwrap().into_inner(), [1, 2, 3]);
        let asked = server.await.unwrap().to_lowercase();
        for part in [
            "post / http/1.1",
            "x-amz-target: trentservice.decrypt",
            "authorization: aws4-hmac-sha256",
            "ciphertextblob",
        ] {
            assert!(asked.contains(part), "{part} is not in {asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_not_there_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let aws = aws(endpoint);
        let error =
            aws.kms().decrypt().ciphertext_blob(aws_sdk_kms::primitives::Blob::new([1])).send().await.unwrap_err();
        assert!(error.as_service_error().is_none(), "{error:?}");
        assert_eq!(aws.calls().take()["KMS.Decrypt"], 3);
    }
}
