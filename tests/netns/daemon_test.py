#!/usr/bin/env python3
"""daemon_test.py WEFTD: weftd over its socket with the real maps: adds, policies, restart, kill -9, uninstall.

Everything is in a network namespace, a run directory and a pin folder of the test's own, cleaned before and after.
"""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

NAME = "wt-daemon-test"
RUN = f"/tmp/{NAME}"
BPF = f"/sys/fs/bpf/{NAME}"
SOCKET = f"{RUN}/run/weftd.sock"
SMALL = ["--flows4", "4096", "--flows6", "4096", "--half-open4", "1024", "--half-open6", "1024", "--ring-bytes", "65536",
         "--addresses", "4096", "--cidrs", "1024"]
WEFTD = ""
FACTOR = int(os.environ.get("WEFT_TIME_FACTOR", "1"))  # how much slower this machine is (tests/kernel/run)


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10 * FACTOR)
        self.sock.connect(SOCKET)


def call(method, path, body=None):
    connection = Connection("weftd")
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


def nsenter(*command):
    return ["nsenter", f"--net=/run/netns/{NAME}", *command]


class Daemon:
    """A weftd process in the namespace; the log goes to RUN/log."""

    def __init__(self, *options, uplink="none"):
        with open(f"{RUN}/log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(nsenter(WEFTD, "--run-dir", f"{RUN}/run", "--bpf-dir", BPF, "--uplink", uplink, "--node-name", "node-1", "--objects",
                                                    f"{RUN}/objects", "--address-cooldown", "3600", "--pod-cidr4", "10.99.0.0/16", *SMALL, *options), stderr=log)
        for _ in range(3000 * FACTOR):
            try:
                if call("GET", "/v1/healthz")[0] == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        raise RuntimeError("weftd does not serve:\n" + open(f"{RUN}/log", encoding="utf-8").read()[-3000:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10 * FACTOR)


def clean():
    run("ip", "netns", "del", NAME, check=False)
    shutil.rmtree(RUN, ignore_errors=True)
    if os.path.isdir(BPF):
        run("rm", "-rf", BPF)


def endpoint(container, labels=None, **more):
    # "lo" exists, so that a restart keeps the endpoint although the test makes no veth pair.
    body = {"container_id": container, "ifname": "eth0", "network": "weft", "netns": "/proc/self/ns/net", "host_ifname": "lo", "host_ifindex": 1,
            "mac": "0a:00:00:00:00:01", "pod": {"namespace": "default", "name": container}}
    if labels is not None:
        body["labels"] = labels
    return body | more


def deny_all(name, labels):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "default"},
            "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]}}


def rows(name):
    connection = Connection("weftd")
    connection.request("GET", f"/v1/maps/{name}")
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    connection.close()
    assert answer.status == 200, lines
    return [json.loads(line) for line in lines]


