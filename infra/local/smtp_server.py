"""A mail server on loopback that behaves as real ones do, and as badly as they do.

It demands STARTTLS and a login (implicit TLS and plain text have ports of their own), with a certificate of a CA made
at the start. What it answers is chosen by the recipient's local part:

    refuse-550...  550 at RCPT, always            hang-...  takes the message, then never answers
    later-451...   451 at RCPT, the first time    drop-...  takes the message, then hangs up before the 250
    full-452...    452 at RCPT, always            others    250 with a queue id

Messages taken are in the inbox as <queue id>.eml with a line in received.jsonl; recipients refused, in refused.jsonl.
"""

import argparse
import asyncio
import datetime
import email
import email.policy
import ipaddress
import json
import logging
import pathlib
import secrets
import signal
import ssl
import tempfile
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ready import write_ready

HOST = "127.0.0.1"
USERNAME = "trunkline"


class Mailbox:
    """Decides about recipients and keeps messages (the handler of aiosmtpd; its hooks carry the names of commands)."""

    def __init__(self, inbox: pathlib.Path):
        self.inbox = inbox
        self.deferred: set[str] = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self._objection(address)
        if answer:
            self._note("refused.jsonl", {"mail_from": envelope.mail_from, "rcpt_to": address, "answer": answer})
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        local_parts = [recipient.partition("@")[0] for recipient in envelope.rcpt_tos]
        hangs = any(part.startswith("hang-") for part in local_parts)
        drops = any(part.startswith("drop-") for part in local_parts)
        queue_id = self._keep(envelope, "hung" if hangs else "dropped" if drops else "accepted")
        if hangs:
            await asyncio.Event().wait()  # until the client gives up and the connection is lost
        if drops:
            server.transport.abort()
        return f"250 2.0.0 Ok: queued as {queue_id}"

    def _objection(self, address: str) -> str | None:
        part = address.partition("@")[0]
        if part.startswith("refuse-550"):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if part.startswith("full-452"):
            return f"452 4.2.2 <{address}>: Mailbox full"
        if part.startswith("later-451") and address not in self.deferred:
            self.deferred.add(address)
            return f"451 4.2.1 <{address}>: Mailbox busy, try again later"
        return None

    def _keep(self, envelope, verdict: str) -> str:
        queue_id = secrets.token_hex(6).upper()
        (self.inbox / f"{queue_id}.eml").write_bytes(envelope.content)
        headers = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self._note(
            "received.jsonl",
            {
                "queue_id": queue_id,
                "mail_from": envelope.mail_from,
                "rcpt_to": envelope.rcpt_tos,
                "message_id": headers["message-id"],
                "subject": headers["subject"],
                "verdict": verdict,
            },
        )
        return queue_id

    def _note(self, file: str, line: dict) -> None:
        at = datetime.datetime.now(datetime.timezone.utc).isoformat()
        with open(self.inbox / file, "a", encoding="utf-8") as log:
            log.write(json.dumps({"at": at, **line}, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--inbox", type=pathlib.Path, required=True)
    parser.add_argument("--ca-file", type=pathlib.Path, required=True, help="where to write the CA's certificate")
    parser.add_argument("--port", type=int, default=0, help="STARTTLS; 0 for a free one")
    parser.add_argument("--tls-port", type=int, default=0, help="implicit TLS")
    parser.add_argument("--plain-port", type=int, default=0, help="no TLS, login optional")
    options = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of the ports without STARTTLS, which are meant
    warnings.simplefilter("ignore", UserWarning)
    asyncio.run(serve(options))


async def serve(options) -> None:
    options.inbox.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    tls = certified(options.ca_file)
    mailbox = Mailbox(options.inbox)

    def authenticator(server, session, envelope, mechanism, credentials):
        known = isinstance(credentials, LoginPassword) and secrets.compare_digest(
            credentials.login + b":" + credentials.password, f"{USERNAME}:{password}".encode()
        )
        return AuthResult(success=known, handled=False)

    def protocol(**kinds):
        return lambda: SMTP(mailbox, hostname="localhost", authenticator=authenticator, enable_SMTPUTF8=True, **kinds)

    loop = asyncio.get_running_loop()
    starttls = await loop.create_server(
        protocol(tls_context=tls, require_starttls=True, auth_required=True), HOST, options.port
    )
    # Behind implicit TLS and on the plain port aiosmtpd sees no TLS of its own making: it must not ask for it.
    implicit = await loop.create_server(
        protocol(auth_required=True, auth_require_tls=False), HOST, options.tls_port, ssl=tls
    )
    plain = await loop.create_server(protocol(auth_require_tls=False), HOST, options.plain_port)
    port_of = lambda server: server.sockets[0].getsockname()[1]
    write_ready(
        options.ready_file,
        {
            "host": HOST,
            "port": port_of(starttls),
            "tls_port": port_of(implicit),
            "plain_port": port_of(plain),
            "username": USERNAME,
            "password": password,
            "ca_file": str(options.ca_file.resolve()),
            "inbox_dir": str(options.inbox.resolve()),
        },
    )
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


def certified(ca_file: pathlib.Path) -> ssl.SSLContext:
    """Makes a CA, whose certificate goes to the file, and a server context with a leaf that it signed."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject: str, issuer: str, public_key):
        named = lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )

    ca_name = "Trunkline local CA"
    ca_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = (
        certificate(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    leaf = (
        certificate("localhost", ca_name, leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as pem:  # the ssl module takes keys from files only
        pem.write(leaf.public_bytes(serialization.Encoding.PEM))
        pem.write(
            leaf_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        pem.flush()
        context.load_cert_chain(pem.name)
    return context


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    main()
