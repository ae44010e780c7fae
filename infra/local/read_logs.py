"""Prints what the functions logged, oldest first; with --follow, until it is ended."""

import argparse
import sys
import time

import boto3
from botocore.config import Config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--group", action="append", required=True, metavar="NAME=LOG_GROUP")
    parser.add_argument("--follow", action="store_true")
    options = parser.parse_args()
    groups = dict(group.split("=", 1) for group in options.group)

    logs = boto3.client(
        "logs",
        endpoint_url=options.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 2}),
    )
    seen: set[str] = set()  # streams: the emulator writes one for each invocation, whole, when it has ended
    since = 0
    while True:
        lines, streams = [], set()
        for name, group in groups.items():
            for event in events(logs, group, since):
                if event["logStreamName"] not in seen:
                    streams.add(event["logStreamName"])
                    lines.append((event["timestamp"], name, event["message"].rstrip("\n")))
        seen |= streams
        for timestamp, name, message in sorted(lines, key=lambda line: line[0]):
            print(f"{name}: {message}" if len(groups) > 1 else message)
            since = max(since, timestamp - 1000)
        sys.stdout.flush()
        if not options.follow:
            return
        time.sleep(0.5)


def events(logs, group: str, since: int):
    """All events of a group. The emulator gives 10,000 of them and no token to go on with, so what follows is asked for
    by its time."""
    known: set[tuple] = set()
    while True:
        page = logs.filter_log_events(logGroupName=group, startTime=since)["events"]
        # The emulator names no events of functions.
        named = {(event["logStreamName"], event["timestamp"], event["message"]): event for event in page}
        new = [event for name, event in named.items() if name not in known]
        yield from new
        if not new:
            return
        known.update(named)
        since = page[-1]["timestamp"]


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
