"""A node for the end-to-end tests: namespaces, the real weftd, hubble-lite and weft-cni, and sockets in any of the namespaces.

    wt-e2e-X           the node: eth0 192.0.2.1/24 2001:db8::1/64, default routes to the outside
    wt-e2e-X-outside   192.0.2.2, 2001:db8::2; routes on to
    wt-e2e-X-far       198.51.100.2, 2001:db8:f::2 behind a link with an MTU of 1300
    wt-e2e-X-<pod>     pods
"""
import contextlib
import ctypes
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time

PATIENCE = 60 * int(os.environ.get("WEFT_TIME_FACTOR", "1"))  # seconds until something that must happen is taken for failed; nothing is asserted about speed
TICKS = 2.5  # seconds: weftd frees what is not used once a second, and some of it in two steps
CLONE_NEWNET = 0x40000000
BUILD = os.environ.get("WEFT_BUILD_DIR", "/work/build/e2e")
SMALL = ["--flows4", "16384", "--flows6", "16384", "--half-open4", "2048", "--half-open6", "2048", "--ring-bytes", "1048576"]
LIBC = ctypes.CDLL(None, use_errno=True)


def run(*command, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done


def until(what, condition, patience=PATIENCE):
    """Polls until condition() is true; its value."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen: {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def inside(netns):
    """This thread in a network namespace; a socket that is made here stays there."""
    with open("/proc/thread-self/ns/net", "rb") as back, open(f"/run/netns/{netns}", "rb") as to:
        if LIBC.setns(to.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), netns)
        try:
            yield
        finally:
            if LIBC.setns(back.fileno(), CLONE_NEWNET) != 0:
                os._exit(70)  # nothing further may run in the wrong namespace


def bpf_object_id(path):
    """Number of the program, map or link that is pinned at path: it changes when another takes its place."""
    class Get(ctypes.Structure):
        _fields_ = [("path", ctypes.c_uint64), ("fd", ctypes.c_uint32), ("flags", ctypes.c_uint32)]

    class Info(ctypes.Structure):
        _fields_ = [("fd", ctypes.c_uint32), ("length", ctypes.c_uint32), ("info", ctypes.c_uint64)]

    name = ctypes.create_string_buffer(path.encode())
    get = Get(ctypes.addressof(name), 0, 0)
    fd = LIBC.syscall(321, 7, ctypes.byref(get), ctypes.sizeof(get))  # BPF_OBJ_GET
    if fd < 0:
        raise OSError(ctypes.get_errno(), path)
    try:
        buffer = (ctypes.c_uint32 * 64)()
        info = Info(fd, ctypes.sizeof(buffer), ctypes.addressof(buffer))
        if LIBC.syscall(321, 15, ctypes.byref(info), ctypes.sizeof(info)) != 0:  # BPF_OBJ_GET_INFO_BY_FD
            raise OSError(ctypes.get_errno(), path)
        return buffer[1]  # type, then the number, in all three
    finally:
        os.close(fd)


class Pod:
    def __init__(self, name, netns, addresses):
        self.name, self.netns = name, netns
        self.v4 = next(a for a in addresses if ":" not in a)
        self.v6 = next(a for a in addresses if ":" in a)

    def address(self, family):
        return self.v4 if family == socket.AF_INET else self.v6


class Node:
    outside = {socket.AF_INET: "192.0.2.2", socket.AF_INET6: "2001:db8::2"}
    host = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
    far = {socket.AF_INET: "198.51.100.2", socket.AF_INET6: "2001:db8:f::2"}

    def __init__(self, suffix):
        self.name = f"wt-e2e-{suffix}"
        self.state, self.pins = f"/tmp/{self.name}", f"/sys/fs/bpf/{self.name}"
        self.processes = {}
        self.weftd_options = []

    # -- life ---------------------------------------------------------------------------------------------------------------------

    def make(self, *weftd_options):
        self.weftd_options = list(weftd_options)
        self.clean()
        for folder in ("run", "objects", "log"):
            os.makedirs(f"{self.state}/{folder}")
        node, outside, far = self.name, f"{self.name}-outside", f"{self.name}-far"
        run("ip", "-b", "-", input=f"netns add {node}\nnetns add {outside}\nnetns add {far}\n")
        run("ip", "-n", node, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", outside)
        run("ip", "-n", outside, "link", "add", "far0", "mtu", "1300", "type", "veth", "peer", "name", "eth0", "mtu", "1300", "netns", far)
        for netns in (node, outside, far):
            self.sysctl(netns, "ipv6/conf/all/accept_dad", 0)
            for device in {"far0", "eth0"} if netns == outside else {"eth0"}:
                self.sysctl(netns, f"ipv6/conf/{device}/accept_dad", 0)
            self.sysctl(netns, "ipv4/ip_forward", 1)
            self.sysctl(netns, "ipv6/conf/all/forwarding", 1)
            run("ip", "-n", netns, "link", "set", "lo", "up")
        run("ip", "-n", node, "-b", "-", input="addr add 192.0.2.1/24 dev eth0\naddr add 2001:db8::1/64 dev eth0\nlink set eth0 up\n")
        run("ip", "-n", outside, "-b", "-", input="addr add 192.0.2.2/24 dev eth0\naddr add 2001:db8::2/64 dev eth0\nlink set eth0 up\n"
            "addr add 198.51.100.1/24 dev far0\naddr add 2001:db8:f::1/64 dev far0\nlink set far0 up\n")
        run("ip", "-n", far, "-b", "-", input="addr add 198.51.100.2/24 dev eth0\naddr add 2001:db8:f::2/64 dev eth0\nlink set eth0 up\n"
            "route add default via 198.51.100.1\nroute add default via 2001:db8:f::1\n")
        run("ip", "-n", node, "-b", "-", input="route add default via 192.0.2.2\nroute add default via 2001:db8::2\n")
        self.start_weftd()
        self.start_hubble()

    def clean(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        names = [name for name in os.listdir("/run/netns") if name == self.name or name.startswith(self.name + "-")] if os.path.isdir("/run/netns") else []
        if names:
            run("ip", "-b", "-", input="".join(f"netns del {name}\n" for name in names), check=False)
        if os.path.isdir(self.pins):
            run("rm", "-rf", self.pins)
        shutil.rmtree(self.state, ignore_errors=True)

    def sysctl(self, netns, name, value):
        run("nsenter", f"--net=/run/netns/{netns}", "sh", "-c", f"echo {value} >/proc/sys/net/{name}")

    def start(self, name, program, *options):
        with open(f"{self.state}/log/{name}", "a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{self.name}", "--", f"{BUILD}/{program}", "--run-dir", f"{self.state}/run", "--bpf-dir", self.pins, *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def wait_for(self, name, healthy):
        def answers():
            if self.processes[name].poll() is not None:
                raise RuntimeError(f"{name} ended:\n{self.log(name)}")
            try:
                return healthy()
            except (OSError, http.client.HTTPException):
                return False
        try:
            until(f"{name} answers", answers)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log(name)}") from None

    def log(self, name):
        with open(f"{self.state}/log/{name}", encoding="utf-8") as file:
            return file.read()[-4000:]

    def start_weftd(self):
        self.start("weftd", "daemon/weftd", "--objects", f"{self.state}/objects", "--uplink", "eth0", "--node-name", "node-1", *SMALL, *self.weftd_options)
        self.wait_for("weftd", lambda: self.api("GET", "/v1/healthz")[0] == 200)

    def start_hubble(self):
        self.start("hubble-lite", "hubble-lite/hubble-lite", "--listen", "127.0.0.1:4245")
        self.wait_for("hubble-lite", lambda: self.hubble("/healthz")[0] == 200)

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    # -- asking the programs ------------------------------------------------------------------------------------------------------

    def api(self, method, path, body=None):
        """Status and body of a request to weftd; NDJSON (maps) as a list."""
        connection = http.client.HTTPConnection("weftd", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(f"{self.state}/run/weftd.sock")
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read().decode()
            if path.startswith("/v1/maps/"):
                return answer.status, [json.loads(line) for line in text.splitlines()]
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text
        finally:
            connection.close()

    def hubble(self, path):
        with inside(self.name):
            connection = http.client.HTTPConnection("127.0.0.1", 4245, timeout=PATIENCE)
            connection.connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def flows(self, query):
        """Flows of hubble-lite, oldest first."""
        status, text = self.hubble(f"/v1/flows?{query}")
        assert status == 200, text
        return [json.loads(line) for line in text.splitlines()]

    def rows(self, name):
        status, rows = self.api("GET", f"/v1/maps/{name}")
        assert status == 200, rows
        return rows

    def dropped(self):
        """Dropped packets by reason since the datapath was loaded, as Prometheus names them."""
        out = {}
        for line in self.hubble("/metrics")[1].splitlines():
            if line.startswith("weft_dropped_packets_total{") and float(line.rsplit(" ", 1)[1]) > 0:
                out[line.rsplit(" ", 1)[0]] = float(line.rsplit(" ", 1)[1])
        return out

    # -- pods ---------------------------------------------------------------------------------------------------------------------

    def cni_start(self, verb, container, netns):
        config = {"cniVersion": "1.0.0", "name": "weft", "type": "weft-cni", "run_dir": f"{self.state}/run", "bpf_dir": self.pins,
                  "labels": {"app": container}}
        environment = dict(os.environ, CNI_COMMAND=verb, CNI_CONTAINERID=container, CNI_IFNAME="eth0", CNI_PATH=f"{BUILD}/cni", CNI_NETNS=netns,
                           CNI_ARGS=f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={container}")
        process = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.name}", "--", f"{BUILD}/cni/weft-cni"], env=environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write(json.dumps(config))
        process.stdin.close()
        process.stdin = None
        return process

    def cni_result(self, process):
        output, errors = process.communicate(timeout=PATIENCE * 3)
        return process.returncode, json.loads(output) if output.strip() else {"stderr": errors} if errors else {}

    def cni(self, verb, container, netns=None):
        """Exit code and JSON of a call of weft-cni in the node."""
        path = netns if netns is not None else f"/run/netns/{self.name}-{container}"
        return self.cni_result(self.cni_start(verb, container, path))

    def pod(self, name):
        netns = f"{self.name}-{name}"
        run("ip", "netns", "add", netns)
        run("ip", "-n", netns, "link", "set", "lo", "up")
        code, result = self.cni("ADD", name)
        assert code == 0, result
        return Pod(name, netns, [ip["address"].split("/")[0] for ip in result["ips"]])

    def write_policy(self, name, spec):
        path = f"{self.state}/objects/{name}.json"
        if spec is None:
            os.unlink(path)
            return
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
        with open(f"{self.state}/objects/.{name}", "w", encoding="utf-8") as file:
            json.dump(policy, file)
        os.rename(f"{self.state}/objects/.{name}", path)

    def policy(self, name, spec):
        """Drops a NetworkPolicy into the objects directory, or takes it out (spec None), and waits until it is so."""
        self.write_policy(name, spec)
        wanted = 404 if spec is None else 200
        until(f"policy {name}", lambda: self.api("GET", f"/v1/policies/NetworkPolicy/default/{name}")[0] == wanted)

    # -- what there is ------------------------------------------------------------------------------------------------------------

    def pinned(self):
        """Number of every pinned object by its path."""
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(self.pins) for name in names]
        return {path: bpf_object_id(path) for path in sorted(paths)}

    def kernel_state(self):
        """Everything that an endpoint or a policy leaves in the node's kernel and file system, comparable."""
        def ip(*what):
            return json.loads(run("ip", "-n", self.name, "-j", *what).stdout or "[]")

        def without(rows, *keys):
            return sorted(json.dumps({k: v for k, v in row.items() if k not in keys}, sort_keys=True) for row in rows)
        state = {
            "links": sorted((link["ifname"], link["ifindex"]) for link in ip("link")),
            "addresses": sorted((link["ifname"], a["local"]) for link in ip("addr") for a in link.get("addr_info", [])),
            "routes4": without(ip("-4", "route", "show", "table", "all")),
            "routes6": without(ip("-6", "route", "show", "table", "all"), "expires"),
            "neighbours": sorted((n["dst"], n["lladdr"]) for n in ip("neigh", "show", "nud", "permanent") if "lladdr" in n),
            "pins": self.pinned(),
            "files": sorted(os.path.join(folder, name) for folder, _, names in os.walk(f"{self.state}/run") for name in names if "weft.db" not in name),
            "listed endpoints": self.api("GET", "/v1/endpoints")[1],
        }
        for name in ("control", "endpoints", "addr4", "addr6", "cidr4", "cidr6", "policies", "policy_classes", "port_rows"):
            state[f"map {name}"] = sorted(json.dumps(row, sort_keys=True) for row in self.rows(name))
        return state

    def settled_state(self):
        """The state when what weftd frees after a grace period is freed."""
        last = []

        def same_for_long():
            last.append((time.monotonic(), self.kernel_state()))
            if last[-1][1] != last[0][1]:
                del last[:-1]
            return last[-1][0] - last[0][0] > TICKS
        until("the state does not change any more", same_for_long)
        return last[-1][1]


class Background(threading.Thread):
    """A thread whose exception is raised again by finish()."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.error, self.stopping = work, None, threading.Event()
        self.start()

    def run(self):
        try:
            self.work(self.stopping)
        except BaseException as error:  # to the thread that asks
            self.error = error

    def finish(self):
        self.stopping.set()
        self.join(PATIENCE)
        if self.error is not None:
            raise self.error
        assert not self.is_alive(), "a background thread does not end"
