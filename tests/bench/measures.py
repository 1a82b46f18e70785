"""The benchmarks themselves. Each takes a report to add its runs to, and the command's options."""
import glob
import os
import subprocess
import time

import probes
from lab.client import Lab, LabError
from lab.cluster_view import FENCING, Cluster, wait_for
from lab.watch import Watch

VIP = "10.77.0.100"
DUMMIES = 200
STATES = "/run/resource-agents"  # Where the Dummies keep their state: their default differs between releases.


def _lab(options, suffix, **description):
    return Lab.up(3, name=f"bench-{suffix}-{os.getpid()}", token=options.token, **description)


def _service(lab, fencing=True):
    cluster = Cluster(lab)
    cluster.wait_online(*lab.names)
    cluster.load("n1", FENCING.format(nodes=" ".join(lab.names)) if fencing else "property stonith-enabled=false",
                 f"primitive vip ocf:systole:IPaddr2 params ip={VIP} op monitor interval=10s",
                 "primitive app ocf:pacemaker:Dummy op monitor interval=10s", "group service vip app",
                 "rsc_defaults resource-stickiness=100")
    cluster.wait_running("app")
    cluster.idle("n1")
    return cluster


def _settle(cluster, node):
    asking = next(n for n in cluster.lab.names if n != node)
    cluster.crm(asking, "configure", "location", "here", "service", "inf:", node)
    cluster.wait_running("app", node, asking=asking)
    cluster.crm(asking, "configure", "delete", "here")
    cluster.idle(asking)


def start(report, options):
    for _ in range(options.runs or 5):
        with _lab(options, "start", start=False) as lab:
            watcher = lab.spawn("n1", "/usr/lib/systole/bin/systole-bench-ipc", "await", "3", stdout=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True)
            began = time.time()
            for node in lab.names:
                lab.start(node)
            out = watcher.communicate(timeout=150)[0]
            moments = {what: float(when) for when, what in (line.split() for line in out.splitlines())}
            if "online" not in moments:
                raise LabError("the three nodes did not come online:\n" + lab.log("n1")[-2000:])
            report.add("start.quorate", moments["quorate"] - began)
            report.add("start.online", moments["online"] - began)


def failover(report, options):
    with _lab(options, "failover") as lab:
        cluster = _service(lab)
        for _ in range(options.runs or 3):
            dc = cluster.view("n1").dc
            for label, victim in (("dc", dc), ("other", None)):
                victim = victim or next(n for n in lab.names if n != cluster.view("n1").dc)
                seconds = _power_loss(lab, cluster, victim)
                report.add(f"failover.{label}", seconds)
                report.add(f"failover.{label}.beyond", max(0.0, seconds - options.token / 1000))


def _power_loss(lab, cluster, victim):
    """Seconds from the victim's power loss to the address answering from another node. The victim is back after."""
    _settle(cluster, victim)
    with Watch(lab, VIP, "ping", interval_ms=2) as ping, probes.AddressEvents(lab, VIP) as events:
        wait_for(lambda: len(ping.answers) > 20, 10, "the address answering before the power loss")
        dead = lab.kill(victim)
        moved = wait_for(lambda: [e for e in events.since(dead) if e[1] != victim], 30, "the address on another node")
        answer = wait_for(lambda: ping.answered_since(moved[0][0] - 0.005), 10, "the address answering again")
    cluster.wait_online(*lab.names, seconds=40)
    return answer[0] - dead


def standby(report, options):
    with _lab(options, "standby") as lab:
        cluster = _service(lab)
        for turn in range(options.runs or 5):
            victim = lab.names[turn % 3]
            asking = lab.names[(turn + 1) % 3]
            _settle(cluster, victim)
            with Watch(lab, VIP, "ping", interval_ms=2) as ping, probes.AddressEvents(lab, VIP) as events:
                wait_for(lambda: len(ping.answers) > 20, 10, "the address answering")
                began = time.time()
                cluster.crm(asking, "node", "standby", victim)
                moved = wait_for(lambda: events.since(began), 20, "the address on another node")
                answer = wait_for(lambda: ping.answered_since(moved[0][0] - 0.002), 10, "the address answering again")
                gap = ping.outage(began)[0]
            report.add("standby.answers", answer[0] - began)
            report.add("standby.gap", gap)
            cluster.crm(asking, "node", "online", victim)
            cluster.idle(asking)


def recovery(report, options):
    with _lab(options, "recovery") as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        cluster.load("n1", "property stonith-enabled=false", "primitive app ocf:pacemaker:Dummy params "
                     f"envfile=/tmp/called state={STATES}/Dummy-app.state op monitor interval=1s "
                     "meta migration-threshold=0")
        for _ in range(options.runs or 5):
            node = cluster.wait_running("app")
            cluster.idle("n1")
            root = f"/proc/{lab.pid(node)}/root"
            report.add("recovery.running", _fail_dummy(root))


