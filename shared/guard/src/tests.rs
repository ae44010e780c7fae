use super::*;
use crate::address::not_public;
use domain::failure::{Failure, FailureKind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn guard(allow: &str) -> Guard {
    Guard::new(Egress::parse(allow).unwrap())
}

fn not_allowed<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> bool {
    outcome.is_err_and(|refusal| matches!(refusal, Refusal::NotAllowed(_) | Refusal::Port(_)))
}

/// Addresses through which a server could be made to speak to its own network.
const INSIDE: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
];

/// Addresses just outside those networks.
const PUBLIC: &[&str] = &[
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450::1",
    "2001:db9::1",
    "3ffe::1",
];

#[test]
fn addresses_inside_are_told_from_public_ones() {
    for text in INSIDE {
        assert!(not_public(text.parse().unwrap()).is_some(), "{text} passes for public");
    }
    for text in PUBLIC {
        assert_eq!(not_public(text.parse().unwrap()), None, "{text}");
    }
}

#[test]
fn no_spelling_of_an_inside_address_is_a_server() {
    let guard = guard("");
    for text in INSIDE {
        assert!(not_allowed(guard.check_server(text, 587)), "{text}");
    }
    for text in [
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "0",
        "1.2.3.4.5",
        "foo.0x7f",
        "foo.1",
        "999.1.1.1",
        "0x",
        "foo.0x",
        "[::1]",
        "::1%lo",
        "fe80::1%eth0",
        "127.0.0.1:25",
        "user@host",
        "a b",
        "a\r\nb",
        "a\0b",
        "a/b",
        "a%2eb",
        "a..b",
        ".a",
        "",
        ".",
        "-a.example",
        "a-.example",
        "xn--\u{0}",
        "１２７.0.0.1",
        "ⓛocalhost",
        "localhost。",
    ] {
        assert!(not_allowed(guard.check_server(text, 587)), "{text:?}");
    }
    for text in
        ["smtp.example.com", "SMTP.Example.COM.", "a_b.example", "1password.com", "8.8.8.8", "2001:4860:4860::8888"]
    {
        assert_eq!(guard.check_server(text, 587), Ok(()), "{text}");
    }
}

#[test]
fn only_mail_ports_are_open_to_mail() {
    for port in MAIL_PORTS {
        assert_eq!(guard("").check_server("smtp.example.com", port), Ok(()));
    }
    for port in [0, 22, 80, 443, 3306, 6379, 8080, 9001, 65_535] {
        assert_eq!(guard("").check_server("smtp.example.com", port), Err(Refusal::Port(port)));
        assert_eq!(guard("").check_server("8.8.8.8", port), Err(Refusal::Port(port)));
    }
}

#[test]
fn urls_are_https_on_443_without_credentials() {
    let guard = guard("");
    for url in [
        "http://example.com/",
        "https://example.com:8443/",
        "https://example.com:22/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://:password@example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "unix:/run/x",
        "//example.com/",
        "example.com",
        "https://",
        "https:///",
        "",
        "https://exa mple.com/",
    ] {
        assert!(not_allowed(guard.check_url(url)), "{url}");
    }
    for url in [
        "https://example.com/hook?x=1",
        "HTTPS://EXAMPLE.com:443/",
        "https://8.8.8.8/",
        "https://[2001:4860:4860::8888]/",
    ] {
        assert!(guard.check_url(url).is_ok(), "{url}");
    }
}

#[test]
fn no_spelling_of_an_inside_address_is_a_url() {
    let guard = guard("");
    for text in INSIDE {
        let host = if text.contains(':') { format!("[{text}]") } else { (*text).to_owned() };
        assert!(not_allowed(guard.check_url(&format!("https://{host}/"))), "{host}");
    }
    for host in [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.0.1.",
        "0",
        "%31%32%37.0.0.1",
        "１２７.０.０.１",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
        "134744072",
        "0x08080808",
        "8.8.2056",
        "foo.1",
        "foo.0x7f",
    ] {
        assert!(not_allowed(guard.check_url(&format!("https://{host}/"))), "{host}");
    }
    // Where a backslash or an @ hides the true host, the true host is judged.
    for url in
        ["https://example.com\\@127.0.0.1/", "https://127.0.0.1\\@example.com/", "https://example.com@127.0.0.1/"]
    {
        let outcome = guard.check_url(url);
        assert!(not_allowed(outcome.clone()) || outcome.unwrap().host_str() == Some("example.com"), "{url}");
    }
}

