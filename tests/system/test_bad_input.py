#!/usr/bin/env python3
"""Bad input, from files, the network, agents and people: each gets a clear error, and nothing is lost."""
import os
import re
import signal
import sys
import time

from harness import Cluster, expect, main, wait_for

VIP = "10.77.0.100"

# Runs in a node: hears UDP frames on eth0 for a while and sends each again as it was, several times.
REPLAY = r"""
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(("eth0", 0)); s.settimeout(0.2)
frames, end = [], time.time() + 1.5
while time.time() < end:
    try: f = s.recv(65535)
    except TimeoutError: continue
    if f[12:14] == b"\x08\x00" and f[23] == 17: frames.append(f)
sent = 0
for turn in range(20):
    for f in frames:
        try: s.send(f); sent += 1
        except OSError: pass
print(sent)
"""

# Runs in the client's namespace, whose address no node knows, or in a node: noise of many sizes at the ring's port.
NOISE = r"""
import os, random, socket, sys
random.seed(7); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sent = 0
for i in range(5000):
    for to in sys.argv[1:]:
        try: s.sendto(os.urandom(random.choice((0, 1, 7, 28, 64, 200, 1400, 9000))), (to, 5405)); sent += 1
        except OSError: pass
print(sent)
"""

HANG = """#!/bin/sh
trap '' TERM
case $1 in
start) (sleep 1000 & sleep 1000) ;;
status) exit 3 ;;
*) exit 0 ;;
esac
"""

FLOOD = """#!/bin/sh
case $1 in
start) yes 'an endless line' | head -c 50000000; touch /run/flood ;;
stop) rm -f /run/flood ;;
status) test -e /run/flood || exit 3 ;;
esac
"""


def refuses_to_start(suite, lab, node, what, break_it, mend, words):
    with suite.step(f"{what}: the daemon refuses to start and says what is wrong"):
        break_it()
        size = len(lab.log(node))
        lab.start(node)
        wait_for(lambda: lab.ask("daemon", node=node)["daemon"] is None, 10, "the daemon's end", last=lambda: lab.log(node))
        text = lab.log(node)[size:]
        expect(lab.ask("daemon", node=node)["exit"] not in (0, None), "it exited with 0")
        for word in words:
            expect(re.search(word, text), f"'{word}' is not in:\n{text}")
        mend()


def files(suite):
    with suite.laboratory(3, start=False) as lab:
        conf, key = "/etc/corosync/corosync.conf", "/etc/corosync/authkey"
        with open(lab.disk("n3", conf), encoding="utf-8") as file:
            good = file.read()
        lab.start("n1")
        lab.start("n2")
        Cluster(lab).wait("n1", lambda v: v.quorate, 20, "n1 and n2 with quorum")
        mend = lambda: lab.write("n3", conf, good)
        refuses_to_start(suite, lab, "n3", "a number that is none in corosync.conf",
                         lambda: lab.write("n3", conf, good.replace("version: 2", "version: 2\n  token: soon")), mend,
                         ["line 3", "soon"])
        refuses_to_start(suite, lab, "n3", "a section of corosync.conf that is not closed",
                         lambda: lab.write("n3", conf, good + "quorum {\n"), mend, ["line"])
        refuses_to_start(suite, lab, "n3", "a corosync.conf without this node",
                         lambda: lab.write("n3", conf, good.replace("name: n3", "name: n7").replace("10.77.0.3", "10.77.0.7")),
                         mend, ["n3"])
        path = lab.disk("n3", key)
        refuses_to_start(suite, lab, "n3", "a key that everybody can read", lambda: os.chmod(path, 0o644),
                         lambda: os.chmod(path, 0o400), ["authkey", "chmod|readable|mode"])
        with suite.step("a wrong key: the node stays alone, the others stay as they are"):
            with open(path, "rb") as file:
                right = file.read()
            lab.write("n3", key, os.urandom(len(right)), 0o400)
            lab.start("n3")
            cluster = Cluster(lab)
            cluster.wait("n1", lambda v: v.quorate and v.online == ["n1", "n2"], 10, "n1 and n2 alone")
            time.sleep(3)  # Long enough for a ring to form if the key were not looked at.
            expect(cluster.view("n1").online == ["n1", "n2"], cluster.text("n1"))
            expect(not cluster.view("n3").quorate, cluster.text("n3"))
            lab.stop("n3")
            lab.write("n3", key, right, 0o400)
            lab.start("n3")
            cluster.wait_online("n1", "n2", "n3")


def network(suite):
    with suite.laboratory(3) as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        ring = lambda: re.search(r"Ring ID:\s+(\S+)", lab.exec("n1", "corosync-quorumtool", "-s").stdout)
        before = ring()

        def undisturbed():
            cluster.wait_online(*lab.names, seconds=5)
            after = ring()
            expect(before and after and before[1] == after[1], f"the ring changed: {before} {after}")

        with suite.step("a burst of noise from a host that is no peer changes nothing"):
            sent = lab.exec("host", sys.executable, "-c", NOISE, *[lab.address(n) for n in lab.names], check=True).stdout
            expect(int(sent) > 1000, f"only {sent} datagrams were sent")
            undisturbed()
        with suite.step("a burst of noise from a peer's own address changes nothing"):
            lab.exec("n3", "python3", "-c", NOISE, lab.address("n1"), lab.address("n2"), check=True)
            undisturbed()
        with suite.step("frames recorded and sent again change nothing"):
            sent = lab.exec("n2", "python3", "-c", REPLAY, check=True).stdout
            expect(int(sent) > 100, f"only {sent} frames were sent again")
            undisturbed()
            cluster.crm("n2", "configure", "property", "stonith-enabled=false")


