"""Starts the emulated AWS on a loopback port and says where, in a ready file.

Function processes inherit this environment, so whoever starts this passes only what they may see.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import socket
import socketserver
import ssl
import threading
import time

from ready import write_ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--iam", action="store_true", help="enforce the IAM policies of the template")
    parser.add_argument("--batching-window", action="store_true", help="honour that of streams, up to a second or so")
    parser.add_argument("--ca-file", help="what the functions trust besides the system's certificates")
    options = parser.parse_args()

    # Bound here and handed over, so no other process can take the port in between.
    listener = socket.create_server(("127.0.0.1", options.port), backlog=1024)
    port = listener.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(
        AUTH=str(options.iam).lower(),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_ENDPOINT_URL=endpoint,  # else the functions would look for the real AWS
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",  # it would listen on every interface
        SFTP_ENABLED="0",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
    )
    if options.ca_file:
        os.environ["SSL_CERT_FILE"] = options.ca_file
        system = ssl.get_default_verify_paths().openssl_capath
        if os.path.isdir(system):
            os.environ["SSL_CERT_DIR"] = system
    _raise_file_limit()

    # The emulator reads the environment when it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    _make_warm_invocations_fast()
    _answer_in_one_piece()
    _name_batch_actions_as_aws_does()
    _add_re_encrypt()
    if options.batching_window:
        _honour_batching_windows()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    write_ready(options.ready_file, {"endpoint": endpoint, "port": port})  # who connects now waits in the backlog
    asyncio.run(serve(app, config))


def _make_warm_invocations_fast() -> None:
    """Removes what an invocation takes here and not in AWS: the Runtime API server writes headers and body in two sends
    (Nagle and delayed acknowledgement), and after a log line it waits for more. For the first line it does wait: every
    function writes one before it answers, and a line that is read too late is kept back until the next invocation."""
    from ministack.core.lambda_runtime import Worker

    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    Worker._drain_stderr_bounded.__defaults__ = (0.100, 0.002, 0.250)


def _answer_in_one_piece() -> None:
    """Sends head and body of an answer at once, as AWS does. In two pieces each answer wakes whoever waits for it twice, and
    the second time is counted as their CPU time."""
    import h11
    from hypercorn.events import RawData
    from hypercorn.protocol.h11 import H11Protocol

    socketserver.StreamRequestHandler.wbufsize = -1  # the Runtime API; it is flushed at the end of each answer

    async def send(self, event):
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        data = self.__dict__.pop("head", b"") + data
        if isinstance(event, h11.Response):
            self.head = data
        elif data:
            await self.send(RawData(data=data))

    H11Protocol._send_h11_event = send


def _name_batch_actions_as_aws_does() -> None:
    """SQS authorizes a batch as its single action: a policy says sqs:SendMessage, there is no sqs:SendMessageBatch."""
    from ministack.core import iam_actions

    named = iam_actions.extract_iam_action

    def extract_iam_action(*args, **kwargs):
        action = named(*args, **kwargs)
        return action.removesuffix("Batch") if action and action.startswith("sqs:") else action

    iam_actions.extract_iam_action = extract_iam_action


def _add_re_encrypt() -> None:
    """KMS has no ReEncrypt here, and Decrypt takes any key for the right one. Both as the KMS API Reference has them:
    ReEncrypt needs kms:ReEncryptFrom on the key that the ciphertext is under and kms:ReEncryptTo on the other, opens
    with the one context and seals with the other; a key that is named and is not the ciphertext's is incorrect."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.core.responses import error_response_json, json_response
    from ministack.core.router import extract_access_key_id, extract_region
    from ministack.services import kms

    decrypt, handle, named = kms._decrypt, kms.handle_request, iam_actions.extract_iam_action

    def decrypt_with_the_right_key(data):
        own = base64.b64decode(data.get("CiphertextBlob", ""))[:36].decode("utf-8", errors="ignore")
        wanted = kms._resolve_key(data.get("KeyId", ""))
        if wanted and kms._resolve_key(own) and wanted["KeyId"] != own:
            return error_response_json("IncorrectKeyException", "The key ID in the request does not identify the key", 400)
        return decrypt(data)

    def re_encrypt(data):
        opened = decrypt_with_the_right_key({
            "CiphertextBlob": data.get("CiphertextBlob", ""), "KeyId": data.get("SourceKeyId", ""),
            "EncryptionContext": data.get("SourceEncryptionContext", {}),
        })
        if opened[0] != 200:
            return opened
        opened = json.loads(opened[2])
        sealed = kms._encrypt({
            "KeyId": data.get("DestinationKeyId", ""), "Plaintext": opened["Plaintext"],
            "EncryptionContext": data.get("DestinationEncryptionContext", {}),
        })
        if sealed[0] != 200:
            return sealed
        sealed = json.loads(sealed[2])
        return json_response({
            "CiphertextBlob": sealed["CiphertextBlob"], "SourceKeyId": opened["KeyId"], "KeyId": sealed["KeyId"],
        })

    async def handle_request(method, path, headers, body, query_params):
        if headers.get("x-amz-target", "").split(".")[-1] != "ReEncrypt":
            return await handle(method, path, headers, body, query_params)
        data = json.loads(body)
        to = kms._resolve_key(data.get("DestinationKeyId", ""))
        if to and os.environ["AUTH"] == "true":
            caller, region = extract_access_key_id(headers, query_params), extract_region(headers, query_params)
            if iam_evaluator.enforce(caller, "kms:ReEncryptTo", "kms", region, resource_arn=to["Arn"]):
                return error_response_json("AccessDeniedException", "not authorized to perform: kms:ReEncryptTo", 400)
        return re_encrypt(data)

    def extract_iam_action(*args, **kwargs):
        action = named(*args, **kwargs)
        return "kms:ReEncryptFrom" if action == "kms:ReEncrypt" else action

    kms._decrypt, kms.handle_request = decrypt_with_the_right_key, handle_request
    iam_actions.extract_iam_action = extract_iam_action


def _honour_batching_windows() -> None:
    """Records of a stream are handed over when a batch is full or when the window has passed since the first was read.
    The emulator hands over at once what there is, which is more and smaller batches than AWS makes."""
    from ministack.services import dynamodb, lambda_svc

    read = dynamodb.stream_records_since
    # By table and size of a batch, which tells the functions that read a stream apart: from which position, and when.
    first_read = {}

    def window_s(table: str, limit: int) -> float:
        mappings = [mapping for _, _, mapping in lambda_svc._iter_all_esms()]
        of_table = [m for m in mappings if f":table/{table}/stream/" in m.get("EventSourceArn", "")]
        of_reader = [m for m in of_table if m.get("BatchSize", 100) == limit]
        return max((float(m.get("MaximumBatchingWindowInSeconds") or 0) for m in of_reader), default=0.0)

    def stream_records_since(table, position, limit, **scope):
        records = read(table, position, limit, **scope)
        window = window_s(table, limit)
        if not records or len(records) >= limit or not window:
            return records
        since, at = first_read.get((table, limit), (None, 0.0))
        if since != position:
            first_read[table, limit] = (position, time.monotonic())
            threading.Timer(window, lambda_svc._esm_wake.set).start()
            return []
        return records if time.monotonic() - at >= window else []

    dynamodb.stream_records_since = stream_records_since


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
