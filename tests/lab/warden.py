"""The lab's daemon: owns its networks and machines, and obeys two doors: a control socket for people and tests, and
the nodes' power switch (power.sh). When it ends, everything of the lab ends with it, by the kernel's hand.

  warden.py LAB_DIRECTORY READY_FD    (started by client.Lab.up)
"""
import json
import os
import selectors
import signal
import socket
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    __package__ = "lab"  # pylint: disable=redefined-builtin
    import lab as _package  # noqa: F401

from . import files, kernel, machine, network  # noqa: E402


class Warden:
    def __init__(self, directory):
        self.directory = directory
        with open(f"{directory}/lab.json", encoding="utf-8") as file:
            self.lab = json.load(file)
        self.loopback = self.lab["mode"] == "loopback"
        self.machines, self.cuts, self.stopping = {}, [], False
        self.listener = None
        self.boots = {}  # Node -> when a machine that was power-cycled has booted.
        self.events = open(f"{directory}/events.jsonl", "a", encoding="utf-8")

    # Building and ending ----------------------------------------------------------------------------------

    def build(self):
        self._make_disks()
        if not self.loopback:
            self._enter_namespaces()
            network.make_bridges(self.lab["nets"])
        kind = machine.LoopbackMachine if self.loopback else machine.NamespaceMachine
        for node in self.lab["nodes"] + ([] if self.loopback else [self.lab["host"]]):
            node.setdefault("role", "node")
            self.machines[node["name"]] = kind(self.lab, node, self.directory)
        for each in self.machines.values():
            each.power_on()
        if self.lab["start"]:
            for each in self.nodes():
                each.order({"do": "start"})

    def _enter_namespaces(self):
        if self.lab["mode"] == "user":
            kernel.become_root_of_user_namespace()
        else:
            kernel.unshare(kernel.NEWNET | kernel.NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)

    def _make_disks(self):
        key = os.urandom(256)
        for node in self.lab["nodes"] + [self.lab["host"]]:
            files.make_disk(f"{self.directory}/nodes/{node['name']}", self.lab, node, key)
        shared = f"{self.directory}/shared"
        os.makedirs(shared, exist_ok=True)
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "power.sh"), "rb") as file:
            files.write(f"{shared}/power", file.read(), 0o755)
        os.mkfifo(f"{shared}/power.in", 0o600)

    def end(self):
        for each in self.machines.values():
            if each.frozen:
                each.thaw()
            each.power_off()
        machine.reap(seconds=2)

    def nodes(self):
        return [m for m in self.machines.values() if m.node["role"] == "node"]

    def event(self, what, **details):
        self.events.write(json.dumps({"time": time.time(), "what": what, **details}) + "\n")
        self.events.flush()

    # Orders -----------------------------------------------------------------------------------------------

    def machine(self, name):
        if name not in self.machines:
            raise KeyError(f"this lab has no node {name}; it has {' '.join(self.machines)}")
        return self.machines[name]

    def do_status(self, _request):
        return {"machines": {name: m.record() for name, m in self.machines.items()}, "cuts": self.cuts,
                "daemons": {m.name: m.order({"do": "status"})["daemon"] if m.on() and not m.frozen else None
                            for m in self.nodes()}}

    def do_daemon(self, request):
        return self.machine(request["node"]).order({"do": "status"})

    def do_kill(self, request):
        each, when = self.machine(request["node"]), time.time()
        self.event("kill", node=each.name)
        self.boots.pop(each.name, None)
        each.power_off()
        return {"time": when}

    def do_start(self, request):
        each = self.machine(request["node"])
        machine.reap()
        each.power_on()
        self._restore_cuts(each)
        self.event("start", node=each.name)
        return each.order({"do": "start"}) if request.get("daemon", True) else {}

    def do_signal(self, request):
        return self.machine(request["node"]).order({"do": "signal", "number": request["number"]})

    def do_freeze(self, request):
        self.event("freeze", node=request["node"])
        self.machine(request["node"]).freeze()
        return {}

    def do_thaw(self, request):
        self.event("thaw", node=request["node"])
        self.machine(request["node"]).thaw()
        return {}

    def do_cut(self, request):
        if self.loopback:
            raise OSError("networks cannot be cut in loopback mode: it needs network namespaces")
        nets = list(range(self.lab["nets"])) if request.get("net") is None else [request["net"]]
        if any(net not in range(self.lab["nets"]) for net in nets):
            raise KeyError(f"this lab has networks 0 to {self.lab['nets'] - 1}")
        cut = {"node": request["node"], "from": request.get("from"), "nets": nets, "oneway": request.get("oneway", False)}
        self._apply_cut(cut, True)
        self.cuts.append(cut)
        self.event("cut", **cut)
        return {}

    def _apply_cut(self, cut, on):
        each = self.machine(cut["node"])
        if cut["from"] is None:
            for net in cut["nets"]:
                if each.on():  # Else at its next boot.
                    network.attach(each.name, net, not on)
            return
        peer = self.machine(cut["from"])
        for one, other in ((each, peer), (peer, each))[:1 if cut["oneway"] else 2]:
            if one.on():
                network.block(one.pid, other.node["addresses"], cut["nets"], on)

    def _restore_cuts(self, each):
        for cut in self.cuts:
            if each.name in (cut["node"], cut["from"]):
                self._apply_cut(cut, True)

    def do_heal(self, _request):
        cuts, self.cuts = self.cuts, []
        for cut in cuts:
            if self.machine(cut["node"]).on():
                self._apply_cut(cut, False)
        self.event("heal")
        return {}

    def do_power(self, request):
        action, name = request["action"], request["node"]
        each = self.machine(name)
        if action == "status":
            return {"code": 0 if each.on() else 2, "text": "on" if each.on() else "off"}
        if action not in ("off", "on", "cycle", "reboot"):
            return {"code": 64, "text": f"unknown action {action}: it is one of off on cycle reboot status"}
        self.event("power", action=action, node=name, by=request.get("by", ""))
        self.boots.pop(name, None)
        if action in ("off", "cycle", "reboot"):
            each.power_off()
            self.event("off", node=name)
        if action == "on":
            self._boot(name)
        elif action != "off":  # As a real switch: confirmed off, and on again while the machine takes its time to boot.
            self.boots[name] = time.monotonic() + self.lab["boot_delay"] / 1000
        return {"code": 0, "text": "on" if each.on() else "off"}

    def _boot(self, name):
        answer = self.obey({"do": "start", "node": name, "daemon": self.lab["start"]})
        if "error" in answer:
            self.event("boot-failed", node=name, why=answer["error"])

    def _boot_those_due(self):
        for name in [n for n, due in self.boots.items() if due <= time.monotonic()]:
            del self.boots[name]
            self._boot(name)

    def do_down(self, _request):
        self.stopping = True
        return {}

    # Doors ------------------------------------------------------------------------------------------------

    def obey(self, request):
        try:
            return getattr(self, "do_" + request["do"])(request)
        except (OSError, KeyError, AttributeError) as error:
            return {"error": str(error.args[0] if isinstance(error, KeyError) else error)}

    def open_doors(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"{self.directory}/control")
        self.listener.listen(64)

    def serve(self):
        listener = self.listener
        pipe = os.open(f"{self.directory}/shared/power.in", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        select = selectors.DefaultSelector()
        select.register(listener, selectors.EVENT_READ, self._accept)
        select.register(pipe, selectors.EVENT_READ, self._power_switch)
        while not self.stopping:
            due = min(self.boots.values(), default=None)
            for key, _ in select.select(None if due is None else max(0, due - time.monotonic())):
                key.data(key.fileobj)
            self._boot_those_due()

    def _accept(self, listener):
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                data = b""
                while not data.endswith(b"\n"):
                    chunk = connection.recv(65536)
                    if not chunk:
                        return
                    data += chunk
                connection.sendall(json.dumps(self.obey(json.loads(data))).encode() + b"\n")
            except OSError:
                pass  # The caller went away.

    def _power_switch(self, pipe):
        for line in os.read(pipe, 65536).decode(errors="replace").splitlines():
            action, node, reply = (line.split() + ["", "", ""])[:3]
            answer = self.obey({"do": "power", "action": action, "node": node, "by": reply.rsplit(".", 2)[-2] if reply.count(".") >= 2 else ""})
            path = f"{self.directory}/shared/{os.path.basename(reply)}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue  # The asker is gone (it may be the one just switched off).
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{answer.get('code', 1)} {answer.get('text', answer.get('error', ''))}\n")


def main():
    directory, ready = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    warden = Warden(directory)
    message = b"ok"
    try:
        warden.build()
        warden.open_doors()
    except BaseException as error:
        message = f"{error}".encode()
    os.write(ready, message)
    os.close(ready)
    try:
        if message == b"ok":
            warden.serve()
    finally:
        warden.end()


if __name__ == "__main__":
    main()
