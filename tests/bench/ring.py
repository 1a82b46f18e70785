"""./dev bench ring: our ring beside Debian's corosync, in the same namespaces and the same minutes.

Nodes are network namespaces on one bridge; both rings run in them at once, each idle while the other is measured, ours
sealed (AES-256-GCM), corosync with crypto_cipher aes256 and crypto_hash sha256. Runs alternate, medians are compared.
"""
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from lab.client import LabError, binaries

NET = "10.78.0"
SIZES = (64, 1024, 16384, 65536)
COROSYNC = "/usr/sbin/corosync"
# At least so many times the peer's rate; at most this share of its latency.
ONE_SENDER, ALL_SEND, P50, P99 = 1.5, 2.0, 0.7, 1.0


def _ip(*words, check=True):
    subprocess.run(["ip", *words], check=check, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE if check else subprocess.DEVNULL)


class Namespaces:
    """`count` of them, n1 at 10.78.0.1 and so on. Their names carry this process's id."""

    def __init__(self, count):
        self.hub = f"sysring-{os.getpid()}-hub"
        self.names = [f"sysring-{os.getpid()}-{i}" for i in range(1, count + 1)]

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("./dev bench ring needs root: it makes network namespaces")
        try:
            _ip("netns", "add", self.hub)
            _ip("-n", self.hub, "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
            _ip("-n", self.hub, "link", "set", "br0", "up")
            for number, name in enumerate(self.names, 1):
                _ip("netns", "add", name)
                _ip("-n", self.hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
                _ip("-n", self.hub, "link", "set", f"v{number}", "master", "br0", "up")
                _ip("-n", name, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    _ip("-n", name, "link", "set", device, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in [*self.names, self.hub]:
            _ip("netns", "del", name, check=False)

    def unplug(self, number):
        """Its cable: what it says and what is said to it vanishes, and nobody refuses anything."""
        _ip("-n", self.hub, "link", "set", f"v{number}", "down")

    def start(self, number, *command, **how):
        return subprocess.Popen(["ip", "netns", "exec", self.names[number - 1], *command], text=True, **how)


class Nodes:
    """One load program in each namespace, spoken to by lines."""

    def __init__(self, spaces, commands, stderr=None):
        self.processes = [spaces.start(number, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
                          for number, command in enumerate(commands, 1)]

    def ask(self, numbers, line):
        """The answers' numbers, of all `numbers` at the same time."""
        for number in numbers:
            self.processes[number - 1].stdin.write(line + "\n")
            self.processes[number - 1].stdin.flush()
        answers = [self.processes[number - 1].stdout.readline().split()[1:] for number in numbers]
        if not all(answers):
            raise LabError(f"a load program ended while it was asked: {line}")
        return [[float(word) for word in answer] for answer in answers]

    def all(self):
        return range(1, len(self.processes) + 1)

    def form(self):
        self.ask(self.all(), f"view {len(self.processes)}")

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class Corosync:
    """A corosync daemon in each namespace: configuration, key and state in a directory of its own."""

    def __init__(self, spaces, directory, count):
        self.daemons = []
        nodes = "".join(f"node {{\nring0_addr: {NET}.{i}\nname: n{i}\nnodeid: {i}\n}}\n" for i in range(1, count + 1))
        key = f"{directory}/authkey"
        with open(key, "wb") as file:
            file.write(b"k" * 256)
        os.chmod(key, 0o400)
        for number in range(1, count + 1):
            state = f"{directory}/corosync-{number}"
            os.mkdir(state)
            with open(f"{state}/corosync.conf", "w", encoding="ascii") as file:
                file.write(f"totem {{\nversion: 2\ncluster_name: bench\ntransport: knet\ncrypto_cipher: aes256\n"
                           f"crypto_hash: sha256\nkeyfile: {key}\ninterface {{\nlinknumber: 0\nmcastport: 5505\n}}\n}}\n"
                           f"logging {{\nto_stderr: no\nto_syslog: no\nto_logfile: yes\nlogfile: {state}/log\n}}\n"
                           f"system {{\nstate_dir: {state}\n}}\n"
                           f"quorum {{\nprovider: corosync_votequorum\n}}\nnodelist {{\n{nodes}}}\n")
            # Its lock file is /run/corosync.pid: a /run for each. `ip netns exec` has made a mount namespace.
            self.daemons.append(spaces.start(number, "sh", "-c", "mount -t tmpfs tmpfs /run && exec \"$@\"", "sh",
                                             COROSYNC, "-f", "-c", f"{state}/corosync.conf", stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def close(self):
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()


def _peer_is_installed():
    return os.access(COROSYNC, os.X_OK) and os.access(f"{binaries()}/systole-bench-cpg", os.X_OK)


def compare(count, sizes, seconds, runs, say):
    """Rows of (what, unit, ours, theirs or None), medians of `runs`."""
    directory = tempfile.mkdtemp(prefix="systole-bench-ring-")
    peer = _peer_is_installed()
    figures = {}
    corosync = theirs = ours = None
    with Namespaces(count) as spaces:
        try:
            ours = Nodes(spaces, [[f"{binaries()}/systole-bench-ring", str(i), str(count), NET, directory]
                                  for i in range(1, count + 1)])
            ours.form()
            if peer:
                corosync = Corosync(spaces, directory, count)
                time.sleep(1)
                theirs = Nodes(spaces, [[f"{binaries()}/systole-bench-cpg"]] * count)
                theirs.form()
            else:
                say("   corosync or its cpg library is not installed: nothing to compare with")
            for size in sizes:
                for _ in range(runs):
                    for who, nodes in (("ours", ours), ("theirs", theirs)):
                        if nodes is None:
                            continue
                        add = lambda what, value, who=who: figures.setdefault((what, size), {}).setdefault(who, []).append(value)
                        _, p50, p99, _ = nodes.ask([1], f"latency {size} {seconds}")[0]
                        add("latency p50", p50)
                        add("latency p99", p99)
                        add("one sender", nodes.ask([1], f"rate {size} {seconds}")[0][0])
                        add("three senders", sum(answer[0] for answer in nodes.ask([1, 2, 3], f"rate {size} {seconds}")))
                say(f"   {count} nodes, {size} bytes measured")
        finally:
            for part in (theirs, ours, corosync):
                if part is not None:
                    part.close()
            shutil.rmtree(directory, ignore_errors=True)
    return {key: {who: statistics.median(values) for who, values in sides.items()} for key, sides in figures.items()}


def table(count, figures, say):
    """Prints the comparison; returns the rows that miss their targets."""
    missed = []
    goals = {"latency p50": ("<=", P50), "latency p99": ("<=", P99), "one sender": (">=", ONE_SENDER),
             "three senders": (">=", ALL_SEND)}
    say(f"{count} nodes        bytes        ours    corosync   ratio   target")
    for (what, size), sides in sorted(figures.items(), key=lambda item: (list(goals).index(item[0][0]), item[0][1])):
        ours, theirs = sides["ours"], sides.get("theirs")
        unit = "us" if what.startswith("latency") else "/s"
        sign, goal = goals[what]
        ratio = ours / theirs if theirs else None
        met = ratio is None or (ratio >= goal if sign == ">=" else ratio <= goal)
        if not met:
            missed.append(f"{what}, {size} bytes, {count} nodes")
        rates = "" if unit == "us" else f"   {ours * size / 1e6:.1f} MB/s"
        say(f"{what:14} {size:6}  {ours:9.0f}{unit}" + (f" {theirs:9.0f}{unit}  {ratio:6.2f}   {sign} {goal}" if theirs else "")
            + ("" if met else "  MISSED") + rates)
    return missed


def measure(options):
    """Runs and prints all; returns what --json writes."""
    document = {}
    for count in (int(word) for word in options.nodes.split(",")):
        figures = compare(count, SIZES, options.seconds, options.runs or 3, print)
        print()
        table(count, figures, print)
        print()
        document[str(count)] = [{"what": what, "bytes": size, **sides} for (what, size), sides in figures.items()]
    return document
