#!/usr/bin/env python3
"""The runner of policy cases: every case by real sockets; a wrong expectation is noticed in every way; exit codes. Needs root."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CASES = pathlib.Path(os.environ.get("WEFT_POLICY_CASES", HERE / "../../../shared/policy-cases"))
ONE = CASES / "recipes/cases/recipe-04-03-deny-all-non-whitelisted-traffic-in-a-namespace.json"
WAYS = ("explain", "maps", "sockets")
LIMIT = 300 * int(os.environ.get("WEFT_TIME_FACTOR", "1"))  # seconds


def run(*arguments):
    done = subprocess.run([HERE / "run", "--name", "ctest", *arguments], capture_output=True, text=True, check=False, timeout=LIMIT)
    return done.returncode, done.stdout + done.stderr


class RunnerTest(unittest.TestCase):
    def test_sockets(self):
        code, text = run("--way", "sockets", *(CASES / part for part in ("cases", "recipes", "extra", "variants", "cnp", "cnp-conformance")))
        print(text)
        self.assertEqual(code, 0, text)
        self.assertIn("0 differences in 0 cases", text)

    def test_a_wrong_expectation_is_a_difference_in_every_way(self):
        """One blocked cell is said to be allowed, then one allowed cell to be blocked."""
        for old, new in (("X", "."), (".", "X")):
            case = json.loads(ONE.read_text(encoding="utf-8"))
            rows = case["steps"][0]["expect"]["combined"]
            source = next(source for source, row in rows.items() if old in row)
            rows[source] = rows[source].replace(old, new, 1)
            with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
                json.dump(case, file)
                file.flush()
                for way in WAYS:
                    with self.subTest(way=way, new=new):
                        code, text = run("--way", way, file.name)
                        self.assertEqual(code, 1, text)
                        self.assertIn(f"combined: {source} (", text)
                        self.assertIn(f"expected '{new}', got {'deny' if old == 'X' else 'allow'}", text)

    def test_what_is_not_supported_is_named_and_fails_only_when_asked_for(self):
        case = json.loads(ONE.read_text(encoding="utf-8"))
        case["steps"][0]["actions"] = [{"dropEverything": {}}]
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "one.json"
            file.write_text(json.dumps(case), encoding="utf-8")
            code, text = run(file)
            self.assertEqual(code, 1, text)
            self.assertIn("not supported yet: 1 with dropEverything", text)
            os.environ["WEFT_POLICY_CASES"] = folder
            try:
                code, text = run()
            finally:
                del os.environ["WEFT_POLICY_CASES"]
            self.assertIn("not supported yet", text)
            self.assertEqual(code, 0, text)

    def test_exit_codes(self):
        self.assertEqual(run("--help")[0], 0)
        self.assertEqual(run("--way", "guess")[0], 2)
        self.assertEqual(run("/nonexistent")[0], 2)
        self.assertEqual(run(HERE)[0], 2, "a folder without a case")


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/bpf"):
        print("needs root and /sys/fs/bpf")
        sys.exit(77)
    unittest.main(verbosity=2)
