#!/usr/bin/env python3
"""Two nodes and something outside that votes: a real systole-qnetd over TLS on a host of its own, and a quorum disk. The
network between the nodes is cut, a node loses power, the device goes away: the service runs on exactly one side."""
import os
import re
import subprocess
import time

from harness import Cluster, Watch, binaries, expect, main, wait_for

SERVICE = "10.77.0.100"
TLS = "/etc/corosync/qdevice/net/tls"


def quorum(lab, node):
    """(quorate, votes, flags), as corosync-quorumtool says."""
    text = lab.exec(node, "corosync-quorumtool", "-s").stdout
    value = lambda name: (re.search(rf"^{name}:\s+(.*)$", text, re.M) or [None, ""])[1].strip()
    return value("Quorate") == "Yes", int(value("Total votes") or 0), value("Flags").split()


def configure(lab, device):
    """Writes the device into every node's corosync.conf, and starts the nodes."""
    for node in lab.names:
        path = lab.disk(node, "/etc/corosync/corosync.conf")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        lab.write(node, "/etc/corosync/corosync.conf", text.replace("quorum {\n", "quorum {\n  device {\n" + device + "  }\n", 1))
    for node in lab.names:
        lab.start(node)


def service(cluster):
    cluster.wait_online("n1", "n2", seconds=60)
    cluster.load("n1", "property stonith-enabled=false", "property no-quorum-policy=stop",
                 f"primitive Service ocf:heartbeat:IPaddr2 params ip={SERVICE} cidr_netmask=24 op monitor interval=5s",
                 "location home Service 50: n1")
    cluster.wait_running("Service", "n1")


class Qnetd:
    def __init__(self, lab):
        self.lab, self.child = lab, None
        self.folder = f"{lab.directory}/qnetd"
        run = lambda *argv: subprocess.run([f"{binaries()}/systole-qnetd", *argv, "--folder", f"{self.folder}/tls"], check=True,
                                           stdout=subprocess.DEVNULL)
        run("--init")
        run("--sign", lab.lab["name"], "--out", f"{self.folder}/nodes")
        for node in lab.names:
            os.makedirs(lab.disk(node, TLS), exist_ok=True)
            for name in ("ca.pem", "cert.pem", "key.pem"):
                with open(f"{self.folder}/nodes/{name}", encoding="utf-8") as file:
                    lab.write(node, f"{TLS}/{name}", file.read(), 0o600)

    def start(self):
        with open(f"{self.folder}/log", "ab") as log:
            self.child = self.lab.spawn("host", f"{binaries()}/systole-qnetd", "--folder", f"{self.folder}/tls", "--socket",
                                        f"{self.folder}/socket", stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: "Connected" in self.tool("-s"), 10, "the arbitrator answering its tool", last=self.log)

    def kill(self):
        self.lab.end_of(self.child)

    def tool(self, *options):
        return subprocess.run([f"{binaries()}/systole-qnetd-tool", "-p", f"{self.folder}/socket", *options], text=True,
                              capture_output=True, check=False).stdout

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-25:])


def views(lab):
    return [re.search(r"= (.*)", lab.exec(n, "corosync-cmapctl", "-g", "stats.ring.views").stdout) for n in lab.names]


def arbitrator(suite):
    with suite.laboratory(2, token=1000, start=False) as lab:
        if lab.loopback:
            return suite.skip("an arbitrator between two nodes", "it needs network namespaces")
        cluster, qnetd = Cluster(lab), Qnetd(lab)
        qnetd.start()
        configure(lab, f"    model: net\n    votes: 1\n    timeout: 3000\n    net {{\n      host: {lab.address('host')}\n"
                       "      tls: required\n      algorithm: ffsplit\n    }\n")
        with Watch(lab, SERVICE, "ping") as ping:
            try:
                steps_of_arbitrator(suite, lab, cluster, qnetd, ping)
            finally:
                print(qnetd.log() if suite.failed else "", end="")
                qnetd.kill()
    return None


