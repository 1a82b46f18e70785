"""A node's first process: builds the node's view of the world, then starts and reaps what runs in it.

In a namespace node it is process 1 of the node, so its death is the node's. In loopback mode it is only the
keeper that adopts the node's orphans. It takes orders as JSON lines over a socket from the warden.
"""
import contextlib
import json
import os
import select
import signal
import socket
import subprocess

from . import accounts, files, kernel

HOST_ROLE = "host"


def _overlay(parent, skeleton):
    """Adds the skeleton's empty folders to `parent`, for this mount namespace only."""
    kernel.mount("overlay", parent, "overlay", kernel.MS_RDONLY, f"lowerdir={skeleton}:{parent}")


def _mount_disk(lab, directory):
    for parent, names in files.SKELETON.items():
        if any(not os.path.isdir(f"{parent}/{name}") for name in names):
            _overlay(parent, f"{directory}/skeleton{parent}")
    for name, target in files.DISK.items():
        kernel.mount(f"{directory}/{name}", target, None, kernel.MS_BIND)
    for name in ("hosts", "passwd", "group"):
        kernel.mount(f"{directory}/{name}", f"/etc/{name}", None, kernel.MS_BIND)
    if lab.get("state_size"):
        kernel.mount("tmpfs", files.DISK["systole"], "tmpfs", 0, f"mode=750,size={lab['state_size']}")
        accounts.give(_cluster_user(), [files.DISK["systole"]])
    for source, target in ((lab["bin"], files.LAB_BIN), (lab["agents"], files.LAB_AGENTS)):
        if os.path.isdir(source):
            kernel.mount(source, target, None, kernel.MS_BIND)


def _cluster_user():
    return accounts.cluster_user(accounts.for_node())  # For the node has its own /etc/passwd now.


def _mount_volatile(shared):
    kernel.mount("proc", "/proc", "proc")
    try:
        kernel.mount("sysfs", "/sys", "sysfs")
    except OSError:
        pass  # Refused in some containers; nothing of ours needs it.
    # The lab's folder may lie below /tmp or /run, which the node gets anew: hold it by a descriptor.
    held = os.open(shared, os.O_PATH | os.O_DIRECTORY)
    for target, mode in (("/run", "755"), ("/tmp", "1777"), ("/dev/shm", "1777")):
        kernel.mount("tmpfs", target, "tmpfs", 0, f"mode={mode}")
    for name, mode in (("lab", 0o755), ("lock", 0o1777), ("resource-agents", 0o1755), ("fence-agents", 0o1755),
                       ("heartbeat", 0o755), ("systole", 0o755)):
        os.mkdir(f"/run/{name}")
        os.chmod(f"/run/{name}", mode)
    kernel.mount(f"/proc/self/fd/{held}", "/run/lab", None, kernel.MS_BIND)
    os.close(held)
    accounts.give(_cluster_user(), ["/run/systole"])


def _configure_network(node):
    for key in ("default", "all"):
        try:
            with open(f"/proc/sys/net/ipv6/conf/{key}/accept_dad", "w", encoding="ascii") as file:
                file.write("0")
        except OSError:
            pass
    lines = ["link set lo up"]
    for k, address in enumerate(node["addresses"]):
        number = address.rsplit(".", 1)[1]
        lines += [f"addr add {address}/24 brd + dev eth{k}", f"addr add fd77:{k}::{number}/64 dev eth{k} nodad",
                  f"link set eth{k} up"]
    result = subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    missing = [a for k, a in enumerate(node["addresses"]) if not _has_address(f"eth{k}", a)]
    if missing:
        raise OSError(f"could not set the addresses {missing} of {node['name']}: {result.stdout.strip()}")


def _has_address(link, address):
    out = subprocess.run(["ip", "-4", "-o", "addr", "show", "dev", link], stdout=subprocess.PIPE, text=True,
                         check=False).stdout
    return f" {address}/" in out


def build_node(lab, node, directory, shared):
    """Mounts and addresses of a namespace node. The cables (eth0…) are plugged before."""
    socket.sethostname(node["name"])
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    if node["role"] != HOST_ROLE:
        _mount_disk(lab, directory)
        _mount_volatile(shared)
    else:
        kernel.mount("proc", "/proc", "proc")
    _configure_network(node)
    os.chdir("/")


class Init:
    """The loop: orders in, children reaped. One daemon at a time. A companion is started before the daemon and stopped
    after an orderly end of it, as services that depend on one another are; it outlives the daemon's crash."""

    def __init__(self, control, environment, argv, log, companion=None):
        self.control, self.environment, self.argv, self.log = control, environment, argv, log
        self.companion, self.companion_pid = companion, None
        self.daemon, self.exit_status, self.waiting = None, None, False

    def run(self):
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        lines = b""
        while True:
            ready, _, _ = select.select([self.control, wake_read], [], [])
            if wake_read in ready:
                os.read(wake_read, 4096)
                self.reap()
            if self.control in ready:
                data = self.control.recv(65536)
                if not data:
                    os._exit(0)  # The warden is gone, and the node with it.
                lines += data
                while b"\n" in lines:
                    line, lines = lines.split(b"\n", 1)
                    self.answer(self.order(json.loads(line)))

    def answer(self, message):
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def order(self, request):
        if request["do"] == "start" and self.daemon is None:
            try:
                self.start()
            except OSError as error:
                return {"daemon": None, "error": f"{self.argv[0]} cannot be started: {error.strerror}"}
        elif request["do"] == "signal" and self.daemon is not None:
            os.kill(self.daemon, request["number"])
        return {"daemon": self.daemon, "exit": self.exit_status}

    def start(self):
        if self.companion and self.companion_pid is None:
            self.companion_pid = self.spawn(self.companion, "/var/log/corosync.log")
        self.daemon, self.exit_status = self.spawn(self.argv, self.log), None

    def spawn(self, argv, path):
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        child = subprocess.Popen(argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True, cwd="/")
        os.close(log)
        child.returncode = 0  # Reaped below, with everything else.
        return child.pid

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.daemon:
                self.daemon, self.exit_status = None, os.waitstatus_to_exitcode(status)
                if self.exit_status == 0 and self.companion_pid is not None:
                    self.stop_companion()
            elif pid == self.companion_pid:
                self.companion_pid = None

    def stop_companion(self):
        os.kill(self.companion_pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.companion_pid, 0)
        self.companion_pid = None
