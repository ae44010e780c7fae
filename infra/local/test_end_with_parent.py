"""A stack ends with the process that brought it up, and nothing else does."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from end_with_parent import started

SCRIPT = pathlib.Path(__file__).with_name("end_with_parent.py")


class EndWithParent(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # A process with a child of its own, as the emulator has functions.
        self.process = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.end_process)

    def end_process(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)

    def remember(self, start):
        (self.folder / "processes.json").write_text(json.dumps([{"pid": self.process.pid, "started": start}]))
        (self.folder / "tmp").mkdir()

    def end_parent(self):
        watcher = subprocess.Popen([sys.executable, SCRIPT, self.folder], stdin=subprocess.PIPE)
        self.assertIsNone(self.process.poll(), "it waits for the parent's end")
        watcher.stdin.close()
        self.assertEqual(watcher.wait(10), 0)

    def test_ends_what_was_started_and_forgets_it(self):
        self.remember(started(self.process.pid))
        self.end_parent()
        self.assertEqual(self.process.wait(10), -9)
        self.assertEqual(list(self.folder.iterdir()), [])

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "only there is the start of a process known")
    def test_spares_a_process_that_has_only_the_pid(self):
        self.remember("1")
        self.end_parent()
        self.assertIsNone(self.process.poll())

    def test_has_nothing_to_do_after_a_proper_end(self):
        self.end_parent()
        self.assertIsNone(self.process.poll())


if __name__ == "__main__":
    unittest.main()
