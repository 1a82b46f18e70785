#!/usr/bin/env python3
"""Three nodes, fencing on: whoever dies, and however, the service answers from another node, and only there."""
from harness import FENCING, Cluster, Watch, expect, main, wait_for

VIP = "10.77.0.100"


def configure(lab, cluster):
    cluster.wait_online(*lab.names)
    cluster.load("n1", FENCING.format(nodes=" ".join(lab.names)),
                 f"primitive vip ocf:systole:IPaddr2 params ip={VIP} op monitor interval=5s",
                 "primitive app ocf:pacemaker:Dummy op monitor interval=5s", "group service vip app",
                 "rsc_defaults resource-stickiness=100")
    cluster.wait_running("app")
    cluster.idle("n1")
    wait_for(lambda: len(cluster.holders(VIP)) == 1, 5, "the address on one node")


def settle_on(cluster, node):
    """Moves the service to `node`, without leaving a preference behind."""
    asking = next(n for n in cluster.lab.names if n != node)
    cluster.crm(asking, "configure", "location", "here", "service", "inf:", node)
    cluster.wait_running("app", node, asking=asking)
    cluster.crm(asking, "configure", "delete", "here")
    cluster.idle(asking)


def survive(suite, lab, cluster, ping, victim, what, hurt):
    """`hurt(victim)` while it holds the service: fenced, recovered elsewhere, and back after its boot."""
    survivors = [n for n in lab.names if n != victim]
    with suite.step(f"{what}: it is fenced and the address answers from another node"):
        settle_on(cluster, victim)
        wait_for(lambda: cluster.holders(VIP) == [victim], 5, f"the address on {victim}")
        fenced = len([e for e in lab.events() if e["what"] == "off"])
        began = ping.answers[-1][0]
        hurt(victim)
        where = cluster.wait_running("app", *survivors, asking=survivors[0], seconds=30)
        wait_for(lambda: ping.answered_since(began + 0.3), 10, "the address answering again")
        outage = ping.outage(began)
        print(f"     silent for {outage[0]:.2f} s; now on {where}")
        expect(outage[0] < 10, f"the address was silent for {outage[0]:.2f} s")
        offs = [e for e in lab.events() if e["what"] == "off"][fenced:]
        expect([e["node"] for e in offs] == [victim], f"switched off: {[e['node'] for e in offs]}")
        expect(cluster.holders(VIP) == [where], f"the address is on {cluster.holders(VIP)}")
    with suite.step(f"{what}: it boots, rejoins, and nothing moves"):
        lab.heal()
        cluster.wait_online(*lab.names, seconds=40)
        cluster.idle(where)
        expect(cluster.view(where).running_on("app") == [where], cluster.text(where))


def deaths(suite):
    with suite.laboratory(3, token=1000) as lab, Watch(lab, VIP) as ping:
        cluster = Cluster(lab)
        with suite.step("three nodes, a fencing device, and a group with an address"):
            configure(lab, cluster)
            expect(lab.exec("n1", "crm_verify", "-L", "-V").returncode == 0, "crm_verify complains")
        dc = cluster.view("n1").dc
        other = next(n for n in reversed(lab.names) if n != dc)
        survive(suite, lab, cluster, ping, other, "power loss of a node that is not the DC", lab.kill)
        survive(suite, lab, cluster, ping, cluster.view("n1").dc, "power loss of the DC", lab.kill)
        survive(suite, lab, cluster, ping, "n2", "a node that freezes", lab.freeze)
        survive(suite, lab, cluster, ping, "n3", "a node cut from the network", lab.cut)
        with suite.step("the history of fencing is known on every node"):
            for node in lab.names:
                text = lab.exec(node, "stonith_admin", "--history", "*").stdout
                expect("n2" in text and "n3" in text, f"{node}: {text}")


def daemon_killed(suite):
    with suite.laboratory(3, token=1000) as lab, Watch(lab, VIP) as ping:
        cluster = Cluster(lab)
        with suite.step("three nodes for a daemon's death"):
            configure(lab, cluster)
        survive(suite, lab, cluster, ping, "n3", "a daemon killed by SIGKILL, its resources left running", lab.kill_daemon)


def device_fails(suite):
    with suite.laboratory(3, token=1000) as lab:
        cluster = Cluster(lab)
        with suite.step("while the fencing device fails nothing is recovered, and status says why"):
            cluster.wait_online(*lab.names)
            cluster.load("n1", 'primitive fencing stonith:fence_test params command="/bin/false %a %n" '
                         'pcmk_host_list="n1 n2 n3"', "primitive app ocf:pacemaker:Dummy")
            cluster.wait_running("app")
            settle_app(cluster)
            lab.kill("n3")
            cluster.wait("n1", lambda v: v.online == ["n1", "n2"], 20, "n3 gone")
            wait_for(lambda: "fencing" in cluster.text("n1").lower() and "failed" in cluster.text("n1").lower(), 20,
                     "a failed fencing in crm status", last=lambda: cluster.text("n1"))
            expect(cluster.view("n1").running_on("app") != ["n1"] and cluster.view("n1").running_on("app") != ["n2"],
                   "recovered without fencing:\n" + cluster.text("n1"))
            expect("UNCLEAN" in cluster.text("n1"), cluster.text("n1"))
        with suite.step("a person's confirmation that the node is off lets it be recovered"):
            lab.exec("n1", "stonith_admin", "--confirm", "n3", check=True)
            cluster.wait_running("app", "n1", "n2", asking="n1", seconds=20)


def settle_app(cluster):
    cluster.crm("n1", "configure", "location", "here", "app", "inf:", "n3")
    cluster.wait_running("app", "n3", asking="n1")
    cluster.crm("n1", "configure", "delete", "here")
    cluster.idle("n1")


SCENARIOS = (deaths, daemon_killed, device_fails)

if __name__ == "__main__":
    main("failover", *SCENARIOS)
