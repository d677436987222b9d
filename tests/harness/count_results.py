#!/usr/bin/env python3
"""count_results.py CTEST_JUNIT_XML RESULTS_DIR: prints "PASSED FAILED".

A ctest entry that wrote a GoogleTest result file counts by its cases; any other entry (a script, a crash) counts as one.
Skipped cases count as neither.
"""
import os
import sys
import xml.etree.ElementTree as xml


def gtest_counts(path):
    """(passed, failed) of one result file; None if it is missing or cut short."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return None
    cases = [case for case in root.iter("testcase") if case.get("result") == "completed"]
    failed = sum(1 for case in cases if case.find("failure") is not None)
    return len(cases) - failed, failed


def main(junit, results):
    passed = failed = 0
    for entry in xml.parse(junit).getroot().iter("testcase"):
        ok = entry.get("status") == "run"
        if entry.get("status") == "notrun" and entry.find("skipped") is not None:
            continue
        counts = gtest_counts(os.path.join(results, entry.get("name") + ".xml"))
        if counts is None or (not ok and counts[1] == 0):  # a script, or it died outside of a case
            counts = ((counts or (0, 0))[0] + ok, int(not ok))
        passed, failed = passed + counts[0], failed + counts[1]
    print(passed, failed)


main(*sys.argv[1:])
