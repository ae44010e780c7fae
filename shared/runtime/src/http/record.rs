//! The entry that a call leaves in the log: which route, who, how it went; never what was said.
//!
//! It is one small write after the answer is made. What accepts deliveries or events leaves none of its own, because what
//! it stored tells of the call ([`super::Recorded`]), and neither does reading the log, or a tail of it would show itself.

use super::{Identity, Recorded};
use api::{
    problem::ProblemKind,
    routes::{ROUTES, Route},
};
use axum::{
    body::Bytes,
    extract::Request,
    http::{Method, Response},
};
use domain::{
    ids::{CampaignId, DeliveryId, HookId, IntegrationId},
    log::{Entry, PageId, of},
    principal::Principal,
    tenant::TenantScope,
    time::Timestamp,
};
use store::Logs;

/// The function whose routes read the log.
const READS_THE_LOG: &str = "logs";

/// A call of a tenant's, as long as it is not answered.
pub(super) struct Call {
    scope: TenantScope,
    principal: Principal,
    route: &'static Route,
    path: String,
    began: Timestamp,
}

impl Call {
    /// What is to be recorded of a request that came at `began`; nothing of the operator's and the public's.
    pub(super) fn of(request: &Request, identity: &Identity, began: Timestamp) -> Option<Self> {
        let Identity::Tenant(caller) = identity else { return None };
        if caller.principal == Principal::Operator {
            return None;
        }
        let path = request.uri().path();
        let route = route(request.method(), path).filter(|route| route.function != READS_THE_LOG)?;
        Some(Self {
            scope: caller.scope.clone(),
            principal: caller.principal.clone(),
            route,
            path: path.to_owned(),
            began,
        })
    }

    /// Records how it was answered. A failure to is logged and is nothing to the caller, whose call was answered.
    pub(super) async fn answered(
        self,
        store: &impl Logs,
        response: &Response<Bytes>,
        request_id: &str,
        now: Timestamp,
    ) {
        if response.extensions().get::<Recorded>().is_some() {
            return;
        }
        let (page, entry) = self.entry(response, request_id, now);
        if let Err(error) = store.put_log_entry(&self.scope, page, &entry).await {
            tracing::warn!(%error, event = entry.event, "a call is not in the log");
        }
    }

    fn entry(&self, response: &Response<Bytes>, request_id: &str, now: Timestamp) -> (PageId, Entry) {
        let template = format!("{} {}", self.route.method, self.route.path);
        let duration_ms = u32::try_from(now.since_ms(self.began)).unwrap_or(0);
        let call = of::call(self.principal.clone(), &template, request_id, duration_ms);
        let code = response.extensions().get::<ProblemKind>().map(|kind| kind.code());
        let entry = Entry {
            integration: self.named::<IntegrationId>(&["integrations", "endpoints"]),
            hook: self.named::<HookId>(&["hooks"]),
            campaign: self.named::<CampaignId>(&["campaigns"]),
            delivery: self.named::<DeliveryId>(&["deliveries"]),
            ..of::answered(&call, response.status().as_u16(), code, now)
        };
        let page = PageId::of(now, [self.scope.tenant().as_str(), request_id, &template].map(str::as_bytes));
        (page, entry)
    }

    /// The id that stands in the path behind one of these words. Addresses stand in paths, too; they are no ids.
    fn named<T: std::str::FromStr>(&self, words: &[&str]) -> Option<T> {
        let (template, path): (Vec<&str>, Vec<&str>) = (parts(self.route.path).collect(), parts(&self.path).collect());
        let place = template.windows(2).position(|pair| words.contains(&pair[0]) && pair[1].starts_with('{'))?;
        path.get(place + 1)?.parse().ok()
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
}

/// The route that a request is for: of several, the one that has most of its words.
fn route(method: &Method, path: &str) -> Option<&'static Route> {
    let fits = |route: &&Route| {
        route.method == method.as_str()
            && parts(route.path).count() == parts(path).count()
            && parts(route.path).zip(parts(path)).all(|(part, given)| part.starts_with('{') || part == given)
    };
    ROUTES.iter().filter(fits).min_by_key(|route| parts(route.path).filter(|part| part.starts_with('{')).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        caller::Context,
        testing::{REQUEST_ID, key_of},
    };
    use api::problem::Problem;
    use axum::{body::Body, http::StatusCode};
    use domain::log::{EntryStatus, Filter, Stamped};
    use store::{LogQuery, StoreError, memory::MemoryStore};

