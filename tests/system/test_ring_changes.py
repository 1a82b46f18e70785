#!/usr/bin/env python3
"""The ring is changed while it runs: corosync.conf read again, links and nodes added and removed, the key rotated. All the
while configuration changes are made, and no view comes or goes but by nodes that do."""
import os
import re
import threading
import time

from harness import Cluster, expect, main, wait_for
from test_links import all_links, counters, key, work


def rewrite(lab, change, nodes=None):
    for node in nodes or lab.names:
        path = lab.disk(node, "/etc/corosync/corosync.conf")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(change(text))


def reload(lab, node="n1"):
    return lab.exec(node, "corosync-cfgtool", "-R")


class Working:
    """Changes of the configuration, one after another, until the block ends."""

    def __init__(self, lab, seconds):
        self.error = None
        self.thread = threading.Thread(target=self.run, args=(lab, seconds))

    def run(self, lab, seconds):
        try:
            work(lab, seconds)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join()
        if self.error:
            raise self.error


def reloads(suite):
    with suite.laboratory(3, nets=2) as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        wait_for(lambda: all_links(lab, {0: True, 1: True}), 5, "all links connected")
        before = counters(lab)
        with suite.step("a file that differs on one node changes nothing, and the answer names the node"):
            rewrite(lab, lambda text: text.replace("version: 2", "version: 2\n  token: 3000"), ["n1", "n3"])
            refused = reload(lab)
            expect(refused.returncode != 0 and "n2" in refused.stderr, refused.stdout + refused.stderr)
        with suite.step("corosync-cfgtool -R: another token timeout, without a change of the view"):
            rewrite(lab, lambda text: text.replace("version: 2", "version: 2\n  token: 3000"), ["n2"])
            with Working(lab, 1):
                done = reload(lab)
            expect(done.returncode == 0 and done.stdout == "Reloading corosync.conf...\nDone\n", done.stdout + done.stderr)
            expect(counters(lab) == before, f"{before} before, {counters(lab)} now")
        with suite.step("a file that is wrong changes nothing, and the answer names the line"):
            rewrite(lab, lambda text: text.replace("token: 3000", "token: soon"))
            refused = reload(lab)
            expect(refused.returncode != 0 and "line" in refused.stderr and "soon" in refused.stderr, refused.stderr)
            rewrite(lab, lambda text: text.replace("token: soon", "token: 1000"))
        with suite.step("crm cluster reload: link 1 is removed"):
            rewrite(lab, lambda text: re.sub(r"(ring1_addr)", r"#\1", text))
            with Working(lab, 1):
                lab.exec("n2", "crm", "cluster", "reload", check=True)
            wait_for(lambda: all_links(lab, {0: True}), 3, "link 0 alone")
            expect(counters(lab) == before, f"{before} before, {counters(lab)} now")
        with suite.step("link 1 is added, and carries the ring when link 0 is cut"):
            rewrite(lab, lambda text: re.sub(r"#(ring1_addr)", r"\1", text))
            with Working(lab, 1):
                expect(reload(lab, "n3").returncode == 0, "the reload failed")
            wait_for(lambda: all_links(lab, {0: True, 1: True}), 3, "both links")
            for node in lab.names:
                lab.cut(node, net=0)
            work(lab, 2)
            expect(counters(lab) == before, f"{before} before, {counters(lab)} now")
            lab.heal()
        with suite.step("a node that runs is not removed; once stopped it is, and expected votes follow"):
            without = lambda text: re.sub(r"  node \{[^}]*name: n3[^}]*\}\n", "", text)
            rewrite(lab, without, ["n1", "n2"])
            refused = reload(lab)
            expect(refused.returncode != 0 and "n3" in refused.stderr, refused.stdout + refused.stderr)
            lab.stop("n3")
            wait_for(lambda: reload(lab).returncode == 0, 5, "a reload without n3", every=0.2)
            votes = lab.exec("n1", "corosync-quorumtool", "-s").stdout
            expect(re.search(r"Expected votes:\s+2\b", votes), votes)


def keys(suite):
    with suite.laboratory(3) as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        before = counters(lab)
        read = lambda node: open(lab.disk(node, "/etc/corosync/authkey"), "rb").read()  # pylint: disable=consider-using-with
        old = read("n1")
        with suite.step("crm cluster rotate-key: every node has the new key, the view stays, changes go on"):
            with Working(lab, 2):
                lab.exec("n1", "crm", "cluster", "rotate-key", check=True)
            wait_for(lambda: len({read(n) for n in lab.names}) == 1 and read("n1") != old, 3, "the same new key everywhere")
            expect(counters(lab) == before, f"{before} before, {counters(lab)} now")
        with suite.step("a daemon that is killed and started joins with it"):
            lab.kill_daemon("n2")
            cluster.wait("n1", lambda v: "n2" not in v.online, 5, "n2 gone")
            lab.start("n2")
            cluster.wait_online(*lab.names)
        with suite.step("while a node is away the key is not rotated, and the answer says why"):
            lab.stop("n3")
            cluster.wait("n1", lambda v: "n3" not in v.online, 5, "n3 gone")
            refused = lab.exec("n1", "crm", "cluster", "rotate-key")
            expect(refused.returncode != 0 and "2 of 3" in refused.stderr + refused.stdout, refused.stderr)
        with suite.step("a node that comes with the old key is refused, counted, and named in the log"):
            path = lab.disk("n3", "/etc/corosync/authkey")
            with open(f"{path}.new", "wb") as file:
                file.write(old)
            os.chmod(f"{path}.new", 0o400)
            os.replace(f"{path}.new", path)
            wait_for(lambda: key(lab, "n1", "stats.refused.key.node_3") is None, 1, "nothing refused yet")
            time.sleep(11)  # Until the old key is forgotten.
            lab.start("n3")
            wait_for(lambda: int(key(lab, "n1", "stats.refused.key.node_3") or 0) > 0, 10, "refused frames of node 3")
            expect("another cluster key" in lab.log("n1"), lab.log("n1")[-2000:])
            expect(cluster.view("n1").online == ["n1", "n2"], cluster.text("n1"))


if __name__ == "__main__":
    main("ring-changes", reloads, keys)
