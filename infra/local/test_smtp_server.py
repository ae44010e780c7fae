"""The mail server answers as its first lines say."""

import json
import pathlib
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
import unittest


class SmtpServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        ready = folder / "ready.json"
        script = pathlib.Path(__file__).with_name("smtp_server.py")
        cls.process = subprocess.Popen(
            [sys.executable, script, "--ready-file", ready, "--inbox", folder / "inbox", "--ca-file", folder / "ca.pem"]
        )
        while not ready.exists():
            assert cls.process.poll() is None, "the server ended"
            time.sleep(0.01)
        cls.at = json.loads(ready.read_text())
        cls.trust = ssl.create_default_context(cafile=cls.at["ca_file"])

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(5)
        cls.folder.cleanup()

    def connect(self, timeout=5):
        client = smtplib.SMTP(self.at["host"], self.at["port"], timeout=timeout)
        self.addCleanup(client.close)
        client.starttls(context=self.trust)
        client.login(self.at["username"], self.at["password"])
        return client

    def send(self, to, client=None):
        (client or self.connect()).sendmail(
            "a@hub.example", [to], f"Message-ID: <{to}>\r\nSubject: =?utf-8?b?2YXYsdit2KjYpw==?=\r\n\r\nhello\r\n"
        )

    def received(self, to):
        lines = (pathlib.Path(self.at["inbox_dir"]) / "received.jsonl").read_text().splitlines()
        return [line for line in map(json.loads, lines) if to in line["rcpt_to"]]

    def assert_refused(self, code, to):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send(to)
        self.assertEqual(refused.exception.recipients[to][0], code)
        return refused.exception.recipients[to][1].decode()

    def test_takes_mail_after_starttls_and_login(self):
        self.send("ok@example.org")
        (line,) = self.received("ok@example.org")
        self.assertEqual((line["verdict"], line["subject"]), ("accepted", "مرحبا"))
        self.assertEqual(line["message_id"], "<ok@example.org>")
        self.assertIn(b"hello", (pathlib.Path(self.at["inbox_dir"]) / f"{line['queue_id']}.eml").read_bytes())

    def test_demands_tls_then_a_login_that_is_right(self):
        client = smtplib.SMTP(self.at["host"], self.at["port"], timeout=5)
        self.addCleanup(client.close)
        self.assertEqual(client.docmd("MAIL", "FROM:<a@hub.example>")[0] // 100, 5)
        client.starttls(context=self.trust)
        client.ehlo()
        self.assertEqual(client.docmd("MAIL", "FROM:<a@hub.example>")[0], 530)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            client.login(self.at["username"], "wrong")

    def test_offers_implicit_tls_and_plain_text(self):
        client = smtplib.SMTP_SSL(self.at["host"], self.at["tls_port"], timeout=5, context=self.trust)
        self.addCleanup(client.close)
        client.login(self.at["username"], self.at["password"])
        self.send("implicit@example.org", client)
        plain = smtplib.SMTP(self.at["host"], self.at["plain_port"], timeout=5)
        self.addCleanup(plain.close)
        self.send("plain@example.org", plain)
        self.assertTrue(self.received("implicit@example.org") and self.received("plain@example.org"))

    def test_refuses_as_the_recipient_says(self):
        self.assertIn("5.1.1", self.assert_refused(550, "refuse-550-1@example.org"))
        self.assertIn("4.2.2", self.assert_refused(452, "full-452@example.org"))
        self.assert_refused(451, "later-451@example.org")
        self.send("later-451@example.org")
        self.assertEqual(len(self.received("later-451@example.org")), 1)

    def test_hangs_or_hangs_up_after_it_took_the_message(self):
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            self.send("drop-1@example.org")
        self.assertEqual([line["verdict"] for line in self.received("drop-1@example.org")], ["dropped"])
        with self.assertRaises((TimeoutError, smtplib.SMTPServerDisconnected)):
            self.send("hang-1@example.org", self.connect(timeout=0.5))
        self.assertEqual([line["verdict"] for line in self.received("hang-1@example.org")], ["hung"])


if __name__ == "__main__":
    unittest.main()
