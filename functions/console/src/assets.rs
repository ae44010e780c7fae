//! The one stylesheet, the one script, the icon. Their addresses hold a hash of what is in them, so browsers keep them for
//! a year and never an old one.

use axum::{body::Body, extract::Path};
use domain::digest;
use http::{HeaderValue, Response, StatusCode, header};
use std::sync::LazyLock;

/// A file that pages refer to.
pub(crate) struct Asset {
    /// Its name with the hash, e.g. `style.0f3a9c21d4e5b678.css`.
    pub(crate) name: String,
    kind: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(name: &str, ending: &str, kind: &'static str, content: &'static str) -> Self {
        let hash = digest::hex_of_parts([content.as_bytes()]);
        Self { name: format!("{name}.{}.{ending}", &hash[..16]), kind, content }
    }
}

pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css")));
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("../assets/script.js")));
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")));

/// `GET /console/assets/{name}`.
pub(crate) async fn asset(Path(name): Path<String>) -> Response<Body> {
    let found = [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.name == name);
    let Some(asset) = found else {
        // One of another version of the console, whose page is reloaded: nothing may remember that it was away.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}
