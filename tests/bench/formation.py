"""./dev bench ring, second part: how long rings take to form and to lose a member, by their number of nodes.

In namespaces with real processes as far as the machine carries it, beyond in the simulator, whose time is the protocol's
own: nothing waits for a processor there. Each figure stands beside its target.
"""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

from lab.client import LabError, binaries
from ring import NET, Namespaces, Nodes

SIMULATED = (3, 16, 32, 64, 128)
REAL = (3, 16)
SILENT_MS, KILLED_MS = 2000, 100
CALM = 2.0  # Seconds between one trouble and the next, as in the simulator.


def simulate(nodes, runs):
    """A dictionary, as ring_formation --json prints it. What it takes grows with the square of the nodes, and more."""
    program = f"{binaries()}/ring_formation"
    if not os.access(program, os.X_OK):
        raise LabError(f"{program} is not there: ./dev build")
    done = subprocess.run([program, "--json", "--runs", str(max(1, min(runs, 200 // nodes))), "--nodes", str(nodes)],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"a simulated ring of {nodes} did not come to a view")
    return json.loads(done.stdout)


def tell(nodes, numbers, line):
    for number in numbers:
        nodes.processes[number - 1].stdin.write(line + "\n")
        nodes.processes[number - 1].stdin.flush()


def slowest(nodes, numbers):
    """The answers to what was told: milliseconds, the last node's."""
    answers = [nodes.processes[number - 1].stdout.readline().split() for number in numbers]
    if not all(len(answer) == 2 for answer in answers):
        raise LabError("a load program ended while it was asked")
    return max(float(answer[1]) for answer in answers)


def real(count):
    """Milliseconds to the view of all, of those without a silent host, without a killed process."""
    directory = tempfile.mkdtemp(prefix="systole-bench-formation-")
    with Namespaces(count) as spaces:
        nodes = None
        try:
            nodes = Nodes(spaces, [[f"{binaries()}/systole-bench-ring", str(i), str(count), NET, directory]
                                   for i in range(1, count + 1)], stderr=subprocess.DEVNULL)  # They tell of lost links.
            everybody = list(nodes.all())
            tell(nodes, everybody, f"view {count}")
            formed = slowest(nodes, everybody)
            others = everybody[:-1]
            time.sleep(CALM)
            tell(nodes, others, f"view {count - 1}")
            spaces.unplug(count)
            silent = slowest(nodes, others)
            left = others[:-1]
            time.sleep(CALM)
            tell(nodes, left, f"view {count - 2}")
            nodes.processes[count - 2].kill()
            return {"formed": formed, "silent": silent, "killed": slowest(nodes, left)}
        finally:
            if nodes is not None:
                nodes.close()
            shutil.rmtree(directory, ignore_errors=True)


def cell(median, most, target=None):
    text = f"{median:.0f} ({most:.0f})"
    return text + ("" if target is None or most <= target else " MISSED")


def measure(options, say=print):
    """Prints the tables; returns what --json writes."""
    runs = options.runs or 5
    say(f"   view formation in namespaces, milliseconds: median (slowest) of {runs}; silent <= {SILENT_MS}, killed <= {KILLED_MS}")
    say(f"   {'nodes':>5}  {'formed':>14}  {'silent':>20}  {'killed':>20}")
    figures = {"real": {}, "simulated": []}
    for count in REAL:
        taken = [real(count) for _ in range(runs)]
        phases = {name: [run[name] for run in taken] for name in taken[0]}
        figures["real"][str(count)] = phases
        columns = [cell(statistics.median(phases[name]), max(phases[name]), target)
                   for name, target in (("formed", None), ("silent", SILENT_MS), ("killed", KILLED_MS))]
        say(f"   {count:5}  {columns[0]:>14}  {columns[1]:>20}  {columns[2]:>20}")
    say(f"   in the simulator, virtual milliseconds: median (slowest) of at most {runs}, and datagrams of all nodes together")
    say(f"   {'nodes':>5}  {'formed':>14} {'grams':>8}  {'silent':>20} {'grams':>8}  {'killed':>14} {'grams':>8}  "
        f"{'joined':>14} {'grams':>8}  idle grams/s")
    for nodes in SIMULATED:
        row = simulate(nodes, runs)
        figures["simulated"].append(row)
        columns = []
        for name, target, width in (("formed", None, 14), ("silent", SILENT_MS, 20), ("killed", KILLED_MS, 14), ("joined", None, 14)):
            phase = row[name]
            columns.append(f"{cell(phase['ms'], phase['ms_most'], target):>{width}} {phase['datagrams']:8.0f}")
        say(f"   {row['nodes']:5}  " + "  ".join(columns) + f"  {row['idle_datagrams_per_second']:12.0f}")
    return figures
