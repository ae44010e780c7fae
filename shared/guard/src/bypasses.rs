//! The corpus of bypasses, held against the guard itself. `providers/tests/bypasses.rs` holds it against every door that a
//! tenant can reach.

use crate::{Egress, Guard, Names, Refusal, Timeouts};
use reqwest::{Method, Request};
use serde::Deserialize;
use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

#[derive(Deserialize)]
struct Corpus {
    hosts: Vec<Host>,
    urls: Vec<Url>,
    names: Vec<Name>,
}

#[derive(Deserialize)]
struct Host {
    why: String,
    host: String,
}

#[derive(Deserialize)]
struct Url {
    why: String,
    url: String,
}

#[derive(Deserialize)]
struct Name {
    why: String,
    host: String,
    addresses: Vec<IpAddr>,
}

fn corpus() -> Corpus {
    serde_json::from_str(include_str!("../bypasses.json")).unwrap()
}

/// Answers every name with the first list, then with the next, and stays with the last.
#[derive(Debug)]
struct Fake {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Fake {
    fn new(answers: &[&[IpAddr]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|one| one.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Names for Fake {
    fn look_up<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async move { Ok(answer.unwrap_or_default()) })
    }
}

fn guard(allow: &str, names: &Arc<Fake>) -> Guard {
    let names = Arc::clone(names) as Arc<dyn Names>;
    Guard::with_names(Egress::parse(allow).unwrap(), Timeouts::default(), names)
}

const fn is_refused<T>(outcome: &Result<T, Refusal>) -> bool {
    matches!(outcome, Err(Refusal::NotAllowed(_) | Refusal::Port(_)))
}

#[tokio::test]
async fn no_host_and_no_url_of_the_corpus_passes_and_none_is_looked_up() {
    let (corpus, names) = (corpus(), Fake::new(&[&["93.184.215.14".parse().unwrap()]]));
    let guard = guard("", &names);
    let mut refused = 0;
    for Host { why, host } in &corpus.hosts {
        let url = format!("https://{host}/");
        assert!(is_refused(&guard.check_url(&url)), "{why}: {url:?}");
        assert!(is_refused(&guard.check_server(host, 587)), "{why}: {host:?}");
        assert!(is_refused(&guard.resolve(host, 587).await), "{why}: {host:?}");
        refused += 3;
    }
    for Url { why, url } in &corpus.urls {
        assert!(is_refused(&guard.check_url(url)), "{why}: {url:?}");
        assert!(is_refused(&guard.check_server(url, 587)), "{why}: {url:?}");
        refused += 2;
    }
    assert_eq!(refused, 3 * corpus.hosts.len() + 2 * corpus.urls.len());
    assert!(corpus.hosts.len() >= 165 && corpus.urls.len() >= 45, "the corpus only grows");
    assert_eq!(names.asked(), 0, "what is refused by its spelling is asked of nobody");
}

#[tokio::test]
async fn no_name_of_the_corpus_is_connected_to() {
    let corpus = corpus();
    // Judged before anything is connected to: a hole must fail here, not dial addresses that somebody may have.
    for Name { why, addresses, .. } in &corpus.names {
        assert!(addresses.iter().any(|ip| crate::address::not_public(*ip).is_some()), "{why}");
    }
    for Name { why, host, addresses } in &corpus.names {
        let names = Fake::new(&[addresses]);
        let guard = guard("", &names);
        assert!(is_refused(&guard.resolve(host, 587).await), "{why}: {host}");
        let Ok(url) = guard.check_url(&format!("https://{host}/")) else { continue };
        let failure = guard.execute(Request::new(Method::GET, url)).await.unwrap_err();
        assert_eq!(failure.code, "address_not_allowed", "{why}: {host}: {failure:?}");
    }
    assert!(corpus.names.len() >= 26, "the corpus only grows");
}

#[tokio::test]
async fn a_request_to_an_inside_literal_is_refused_whoever_made_it() {
    let guard = guard("", &Fake::new(&[]));
    for url in ["https://127.0.0.1/", "http://127.0.0.2/", "https://[::1]/", "http://127.0.0.1:9001/"] {
        let failure = guard.execute(Request::new(Method::GET, url.parse().unwrap())).await.unwrap_err();
        assert_eq!(failure.code, "address_not_allowed", "{url}");
    }
}

/// Listens on an address of this machine; counts who comes.
async fn listener(address: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        }
    });
    (port, count)
}

/// 127.0.0.1 stands for a public address here: the deployment's list lets it through, and 127.0.0.2 it does not.
#[tokio::test]
async fn a_name_that_is_bound_anew_after_the_check_leads_nowhere_else() {
    let (public, inside): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
    let (port, outside_count) = listener("127.0.0.1:0").await;
    let (_, inside_count) = listener(&format!("127.0.0.2:{port}")).await;
    let names = Fake::new(&[&[public], &[inside]]);

    // TCP: the checked addresses are handed over, and nobody asks again.
    let tcp = guard(&format!("127.0.0.1/32:{port}"), &names);
    assert_eq!(tcp.resolve("rebind.example", port).await.unwrap(), [(public, port).into()]);
    assert_eq!(names.asked(), 1);
    assert!(is_refused(&tcp.resolve("rebind.example", port).await));

    // HTTP: the client connects to what its one look-up was answered; the next connection is judged anew.
    let names = Fake::new(&[&[public], &[inside]]);
    let http = guard("127.0.0.1/32:443", &names);
    let get = || http.http().unwrap().get(format!("http://rebind.example:{port}/")).send();
    assert_eq!(get().await.unwrap().remote_addr(), Some((public, port).into()));
    assert_eq!(names.asked(), 1);
    let failure = crate::failure(get().await.unwrap_err());
    assert_eq!(failure.code, "address_not_allowed", "{failure:?}");
    assert_eq!((outside_count.load(Ordering::Relaxed), inside_count.load(Ordering::Relaxed)), (1, 0));
}

#[test]
fn the_peer_that_answers_is_judged_too() {
    let egress = Egress::parse("named.example:8080,127.0.0.1/32:2525").unwrap();
    let judge = |url: &str, peer: Option<&str>| {
        crate::http::check_peer(&egress, &url.parse().unwrap(), peer.map(|peer| peer.parse().unwrap()))
    };
    assert_eq!(judge("https://a.example/", Some("93.184.215.14:443")), Ok(()));
    assert_eq!(judge("http://named.example:8080/", Some("10.0.0.1:8080")), Ok(()));
    assert_eq!(judge("http://127.0.0.1:2525/", Some("127.0.0.1:2525")), Ok(()));
    for (url, peer) in [
        ("https://a.example/", Some("127.0.0.1:443")),
        ("https://a.example/", Some("[::ffff:169.254.169.254]:443")),
        ("https://named.example/", Some("10.0.0.1:443")),
        ("https://a.example/", None),
    ] {
        assert!(is_refused(&judge(url, peer)), "{url} {peer:?}");
    }
}
