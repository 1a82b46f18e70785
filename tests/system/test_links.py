#!/usr/bin/env python3
"""Two networks under three daemons: what happens to one of them is not seen above. And the end of a process, told by its
host's refusals: known at once, never wrongly."""
import re
import statistics
import time

from harness import Cluster, Suite, expect, main, wait_for

FORGER = """
import socket, struct, sys, time
target, port, victim, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
def checksum(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
def address(text): return socket.inet_aton(text)
guess = bytes(64)
quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(guess), 1, 0x4000, 64, 17, 0, address(target), address(victim))
quoted += struct.pack("!HHHH", port, port, 8 + len(guess), 0) + guess
icmp = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
icmp = struct.pack("!BBHI", 3, 3, checksum(icmp), 0) + quoted
packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 2, 0, 64, 1, 0, address(victim), address(target)) + icmp
end, sent = time.monotonic() + seconds, 0
while time.monotonic() < end:
    sock.sendto(packet, (target, 0))
    sent += 1
    time.sleep(0.002)
print(sent)
"""


def key(lab, node, name):
    found = re.search(r"= (.*)", lab.exec(node, "corosync-cmapctl", "-g", name).stdout)
    return found[1] if found else None


def counters(lab):
    """Per node: views installed and tokens lost since its start."""
    return {n: (key(lab, n, "stats.ring.views"), key(lab, n, "stats.ring.token_losses")) for n in lab.names}


def links(lab, node):
    """(peer, link) -> connected, as corosync-cfgtool -n says."""
    found, peer = {}, 0
    for line in lab.exec(node, "corosync-cfgtool", "-n").stdout.splitlines():
        if line.startswith("nodeid:"):
            peer = int(line.split()[1])
        elif match := re.match(r"\s+LINK: (\d+) udp .* enabled (\w+)", line):
            found[peer, int(match[1])] = match[2] == "connected"
    return found


def all_links(lab, wanted):
    """Whether each link of each node is as `wanted`: link number -> connected."""
    return all(links(lab, n) == {(p, k): up for p in (1, 2, 3) if f"n{p}" != n for k, up in wanted.items()}
               for n in lab.names)


def work(lab, seconds, slowest=1.0):
    """Every node changes the configuration in turn; each change is acknowledged in good time. How many, the slowest."""
    taken, end, number = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        node = lab.names[number % len(lab.names)]
        number += 1
        began = time.monotonic()
        lab.exec(node, "crm_attribute", "-t", "crm_config", "-n", "links-test", "-v", str(number), check=True)
        taken.append(time.monotonic() - began)
    expect(max(taken) < slowest, f"a change took {max(taken):.2f} s")
    print(f"     {len(taken)} changes, median {statistics.median(taken) * 1000:.0f} ms, slowest {max(taken) * 1000:.0f} ms")
    values = {n: lab.exec(n, "crm_attribute", "-t", "crm_config", "-n", "links-test", "-G", "-q").stdout.strip()
              for n in lab.names}
    expect(set(values.values()) == {str(number)}, f"the nodes differ: {values}, {number} was last")


def two_networks(suite: Suite, mode="passive"):
    with suite.laboratory(3, nets=2, options={"totem.link_mode": mode}) as lab:
        cluster = Cluster(lab)
        with suite.step(f"{mode}: three nodes on two networks, all links connected"):
            cluster.wait_online(*lab.names)
            wait_for(lambda: all_links(lab, {0: True, 1: True}), 5, "all links connected",
                     last=lambda: lab.exec("n1", "corosync-cfgtool", "-n").stdout)
        work(lab, 1)
        before = counters(lab)
        for net in (0, 1):
            with suite.step(f"{mode}: network {net} is cut for all: its links are told, changes go on, the view stays"):
                for node in lab.names:
                    lab.cut(node, net=net)
                work(lab, 3)
                wait_for(lambda: all_links(lab, {net: False, 1 - net: True}), 3, f"link {net} disconnected",
                         last=lambda: lab.exec("n1", "corosync-cfgtool", "-n").stdout)
                expect(counters(lab) == before, f"views or token losses: {before} before, {counters(lab)} now")
            with suite.step(f"{mode}: network {net} is mended: all links connected, the view stays"):
                lab.heal()
                wait_for(lambda: all_links(lab, {0: True, 1: True}), 5, "all links connected",
                         last=lambda: lab.exec("n1", "corosync-cfgtool", "-n").stdout)
                work(lab, 1)
                expect(counters(lab) == before, f"views or token losses: {before} before, {counters(lab)} now")
        with suite.step(f"{mode}: one node loses one network, another node the other; the third joins them"):
            lab.cut("n1", "n2", net=0)
            lab.cut("n2", "n3", net=1)
            work(lab, 3)
            expect(counters(lab) == before, f"views or token losses: {before} before, {counters(lab)} now")
            lab.heal()


