"""ReEncrypt, which the emulator lacks, as the launcher adds it: `python -m unittest discover infra/local`, in the stack's venv."""

import asyncio
import base64
import json
import os
import unittest

os.environ.setdefault("AUTH", "false")

import launch_emulator


class ReEncrypt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        launch_emulator._add_re_encrypt()

    def call(self, operation: str, **request) -> tuple[int, dict]:
        from ministack.services import kms

        headers = {"x-amz-target": f"TrentService.{operation}"}
        answer = asyncio.run(kms.handle_request("POST", "/", headers, json.dumps(request).encode(), {}))
        return answer[0], json.loads(answer[2])

    def key(self) -> str:
        return self.call("CreateKey")[1]["KeyMetadata"]["Arn"]

    def test_a_data_key_moves_to_another_key_and_opens_there_in_its_own_context_only(self):
        old, new = self.key(), self.key()
        context = {"tenant": "acme"}
        _, made = self.call("GenerateDataKey", KeyId=old, KeySpec="AES_256", EncryptionContext=context)
        status, moved = self.call(
            "ReEncrypt", CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=context,
            DestinationKeyId=new, DestinationEncryptionContext=context,
        )
        self.assertEqual((status, moved["SourceKeyId"], moved["KeyId"]), (200, old, new))
        sealed = moved["CiphertextBlob"]
        _, opened = self.call("Decrypt", KeyId=new, CiphertextBlob=sealed, EncryptionContext=context)
        self.assertEqual(opened["Plaintext"], made["Plaintext"])
        status, refused = self.call("Decrypt", KeyId=old, CiphertextBlob=sealed, EncryptionContext=context)
        self.assertEqual((status, refused["__type"]), (400, "IncorrectKeyException"))
        status, refused = self.call("Decrypt", KeyId=new, CiphertextBlob=sealed, EncryptionContext={"tenant": "other"})
        self.assertEqual((status, refused["__type"]), (400, "InvalidCiphertextException"))

    def test_another_context_or_what_is_no_ciphertext_is_refused(self):
        key = self.key()
        _, made = self.call("GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext={"tenant": "acme"})
        for blob, context in [(made["CiphertextBlob"], {}), (base64.b64encode(b"x").decode(), {"tenant": "acme"})]:
            status, refused = self.call(
                "ReEncrypt", CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=key,
            )
            self.assertEqual((status, refused["__type"]), (400, "InvalidCiphertextException"))


if __name__ == "__main__":
    unittest.main()
