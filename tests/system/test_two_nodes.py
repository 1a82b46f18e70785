#!/usr/bin/env python3
"""The session that everyone who has met corosync and pacemaker knows: two nodes, an address, a web server.

Real daemons in network namespaces, driven by crm and crm_verify as a person types them, while a client in a
namespace of its own asks for the address and the page all along.
"""
import re

from harness import Cluster, Watch, expect, main, wait_for, web

WEB_IP = "10.77.0.100"


def session(suite):
    with suite.laboratory(2, token=1000) as lab, Watch(lab, WEB_IP, "ping") as ping, Watch(lab, WEB_IP, "http") as page:
        web.install(lab)
        cluster = Cluster(lab)
        fencing_and_first_resource(suite, lab, cluster, ping)
        quorum(suite, lab, cluster, ping)
        stickiness(suite, lab, cluster, ping)
        web_site(suite, lab, cluster, page)


def started_on(cluster, asking, resource):
    found = re.search(rf"\b{resource}\s+\(.*\):\s+Started (\S+)", cluster.crm(asking, "status").stdout)
    return found[1] if found else None


def fencing_and_first_resource(suite, lab, cluster, ping):
    with suite.step("crm status shows both nodes online with quorum"):
        cluster.wait_online("n1", "n2")
        status = cluster.crm("n1", "status").stdout
        expect(re.search(r"Online: \[ n1 n2 \]", status), status)
        expect("partition with quorum" in status, status)
    with suite.step("crm_verify -L -V says that fencing is on without a device, and names the remedy"):
        verify = lab.exec("n1", "crm_verify", "-L", "-V")
        text = verify.stdout + verify.stderr
        expect(verify.returncode != 0, f"crm_verify exited with 0:\n{text}")
        expect(re.search("no STONITH resources have been defined", text, re.I), text)
        expect("stonith-enabled" in text, text)
    with suite.step("crm configure property stonith-enabled=false satisfies crm_verify"):
        cluster.crm("n1", "configure", "property", "stonith-enabled=false")
        verify = lab.exec("n1", "crm_verify", "-L", "-V")
        expect(verify.returncode == 0, verify.stdout + verify.stderr)
    with suite.step("crm ra classes, list and info know the agents"):
        expect("lsb" in cluster.crm("n1", "ra", "classes").stdout, "no class lsb")
        expect("httpd" in cluster.crm("n1", "ra", "list", "lsb").stdout, "no lsb:httpd")
        info = cluster.crm("n1", "ra", "info", "ocf:heartbeat:IPaddr").stdout
        expect("cidr_netmask" in info, info)
    with suite.step("WebIP, an ocf:heartbeat:IPaddr, is started on n1 and answers"):
        cluster.crm("n1", "configure", "primitive", "WebIP", "ocf:heartbeat:IPaddr", "params", f"ip={WEB_IP}")
        wait_for(lambda: started_on(cluster, "n2", "WebIP") == "n1", 20, "WebIP started on n1, by crm status",
                 last=lambda: cluster.text("n2"))
        wait_for(lambda: ping.answers, 5, f"{WEB_IP} answering the client")
        expect(cluster.holders(WEB_IP) == ["n1"], f"the address is on {cluster.holders(WEB_IP)}")
    with suite.step("crm configure show gives the configuration back"):
        shown = cluster.crm("n1", "configure", "show").stdout
        expect(re.search(r"primitive WebIP (ocf:heartbeat:)?IPaddr", shown), shown)
        expect("stonith-enabled=false" in shown and f"ip={WEB_IP}" in shown, shown)


def quorum(suite, lab, cluster, ping):
    with suite.step("n1's daemon stops: n2 is a partition WITHOUT quorum and does not run WebIP"):
        expect(lab.stop("n1") == 0, "the daemon on n1 did not exit with 0")
        cluster.wait("n2", lambda v: v.online == ["n2"] and not v.quorate and v.dc == "n2", 20, "n2 alone, without quorum")
        expect("partition WITHOUT quorum" in cluster.crm("n2", "status").stdout, cluster.text("n2"))
        expect("OFFLINE: [ n1 ]" in cluster.text("n2"), cluster.text("n2"))
        cluster.idle("n2")
        expect(cluster.view("n2").running_on("WebIP") == [], cluster.text("n2"))
        expect(cluster.holders(WEB_IP) == [], f"the address is on {cluster.holders(WEB_IP)}")
    with suite.step("no-quorum-policy=ignore brings it up on n2 at once"):
        cluster.crm("n2", "configure", "property", "no-quorum-policy=ignore")
        cluster.wait_running("WebIP", "n2", asking="n2", seconds=5)
        wait_for(lambda: cluster.holders(WEB_IP) == ["n2"], 5, "the address on n2")
        answered = len(ping.answers)
        wait_for(lambda: len(ping.answers) > answered, 5, "the address answering from n2")


