"""Lab: one laboratory, as tests, the demo and the benchmarks use it.

    with Lab.up(3, name="mine", token=1000) as lab:
        lab.exec("n1", "crm_mon", "-1").stdout
        lab.kill("n2")
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import files, machine, process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOST = "host"


class LabError(Exception):
    """Something that the person who asked can act on."""


def labs_directory():
    return os.environ.get("SYSTOLE_LAB_DIR", f"/tmp/systole-labs-{os.getuid()}")


def binaries():
    """Where systoled and its tools are: SYSTOLE_BIN, or the release build."""
    return os.path.abspath(os.environ.get("SYSTOLE_BIN", f"{ROOT}/build/release/bin"))


def describe(count, name="default", nets=1, token=None, two_node=False, options=None, start=True, mode="auto",
             state_size=None, boot_delay=1000, daemon=None, host_bits=200,
             provider=None):
    """A lab's description: what goes into lab.json. Times in milliseconds. Provider: ring, or corosync (Debian's, started
    on every node before the daemon); by default what SYSTOLE_LAB_PROVIDER says."""
    provider = provider or os.environ.get("SYSTOLE_LAB_PROVIDER", "ring")
    if provider not in ("ring", "corosync"):
        raise LabError(f"provider {provider} is not known: ring or corosync")
    if not 1 <= count <= 99 or not 1 <= nets <= 8:
        raise LabError("a lab has 1 to 99 nodes and 1 to 8 networks")
    loopback = mode == "loopback"
    address = lambda net, i: f"127.{77 if net == 0 else 77 + net}.0.{i}" if loopback else f"10.77.{net}.{i}"
    nodes = [{"name": f"n{i}", "id": i, "addresses": [address(net, i) for net in range(nets)]}
             for i in range(1, count + 1)]
    host = {"name": HOST, "id": 0, "role": HOST, "addresses": [address(net, host_bits) for net in range(nets)]}
    bin_dir = binaries()
    return {"name": name, "nets": nets, "provider": provider, "token": token, "two_node": two_node, "options": options or {}, "mode": mode,
            "start": start, "state_size": state_size, "boot_delay": boot_delay, "nodes": nodes, "host": host,
            "bin": bin_dir, "agents": os.path.join(os.path.dirname(bin_dir), "resource.d"),
            "companion": ["/usr/sbin/corosync", "-f"] if provider == "corosync" else None,
            "daemon": daemon or [f"{bin_dir if loopback else files.LAB_BIN}/systoled"]}


class Lab:
    def __init__(self, name="default"):
        self.name, self.directory = name, f"{labs_directory()}/{name}"
        try:
            with open(f"{self.directory}/lab.json", encoding="utf-8") as file:
                self.lab = json.load(file)
        except FileNotFoundError:
            raise LabError(f"no lab {name} is up: ./dev cluster up 3 --lab {name}") from None
        self._machines = {}

    # Up and down ------------------------------------------------------------------------------------------

    @classmethod
    def up(cls, count, name="default", mode="auto", **description):
        """Builds the lab and starts its nodes. Mode auto: namespaces as root or as an ordinary user, or else, saying
        so, loopback. Raises LabError."""
        directory = f"{labs_directory()}/{name}"
        if os.path.exists(f"{directory}/lab.json"):
            if cls(name).running():
                raise LabError(f"lab {name} is already up: ./dev cluster down --lab {name}")
            cls(name).down()
        modes = [mode] if mode != "auto" else (["root"] if os.geteuid() == 0 else []) + ["user", "loopback"]
        reasons = []
        for each in modes:
            lab = describe(count, name=name, mode=each, **description)
            problem = cls._try(directory, lab)
            if problem is None:
                if each == "loopback" and reasons:
                    print(f"This machine allows no namespaces ({reasons[0]}): the nodes run on loopback addresses, "
                          "without floating addresses and without cuts.", file=sys.stderr)
                return cls(name)
            reasons.append(f"{each}: {problem}")
        raise LabError("the lab cannot be built: " + "; ".join(reasons))

    @staticmethod
    def _try(directory, lab):
        """None, or why a lab of this mode cannot be built here."""
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory, mode=0o755)
        files.write(f"{directory}/lab.json", json.dumps(lab, indent=1))
        read, write = os.pipe()
        warden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "warden.py")
        with open(f"{directory}/warden.log", "w", encoding="utf-8") as log:
            child = subprocess.Popen([sys.executable, warden, directory, str(write)], pass_fds=[write],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
        os.close(write)
        files.write(f"{directory}/warden.json", json.dumps({"pid": child.pid, "started": process.start_time(child.pid)}))
        message = os.read(read, 65536).decode(errors="replace")
        os.close(read)
        if message == "ok":
            child.returncode = 0  # It outlives this process; not ours to wait for.
            return None
        child.wait()
        with open(f"{directory}/warden.log", encoding="utf-8", errors="replace") as log:
            problem = message or log.read().strip().rsplit("\n", 1)[-1] or "its warden ended without a word"
        shutil.rmtree(directory, ignore_errors=True)
        return problem

    def _warden(self):
        try:
            with open(f"{self.directory}/warden.json", encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"pid": 0, "started": ""}

    def running(self):
        warden = self._warden()
        return process.alive(warden["pid"], warden["started"])

    def down(self):
        """Ends every process of the lab, and its folder."""
        warden = self._warden()
        if self.running():
            try:
                self.ask("down")
            except (OSError, LabError):
                pass
            if not self._gone(warden, 10):
                process.send([warden["pid"]], signal.SIGKILL)  # The nodes die with it.
                self._gone(warden, 10)
        shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def _gone(warden, seconds):
        deadline = time.monotonic() + seconds
        while process.alive(warden["pid"], warden["started"]):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()

    # Orders -----------------------------------------------------------------------------------------------

    def ask(self, what, **request):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(60)
            try:
                sock.connect(f"{self.directory}/control")
            except OSError as error:
                raise LabError(f"lab {self.name}'s warden does not answer ({error}): "
                               f"./dev cluster down --lab {self.name}") from None
            sock.sendall(json.dumps({"do": what, **request}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                chunk = sock.recv(1 << 20)
                if not chunk:
                    if what == "down":
                        return {}
                    raise LabError(f"lab {self.name}'s warden ended; see {self.directory}/warden.log")
                data += chunk
        answer = json.loads(data)
        if "error" in answer:
            raise LabError(answer["error"])
        return answer

    def status(self):
        status = self.ask("status")
        self._machines = status["machines"]
        return status

    def kill(self, node):
        """Power loss. Returns the wall-clock second at which it began."""
        return self.ask("kill", node=node)["time"]

    def start(self, node, daemon=True):
        self._machines = {}
        return self.ask("start", node=node, daemon=daemon)

    def stop(self, node, seconds=60):
        """Orderly: SIGTERM to the node's daemon, and waits for its end. Returns its exit status."""
        self.ask("signal", node=node, number=int(signal.SIGTERM))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.ask("daemon", node=node)
            if state["daemon"] is None:
                return state["exit"]
            time.sleep(0.02)
        raise LabError(f"the daemon on {node} did not stop within {seconds} s")

    def kill_daemon(self, node):
        """SIGKILL to the node's main daemon only: its resources stay."""
        return self.ask("signal", node=node, number=int(signal.SIGKILL))

    def freeze(self, node):
        self.ask("freeze", node=node)

    def thaw(self, node):
        self.ask("thaw", node=node)

    def cut(self, node, peer=None, net=None, oneway=False):
        self.ask("cut", node=node, **{"from": peer}, net=net, oneway=oneway)

    def heal(self):
        self.ask("heal")

    def power(self, action, node):
        answer = self.ask("power", action=action, node=node, by="a person")
        return answer["code"], answer["text"]

    def events(self):
        with open(f"{self.directory}/events.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    # Nodes ------------------------------------------------------------------------------------------------

    @property
    def names(self):
        return [node["name"] for node in self.lab["nodes"]]

    @property
    def loopback(self):
        return self.lab["mode"] == "loopback"

    def address(self, node, net=0):
        return next(n["addresses"][net] for n in self.lab["nodes"] + [self.lab["host"]] if n["name"] == node)

    def pid(self, node):
        return self._record(node)["pid"]

    def disk(self, node, path):
        """Where a file of the node's disk (an absolute path as the node sees it) is on this host."""
        for folder, target in files.DISK.items():
            if path == target or path.startswith(target + "/"):
                return f"{self.directory}/nodes/{node}/{folder}{path[len(target):]}"
        raise LabError(f"{path} is not on a node's own disk: {' '.join(files.DISK.values())}")

    def write(self, node, path, text, mode=0o644):
        files.write(self.disk(node, path), text, mode)

    def log(self, node):
        try:
            with open(self.disk(node, "/var/log/systole.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _record(self, node):
        record = self._machines.get(node)
        if not record or not process.alive(record["pid"], record["started"]):
            if self.loopback and node == HOST:
                return {"pid": 0, "environment": machine.base_environment()}
            record = self.status()["machines"].get(node)
            if record is None:
                raise LabError(f"this lab has no node {node}; it has {' '.join(self._machines)}")
            if not record["on"]:
                raise LabError(f"{node} is off: ./dev cluster start {node} --lab {self.name}")
        return record

    def command(self, node, *argv):
        """(argv, environment) that run `argv` inside a node, or in the client's namespace (`host`)."""
        record = self._record(node)
        environment = dict(record["environment"])
        if self.loopback:
            if node == HOST:
                environment["PATH"] = f"{self.lab['bin']}:{environment['PATH']}"
            return ["/usr/bin/env", "-C", "/", *argv], environment
        inside = ["nsenter", "-t", str(record["pid"]), "-m", "-n", "-p", "-u", "-i", "-w"]
        if self.lab["mode"] == "user":
            inside += ["-U", "--preserve-credentials"]
        return [*inside, "--", *argv], environment

    def exec(self, node, *argv, check=False, timeout=60, input=None):  # pylint: disable=redefined-builtin
        """Runs to its end. Returns the CompletedProcess, with text output."""
        full, environment = self.command(node, *argv)
        result = subprocess.run(full, env=environment, input=input, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=timeout, check=False, errors="replace",
                                **({} if input is not None else {"stdin": subprocess.DEVNULL}))
        if check and result.returncode != 0:
            raise LabError(f"{node}: {' '.join(argv)} exited with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def spawn(self, node, *argv, **options):
        """Starts `argv` inside a node and returns the Popen, in a session of its own: see end_of()."""
        full, environment = self.command(node, *argv)
        return subprocess.Popen(full, env=environment, start_new_session=True, **options)

    @staticmethod
    def end_of(child):
        """Kills what spawn() started: nsenter, and the command in the node that it only watches."""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()


def all_labs():
    try:
        return sorted(n for n in os.listdir(labs_directory()) if os.path.exists(f"{labs_directory()}/{n}/lab.json"))
    except FileNotFoundError:
        return []
