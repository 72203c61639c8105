//! HTTP as RFC 9110 and RFC 9111 have it, where the protocol says nothing of its own.

use crate::harness::{TestRelay, code, key, relay};
use reqwest::header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, Version};
use twiza_protocol::ProblemCode;
use twiza_protocol::problem::PROBLEM_MEDIA_TYPE;

fn request(relay: &TestRelay, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    relay.client.http.request(method, format!("{}{path}", relay.client.base))
}

async fn ask(relay: &TestRelay, method: &str, path: &str) -> Response {
    request(relay, method, path).send().await.unwrap()
}

fn header(response: &Response, name: reqwest::header::HeaderName) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Every path, with the methods that it takes.
fn paths() -> [(String, &'static [&'static str]); 6] {
    let mailbox = format!("/v1/mailboxes/{}", key(1).address());
    [
        (format!("{mailbox}/frames"), &["GET", "HEAD", "POST"]),
        (mailbox, &["PUT"]),
        ("/v1/watch".to_owned(), &["POST"]),
        ("/v1/relay".to_owned(), &["GET", "HEAD"]),
        ("/v1/openapi.json".to_owned(), &["GET", "HEAD"]),
        ("/healthz".to_owned(), &["GET", "HEAD"]),
    ]
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_which_it_takes() {
    let relay = relay().await;
    for (path, taken) in paths() {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            if taken.contains(&method) {
                continue;
            }
            let response = ask(&relay, method, &path).await;
            assert_eq!(response.status().as_u16(), 405, "{method} {path}");
            let allowed = header(&response, ALLOW);
            let mut allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, taken, "{method} {path}");
            assert_eq!(code(response).await, ProblemCode::MethodNotAllowed);
        }
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_head_is_the_get_without_its_body() {
    let relay = relay().await;
    for path in ["/v1/relay", "/v1/openapi.json", "/healthz"] {
        let (head, get) = (ask(&relay, "HEAD", path).await, ask(&relay, "GET", path).await);
        assert_eq!(head.status(), get.status(), "{path}");
        for name in [CONTENT_TYPE, CONTENT_LENGTH, CACHE_CONTROL] {
            assert_eq!(header(&head, name.clone()), header(&get, name), "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn nothing_is_kept_by_caches_and_errors_are_problems() {
    let relay = relay().await;
    let mailbox = format!("/v1/mailboxes/{}", key(1).address());
    let asked = [
        ("GET", "/v1/relay".to_owned(), 200),
        ("GET", "/nothing".to_owned(), 404),
        ("GET", "/v1/mailboxes/".to_owned(), 404),
        ("GET", "/v1/relay/".to_owned(), 404),
        ("GET", "/../../etc/passwd".to_owned(), 404),
        ("PUT", "/v1/mailboxes/short".to_owned(), 400),
        ("PUT", mailbox.clone(), 401),
        ("GET", format!("{mailbox}/frames"), 401),
        ("GET", format!("{mailbox}/frames?after=x"), 400),
        ("GET", format!("{mailbox}/frames?after=1&unknown=1"), 400),
        ("POST", format!("{mailbox}/frames"), 415),
        ("POST", "/v1/watch".to_owned(), 415),
    ];
    for (method, path, status) in asked {
        let response = ask(&relay, method, &path).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(header(&response, CACHE_CONTROL), "no-store", "{method} {path}");
        if status == 200 {
            continue;
        }
        assert_eq!(header(&response, CONTENT_TYPE), PROBLEM_MEDIA_TYPE, "{method} {path}");
        // RFC 9110, section 11.6.1: whoever is not let in is told by what it would be.
        assert_eq!(
            header(&response, WWW_AUTHENTICATE),
            if status == 401 { "twiza-proof" } else { "" },
            "{method} {path}"
        );
        assert_eq!(code(response).await.status(), status, "{method} {path}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_packed_body_is_refused_and_never_unpacked() {
    let relay = relay().await;
    let path = format!("/v1/mailboxes/{}/frames", key(1).address());
    for coding in ["gzip", "br", "deflate", "gzip, identity", "zstd"] {
        let packed = request(&relay, "POST", &path).header("content-type", "application/octet-stream");
        let response = packed.header("content-encoding", coding).body(vec![0; 1024]).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 415, "{coding}");
        assert_eq!(header(&response, ACCEPT_ENCODING), "identity", "{coding}");
    }
    let plain = request(&relay, "POST", &path).header("content-type", "application/octet-stream");
    let response = plain.header("content-encoding", "identity").body(vec![0; 1024]).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 401);
    relay.stop().await;
}

#[tokio::test]
async fn media_types_may_have_parameters_and_any_case() {
    let relay = relay().await;
    let path = format!("/v1/mailboxes/{}/frames", key(1).address());
    for (media_type, status) in [
        ("application/octet-stream", 401),
        ("Application/Octet-Stream; charset=x", 401),
        ("application/json", 415),
        ("text/plain", 415),
        ("application/octet-streams", 415),
        ("*/*", 415),
    ] {
        let asked = request(&relay, "POST", &path).header("content-type", media_type).body(vec![0; 1024]);
        assert_eq!(asked.send().await.unwrap().status().as_u16(), status, "{media_type}");
    }
    relay.stop().await;
}

#[tokio::test]
async fn headers_without_end_are_refused_and_others_are_served() {
    let relay = relay().await;
    for (octets, count) in [(1 << 20, 1), (1000, 2000)] {
        let mut asked = request(&relay, "GET", "/v1/relay");
        for number in 0..count {
            asked = asked.header(format!("x-{number}"), "a".repeat(octets));
        }
        // HTTP/2 refuses the stream or the connection, HTTP/1.1 answers 431.
        if let Ok(response) = asked.send().await {
            assert_eq!(response.status().as_u16(), 431, "{count} headers of {octets} octets");
        }
        let other = ask(&relay, "GET", "/v1/relay").await;
        assert_eq!((other.status().as_u16(), other.version()), (200, Version::HTTP_2));
    }
    relay.stop().await;
}