def _fail_dummy(root):
    """Removes the state file. Seconds from the monitor that finds it gone (seen by the file that the agent writes at
    each call) until the state file is back."""
    state, called = f"{root}{STATES}/Dummy-app.state", f"{root}/tmp/called"
    mtime = lambda: os.stat(called).st_mtime_ns
    before = mtime()
    wait_for(lambda: mtime() != before, 10, "a monitor of the Dummy", every=0.001)
    time.sleep(0.2)
    before = mtime()
    os.unlink(state)
    wait_for(lambda: mtime() != before, 10, "the monitor that finds it gone", every=0.0005)
    detected = time.monotonic()
    wait_for(lambda: os.path.exists(state), 20, "the Dummy running again", every=0.0005)
    return time.monotonic() - detected


def _load_dummies(report, options, agent):
    """200 of them; returns the seconds until all run. The lab stays up for `then`."""
    lab = _lab(options, "bulk")
    cluster = Cluster(lab)
    cluster.wait_online(*lab.names)
    lines = ["property stonith-enabled=false"]
    lines += [f"primitive r{i} {agent} params state={STATES}/Dummy-r{i}.state "
              "op monitor interval=30s op start timeout=60s op stop timeout=60s"
              for i in range(DUMMIES)]
    roots = [f"/proc/{lab.pid(node)}/root/run/resource-agents" for node in lab.names]
    count = lambda: sum(len(glob.glob(f"{root}/Dummy-r[0-9]*.state")) for root in roots)
    began = time.monotonic()
    try:
        cluster.load("n1", *lines)
        wait_for(lambda: count() >= DUMMIES, 300, f"{DUMMIES} Dummies running", every=0.05,
                 last=lambda: f"{count()} run")
        report.add(f"bulk.{agent.split(':')[1]}", time.monotonic() - began)
        cluster.idle("n1", seconds=120)
    except BaseException:
        lab.down()
        raise
    return lab


def bulk(report, options):
    agents = ["ocf:pacemaker:Dummy"]
    if os.path.exists("/usr/lib/ocf/resource.d/heartbeat/Dummy"):
        agents.insert(0, "ocf:heartbeat:Dummy")
    for agent in agents:
        for _ in range(options.runs or 2):
            _load_dummies(report, options, agent).down()


def memory(report, options):
    with _load_dummies(_Silent(), options, "ocf:pacemaker:Dummy") as lab:
        time.sleep(3)
        for _ in range(options.runs or 3):
            pids = {node: probes.daemons(lab, node) for node in lab.names}
            report.add("memory.pss", max(probes.pss_mib(p) for p in pids.values()))
    with _lab(options, "idle") as lab:
        Cluster(lab).wait_online(*lab.names)
        time.sleep(3)
        for _ in range(options.runs or 3):
            pids = {node: probes.daemons(lab, node) for node in lab.names}
            before, began = {n: probes.cpu_seconds(p) for n, p in pids.items()}, time.monotonic()
            time.sleep(10)
            took = time.monotonic() - began
            report.add("memory.idle", max((probes.cpu_seconds(p) - before[n]) / took * 100 for n, p in pids.items()))


class _Silent:
    def add(self, *_):
        pass


def changes(report, options):
    with _lab(options, "changes") as lab:
        cluster = Cluster(lab)
        cluster.wait_online(*lab.names)
        cluster.crm("n1", "configure", "property", "stonith-enabled=false")
        cluster.idle("n1")
        dc = cluster.view("n1").dc
        for _ in range(options.runs or 3):
            for node in (dc, next(n for n in lab.names if n != dc)):
                count = 1000
                report.add("changes.connection", count / float(probes.bench_program(lab, node, "changes", str(count))))
                report.add("changes.concurrent",
                           8 * count / float(probes.bench_program(lab, node, "changes", str(count), "8")))
                report.add("changes.processes", _by_processes(lab, node, 60))


def _by_processes(lab, node, count):
    script = ('for i in $(seq "$1"); do cibadmin -M -c -o crm_config -X '
              '"<cluster_property_set id=\\"bench\\"><nvpair id=\\"bench-x\\" name=\\"x-bench\\" value=\\"p$i\\"/>'
              '</cluster_property_set>" || exit 1; done')
    began = time.monotonic()
    lab.exec(node, "sh", "-c", script, "sh", str(count), check=True, timeout=120)
    return count / (time.monotonic() - began)


ALL = {"start": start, "failover": failover, "standby": standby, "recovery": recovery, "bulk": bulk, "changes": changes,
       "memory": memory}
