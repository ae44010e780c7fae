//! The HTTP client under all AWS clients: reqwest, which carries messages to providers too, so that a function holds one
//! HTTP stack and not two. The SDK's own comes with HTTP/2, which no service here needs: an eighth of a sender's zip.

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client, Request, redirect::Policy};
use std::{sync::OnceLock, time::Duration};

/// A client whose connections must stand within `connect_timeout`. It is built at its first use, because reading the
/// authorities' certificates costs milliseconds of a cold start.
#[must_use]
pub fn client(connect_timeout: Duration) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector { connect_timeout, client: OnceLock::new() });
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector {
    connect_timeout: Duration,
    client: OnceLock<Client>,
}

impl Connector {
    #[expect(clippy::disallowed_methods, reason = "it speaks to AWS, at addresses that no tenant chooses")]
    fn client(&self) -> Result<Client, ConnectorError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        // Fails only if something else chose before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(self.connect_timeout)
            .build()
            .map_err(|error| ConnectorError::user(error.into()))?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client();
        HttpConnectorFuture::new(async move { exchange(&client?, request).await })
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
        Aws::over(client(Duration::from_secs(1)), credentials, "us-east-1".into(), Some(endpoint), tables)
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