class DaemonTest(unittest.TestCase):
    def setUp(self):
        clean()
        os.makedirs(f"{RUN}/objects")
        run("ip", "netns", "add", NAME)
        run("ip", "-n", NAME, "link", "set", "lo", "up")
        self.daemon = Daemon()

    def tearDown(self):
        if self.daemon.process.poll() is None:
            self.daemon.kill()
        clean()

    def test_add_check_delete_against_the_real_maps(self):
        status, added = call("POST", "/v1/endpoints", endpoint("c1", {"app": "web"}, ips=["10.99.0.77"]))
        self.assertEqual(status, 201, added)
        self.assertEqual(added["ips"][0], {"address": "10.99.0.77/32", "gateway": "10.99.0.1"})
        self.assertEqual([row["address"] for row in rows("addr4") if row.get("endpoint") == added["id"]], ["10.99.0.77"])
        status, answer = call("POST", "/v1/endpoints/c1/eth0/check", endpoint("c1", ips=["10.99.0.77", added["ips"][1]["address"].split("/")[0]]))
        self.assertEqual((status, answer), (200, {"differences": []}))
        status, answer = call("POST", "/v1/endpoints/c1/eth0/check", endpoint("c1", ips=["10.99.0.78"], mac="0a:00:00:00:00:02"))
        self.assertEqual(len(answer["differences"]), 4, answer)
        self.assertEqual(call("DELETE", "/v1/endpoints/c1/eth0")[0], 204)
        self.assertEqual([row for row in rows("addr4") if row.get("endpoint")], [])
        self.assertEqual(call("POST", "/v1/endpoints/c1/eth0/check", endpoint("c1"))[0], 404)

    def test_socket_is_private_and_the_run_dir_has_one_daemon(self):
        self.assertEqual(os.stat(SOCKET).st_mode & 0o777, 0o600)
        second = run(*nsenter(WEFTD, "--run-dir", f"{RUN}/run", "--bpf-dir", BPF, "--uplink", "none"), check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another weftd runs", second.stderr)

    def test_objects_directory_and_explain(self):
        self.assertEqual(call("POST", "/v1/endpoints", endpoint("c1", {"app": "web"}))[0], 201)
        self.assertEqual(call("POST", "/v1/endpoints", endpoint("c2", {"app": "db"}))[0], 201)
        question = {"source": "default/c2", "destination": "default/c1", "port": 80}
        self.assertEqual(call("POST", "/v1/explain", question)[1]["verdict"], "allowed")
        with open(f"{RUN}/objects/web.yaml", "w", encoding="utf-8") as file:
            file.write("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec:\n  podSelector: {matchLabels: {app: web}}\n"
                       "  ingress:\n  - ports: [{port: 443}]\n")
        until = time.time() + 5 * FACTOR
        while call("POST", "/v1/explain", question)[1]["verdict"] != "denied" and time.time() < until:
            time.sleep(0.01)
        answer = call("POST", "/v1/explain", question)[1]
        self.assertEqual(answer["ingress"]["rule"]["policies"][0]["name"], "web")
        self.assertEqual((answer["kernel"]["verdict"], answer["kernel"]["agrees"]), ("denied", True))
        self.assertEqual(call("POST", "/v1/explain", question | {"port": 443})[1]["verdict"], "allowed")
        with open(f"{RUN}/objects/web.yaml", "w", encoding="utf-8") as file:
            file.write("kind: [")
        until = time.time() + 5 * FACTOR
        while time.time() < until:
            errors = [source["error"] for source in call("GET", "/v1/status")[1]["sources"] if source["error"]]
            if errors:
                break
            time.sleep(0.01)
        self.assertEqual(len(errors), 1)
        self.assertEqual(call("POST", "/v1/explain", question)[1]["verdict"], "denied")

    def test_explain_is_the_kernels_word(self):
        for name, app in (("c1", "web"), ("c2", "db")):
            self.assertEqual(call("POST", "/v1/endpoints", endpoint(name, {"app": app}))[0], 201)
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
                  "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 443}]}]}}
        self.assertEqual(call("POST", "/v1/policies", policy)[0], 200)
        question = {"source": "default/c2", "destination": "default/c1", "port": 443}
        answer = call("POST", "/v1/explain", question)[1]
        self.assertEqual((answer["verdict"], answer["dropped_for"], answer["kernel"]["agrees"]), ("allowed", None, True), answer)
        nobody = call("POST", "/v1/explain", question | {"destination": "10.99.200.200"})[1]
        self.assertEqual((nobody["verdict"], nobody["dropped_for"], nobody["kernel"]["agrees"]), ("denied", "unknown_destination", True), nobody)
        # Somebody else turns the row of port 443 into a denial.
        path = f"{BPF}/maps/port_rows"
        first = (6 << 16 | 443).to_bytes(4, "little")
        found = [row for row in json.loads(run("bpftool", "-j", "map", "dump", "pinned", path).stdout)
                 if bytes(int(byte, 16) for byte in row["value"][:4]) == first]
        self.assertEqual(len(found), 1)
        value = [int(byte, 16) for byte in found[0]["value"]]
        value[12] &= ~1  # WEFT_VERDICT_ALLOW
        run("bpftool", "map", "update", "pinned", path, "key", "hex", *[byte[2:] for byte in found[0]["key"]], "value", "hex", *[f"{byte:02x}" for byte in value])
        answer = call("POST", "/v1/explain", question)[1]
        self.assertEqual((answer["verdict"], answer["ingress"]["verdict"], answer["kernel"]["agrees"]), ("denied", "denied", False), answer)
        self.daemon.stop()
        self.daemon = Daemon()
        answer = call("POST", "/v1/explain", question)[1]
        self.assertEqual((answer["verdict"], answer["kernel"]["agrees"]), ("allowed", True), "it wrote the row anew")

    def test_restart_writes_nothing(self):
        for i in range(20):
            self.assertEqual(call("POST", "/v1/endpoints", endpoint(f"c{i}", {"app": str(i % 3)}))[0], 201)
        self.assertEqual(call("POST", "/v1/policies", deny_all("p", {"app": "1"}))[0], 200)
        time.sleep(1.5)  # what is not used any more is freed
        names = ["control", "endpoints", "addr4", "addr6", "cidr4", "cidr6", "policies", "policy_classes", "port_rows"]
        before = {name: rows(name) for name in names}
        listed = call("GET", "/v1/endpoints")[1]
        for end in ("stop", "kill"):
            getattr(self.daemon, end)()
            self.daemon = Daemon()
            status = call("GET", "/v1/status")[1]
            self.assertEqual(status["datapath"]["loaded"], "reused")
            self.assertEqual(status["apply"]["writes"], 0)
            self.assertEqual(call("GET", "/v1/endpoints")[1], listed)
            self.assertEqual({name: rows(name) for name in names}, before)

    def test_delete_queue_is_replayed(self):
        for name in ("c1", "c2"):
            self.assertEqual(call("POST", "/v1/endpoints", endpoint(name))[0], 201)

        def queue(container):
            entry = {"container_id": container, "ifname": "eth0", "host_ifname": "lo", "network": "weft", "time": 1}
            with open(f"{RUN}/run/delete-queue/.x", "w", encoding="utf-8") as file:
                json.dump(entry, file)
            os.rename(f"{RUN}/run/delete-queue/.x", f"{RUN}/run/delete-queue/{container}.json")

        queue("c1")  # while it runs
        until = time.time() + 5 * FACTOR
        while len(call("GET", "/v1/endpoints")[1]) != 1 and time.time() < until:
            time.sleep(0.02)
        self.assertEqual([one["container_id"] for one in call("GET", "/v1/endpoints")[1]], ["c2"])
        self.daemon.kill()
        queue("c2")
        self.daemon = Daemon()
        self.assertEqual(call("GET", "/v1/endpoints")[1], [])
        self.assertEqual(os.listdir(f"{RUN}/run/delete-queue"), [])

    def test_killed_during_adds_it_loses_and_repeats_nothing(self):
        answered, lock, stop = {}, threading.Lock(), threading.Event()

        def add(worker):
            number = 0
            while not stop.is_set():
                number += 1
                container = f"w{worker}n{number}"
                try:
                    status, body = call("POST", "/v1/endpoints", endpoint(container, {"app": str(number % 5)}))
                except (OSError, http.client.HTTPException, ValueError):
                    time.sleep(0.01)
                    continue
                if status == 201:
                    with lock:
                        answered[container] = [one["address"].split("/")[0] for one in body["ips"]]

        workers = [threading.Thread(target=add, args=(worker,)) for worker in range(4)]
        for worker in workers:
            worker.start()
        for _ in range(8):
            time.sleep(0.25)
            self.daemon.kill()
            self.daemon = Daemon()
        stop.set()
        for worker in workers:
            worker.join()
        self.assertGreater(len(answered), 20)
        known = {one["container_id"]: one["ips"] for one in call("GET", "/v1/endpoints")[1]}
        for container, ips in answered.items():
            self.assertEqual(known.get(container), ips, container)
        addresses = [ip for ips in known.values() for ip in ips]
        self.assertEqual(len(addresses), len(set(addresses)), "an address was given twice")
        self.assertEqual(sorted(row["address"] for row in rows("addr4") if row.get("endpoint")), sorted(ip for ip in addresses if "." in ip))

    def test_a_hundred_at_once(self):
        results = []

        def add(number):
            results.append(call("POST", "/v1/endpoints", endpoint(f"c{number}"))[0])

        threads = [threading.Thread(target=add, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [201] * 100)

    def test_metadata_stream(self):
        call("POST", "/v1/endpoints", endpoint("c1", {"app": "web"}))
        connection = Connection("weftd")
        connection.request("GET", "/v1/metadata")
        answer = connection.getresponse()

        def line():
            text = b""
            while not text.endswith(b"\n"):
                text += answer.read(1)
            return json.loads(text)

        types = []
        while not types or types[-1] != "synced":
            types.append(line()["type"])
        self.assertEqual(types[0], "node")
        self.assertIn("endpoint", types)
        self.assertEqual(call("POST", "/v1/policies", deny_all("p", {"app": "web"}))[0], 200)
        change = line()
        self.assertEqual((change["type"], change["op"], change["name"]), ("rule", "add", "p"))
        self.assertEqual((change["path"], change["tier"], "priority" in change), ("", "NetworkPolicy", False))
        connection.close()

    def test_uplink_and_capabilities(self):
        self.daemon.stop()
        run("ip", "-n", NAME, "link", "add", "up0", "mtu", "1400", "type", "veth", "peer", "name", "up1")
        run("ip", "-n", NAME, "addr", "add", "192.0.2.1/24", "dev", "up0")
        run("ip", "-n", NAME, "link", "set", "up0", "up")
        self.daemon = Daemon(uplink="up0")
        status = call("GET", "/v1/status")[1]["datapath"]
        self.assertEqual((status["uplink"], status["mtu"]), ("up0", 1400))
        self.assertEqual(call("POST", "/v1/endpoints", endpoint("c1"))[1]["mtu"], 1400)
        control = rows("control")[0]
        self.assertIn("192.0.2.1", json.dumps(control))
        self.assertTrue([row for row in rows("addr4") if row["address"] == "192.0.2.1"])
        run("ip", "-n", NAME, "addr", "add", "192.0.2.7/24", "dev", "up0")  # an address that comes later
        until = time.time() + 10 * FACTOR
        while not [row for row in rows("addr4") if row["address"] == "192.0.2.7"] and time.time() < until:
            time.sleep(0.05)
        self.assertTrue([row for row in rows("addr4") if row["address"] == "192.0.2.7"])
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="utf-8") as file:
            effective = [int(line.split()[1], 16) for line in file if line.startswith("CapEff")][0]
        wanted = sum(1 << number for number in (2, 12, 38, 39))  # DAC_READ_SEARCH, NET_ADMIN, PERFMON, BPF
        self.assertEqual(effective & ~wanted, 0)
        time.sleep(2.5)  # an ageing pass with what is left
        self.assertEqual(call("GET", "/v1/status")[1]["datapath"]["flows"]["error"], "")

    def test_silent_clients_hold_up_nobody(self):
        silent = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            client.connect(SOCKET)
            client.sendall(b"GET /v1/h")
            silent.append(client)
        self.assertEqual(call("GET", "/v1/healthz")[0], 200)
        for client in silent:  # none has been given up before the answer came
            client.setblocking(False)
            self.assertRaises(BlockingIOError, client.recv, 1)
            client.close()

    def test_bad_requests(self):
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p", "annotations": {"a": "x" * 9000}}, "spec": {"podSelector": {}}}
        connection = Connection("weftd")
        connection.request("POST", "/v1/policies", json.dumps(policy), {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 413)
        self.assertIn("Content-Type: application/json", json.loads(answer.read())["error"]["message"])
        self.assertEqual(call("POST", "/v1/endpoints", {"container_id": "c"})[0], 400)
        connection = Connection("weftd")
        connection.request("POST", "/v1/policies", b" " * (9 << 20))
        try:
            self.assertEqual(connection.getresponse().status, 413)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the daemon need not read to the end
        self.assertEqual(call("GET", "/v1/healthz")[0], 200)

    def test_uninstall_leaves_nothing(self):
        run("ip", "-n", NAME, "link", "add", "weft0123456789a", "type", "veth", "peer", "name", "p0")
        self.assertEqual(call("POST", "/v1/endpoints", endpoint("c1", host_ifname="weft0123456789a", host_ifindex=9))[0], 201)
        command = nsenter(WEFTD, "uninstall", "--run-dir", f"{RUN}/run", "--bpf-dir", BPF, "--uplink", "none")
        self.assertEqual(run(*command, check=False).returncode, 1, "not while it runs")
        self.assertEqual(self.daemon.stop(), 0)
        done = run(*command)
        self.assertIn("device weft0123456789a: removed", done.stdout)
        self.assertIn("nothing is left", done.stdout)
        self.assertFalse(os.path.exists(BPF) or os.path.exists(f"{RUN}/run"))
        self.assertNotEqual(run("ip", "-n", NAME, "link", "show", "weft0123456789a", check=False).returncode, 0)
        run(*command)  # again: nothing to do


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.isdir("/sys/fs/bpf"):
        print("needs root and /sys/fs/bpf")
        sys.exit(77)
    WEFTD = os.path.realpath(sys.argv.pop(1))
    unittest.main(verbosity=2)