def active(suite):
    two_networks(suite, "active")


def rr(suite):
    two_networks(suite, "rr")


def groups(suite):
    for extra in ("", "broadcast: yes", "mcastaddr: 239.7.7.7\n    ttl: 3"):
        with suite.laboratory(3, options={"totem.transport": "udp"}, start=False) as lab:
            name = extra.replace("\n   ", ",") or "the group made from cluster_name"
            with suite.step(f"transport udp, {name}: three nodes work together"):
                for node in lab.names:
                    path = lab.disk(node, "/etc/corosync/corosync.conf")
                    with open(path, encoding="utf-8") as file:
                        text = file.read()
                    section = f"  interface {{\n    bindnetaddr: 10.77.0.0\n    mcastport: 5415\n    {extra}\n  }}\n"
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text.replace("}\n", section + "}\n", 1))
                    lab.start(node)
                Cluster(lab).wait_online(*lab.names)
                work(lab, 1)
                expect(key(lab, "n1", "stats.knet.node2.link0.connected") == "1", "link 0 of n1 to n2 is not connected")


def ends_of_processes(suite):
    with suite.laboratory(3, nets=2) as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        with suite.step("SIGKILL of a daemon: the others' view is without it within 100 ms, with default timers"):
            for turn in range(5):
                victim = lab.names[turn % 3]
                asking = lab.names[(turn + 1) % 3]
                time.sleep(2)
                known = len(lab.log(asking))
                began = time.time()
                lab.kill_daemon(victim)
                without = re.compile(rf"^(\w+ \d+ [0-9:.]+) .*view \d+\.\d+: (?!.*\b{victim}\b)", re.M)
                line = wait_for(lambda: without.search(lab.log(asking)[known:]), 5, f"a view without {victim} on {asking}",
                                last=lambda: lab.log(asking)[known:])
                taken = seconds_of(line[1]) - began
                print(f"     {victim}: {taken * 1000:.0f} ms")
                expect(taken < 0.1, f"the view of {asking} came {taken:.3f} s later")
                lab.start(victim)
                cluster.wait_online(*lab.names)
        with suite.step("a daemon that is stopped for 400 ms is not taken for one that has ended"):
            time.sleep(2)
            before = counters(lab)
            for _ in range(4):
                lab.freeze("n3")
                time.sleep(0.4)
                lab.thaw("n3")
                time.sleep(0.5)
            expect(counters(lab) == before, f"views or token losses: {before} before, {counters(lab)} now")
        with suite.step("nor when somebody forges its host's refusals meanwhile"):
            forgers = [lab.spawn("host", "python3", "-c", FORGER, lab.address(node, net), str(5405 + net),
                                 lab.address("n3", net), "3") for node in ("n1", "n2") for net in (0, 1)]
            for _ in range(4):
                lab.freeze("n3")
                time.sleep(0.4)
                lab.thaw("n3")
                time.sleep(0.3)
            for forger in forgers:
                expect(forger.wait() == 0, "a forger failed")
            expect(counters(lab) == before, f"views or token losses: {before} before, {counters(lab)} now")


def seconds_of(stamp):
    """Of a log line's time, in local time."""
    whole, _, rest = stamp.partition(".")
    return time.mktime(time.strptime(f"{time.localtime().tm_year} {whole}", "%Y %b %d %H:%M:%S")) + float("0." + rest)


if __name__ == "__main__":
    main("links", two_networks, active, rr, groups, ends_of_processes)
