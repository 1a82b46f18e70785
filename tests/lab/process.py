"""Processes by identity: a process id together with its start time, so that a reused number is never mistaken."""
import os
import signal
import time


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None


def start_time(pid):
    fields = stat_fields(pid)
    return fields[19] if fields else None


def alive(pid, started):
    fields = stat_fields(pid) if pid else None
    return bool(fields) and fields[19] == started and fields[0] not in "ZX"


def has_memory(pid):
    """False for a process that has died, even where it still waits for others of its namespace."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return file.read().split()[0] != "0"
    except OSError:
        return False


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def in_pid_namespace(init):
    """Every process that lives in the pid namespace of `init`, itself included, as seen from here."""
    try:
        wanted = os.readlink(f"/proc/{init}/ns/pid")
    except OSError:
        return []
    found = []
    for pid in all_pids():
        try:
            if os.readlink(f"/proc/{pid}/ns/pid") == wanted:
                found.append(pid)
        except OSError:
            pass
    return found


def descendants(root):
    """`root` and all below it, by parentage (a keeper that adopts orphans keeps them here)."""
    children = {}
    for pid in all_pids():
        fields = stat_fields(pid)
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return found


def with_parents(pids):
    """Also the parents: an nsenter outside stops itself together with the command it watches."""
    fields = [stat_fields(pid) for pid in pids]
    return sorted({*pids, *(int(f[1]) for f in fields if f and int(f[1]) > 1)})


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def stop_all(list_pids):
    """SIGSTOP until nothing that `list_pids` names still runs: a process may fork while we look."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        running = [pid for pid in list_pids() if (stat_fields(pid) or "Z")[0] not in ("T", "Z", "X")]
        if not running:
            return
        send(running, signal.SIGSTOP)
        time.sleep(0.002)


def kill_tree(root):
    """SIGKILL to `root`'s whole tree, parents first stopped so that nothing escapes by forking."""
    stop_all(lambda: descendants(root))
    send(descendants(root), signal.SIGKILL)