def stickiness(suite, lab, cluster, ping):
    with suite.step("n1 returns: the address is on one node only, and goes back to n1 where n1 is preferred"):
        lab.start("n1")
        cluster.wait_online("n1", "n2")
        cluster.idle("n1")
        expect(len(cluster.holders(WEB_IP)) == 1, f"the address is on {cluster.holders(WEB_IP)}")
        cluster.crm("n1", "configure", "location", "home", "WebIP", "50:", "n1")
        cluster.wait_running("WebIP", "n1")
        wait_for(lambda: cluster.holders(WEB_IP) == ["n1"], 5, "the address on n1 only")
    with suite.step("with resource-stickiness=100 it stays on n2 when n1 returns"):
        cluster.crm("n1", "configure", "rsc_defaults", "resource-stickiness=100")
        began = ping.answers[-1][0]
        lab.stop("n1")
        cluster.wait_running("WebIP", "n2", asking="n2")
        wait_for(lambda: cluster.holders(WEB_IP) == ["n2"], 5, "the address on n2 only")
        wait_for(lambda: ping.answered_since(began + 0.2), 5, "an answer from n2")
        outage = ping.outage(began)
        print(f"     the address was silent for {outage[0] * 1000:.0f} ms while n1 left in an orderly way")
        expect(outage[0] < 3, f"the address was silent for {outage[0]:.2f} s")
        back = ping.answers[-1][0]
        lab.start("n1")
        cluster.wait_online("n1", "n2")
        cluster.idle("n2")
        expect(cluster.view("n2").running_on("WebIP") == ["n2"], cluster.text("n2"))
        expect(ping.outage(back)[0] < 0.5, "the address was interrupted although it stayed")
        cluster.crm("n1", "configure", "delete", "home")


def web_site(suite, lab, cluster, page):
    with suite.step("WebSite, an lsb:httpd, lands on the other node"):
        cluster.crm("n1", "configure", "primitive", "WebSite", "lsb:httpd")
        cluster.wait_running("WebSite", "n1")
        expect(cluster.view("n1").running_on("WebIP") == ["n2"], cluster.text("n1"))
        expect(not page.answers, f"the page answered already: {page.last_text()}")
    with suite.step("colocation INFINITY brings them together, and the page answers"):
        cluster.crm("n1", "configure", "colocation", "website-with-ip", "INFINITY:", "WebSite", "WebIP")
        cluster.wait_running("WebSite", "n2")
        wait_for(lambda: page.last_text() == "<h1>n2</h1>", 5, "n2's page", last=lambda: str(page.last_text()))
    with suite.step("order mandatory and location prefer_node 200 do not yet outweigh twice a stickiness of 100"):
        cluster.crm("n1", "configure", "order", "httpd-after-ip", "mandatory:", "WebIP", "WebSite")
        began = page.answers[-1][0]
        cluster.crm("n1", "configure", "location", "prefer_node", "WebSite", "200:", "n1")
        cluster.idle("n1")
        expect(cluster.view("n1").running_on("WebSite") == ["n2"], cluster.text("n1"))
        expect(page.outage(began)[0] < 0.5, "the page was interrupted although it stayed")
    with suite.step("with a stickiness of 50 both move to n1, in their order"):
        cluster.crm("n1", "configure", "rsc_defaults", "resource-stickiness=50")
        began = page.answers[-1][0]
        cluster.wait_running("WebSite", "n1")
        cluster.wait_running("WebIP", "n1")
        wait_for(lambda: page.last_text() == "<h1>n1</h1>", 5, "n1's page", last=lambda: str(page.last_text()))
        report(page.outage(began), "the move")
        shown = cluster.crm("n2", "configure", "show").stdout
        expect(re.search(r"location prefer_node WebSite 200: n1", shown), shown)
        expect(re.search(r"order httpd-after-ip Mandatory: WebIP WebSite", shown, re.I), shown)
    with suite.step("n1 leaves: the page answers from n2 after a measured outage"):
        began = page.answers[-1][0]
        lab.stop("n1")
        wait_for(lambda: page.last_text() == "<h1>n2</h1>", 20, "n2's page", last=lambda: str(page.last_text()))
        report(page.outage(began), "n1's orderly stop")
        expect(cluster.holders(WEB_IP) == ["n2"], f"the address is on {cluster.holders(WEB_IP)}")
        expect(not cluster.view("n2").failures, cluster.text("n2"))


def report(outage, cause):
    print(f"     the page was silent for {outage[0] * 1000:.0f} ms by {cause}")
    expect(outage[0] < 3, f"the page was silent for {outage[0]:.2f} s")


if __name__ == "__main__":
    main("two-nodes", session)