def people(suite):
    with suite.laboratory(2) as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        cluster.crm("n1", "configure", "property", "stonith-enabled=false")
        configuration = lambda: lab.exec("n1", "cibadmin", "-Q", "-o", "configuration").stdout
        before = configuration()
        for what, argv in (("XML that does not parse", ["cibadmin", "-R", "-X", "<cib><configuration"]),
                           ("XML that the schema refuses", ["cibadmin", "-C", "-o", "resources", "-X", "<banana id='x'/>"]),
                           ("an unknown agent", ["crm", "configure", "primitive", "x", "ocf:heartbeat:NoSuchAgent"]),
                           ("an unknown parameter", ["crm", "configure", "primitive", "x", "ocf:pacemaker:Dummy", "params", "colour=red"]),
                           ("a constraint on a resource that is not there", ["crm", "configure", "location", "l", "ghost", "100:", "n1"])):
            with suite.step(f"{what} is refused, and the configuration is as before"):
                result = lab.exec("n1", *argv)
                expect(result.returncode != 0, f"exit status 0: {result.stdout}{result.stderr}")
                expect((result.stdout + result.stderr).strip(), "no word of explanation")
                expect(configuration() == before, "the configuration changed")
        with suite.step("an address that another host has is not taken, and status names who has it"):
            lab.exec("host", "ip", "addr", "add", f"{VIP}/24", "dev", "eth0", check=True)
            cluster.crm("n1", "configure", "primitive", "vip", "ocf:systole:IPaddr2", "params", f"ip={VIP}")
            wait_for(lambda: "already in use" in cluster.text("n1"), 20, "the failure in crm_mon", last=lambda: cluster.text("n1"))
            expect(cluster.holders(VIP) == [], f"the address is on {cluster.holders(VIP)}")
            lab.exec("host", "ip", "addr", "del", f"{VIP}/24", "dev", "eth0", check=True)
            cluster.crm("n1", "resource", "cleanup", "vip")
            cluster.wait_running("vip")


def agents(suite):
    with suite.laboratory(1) as lab:
        lab.write("n1", "/etc/init.d/hang", HANG, 0o755)
        lab.write("n1", "/etc/init.d/flood", FLOOD, 0o755)
        cluster = Cluster(lab)
        cluster.wait_online("n1")
        cluster.crm("n1", "configure", "property", "stonith-enabled=false")
        with suite.step("an agent that hangs, double-forks and ignores SIGTERM is killed with its group at its timeout"):
            cluster.crm("n1", "configure", "primitive", "h", "lsb:hang", "op", "start", "timeout=1s", "interval=0")
            wait_for(lambda: "h_start_0" in cluster.text("n1") or "h start" in cluster.text("n1"), 20,
                     "the failed start in crm_mon", last=lambda: cluster.text("n1"))
            wait_for(lambda: "sleep 1000" not in lab.exec("n1", "ps", "ax").stdout, 10, "no sleep of the agent's left",
                     last=lambda: lab.exec("n1", "ps", "ax").stdout)
        with suite.step("an agent that prints without end does its work and costs no memory"):
            cluster.crm("n1", "configure", "primitive", "f", "lsb:flood")
            cluster.wait_running("f", "n1")


def full_disk(suite):
    with suite.laboratory(1, state_size="4m") as lab:
        cluster = Cluster(lab)
        cluster.wait_online("n1")
        change = lambda value: lab.exec("n1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", value, timeout=90)
        expect(change("false").returncode == 0, "the change before the disk is full")
        with suite.step("with a full disk a change is refused with a clear error"):
            lab.exec("n1", "sh", "-c", "cat /dev/zero >/var/lib/systole/filler")
            result = [change("true" if i % 2 else "false") for i in range(12)][-1]
            expect(result.returncode != 0, "the change was taken for durable")
            expect(result.stdout + result.stderr, "no word of explanation")
        with suite.step("with room again changes are taken, and none that was acknowledged is lost"):
            lab.exec("n1", "rm", "/var/lib/systole/filler", check=True)
            wait_for(lambda: change("true").returncode == 0, 30, "a change being taken", every=0.5, last=lambda: lab.log("n1")[-2000:])
            lab.ask("signal", node="n1", number=int(signal.SIGKILL))
            wait_for(lambda: lab.ask("daemon", node="n1")["daemon"] is None, 10, "the daemon's death")
            lab.start("n1")
            cluster.wait_online("n1")
            value = lab.exec("n1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-G", "-q").stdout
            expect(value.strip() == "true", f"stonith-enabled is {value!r}")


if __name__ == "__main__":
    main("bad-input", files, network, people, agents, full_disk)
