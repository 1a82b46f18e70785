#!/usr/bin/env python3
"""The tools that look at the ring, on three real daemons and two networks: what they tell is so."""
import json
import re

from harness import Cluster, expect, main, wait_for


def tool(lab, node, *words, code=0):
    done = lab.exec(node, *words)
    expect(done.returncode == code, f"{' '.join(words)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def keys(lab, node, *words):
    """key -> (type, value)"""
    found = re.findall(r"^(\S+) \((\w+)\) = (.*)$", tool(lab, node, "corosync-cmapctl", *words), re.M)
    return {key: (kind, value) for key, kind, value in found}


def findings(lab, node):
    """Lines of crm cluster health that are WRONG, and its exit code."""
    done = lab.exec(node, "crm", "cluster", "health")
    return re.findall(r"^WRONG +(.*)", done.stdout, re.M), done.returncode


def corosync_tools(suite, lab):
    with suite.step("corosync-cmapctl has the file's keys, the timers in use and the members"):
        found = keys(lab, "n2")
        for key, value in {"nodelist.local_node_pos": ("u32", "1"), "nodelist.node.2.name": ("str", "n3"),
                           "runtime.members.3.status": ("str", "joined"), "runtime.config.totem.token": ("u32", "1000"),
                           "totem.interface.1.mcastport": ("u16", "5406"), "runtime.votequorum.this_node_id": ("u32", "2"),
                           }.items():
            expect(found.get(key) == value, f"{key} is {found.get(key)}, not {value}")
        address = found["runtime.members.1.ip"][1]
        expect(f"r(0) ip({lab.address('n1', 0)}) r(1) ip({lab.address('n1', 1)}) " == address, address)
        expect(not any(key.startswith("stats.") for key in found), "counters among the settings")
    with suite.step("counters of every link grow"):
        def counted():
            return int(keys(lab, "n1", "-m", "stats")["stats.knet.node3.link1.rx_total_packets"][1])
        before = counted()
        wait_for(lambda: counted() > before, 3, "more packets received over link 1 of node 3")
        stats = keys(lab, "n1", "-m", "stats", "stats.knet.node2.link0")
        least, most = (int(stats[f"stats.knet.node2.link0.latency_{word}"][1]) for word in ("min", "max"))
        expect(0 < least <= most, f"latency from {least} to {most} us")
    with suite.step("a key is not set, and the answer says what to do instead"):
        refused = lab.exec("n1", "corosync-cmapctl", "-s", "totem.token", "u32", "5000")
        expect(refused.returncode == 1 and "crm cluster reload" in refused.stderr, refused.stderr)
    with suite.step("corosync-cfgtool and corosync-quorumtool tell links, peers and members"):
        expect(re.findall(r"status\t= (\S+)", tool(lab, "n2", "corosync-cfgtool", "-sb")) == ["3n3", "3n3"], "a link is not connected")
        expect(tool(lab, "n1", "corosync-cfgtool", "-a", "2") == f"{lab.address('n2', 0)} {lab.address('n2', 1)}\n", "addresses of node 2")
        listed = tool(lab, "n1", "corosync-quorumtool", "-lai")
        expect(f"3          1 {lab.address('n3', 0)}, {lab.address('n3', 1)}\n" in listed, listed)
        refused = lab.exec("n1", "corosync-quorumtool", "-e", "0")
        expect(refused.returncode == 1 and "positive number" in refused.stderr, refused.stderr)


def ring_and_health(suite, lab):
    with suite.step("systole ring gives the same ring as text, XML and JSON"):
        expect("OPERATIONAL" in tool(lab, "n1", "systole", "ring", "-1"), "not operational")
        expect("<ring " in tool(lab, "n1", "systole", "ring", "--output-as=xml"), "no XML")
        ring = json.loads(tool(lab, "n1", "systole", "ring", "--output-as=json"))
        expect(len(ring["links"][0]["link"]) == 4, ring["links"])
        expect(all(link["up"] and link["latency_us"] > 0 for link in ring["links"][0]["link"]), ring["links"])
    with suite.step("crm cluster health finds nothing wrong but that there is no fencing"):
        wrong, code = findings(lab, "n1")
        expect(code == 1 and len(wrong) == 1 and wrong[0].startswith("fencing"), wrong)
    with suite.step("a cut network is found, by link and node, and found to be mended"):
        lab.cut("n3", net=1)
        wait_for(lambda: [w for w in findings(lab, "n1")[0] if "link 1 to n3 (3) is down" in w], 5, "link 1 to n3 found down")
        expect(re.findall(r"status\t= (\S+)", tool(lab, "n1", "corosync-cfgtool", "-sb", code=1)) == ["n33", "n31"], "cfgtool -sb")
        lab.heal()
        wait_for(lambda: len(findings(lab, "n1")[0]) == 1, 12, "the link well again, its lost beats forgotten", last=lambda: findings(lab, "n1"))
    with suite.step("a lost node is found, and counted when it comes back"):
        lab.kill_daemon("n3")
        wait_for(lambda: [w for w in findings(lab, "n1")[0] if "n3 (3) is lost" in w], 5, "n3 found lost")
        lab.start("n3")
        Cluster(lab).wait_online(*lab.names)
        expect(keys(lab, "n1", "-g", "runtime.members.3.join_count")["runtime.members.3.join_count"] == ("u32", "2"), "joins")
    with suite.step("without quorum corosync-quorumtool ends with 2, and health says what is missing"):
        lab.kill_daemon("n2")
        lab.kill_daemon("n3")
        wait_for(lambda: lab.exec("n1", "corosync-quorumtool", "-s").returncode == 2, 5, "no quorum")
        wrong, _ = findings(lab, "n1")
        expect([w for w in wrong if w.startswith("quorum   none: 1 of 3 votes, 2 needed")], wrong)
    with suite.step("where the daemon does not run, each tool says so"):
        lab.kill_daemon("n1")
        for words in (["corosync-cmapctl"], ["corosync-quorumtool"], ["corosync-cfgtool", "-s"], ["systole", "ring", "-1"],
                      ["crm", "cluster", "health"]):
            done = lab.exec("n1", *words)
            expect(done.returncode not in (0, 2) and done.stderr, f"{words}: {done.returncode} {done.stdout}")


def all_tools(suite):
    with suite.laboratory(3, nets=2) as lab:
        Cluster(lab).wait_online(*lab.names)
        lab.exec("n1", "crm", "configure", "property", "stonith-enabled=false", check=True)
        corosync_tools(suite, lab)
        ring_and_health(suite, lab)


if __name__ == "__main__":
    main("ring-tools", all_tools)
