"""Deploys template.yaml on the emulator and prints, as one JSON object, everything a caller of the stack needs.

The template is deployed as it stands, but for what the emulator cannot do: the HTTP API is written out (http_api.py),
`CodeUri` points at natively built binaries, and settings it drops are set afterwards.
"""

import argparse
import concurrent.futures
import hashlib
import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from samtranslator.yaml_helper import yaml_parse

import http_api

BUCKET = "trunkline-artifacts"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--stack", default="trunkline")
    parser.add_argument("--template", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "template.yaml")
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="where cargo put the functions")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()

    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
    aws = lambda service: session.client(service, endpoint_url=options.endpoint, config=config)

    template = yaml_parse(options.template.read_text())
    functions = {
        logical: pathlib.PurePath(resource["Properties"]["CodeUri"]).name
        for logical, resource in template["Resources"].items()
        if isinstance(resource, dict) and resource["Type"] == "AWS::Serverless::Function"
    }
    http_api.expand(template)
    url = package(aws("s3"), template, functions, options.binaries)
    outputs = create(aws("cloudformation"), options.stack, url, dict(p.split("=", 1) for p in options.parameter))
    physical = {logical: outputs[f"{logical}Function"] for logical in functions}
    set_concurrency(aws("lambda"), template, physical)
    api_url = local_api_url(aws("apigatewayv2"), options.endpoint)
    for logical in ("SignIn", "Console"):
        tell_public_url(aws("lambda"), physical[logical], api_url)
    operator_secret = generate_secrets(aws("secretsmanager"), template, outputs)
    print(
        json.dumps(
            {
                "api_url": api_url,
                "operator_key": f"tk_ops_{operator_secret}",
                "events_queue_url": tap_events(aws("sqs"), aws("events"), options.stack, outputs["EventBus"]),
                "outputs": outputs,
                "functions": {name: physical[logical] for logical, name in functions.items()},
                "log_groups": {name: f"/{options.stack}/{logical}" for logical, name in functions.items()},
            }
        )
    )


def package(s3, template: dict, functions: dict, binaries: pathlib.Path) -> str:
    """Uploads each binary as its own `bootstrap`, stored: debug binaries deflate slowly and nothing is sent far. Then the
    template that names them; its URL."""
    missing = [name for name in functions.values() if not (binaries / name).is_file()]
    if missing:
        sys.exit(f"no binary for {', '.join(missing)} in {binaries}: run `cargo build --workspace --bins` first")
    s3.create_bucket(Bucket=BUCKET)

    def upload(logical: str) -> None:
        binary = (binaries / functions[logical]).read_bytes()
        key = f"{functions[logical]}-{hashlib.sha256(binary).hexdigest()[:16]}.zip"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as z:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            z.writestr(entry, binary)
        s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
        template["Resources"][logical]["Properties"]["CodeUri"] = f"s3://{BUCKET}/{key}"

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, functions))

    # A template within the call may have 51,200 bytes: this one is put beside the artifacts, as `sam deploy` does.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(template).encode())
    return f"{s3.meta.endpoint_url}/{BUCKET}/template.json"


def create(cloudformation, stack: str, template_url: str, parameters: dict) -> dict:
    """Creates the stack and returns its outputs; on failure, says which resource failed and why."""
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.05)
    if found["StackStatus"] != "CREATE_COMPLETE":
        for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
            if event["ResourceStatus"].endswith("FAILED"):
                print(event["LogicalResourceId"], event.get("ResourceStatusReason", ""), file=sys.stderr)
        sys.exit(f"the stack ended as {found['StackStatus']}: {found.get('StackStatusReason', 'no reason given')}")
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def set_concurrency(client, template: dict, physical: dict) -> None:
    """Repeats what the emulator's CloudFormation forgets (reserved concurrency of functions) or keeps as text, on which
    its queue poller fails (concurrency of event sources that comes from a parameter)."""
    for logical, resource in template["Resources"].items():
        if isinstance(resource, dict) and resource["Type"] == "AWS::Serverless::Function":
            reserved = resource["Properties"].get("ReservedConcurrentExecutions")
            if reserved is not None:
                client.put_function_concurrency(FunctionName=physical[logical], ReservedConcurrentExecutions=reserved)
    for source in client.list_event_source_mappings()["EventSourceMappings"]:
        if "ScalingConfig" in source:
            limit = int(source["ScalingConfig"]["MaximumConcurrency"])
            client.update_event_source_mapping(UUID=source["UUID"], ScalingConfig={"MaximumConcurrency": limit})


def tell_public_url(client, function: str, api_url: str) -> None:
    """Sets the parameter PublicUrl afterwards: the address is known only once the API is there, and not by its name."""
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**variables, "PUBLIC_URL": api_url}}
    )


def generate_secrets(client, template: dict, outputs: dict) -> str:
    """Makes the secrets as the template asks, which the emulator does not (punctuation); returns the operator's."""
    generated = ""
    for logical in ("PepperSecret", "OperatorSecret"):
        rules = template["Resources"][logical]["Properties"]["GenerateSecretString"]
        generated = client.get_random_password(**rules)["RandomPassword"]
        client.put_secret_value(SecretId=outputs[f"{logical}Arn"], SecretString=generated)
    return generated


def local_api_url(apigateway, endpoint: str) -> str:
    """Where the emulator serves the one API there is; the output names an address in AWS."""
    return f"{endpoint}/_aws/execute-api/{apigateway.get_apis()['Items'][0]['ApiId']}/$default"


def tap_events(sqs, events, stack: str, bus: str) -> str:
    """A queue that sees all that Trunkline puts on its bus, for collect_events.py."""
    queue_url = sqs.create_queue(QueueName=f"{stack}-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    events.put_rule(Name=f"{stack}-events", EventBusName=bus, EventPattern=json.dumps({"source": ["trunkline"]}))
    events.put_targets(Rule=f"{stack}-events", EventBusName=bus, Targets=[{"Id": "collector", "Arn": arn}])
    return queue_url


if __name__ == "__main__":
    main()
