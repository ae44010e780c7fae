//! The caller of a route, who may do what the route asks for. The handler's signature says what: `caller: May<Write>`.
//! Because this is looked at before the body, a caller without the scope learns nothing else.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::principal::{Caller, Scope};
use runtime::{caller::Auth, http::Failed};
use std::{marker::PhantomData, ops::Deref};

/// What a route asks of its caller.
pub(crate) trait Ask: Send + Sync {
    const SCOPE: Scope;
}

macro_rules! asks {
    ($($name:ident = $scope:ident;)*) => {
        $(
            pub(crate) struct $name;

            impl Ask for $name {
                const SCOPE: Scope = Scope::$scope;
            }
        )*
    };
}

asks! {
    Read = IntegrationsRead;
    Write = IntegrationsWrite;
    Test = IntegrationsTest;
    ReadAudit = AuditRead;
}

/// A caller who may do what `A` asks for. Reads like the [`Caller`] itself.
pub(crate) struct May<A> {
    caller: Caller,
    asked: PhantomData<A>,
}

impl<A> Deref for May<A> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<A: Ask, S: Send + Sync> FromRequestParts<S> for May<A> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let caller = Auth::from_request_parts(parts, state).await?.require(A::SCOPE)?;
        Ok(Self { caller, asked: PhantomData })
    }
}
