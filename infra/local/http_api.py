"""Writes the template's HTTP API out as API Gateway resources.

SAM hands the routes over as an OpenAPI body, which the emulator ignores; so locally every `HttpApi` event becomes an
integration and a route, as CloudFormation would read them out of that body. `test_http_api.py` holds the two equal.
Throttling (`RouteSettings`) is left out: the emulator has none.
"""

API = "ServerlessHttpApi"  # the logical id SAM gives to the API of the Globals section


def expand(template: dict) -> dict:
    """Replaces the implicit HTTP API and its events, in place; returns the template."""
    resources = template["Resources"]
    settings = template.get("Globals", {}).pop("HttpApi", {})
    if any(r.get("Type") == "AWS::Serverless::HttpApi" for r in resources.values() if isinstance(r, dict)):
        raise ValueError("only the HTTP API of Globals can be run locally: give the events no ApiId")

    auth = settings.get("Auth", {})
    resources[API] = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": API, "ProtocolType": "HTTP"}}
    resources[f"{API}Stage"] = {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {"ApiId": {"Ref": API}, "StageName": "$default", "AutoDeploy": True},
    }
    for name, authorizer in auth.get("Authorizers", {}).items():
        resources[f"{API}{name}"] = _authorizer(name, authorizer)

    for function, resource in list(_functions(resources)):
        events = resource["Properties"].get("Events", {})
        for event in [name for name, e in events.items() if e["Type"] == "HttpApi"]:
            properties = events.pop(event)["Properties"]
            resources[f"{function}Integration"] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": API},
                    "IntegrationType": "AWS_PROXY",
                    "PayloadFormatVersion": "2.0",
                    "IntegrationUri": {"Fn::GetAtt": [function, "Arn"]},
                },
            }
            resources[f"{function}{event}Route"] = _route(function, properties, auth.get("DefaultAuthorizer"))
    return template


def routes(template: dict) -> set[tuple[str, str | None]]:
    """Every route key of an expanded template with the name of its authorizer, None where the route is public."""
    return {
        (
            resource["Properties"]["RouteKey"],
            resource["Properties"].get("AuthorizerId", {}).get("Ref", "").removeprefix(API) or None,
        )
        for resource in template["Resources"].values()
        if isinstance(resource, dict) and resource["Type"] == "AWS::ApiGatewayV2::Route"
    }


def _functions(resources: dict):
    return (
        (name, resource)
        for name, resource in resources.items()
        if isinstance(resource, dict) and resource["Type"] == "AWS::Serverless::Function"
    )


def _authorizer(name: str, given: dict) -> dict:
    identity = given.get("Identity", {})
    return {
        "Type": "AWS::ApiGatewayV2::Authorizer",
        "Properties": {
            "ApiId": {"Ref": API},
            "Name": name,
            "AuthorizerType": "REQUEST",
            "AuthorizerPayloadFormatVersion": given["AuthorizerPayloadFormatVersion"],
            "EnableSimpleResponses": given["EnableSimpleResponses"],
            "AuthorizerResultTtlInSeconds": identity.get("ReauthorizeEvery", 0),
            "IdentitySource": [f"$request.header.{header}" for header in identity.get("Headers", [])],
            "AuthorizerUri": {
                "Fn::Sub": [
                    "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function}/invocations",
                    {"Function": given["FunctionArn"]},
                ]
            },
        },
    }


def _route(function: str, properties: dict, default_authorizer: str | None) -> dict:
    authorizer = properties.get("Auth", {}).get("Authorizer", default_authorizer)
    protection = (
        {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": f"{API}{authorizer}"}}
        if authorizer and authorizer != "NONE"
        else {}
    )
    return {
        "Type": "AWS::ApiGatewayV2::Route",
        "Properties": {
            "ApiId": {"Ref": API},
            "RouteKey": f"{properties['Method'].upper()} {properties['Path']}",
            "Target": {"Fn::Sub": ["integrations/${Id}", {"Id": {"Ref": f"{function}Integration"}}]},
            **protection,
        },
    }