#[test]
fn the_deployments_list_opens_exactly_what_it_names() {
    let guard = guard("127.0.0.1/32:2525, [fd00::/8]:*, relay.internal:26, 10.1.0.0/16:25, localhost:9000");
    for (host, port) in
        [("127.0.0.1", 2525), ("fd12::1", 9999), ("relay.internal", 26), ("RELAY.internal.", 26), ("10.1.2.3", 25)]
    {
        assert_eq!(guard.check_server(host, port), Ok(()), "{host}:{port}");
        assert!(guard.is_exception(host, port), "{host}:{port}");
    }
    for (host, port) in [
        ("127.0.0.1", 25),
        ("127.0.0.2", 2525),
        ("fe80::1", 9999),
        ("10.2.0.1", 25),
        ("::ffff:127.0.0.1", 2525),
        ("8.8.8.8", 9999),
    ] {
        assert!(not_allowed(guard.check_server(host, port)), "{host}:{port}");
        assert!(!guard.is_exception(host, port), "{host}:{port}");
    }
    assert!(guard.check_url("http://localhost:9000/api").is_ok());
    assert!(guard.check_url("http://127.0.0.1:2525/").is_ok());
    assert!(guard.check_url("http://[fd12::1]:8080/").is_ok());
    for url in ["http://localhost/", "http://localhost:9001/", "http://127.0.0.1:9000/", "https://other.internal:9000/"]
    {
        assert!(not_allowed(guard.check_url(url)), "{url}");
    }
    assert!(not_allowed(guard.check_url("http://user@localhost:9000/")), "no list allows credentials");
}

#[test]
fn a_list_that_cannot_be_read_is_refused_as_a_whole() {
    for text in [
        "127.0.0.1",
        "127.0.0.1/33:25",
        "host:0",
        "host:65536",
        "host:x",
        "::1:25",
        "[::1:25",
        "[host]:25",
        ":25",
        "a b:25",
        "127.1:25",
    ] {
        let error = Egress::parse(text).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(Egress::parse(" , "), Ok(Egress::default()));
    assert!(Egress::parse("[::1]:25,127.0.0.1:*").is_ok());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_once_resolved() {
    let refusal = guard("").resolve("localhost", 587).await.unwrap_err();
    assert!(
        matches!(&refusal, Refusal::NotAllowed(words) if words.starts_with("localhost: the address ")),
        "{refusal}"
    );
    let failure = Failure::from(refusal);
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "address_not_allowed"));
}

#[tokio::test]
async fn a_name_without_address_may_have_one_later() {
    let failure = Failure::from(guard("").resolve("no-such-host.invalid", 587).await.unwrap_err());
    assert_eq!((failure.kind, failure.code), (FailureKind::Transient { after_ms: None }, "unreachable"));
}

#[tokio::test]
async fn every_address_of_a_name_must_pass() {
    let egress = Egress::parse("127.0.0.1/32:2525").unwrap();
    let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 2525);
    assert_eq!(egress.check_all("a.example", 2525, &[address("127.0.0.1"), address("8.8.8.8")]), Ok(()));
    assert!(not_allowed(egress.check_all("a.example", 2525, &[address("8.8.8.8"), address("10.0.0.1")])));
    assert!(
        not_allowed(egress.check_all("a.example", 9999, &[address("8.8.8.8")])),
        "a public address at a closed port"
    );
}

#[tokio::test]
async fn a_listed_server_is_resolved_to_its_address() {
    let guard = guard("127.0.0.0/8:2525,[::1]:2525");
    assert_eq!(guard.resolve("127.0.0.1", 2525).await.unwrap(), ["127.0.0.1:2525".parse().unwrap()]);
    let addresses = guard.resolve("localhost", 2525).await.unwrap();
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 2525));
}

/// Serves one canned HTTP answer per connection.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test]
async fn the_client_resolves_names_under_the_same_rules() {
    let port = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let url = format!("http://localhost:{port}/");
    let error = guard("").http().unwrap().get(&url).send().await.unwrap_err();
    let failure = failure(error);
    assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "address_not_allowed"), "{failure:?}");
    // Listed as a name, it answers.
    let listed = guard(&format!("localhost:{port}"));
    let response = listed.http().unwrap().get(listed.check_url(&url).unwrap()).send().await.unwrap();
    assert_eq!(read_body(response, 100).await.unwrap(), b"ok");
}

#[tokio::test]
async fn redirects_are_not_followed_and_bodies_are_capped() {
    let port =
        server("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 10\r\n\r\n0123456789").await;
    let guard = guard("127.0.0.1:*");
    let response = guard.http().unwrap().get(format!("http://127.0.0.1:{port}/")).send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(read_body(response, 4).await.unwrap(), b"0123");
}

#[tokio::test]
async fn what_was_surely_not_sent_is_told_from_what_may_have_been() {
    let guard = Guard::with_timeouts(
        Egress::parse("127.0.0.1:*").unwrap(),
        Timeouts { connect: Duration::from_millis(500), total: Duration::from_millis(500) },
    );
    let get = async |port: u16, path: &str| {
        let url = format!("http://127.0.0.1:{port}/{path}");
        failure(guard.http().unwrap().get(url).send().await.unwrap_err())
    };
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = get(closed, "secret-path").await;
    assert_eq!((refused.kind, refused.code), (FailureKind::Transient { after_ms: None }, "unreachable"));
    assert!(!refused.detail.contains("secret-path") && !refused.detail.contains("http"), "{}", refused.detail);
    let broken = get(server("").await, "secret-path").await;
    assert_eq!((broken.kind, broken.code), (FailureKind::Unknown, "connection_lost"), "{broken:?}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = get(silent.local_addr().unwrap().port(), "secret-path").await;
    assert_eq!((slow.kind, slow.code), (FailureKind::Unknown, "timeout"), "{slow:?}");
}
