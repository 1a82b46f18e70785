#!/usr/bin/env python3
"""Three daemons on loopback addresses, by an ordinary user too: they form a cluster, run a resource, lose a daemon
and a node that is stopped in good order, and run it again elsewhere."""
import time

from harness import Cluster, expect, main

OPTIONS = ("property stonith-enabled=false", "primitive d ocf:pacemaker:Dummy op monitor interval=2s")


def smoke(suite):
    with suite.laboratory(3, mode="loopback", token=1000) as lab:
        cluster = Cluster(lab)
        began = time.monotonic()
        with suite.step("three nodes are online under one DC"):
            cluster.wait_online(*lab.names)
            print(f"     {time.monotonic() - began:.2f} s")
        with suite.step("a resource is started on one of them"):
            cluster.load("n1", *OPTIONS)
            where = cluster.wait_running("d")
            cluster.idle("n1")
        with suite.step("kill -9 of that node's daemon: it runs elsewhere"):
            survivors = [n for n in lab.names if n != where]
            began = time.monotonic()
            lab.kill(where)
            now = cluster.wait_running("d", *survivors, asking=survivors[0])
            print(f"     {time.monotonic() - began:.2f} s, now on {now}")
        with suite.step("the node comes back and is online"):
            lab.start(where)
            cluster.wait_online(*lab.names)
        with suite.step("a node that is stopped hands over, and is offline and clean"):
            cluster.idle(now)
            holder = cluster.view(now).running_on("d")[0]
            others = [n for n in lab.names if n != holder]
            lab.stop(holder)
            cluster.wait_running("d", *others, asking=others[0])
            text = cluster.text(others[0])
            expect("UNCLEAN" not in text, text)
            expect(f"OFFLINE: [ {holder} ]" in text, text)


if __name__ == "__main__":
    main("loopback", smoke)