    const BEGAN: Timestamp = Timestamp(1_763_640_000_000);
    const NOW: Timestamp = Timestamp(BEGAN.0 + 25);

    fn call(context: &Context, method: &str, path: &str) -> Option<Call> {
        let identity = Identity::read(&serde_json::from_value(serde_json::to_value(context).unwrap()).unwrap());
        Call::of(&Request::builder().method(method).uri(path).body(Body::empty()).unwrap(), &identity, BEGAN)
    }

    fn answer(status: u16) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    async fn logged(store: &MemoryStore) -> Vec<Stamped> {
        #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
        let scope = TenantScope::established("acme".parse().unwrap());
        let query = LogQuery { filter: Filter::default(), since: BEGAN, until: None };
        store.log(&scope, &query, None, 10).await.unwrap().items
    }

    #[tokio::test]
    async fn a_call_is_told_by_its_route_with_the_ids_in_its_path() {
        let store = MemoryStore::default();
        let integration = IntegrationId::generate();
        let test = call(&key_of("acme", "*"), "POST", &format!("/v1/integrations/{integration}/test")).unwrap();
        let mut refused = answer(404);
        refused.extensions_mut().insert(Problem::not_found("integration").code);
        test.answered(&store, &refused, REQUEST_ID, NOW).await;
        let entry = logged(&store).await.remove(0).entry;
        assert_eq!((entry.event.as_str(), entry.integration), ("POST /v1/integrations/{id}/test", Some(integration)));
        assert_eq!(
            (entry.status, entry.http_status, entry.code.as_str()),
            (EntryStatus::Warning, Some(404), "not_found")
        );
        assert_eq!((entry.duration_ms, entry.request_id.as_str(), entry.at), (Some(25), REQUEST_ID, NOW));
        assert!(matches!(entry.principal, Some(Principal::ApiKey(_))));
    }

    #[tokio::test]
    async fn an_address_in_a_path_is_not_kept() {
        let store = MemoryStore::default();
        for path in ["/v1/suppressions/ann%40example.com", "/v1/campaigns/ann@example.com"] {
            let method = if path.contains("suppressions") { "DELETE" } else { "GET" };
            call(&key_of("acme", "*"), method, path).unwrap().answered(&store, &answer(204), path, NOW).await;
        }
        let text: Vec<_> =
            logged(&store).await.into_iter().map(|it| Entry { request_id: String::new(), ..it.entry }).collect();
        assert_eq!(text.len(), 2);
        assert!(!serde_json::to_string(&text).unwrap().contains("example.com"), "{text:?}");
    }

    #[tokio::test]
    async fn what_the_stream_tells_of_is_not_written_twice() {
        let store = MemoryStore::default();
        let mut accepted = answer(202);
        accepted.extensions_mut().insert(Recorded);
        call(&key_of("acme", "*"), "GET", "/v1/keys").unwrap().answered(&store, &accepted, REQUEST_ID, NOW).await;
        assert_eq!(store.calls("put_log_entry"), 0);
    }

    #[tokio::test]
    async fn a_log_that_is_away_is_nothing_to_the_caller() {
        let store = MemoryStore::default();
        store.fail_next("put_log_entry", StoreError::Unavailable("throttled".into()));
        call(&key_of("acme", "*"), "GET", "/v1/keys").unwrap().answered(&store, &answer(200), REQUEST_ID, NOW).await;
        assert_eq!((store.calls("put_log_entry"), logged(&store).await.len()), (1, 0));
    }

    #[test]
    fn nobodys_calls_and_the_operators_and_looks_at_the_log_are_not_recorded() {
        let acme = "acme".parse().unwrap();
        for context in [Context::default(), Context::operator(None), Context::operator(Some(&acme))] {
            assert!(call(&context, "GET", "/v1/keys").is_none());
        }
        let key = key_of("acme", "*");
        assert!(call(&key, "GET", "/v1/keys").is_some());
        for path in ["/v1/logs", "/v1/logs/stats", "/v1/logs.csv", "/v1/nowhere", "/"] {
            assert!(call(&key, "GET", path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_route_is_found_by_its_words_before_its_parameters() {
        let found = |method, path| route(&method, path).map(|route| route.path);
        assert_eq!(found(Method::GET, "/v1/integrations/summary"), Some("/v1/integrations/summary"));
        assert_eq!(found(Method::GET, "/v1/integrations/int_1"), Some("/v1/integrations/{id}"));
        assert_eq!(found(Method::POST, "/v1/integrations/int_1"), None);
    }
}