def steps_of_arbitrator(suite, lab, cluster, qnetd, ping):
    with suite.step("two nodes and an arbitrator have three votes, and the tools say so"):
        service(cluster)
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n) == (True, 3, ["Quorate", "Qdevice"]), 20, f"three votes on {node}",
                     last=lambda n=node: str(quorum(lab, n)) + qnetd.log())
        listed = qnetd.tool("-l")
        expect(f'Cluster "{lab.lab["name"]}"' in listed and listed.count("ACK (ACK)") == 2, listed)
        wait_for(lambda: ping.answers, 5, "the service answering")
    with suite.step("the arbitrator is killed: a connected pair loses its vote and nothing else; it returns"):
        before, began = [v[1] for v in views(lab)], ping.answers[-1][0]
        qnetd.kill()
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n)[:2] == (True, 2), 15, f"two votes on {node}", last=lambda n=node: str(quorum(lab, n)))
        qnetd.start()
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n)[:2] == (True, 3), 15, f"three votes on {node} again", last=qnetd.log)
        expect([v[1] for v in views(lab)] == before, "the view changed")
        expect(ping.outage(began)[0] < 1, f"the service was silent for {ping.outage(began)[0]:.2f} s")
    with suite.step("the nodes are cut from each other: exactly one stays quorate, and the service stays there"):
        began = ping.answers[-1][0]
        lab.cut("n1", peer="n2")
        wait_for(lambda: sorted(quorum(lab, n)[:2] for n in lab.names) == [(False, 1), (True, 2)], 20, "one side quorate",
                 last=lambda: str([quorum(lab, n) for n in lab.names]) + qnetd.log())
        winner = next(n for n in lab.names if quorum(lab, n)[0])
        wait_for(lambda: cluster.holders(SERVICE) == [winner], 20, f"the service on {winner} alone",
                 last=lambda: str(cluster.holders(SERVICE)))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            expect([quorum(lab, n)[0] for n in lab.names].count(True) == 1, "quorum moved")
            expect(len(cluster.holders(SERVICE)) <= 1, "the service is on both sides")
        expect(winner == "n1", "the tie breaker is the lowest node")
        print(f"     the service was silent for {ping.outage(began)[0] * 1000:.0f} ms")
        expect(ping.outage(began)[0] < 1, f"the service was silent for {ping.outage(began)[0]:.2f} s")
    with suite.step("the network heals: both are quorate with three votes"):
        lab.heal()
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n)[:2] == (True, 3), 30, f"three votes on {node}", last=qnetd.log)
        cluster.wait_online("n1", "n2")
    with suite.step("n1 loses power: n2 gets the vote and takes the service over"):
        cluster.idle("n2")
        began = time.monotonic()
        lab.kill("n1")
        wait_for(lambda: quorum(lab, "n2")[:2] == (True, 2), 20, "n2 quorate with the arbitrator's vote",
                 last=lambda: str(quorum(lab, "n2")) + qnetd.log())
        print(f"     n2 was quorate {time.monotonic() - began:.1f} s after n1's power loss")
        expect(time.monotonic() - began < 3, "a dead node's lease was waited for, although the survivor was in its ring")
        wait_for(lambda: cluster.holders(SERVICE) == ["n2"], 20, "the service on n2", last=lambda: cluster.text("n2"))


def disk(suite):
    with suite.laboratory(2, token=1000, start=False) as lab:
        if lab.loopback:
            return suite.skip("a quorum disk of two nodes", "it needs network namespaces")
        cluster, path = Cluster(lab), f"{lab.directory}/shared/qdisk"
        subprocess.run([f"{binaries()}/mkqdisk", "-c", path, "-l", lab.lab["name"]], check=True)
        configure(lab, "    model: disk\n    votes: 1\n    timeout: 3000\n    disk {\n      device: /run/lab/qdisk\n"
                       "      interval: 300\n    }\n")
        with Watch(lab, SERVICE, "ping") as ping:
            steps_of_disk(suite, lab, cluster, path, ping)
    return None


def steps_of_disk(suite, lab, cluster, path, ping):
    slots = lambda: subprocess.run([f"{binaries()}/mkqdisk", "-L", path], text=True, capture_output=True, check=False).stdout
    with suite.step("two nodes and a quorum disk have three votes; one of them holds the disk's"):
        service(cluster)
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n) == (True, 3, ["Quorate", "Qdevice"]), 20, f"three votes on {node}",
                     last=lambda n=node: str(quorum(lab, n)) + slots())
        wait_for(lambda: slots().count("holds the vote") == 1, 5, "a slot that says so", last=slots)
        wait_for(lambda: ping.answers, 5, "the service answering")
    with suite.step("the nodes are cut from each other: the disk's holder stays quorate, with the service"):
        holder = "n" + re.search(r"Node (\d+): .*holds the vote", slots())[1]
        if holder != "n1":
            cluster.crm("n1", "resource", "move", "Service", holder)
        wait_for(lambda: cluster.holders(SERVICE) == [holder], 20, f"the service on {holder}")
        began = ping.answers[-1][0]
        lab.cut("n1", peer="n2")
        wait_for(lambda: sorted(quorum(lab, n)[:2] for n in lab.names) == [(False, 1), (True, 2)], 20, "one side quorate",
                 last=lambda: str([quorum(lab, n) for n in lab.names]) + slots())
        end = time.monotonic() + 5
        while time.monotonic() < end:
            expect(quorum(lab, holder)[0] and [quorum(lab, n)[0] for n in lab.names].count(True) == 1, "quorum moved")
            expect(cluster.holders(SERVICE) == [holder], str(cluster.holders(SERVICE)))
        expect(ping.outage(began)[0] < 1, f"the service was silent for {ping.outage(began)[0]:.2f} s")
    with suite.step("the network heals: both are quorate with three votes"):
        lab.heal()
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n)[:2] == (True, 3), 30, f"three votes on {node}", last=slots)
        cluster.wait_online("n1", "n2")
    with suite.step("the holder loses power: the other takes the disk's vote and the service"):
        other = next(n for n in lab.names if n != holder)
        cluster.idle(other)
        began = time.monotonic()
        lab.kill(holder)
        wait_for(lambda: quorum(lab, other)[:2] == (True, 2), 20, f"{other} quorate with the disk's vote",
                 last=lambda: str(quorum(lab, other)) + slots())
        print(f"     {other} was quorate {time.monotonic() - began:.1f} s after {holder}'s power loss")
        wait_for(lambda: cluster.holders(SERVICE) == [other], 20, f"the service on {other}", last=lambda: cluster.text(other))
    with suite.step("the disk goes bad: its vote is gone, nothing hangs, and the log says so"):
        lab.start(holder)
        cluster.wait_online("n1", "n2", seconds=60)
        os.truncate(path, 0)
        for node in lab.names:
            wait_for(lambda n=node: quorum(lab, n)[:2] == (True, 2), 20, f"two votes on {node}", last=lambda n=node: str(quorum(lab, n)))
            expect("the quorum disk /run/lab/qdisk fails" in lab.log(node), lab.log(node)[-2000:])


if __name__ == "__main__":
    main("quorum-devices", arbitrator, disk)
