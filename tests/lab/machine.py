"""One machine of the lab, on or off: a node, or the client's host. Two kinds: in namespaces, and (loopback mode)
as processes of this host whose folders are moved by the environment."""
import json
import os
import shutil
import signal
import socket
import time

from . import files, init, kernel, network, process

_UNREAPED = []  # First processes that were dead but not yet ours to reap.
NAMESPACES = kernel.NEWNET | kernel.NEWNS | kernel.NEWPID | kernel.NEWUTS | kernel.NEWIPC
_PATH = f"{files.LAB_BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("TERM", "LANG", "LC_ALL", "COLUMNS", "LINES", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


def base_environment():
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "HOME": "/root" if os.geteuid() == 0 else os.path.expanduser("~"), "USER": "root", "PATH": _PATH}


def reap(seconds=0.0):
    deadline = time.monotonic() + seconds
    while True:
        _reap_once()
        if not _UNREAPED or time.monotonic() >= deadline:
            return
        time.sleep(0.005)


def _reap_once():
    for pid in list(_UNREAPED):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        except ChildProcessError:
            pass
        _UNREAPED.remove(pid)


class Machine:
    """What both kinds share: the first process, and orders to it."""

    def __init__(self, lab, node, directory):
        self.lab, self.node, self.directory = lab, node, directory
        self.name, self.pid, self.started, self.control = node["name"], 0, None, None
        self.disk = f"{directory}/nodes/{self.name}"
        self.frozen = False

    def on(self):
        return process.alive(self.pid, self.started)

    def record(self):
        """What callers need to get into this machine."""
        return {"pid": self.pid, "started": self.started, "on": self.on(), "frozen": self.frozen,
                "environment": self.environment()}

    def freeze(self):
        process.stop_all(self.pids)
        self.frozen = True

    def thaw(self):
        process.send(process.with_parents(self.pids()), signal.SIGCONT)
        self.frozen = False

    def order(self, request):
        self.control.sendall(json.dumps(request).encode() + b"\n")
        return self._read_answer()

    def _read_answer(self):
        data = b""
        while not data.endswith(b"\n"):
            chunk = self.control.recv(65536)
            if not chunk:
                return {"daemon": None, "exit": None, "error": "the node's first process has ended"}
            data += chunk
        return json.loads(data)

    def _await_end(self, list_pids):
        """Until nothing of the machine runs. A process that somebody brought in from outside (exec) may stay a
        zombie in its parent's hands, and the first process with it: dead all the same."""
        began, first = time.monotonic(), self.pid
        while time.monotonic() < began + 10:
            try:
                if os.waitpid(first, os.WNOHANG)[0] == first:
                    break
            except ChildProcessError:
                break
            if time.monotonic() > began + 0.02 and all((process.stat_fields(pid) or "Z")[0] in "ZX" for pid in list_pids()
                                                       if pid != first) and not process.has_memory(first):
                _UNREAPED.append(first)
                break
            time.sleep(0.0005)
        else:
            raise OSError(f"{self.name} is killed, but process {first} does not end")
        self.pid, self.frozen = 0, False
        self.control.close()

    def _boot(self, child_main, flags):
        """Starts the first process; `child_main(control)` runs in it and never returns."""
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        pid = kernel.clone(flags)
        if pid == 0:
            try:
                kernel.die_with_parent()
                keep = theirs.fileno()  # Nothing of the warden's stays open in a node.
                os.closerange(3, keep)
                os.closerange(keep + 1, 1024)
                child_main(theirs)
            except BaseException as error:  # The warden must hear of anything.
                message = f"{type(error).__name__}: {error}"
                theirs.sendall(json.dumps({"error": message}).encode() + b"\n")
            os._exit(1)
        theirs.close()
        self.pid, self.started, self.control = pid, process.start_time(pid), ours

    def _await_boot(self):
        answer = self._read_answer()
        if "error" in answer:
            self.power_off()
            raise OSError(f"{self.name} does not boot: {answer['error']}")


class NamespaceMachine(Machine):
    def environment(self):
        return {**base_environment(), "SYSTOLE_LAB": self.lab["name"]}

    def power_on(self):
        if self.on():
            return
        self._boot(self._main, NAMESPACES)
        network.plug(self.name, self.lab["nets"], self.pid)
        self.control.sendall(b"plugged\n")
        self._await_boot()

    def _main(self, control):
        os.setsid()
        if control.recv(64) != b"plugged\n":
            os._exit(1)
        init.build_node(self.lab, self.node, self.disk, f"{self.directory}/shared")
        first = init.Init(control, self.environment(), self.lab["daemon"], "/var/log/systole.log", self.lab["companion"])
        first.answer({"ready": True})
        first.run()

    def power_off(self):
        """Silenced, then dead: when this returns nothing of the node runs any more."""
        if not self.pid:
            return
        network.silence(self.name, self.lab["nets"])
        pids = [] if not self.frozen else process.with_parents(self.pids())
        process.send([self.pid], signal.SIGKILL)  # The kernel kills the rest of the namespace before it lets it go.
        process.send(pids, signal.SIGCONT)
        self._await_end(self.pids)

    def pids(self):
        return process.in_pid_namespace(self.pid)

class LoopbackMachine(Machine):
    """No namespaces: 127.0.0.x, and every folder of base/paths.h moved below the lab's."""

    def environment(self):
        disk, run = self.disk, f"{self.directory}/run/{self.name}"
        agents = self.lab["agents"]
        return {**base_environment(), "PATH": f"{self.lab['bin']}:{_PATH}", "SYSTOLE_LAB": self.lab["name"],
                "SYSTOLE_NODE_NAME": self.name, "COROSYNC_MAIN_CONFIG_FILE": f"{disk}/corosync/corosync.conf",
                "SYSTOLE_AUTHKEY": f"{disk}/corosync/authkey", "SYSTOLE_STATE_DIR": f"{disk}/systole",
                "SYSTOLE_RUN_DIR": run, "SYSTOLE_CIB_DIR": f"{disk}/pacemaker/cib",
                "SYSTOLE_PENGINE_DIR": f"{disk}/pacemaker/pengine", "SYSTOLE_LSB_DIR": f"{disk}/init.d",
                "SYSTOLE_AGENTS_DIR": agents, "HA_RSCTMP": f"{run}/resource-agents"}

    def power_on(self):
        if self.on():
            return
        shutil.rmtree(f"{self.directory}/run/{self.name}", ignore_errors=True)  # As /run is empty after a boot.
        os.makedirs(f"{self.directory}/run/{self.name}/resource-agents")
        self._boot(self._main, 0)
        self._await_boot()

    def _main(self, control):
        os.setsid()
        kernel.adopt_orphans()
        keeper = init.Init(control, self.environment(), self.lab["daemon"], f"{self.disk}/log/systole.log")
        keeper.answer({"ready": True})
        keeper.run()

    def power_off(self):
        if not self.pid:
            return
        process.kill_tree(self.pid)
        self._await_end(lambda: [])

    def pids(self):
        return process.descendants(self.pid) if self.pid else []
