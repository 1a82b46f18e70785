"""Instruments: address changes on the nodes, memory and processor time of daemons, state files of Dummies."""
import datetime
import glob
import os
import re
import subprocess
import threading
import time

from lab import process
from lab.files import LAB_BIN


class AddressEvents:
    """When `address` came to a node's interface: (wall-clock seconds, node), from `ip -ts monitor address`."""

    def __init__(self, lab, address):
        self.lab, self.added, self.children, self.threads = lab, [], [], []
        pattern = re.compile(r"\[(\S+)\](?! *Deleted).*inet " + re.escape(address) + "/")
        for node, record in lab.status()["machines"].items():
            if node == "host" or not record["on"]:
                continue
            child = lab.spawn(node, "stdbuf", "-oL", "ip", "-ts", "monitor", "address", stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL)
            thread = threading.Thread(target=self._read, args=(node, child, pattern), daemon=True)
            thread.start()
            self.children.append(child)
            self.threads.append(thread)
        time.sleep(0.3)  # Each has to be listening before anything happens; there is nothing to see it by.

    def _read(self, node, child, pattern):
        for line in child.stdout:
            found = pattern.search(line)
            if found:
                stamp = datetime.datetime.fromisoformat(found[1])
                self.added.append((stamp.timestamp(), node))

    def since(self, moment):
        return sorted(a for a in self.added if a[0] > moment)

    def stop(self):
        for child in self.children:
            self.lab.end_of(child)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def daemons(lab, node):
    """Process ids, on this host, of the node's daemons (not of agents that they run)."""
    found = []
    for pid in process.in_pid_namespace(lab.pid(node)):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                program = file.read().split(b"\0")[0].decode()
        except OSError:
            continue
        if os.path.basename(program).startswith("systole") and not program.endswith("bench-ipc"):
            found.append(pid)
    return found


def pss_mib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total / 1024


def cpu_seconds(pids):
    ticks = os.sysconf("SC_CLK_TCK")
    fields = [process.stat_fields(pid) for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields if f) / ticks


def dummy_files(lab, pattern):
    """State files of Dummies on all nodes that run, seen from outside."""
    return [path for node, record in lab.status()["machines"].items() if node != "host" and record["on"]
            for path in glob.glob(f"/proc/{record['pid']}/root/run/resource-agents/{pattern}")]


def bench_program(lab, node, *words, timeout=180):
    return lab.exec(node, f"{LAB_BIN}/systole-bench-ipc", *words, check=True, timeout=timeout).stdout
