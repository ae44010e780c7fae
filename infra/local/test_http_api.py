"""What runs locally is what is deployed: `python -m unittest discover infra/local`, in the stack's venv."""

import copy
import os
import pathlib
import re
import unittest

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

import http_api

ROOT = pathlib.Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE = yaml_parse(TEXT)
# The loops over functions and queues are another transform's business; they declare no routes.
TEMPLATE["Resources"] = {k: v for k, v in TEMPLATE["Resources"].items() if not k.startswith("Fn::ForEach")}


class _NoManagedPolicies:
    def load(self):
        return {}


def _routes_of_sam() -> set[tuple[str, str | None]]:
    template = copy.deepcopy(TEMPLATE)
    for resource in template["Resources"].values():
        if "CodeUri" in resource["Properties"]:
            resource["Properties"]["CodeUri"] = "s3://any/zip"  # translated after packaging
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks which partition it works for
    translated = transform(template, {}, _NoManagedPolicies())
    body = translated["Resources"][http_api.API]["Properties"]["Body"]
    return {
        (f"{method.upper()} {path}", next((n for entry in operation["security"] for n in entry if n != "NONE"), None))
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
    }


def _routes_of_code() -> set[tuple[str, str, str, bool]]:
    """The table of shared/api: function, method, path, whether it is public."""
    table, function = set(), ""
    for line in (ROOT / "shared/api/src/routes.rs").read_text().splitlines():
        if opens := re.match(r'    "([\w-]+)" \{$', line):
            function = opens[1]
        elif route := re.match(r'        ([A-Z]+) "(/[^"]+)" (\w+)', line):
            table.add((function, route[1], route[2], route[3] == "Public"))
    return table


class HttpApi(unittest.TestCase):
    def test_local_routes_and_authorizers_are_those_of_sam(self):
        self.assertEqual(_routes_of_sam(), http_api.routes(http_api.expand(copy.deepcopy(TEMPLATE))))

    def test_the_template_routes_what_the_code_answers(self):
        of_template = {
            (pathlib.PurePath(function["Properties"]["CodeUri"]).name, event["Method"], event["Path"], "Auth" in event)
            for function in TEMPLATE["Resources"].values()
            for kind, event in ((e["Type"], e["Properties"]) for e in function["Properties"].get("Events", {}).values())
            if kind == "HttpApi" and not event["Path"].startswith("/console")  # pages, and no part of the API
        }
        self.assertEqual(of_template, _routes_of_code())


class Queues(unittest.TestCase):
    def test_visibility_is_at_least_six_times_the_timeout_of_the_function_that_reads(self):
        resources = TEMPLATE["Resources"]
        seen = 0
        for name, function in resources.items():
            for event in function["Properties"].get("Events", {}).values():
                if event["Type"] != "SQS":
                    continue
                queue = resources[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Properties"]
                self.assertGreaterEqual(queue["VisibilityTimeout"], 6 * function["Properties"]["Timeout"], name)
                self.assertIn("RedrivePolicy", queue, name)
                seen += 1
        self.assertGreater(seen, 0)


class Watching(unittest.TestCase):
    def test_every_function_and_dead_letter_queue_is_in_its_loop(self):
        loops = [set(re.split(r",\s*", names)) for names in re.findall(r"^    - \[(\w+(?:, \w+)*)\]$", TEXT, re.M)]
        of_type = lambda kind: {n for n, r in TEMPLATE["Resources"].items() if r["Type"] == kind}
        functions, queues = of_type("AWS::Serverless::Function"), of_type("AWS::SQS::Queue")
        self.assertEqual(loops.count(functions), 2, "logs and alarms; outputs")
        self.assertIn({q for q in queues if q.endswith("Dlq")}, loops)
        self.assertIn({q for q in queues if not q.endswith("Dlq")}, loops)


if __name__ == "__main__":
    unittest.main()
