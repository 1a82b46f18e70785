#!/usr/bin/env python3
"""Daemons that ThreadSanitizer built, at work: many changes from every node at once, readers beside them, a reload of the
ring, a death, a stop in good order, a quorum disk. Run by ./dev test tsan. Their reports, and those of all tools that run
in the nodes, come to light as failures."""
import concurrent.futures
import contextlib
import os
import pathlib
import subprocess

from harness import FENCING, Cluster, binaries, expect, main, wait_for
from test_quorum_devices import configure, quorum

# Ten times slower and more is what such daemons are, and on a busy machine more than that.
TOKEN = 10000
PATIENCE = 180


def reports(lab):
    """All that ThreadSanitizer wrote on the nodes' disks."""
    return [f"{path.parent.parent.name}: {path.read_text(errors='replace')}"
            for path in sorted(pathlib.Path(lab.directory).glob("nodes/*/log/tsan.*"))]


@contextlib.contextmanager
def watched(suite, count, **description):
    """A laboratory whose processes write their reports to their node's disk; they are a step of their own."""
    options = os.environ.get("TSAN_OPTIONS", "")
    os.environ["TSAN_OPTIONS"] = f"{options} log_path=/var/log/tsan second_deadlock_stack=1"
    try:
        with suite.laboratory(count, token=TOKEN, **description) as lab:
            for node in lab.names:
                os.chmod(lab.disk(node, "/var/log"), 0o1777)  # Not every process is root's.
            yield lab
            with suite.step(f"no report of {count} nodes' daemons and tools"):
                found = reports(lab)
                expect(not found, f"{len(found)} processes report:\n" + "\n".join(found))
    finally:
        os.environ["TSAN_OPTIONS"] = options


def stop(lab, node):
    status = lab.stop(node, PATIENCE)
    expect(status == 0, f"{node}'s daemon ended with {status}")


def at_once(*jobs):
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        for running in [pool.submit(job) for job in jobs]:
            running.result()


def changes(suite):
    with watched(suite, 3) as lab:
        cluster = Cluster(lab)
        ask = lambda node, *words: lab.exec(node, *words, check=True, timeout=PATIENCE)
        with suite.step("three nodes with a fencing device and a resource"):
            cluster.wait_online(*lab.names, seconds=PATIENCE)
            cluster.load("n1", FENCING.format(nodes=" ".join(lab.names)),
                         "primitive app ocf:pacemaker:Dummy op monitor interval=5s")
            cluster.wait_running("app", seconds=PATIENCE)
        with suite.step("600 changes over 12 connections, on all nodes, with readers and a reload of the ring beside"):
            def read():
                for node in lab.names:
                    ask(node, "crm_mon", "-1")
                    ask(node, "corosync-cfgtool", "-s")
                    ask(node, "cibadmin", "-Q")
            change = lambda node: ask(node, f"{binaries_in(lab)}/systole-bench-ipc", "changes", "50", "4")
            at_once(*[lambda node=node: change(node) for node in lab.names], read,
                    lambda: ask("n2", "corosync-cfgtool", "-R"))
        with suite.step("the simulations of crm whatif, on all processors"):
            ask("n1", "crm", "whatif", "--all-single")
        with suite.step("a node that stops in good order hands over, and comes back"):
            cluster.idle("n1", PATIENCE)
            holder = cluster.view("n1").running_on("app")[0]
            others = [node for node in lab.names if node != holder]
            stop(lab, holder)
            cluster.wait_running("app", *others, asking=others[0], seconds=PATIENCE)
            lab.start(holder)
            cluster.wait_online(*lab.names, seconds=PATIENCE)
        with suite.step("a node that loses power is fenced, and comes back"):
            cluster.idle("n1", PATIENCE)
            dc = cluster.view("n1").dc
            others = [node for node in lab.names if node != dc]
            lab.kill(dc)
            cluster.wait_running("app", *others, asking=others[0], seconds=PATIENCE)
            cluster.wait_online(*lab.names, seconds=PATIENCE)
        with suite.step("all end in good order"):
            at_once(*[lambda node=node: stop(lab, node) for node in lab.names])


def quorum_disk(suite):
    with watched(suite, 2, start=False) as lab:
        path = f"{lab.directory}/shared/qdisk"
        subprocess.run([f"{binaries()}/mkqdisk", "-c", path, "-l", lab.lab["name"]], check=True)
        configure(lab, "    model: disk\n    votes: 1\n    timeout: 20000\n    disk {\n      device: /run/lab/qdisk\n    }\n")
        with suite.step("two nodes and a quorum disk have three votes; it turns bad, and they go on with two"):
            wait_for(lambda: all(quorum(lab, node)[:2] == (True, 3) for node in lab.names), PATIENCE, "three votes")
            os.truncate(path, 0)
            wait_for(lambda: all(quorum(lab, node)[:2] == (True, 2) for node in lab.names), PATIENCE, "two votes")
        with suite.step("both end in good order"):
            at_once(*[lambda node=node: stop(lab, node) for node in lab.names])


def binaries_in(lab):
    """Where the nodes see the programs that users do not get."""
    return os.path.dirname(lab.lab["daemon"][0])


if __name__ == "__main__":
    main("races", changes, quorum_disk)
