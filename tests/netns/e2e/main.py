"""Start of every e2e test: `e2e_X_test.py [unittest arguments]`, with WEFT_BUILD_DIR naming the programs."""
import os
import sys
import unittest


def name_of(test):
    """A short name for namespaces; runs of one test in both attach modes do not meet."""
    return test + os.environ.get("WEFT_TC", "")[:1]


def main():
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/bpf"):
        print("needs root and /sys/fs/bpf")
        sys.exit(77)
    unittest.main(verbosity=2)
