"""Appends every event on the bus to a file, one JSON object a line, until it is ended."""

import argparse
import json
import signal
import sys

import boto3
from botocore.config import Config

from ready import write_ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--queue-url", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--ready-file", required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    sqs = boto3.client(
        "sqs",
        endpoint_url=options.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(read_timeout=30),
    )
    with open(options.output, "a", encoding="utf-8") as log:
        write_ready(options.ready_file, {"events_log": options.output})
        while True:
            answer = sqs.receive_message(QueueUrl=options.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=10)
            messages = answer.get("Messages", [])
            for message in messages:
                log.write(json.dumps(json.loads(message["Body"]), ensure_ascii=False) + "\n")
            log.flush()
            if messages:
                entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)]
                sqs.delete_message_batch(QueueUrl=options.queue_url, Entries=entries)


if __name__ == "__main__":
    main()
