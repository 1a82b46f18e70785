#!/usr/bin/env python3
"""./dev bench: what the cluster takes, in time and memory, measured in the laboratory beside its targets.

Medians of several runs with their spread. Targets are the project's; "peer" is Corosync 3.1.7 with Pacemaker 2.1.5
measured in the same kind of namespaces on such a machine. Absolute times move with the machine's load.
"""
import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import engine  # noqa: E402  pylint: disable=wrong-import-position
import formation  # noqa: E402  pylint: disable=wrong-import-position
import measures  # noqa: E402  pylint: disable=wrong-import-position
import ring  # noqa: E402  pylint: disable=wrong-import-position
from lab.client import LabError, binaries  # noqa: E402  pylint: disable=wrong-import-position

# metric -> (what it is, unit, target, is less better, peer's figure)
METRICS = {
    "start.online": ("three nodes from start to quorum, DC and all online", "s", 2.0, True, "22.9"),
    "start.quorate": ("… of it until quorum", "s", None, True, "2.5"),
    "failover.dc": ("power loss of the DC to the address answering", "s", 1.5, True, "4.9"),
    "failover.other": ("power loss of another node to the address answering", "s", 1.5, True, "3.8"),
    "failover.dc.beyond": ("… of it beyond the token's loss, the DC", "s", 0.150, True, "1.3"),
    "failover.other.beyond": ("… of it beyond the token's loss, another node", "s", 0.150, True, "0.15 to 0.22"),
    "standby.answers": ("crm node standby to the address answering elsewhere", "s", 0.150, True, "0.57"),
    "standby.gap": ("… the address silent meanwhile", "s", None, True, "0.15"),
    "recovery.running": ("a failed Dummy, from detected to running again", "s", 0.050, True, "0.083"),
    "bulk.heartbeat": ("200 ocf:heartbeat:Dummy in one commit to all running", "s", 10.0, True, "41"),
    "bulk.pacemaker": ("200 of our own ocf:pacemaker:Dummy, likewise", "s", 10.0, True, "–"),
    "changes.connection": ("durable changes over one connection", "/s", 1000.0, False, "92 to 103"),
    "changes.concurrent": ("… over 8 connections at once, all together", "/s", None, False, "–"),
    "changes.processes": ("durable changes, a cibadmin process each", "/s", 150.0, False, "14 to 24"),
    "memory.pss": ("daemons of a node with 200 resources (PSS), the largest", "MiB", 40.0, True, "144 to 212"),
    "memory.idle": ("idle CPU of a node's daemons, the largest", "%", 0.5, True, "0.7"),
}


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


class Report:
    def __init__(self):
        self.runs = {}
        self.ring = self.formation = self.engine = None

    def add(self, metric, value):
        self.runs.setdefault(metric, []).append(value)
        print(f"   {metric} {number(value)} {METRICS[metric][1]}", flush=True)

    def rows(self):
        for metric, (text, unit, target, less, peer) in METRICS.items():
            values = self.runs.get(metric)
            if values:
                median = statistics.median(values)
                met = None if target is None else median <= target if less else median >= target
                yield metric, {"what": text, "unit": unit, "median": median, "min": min(values), "max": max(values),
                               "runs": values, "target": target, "less_is_better": less, "met": met, "peer": peer}

    def table(self):
        head = ("", "median", "spread", "target", "peer")
        lines = [(r["what"], f"{number(r['median'])} {r['unit']}", f"{number(r['min'])} – {number(r['max'])} ({len(r['runs'])})",
                  "" if r["target"] is None else f"{'<' if r['less_is_better'] else '>'} {number(r['target'])}"
                  + ("" if r["met"] else "  MISSED"), r["peer"]) for _, r in self.rows()]
        widths = [max(len(line[i]) for line in [head, *lines]) for i in range(5)]
        for line in [head, *lines]:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())

    def document(self):
        with open("/proc/loadavg", encoding="ascii") as file:
            load = float(file.read().split()[0])
        return {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cores": os.cpu_count(), "load_average": load,
                "binaries": binaries(), "metrics": dict(self.rows()), "ring": self.ring, "formation": self.formation, "engine": self.engine}


def main():
    names = [*measures.ALL, "ring", "formation", "engine"]
    arguments = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", metavar="NAME", help=" ".join(names))
    arguments.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    arguments.add_argument("--runs", type=int, metavar="N", help="runs of each (default: what each finds enough)")
    arguments.add_argument("--token", type=int, default=1000, metavar="MS", help="corosync.conf's token (default 1000)")
    arguments.add_argument("--nodes", default="3,8", metavar="N,N", help="ring: rings of how many nodes (default 3,8)")
    arguments.add_argument("--part", action="append", metavar="PART", help=f"engine: only this part: {' '.join(engine.PARTS)}")
    arguments.add_argument("--seconds", type=float, default=2.0, help="ring: length of each measurement (default 2)")
    options = arguments.parse_args()
    wanted = options.names or list(measures.ALL)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        sys.exit(f"./dev bench: no such benchmark: {' '.join(unknown)}; there are: {' '.join(names)}")
    if set(wanted) - {"ring", "formation", "engine"} and not os.access(f"{binaries()}/systoled", os.X_OK):
        sys.exit(f"./dev bench: there is no systoled in {binaries()}")
    report, failed = Report(), []
    for name in wanted:
        print(f"== {name}", flush=True)
        try:
            if name == "ring":
                report.ring = ring.measure(options)
                report.formation = formation.measure(options)
            elif name == "formation":
                report.formation = formation.measure(options)
            elif name == "engine":
                report.engine = engine.measure(options)
            else:
                measures.ALL[name](report, options)
        except LabError as error:
            failed.append(name)
            print(f"   FAILED: {error}", flush=True)
    if report.runs:
        print()
        report.table()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report.document(), file, indent=1)
            file.write("\n")
    if failed:
        sys.exit(f"./dev bench: failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
