#!/usr/bin/env python3
"""Pods that come and go: storms of ADD and DEL, DEL without the daemon or the namespace, and that nothing is left of them."""
import json
import os
import time
import unittest

import main
from node import Node, run, until
from traffic import FAMILIES, ping, tcp

PODS = 100


class LifecycleTest(unittest.TestCase):
    def setUp(self):
        self.node = Node(main.name_of("life"))
        self.addCleanup(self.node.clean)
        # No address is given again in this time: one that comes twice was given twice.
        self.node.make("--pod-cidr4", "10.244.0.0/20", "--address-cooldown", "3600")
        self.stays = self.node.pod("stays")

    def nothing_left(self, before):
        """Waits until the node is as before; if that does not come, says what differs."""
        seen = {}

        def same():
            seen.clear()
            after = self.node.kernel_state()
            # An epoch is a change of the tables, not something left: only its number differs.
            seen.update({what: (value, after[what]) for what, value in before.items() if what != "map control" and value != after[what]})
            return not seen
        try:
            until("nothing is left", same)
        except AssertionError:
            what, (old, new) = next(iter(seen.items()))
            gone, left = [x for x in old if x not in new], [x for x in new if x not in old]
            raise AssertionError(f"{sorted(seen)} differ; {what}: gone {gone[:5]}, left {left[:5]} ({len(left)})") from None
        self.assertEqual(os.listdir(f"{self.node.state}/run/delete-queue"), [])

    def storm(self, verb, names, during=None):
        """All calls at once; what each returned, in order."""
        calls = [self.node.cni_start(verb, name, f"/run/netns/{self.node.name}-{name}") for name in names]
        if during:
            during(calls)
        return [self.node.cni_result(call) for call in calls]

    def restart_in_the_middle(self, calls):
        """weftd dies when a few calls are done, and comes back."""
        until("some calls are done", lambda: sum(call.poll() is not None for call in calls) >= PODS // 5)
        self.node.kill("weftd")
        self.node.start_weftd()

    def test_storms(self):
        names = [f"p{number}" for number in range(PODS)]
        run("ip", "-b", "-", input="".join(f"netns add {self.node.name}-{name}\n" for name in names))
        before, given = self.node.kernel_state(), []
        for kill_add, kill_delete in ((False, False), (True, False), (False, True)):
            added = self.storm("ADD", names, self.restart_in_the_middle if kill_add else None)
            if not kill_add:
                self.assertEqual([answer for code, answer in added if code != 0], [])
            for code, answer in added:
                self.assertTrue(code == 0 or answer.get("code") in (11, 102), answer)  # 11: try again later
                given += [ip["address"] for ip in answer["ips"]] if code == 0 else []
            self.assertEqual(len(given), len(set(given)), "an address was given twice")
            listed = [ip for one in self.node.api("GET", "/v1/endpoints")[1] for ip in one["ips"]]
            self.assertEqual(len(listed), len(set(listed)))
            first = next(name for name, (code, _) in zip(names, added) if code == 0)
            address = next(ip["address"].split("/")[0] for ip in added[names.index(first)][1]["ips"] if ":" not in ip["address"])
            self.assertEqual(tcp(FAMILIES[0], self.stays.netns, f"{self.node.name}-{first}", address), self.stays.v4)
            # A runtime deletes what failed as well.
            deleted = self.storm("DEL", names, self.restart_in_the_middle if kill_delete else None)
            self.assertEqual([answer for code, answer in deleted if code != 0], [])
            self.nothing_left(before)
            for name in names:
                links = json.loads(run("ip", "-n", f"{self.node.name}-{name}", "-j", "link").stdout)
                self.assertEqual([link["ifname"] for link in links], ["lo"])
        for family in FAMILIES:
            ping(family, self.stays.netns, self.node.outside[family])

    def test_delete(self):
        before = self.node.kernel_state()
        with self.subTest("twice"):
            self.node.pod("twice")
            for _ in range(2):
                self.assertEqual(self.node.cni("DEL", "twice"), (0, {}))
            self.nothing_left(before)
        with self.subTest("the namespace is gone"):
            for name, netns in (("gone", f"/run/netns/{self.node.name}-gone"), ("unnamed", "")):
                pod = self.node.pod(name)
                run("ip", "netns", "del", pod.netns)
                self.assertEqual(self.node.cni("DEL", name, netns), (0, {}))
            self.nothing_left(before)
        with self.subTest("never added"):
            self.assertEqual(self.node.cni("DEL", "never"), (0, {}))
            self.nothing_left(before)

    def test_delete_without_the_daemon_is_replayed(self):
        before = self.node.kernel_state()
        queued, dead = self.node.pod("queued"), self.node.pod("dead")
        self.node.kill("weftd")
        self.assertEqual(self.node.cni("DEL", "queued"), (0, {}))
        self.assertEqual(self.node.cni("DEL", "queued"), (0, {}))
        run("ip", "netns", "del", dead.netns)
        self.assertEqual(self.node.cni("DEL", "dead"), (0, {}))
        self.assertEqual(len(os.listdir(f"{self.node.state}/run/delete-queue")), 2)
        links = json.loads(run("ip", "-n", queued.netns, "-j", "link").stdout)
        self.assertEqual([link["ifname"] for link in links], ["lo"], "the device goes at once")
        for family in FAMILIES:
            ping(family, self.stays.netns, self.node.host[family])
        code, answer = self.node.cni("ADD", "queued")
        self.assertEqual((code != 0, answer["code"]), (True, 11), answer)
        self.node.start_weftd()
        self.nothing_left(before)
        self.assertEqual(self.node.cni("ADD", "queued")[0], 0, "the same container can come again")

    def test_a_namespace_that_dies_is_noticed(self):
        # Without any DEL: the veth pair is gone with the namespace, a restart or GC frees the rest.
        before = self.node.kernel_state()
        pod = self.node.pod("dies")
        run("ip", "netns", "del", pod.netns)
        time.sleep(0.1)
        self.node.kill("weftd")
        self.node.start_weftd()
        self.nothing_left(before)


if __name__ == "__main__":
    main.main()
