"""./dev bench engine: our scheduler beside Debian's crm_simulate --run, on the same generated clusters, in turns.

CPU seconds (user and system) of whole processes, the document's parsing included; what parsing and planning take apart,
with and without the recording of reasons, and what planning again after one status change takes, comes from
systole-bench-engine. The documents are those of gen_cib.py in the folder that SYSTOLE_SUITE names. The peer takes up
to minutes for one run: beyond PEER_ENOUGH seconds one is enough. `--part` runs some parts alone.
"""
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from lab.client import LabError, binaries

PEER = "/usr/sbin/crm_simulate"
STATES = ("fresh", "running", "node-lost")
SIZES = {"8x500": (8, 500), "8x2000": (8, 2000), "32x1000": (32, 1000), "16x2000": (16, 2000)}
PARTS = [*SIZES, "large", "clones", "growth"]
PEER_ENOUGH = 5.0
# So many times less CPU than the peer.
TIMES_LESS = {(8, 500): 20, (16, 2000): 50, (32, 1000): 50}
LARGE = (32, 10000)
PLAN_LIMIT, WHOLE_LIMIT, MEMORY_LIMIT = 1.0, 3.0, 1.5  # Of the large one: seconds, seconds, GiB.
AGAIN_LIMIT, EXPONENT_LIMIT = 0.020, 1.15
BY_RESOURCES = [(8, n) for n in (250, 500, 1000, 2000, 4000)]
BY_NODES = [(n, 1000) for n in (4, 8, 16, 32)]


def _generator():
    suite = os.environ.get("SYSTOLE_SUITE") or pathlib.Path(__file__).resolve().parents[3] / "shared/scheduler-suite"
    path = pathlib.Path(suite) / "gen_cib.py"
    if not path.is_file():
        raise LabError("the generator of documents is not there: SYSTOLE_SUITE has to name the folder with gen_cib.py")
    return path


# Of no parameters, and of none with a timeout of 20 seconds.
DIGESTS = {"start": "f2317cad3d54cec5d7d7aa7d0bf35cf8", "monitor": "4811cef7f7f94e3a35a70be7916cb2fd"}


def clones(nodes, count, changed=False):
    """A cluster of `count` anonymous clones with an instance on each node, all running; `changed`: with other parameters
    than those that are configured, so that all of them have to restart."""
    digest = {task: "0" * 32 if changed else digest for task, digest in DIGESTS.items()}
    op = ('<lrm_rsc_op id="{r}_{task}_{ms}" operation_key="{r}_{task}_{ms}" operation="{task}" interval="{ms}" rc-code="0" '
          'op-status="0" call-id="{call}" transition-key="{call}:1:0:u" transition-magic="0:0;{call}:1:0:u" '
          'op-digest="{digest}"/>')
    resources = "".join(
        f'<clone id="c{i}"><meta_attributes id="c{i}-m"><nvpair id="c{i}-i" name="interleave" value="true"/></meta_attributes>'
        f'<primitive id="r{i}" class="ocf" provider="pacemaker" type="Dummy"><operations>'
        f'<op id="r{i}-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive></clone>' for i in range(count))
    states = ""
    for n in range(1, nodes + 1):
        lrm = "".join(f'<lrm_resource id="r{i}" class="ocf" provider="pacemaker" type="Dummy">'
                      + op.format(r=f"r{i}", task="start", ms=0, call=2 * i + 1, digest=digest["start"])
                      + op.format(r=f"r{i}", task="monitor", ms=10000, call=2 * i + 2, digest=digest["monitor"])
                      + "</lrm_resource>" for i in range(count))
        states += (f'<node_state id="{n}" uname="n{n}" in_ccm="true" crmd="online" join="member" expected="member">'
                   f'<lrm id="{n}"><lrm_resources>{lrm}</lrm_resources></lrm></node_state>')
    return ('<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0" '
            'have-quorum="1" dc-uuid="1" execution-date="1701000000"><configuration><crm_config><cluster_property_set id="b">'
            '<nvpair id="b-s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes>'
            + "".join(f'<node id="{n}" uname="n{n}"/>' for n in range(1, nodes + 1))
            + f"</nodes><resources>{resources}</resources><constraints/></configuration><status>{states}</status></cib>")


def _cpu(*command):
    """CPU seconds and MiB of a process that must succeed."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "TZ": "UTC", "LC_ALL": "C"}) as child:
        errors = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise LabError(f"{' '.join(command)} ended with {child.returncode}: {errors.strip()[:300]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _inside(path):
    run = subprocess.run([f"{binaries()}/systole-bench-engine", path], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise LabError(f"systole-bench-engine: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Bench:
    def __init__(self, options, directory):
        self.runs, self.directory, self.rows, self.missed = options.runs or 5, directory, [], []
        self.peer = os.access(PEER, os.X_OK)
        self.generator = _generator()

    def document(self, nodes, resources, state):
        path = f"{self.directory}/{state}-{nodes}x{resources}.xml"
        if not os.path.exists(path):
            subprocess.run([sys.executable, self.generator, "--nodes", str(nodes), "--resources", str(resources), "--state",
                            state, "--output", path], check=True)
        return path

    @staticmethod
    def progress(text):
        """One line that comes and goes, for people."""
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def limit(self, what, value, most):
        if value > most:
            self.missed.append(f"{what}: {value:.3f}, {most} is wanted")

    def row(self, name, path, with_peer, times_less=None):
        """Ours and the peer's in turns; medians."""
        ours, theirs, memory = [], [], 0
        for turn in range(self.runs):
            self.progress(f"{name}: run {turn + 1} of {self.runs}")
            seconds, mib = _cpu(f"{binaries()}/crm_simulate", "--xml-file", path, "--run")
            ours.append(seconds)
            memory = max(memory, mib)
            if with_peer and self.peer and sum(theirs) < PEER_ENOUGH:
                self.progress(f"{name}: run {turn + 1} of the peer")
                theirs.append(_cpu(PEER, "--xml-file", path, "--run")[0])
        self.progress(f"{name}: planning again and again")
        row = {"name": name, "mb": os.path.getsize(path) / 1e6, "ours": statistics.median(ours), "memory_mib": memory,
               **_inside(path)}
        if theirs:
            row["theirs"] = statistics.median(theirs)
            row["ratio"] = row["theirs"] / row["ours"]
            row["wanted"] = times_less
            if times_less and row["ratio"] < times_less:
                self.missed.append(f"{name}: {row['ratio']:.1f} times less, {times_less} is wanted")
        self.rows.append(row)
        self.progress("")
        print(f"{name:24} {row['mb']:6.1f} MB {row['ours']:8.3f} {row['parse']:8.3f} {row['plan']:8.3f} {row['reasons']:8.3f}"
              f" {1e3 * row['again']:8.2f} ms"
              f" {memory:7.0f} MiB {row['actions']:7}"
              + (f" {row['theirs']:8.2f} {row['ratio']:7.1f}" if theirs else "")
              + (f"   >= {times_less}" if theirs and times_less else ""), flush=True)
        return row

    def exponent(self, sizes, axis, state):
        """Of the CPU time, parsing included, against one size."""
        points = []
        for size in sizes:
            self.progress(f"growth: {state}, {size[0]} x {size[1]}")
            points.append((math.log(size[axis]), math.log(_cpu_median(self, self.document(*size, state)))))
        self.progress("")
        mean_x, mean_y = (statistics.mean(p[i] for p in points) for i in (0, 1))
        slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
        against = "resources" if axis else "nodes"
        print(f"{state:10} against {against:10} {slope:5.2f}   <= {EXPONENT_LIMIT}", flush=True)
        self.limit(f"growth exponent against {against}, {state}", slope, EXPONENT_LIMIT)
        return {"state": state, "against": against, "exponent": slope}


def _cpu_median(bench, path):
    return statistics.median(_cpu(f"{binaries()}/crm_simulate", "--xml-file", path, "--run")[0] for _ in range(bench.runs))


def _sizes(bench, parts):
    for part, size in SIZES.items():
        for state in STATES if part in parts else ():
            row = bench.row(f"{size[0]} x {size[1]} {state}", bench.document(*size, state), True, TIMES_LESS.get(size))
            if size[1] == 2000 and state != "fresh":
                bench.limit(f"planning again after one change, {row['name']}", row["again"], AGAIN_LIMIT)


def _large(bench):
    name = f"{LARGE[0]} x {LARGE[1]} running"
    bench.progress(f"{name}: the document is made")
    row = bench.row(name, bench.document(*LARGE, "running"), False)
    bench.limit("32 x 10000, plan", row["plan"], PLAN_LIMIT)
    bench.limit("32 x 10000, whole process", row["ours"], WHOLE_LIMIT)
    bench.limit("32 x 10000, GiB", row["memory_mib"] / 1024, MEMORY_LIMIT)


def _clones(bench):
    for name, changed in (("running", False), ("restart", True)):
        path = f"{bench.directory}/clones-{name}.xml"
        pathlib.Path(path).write_text(clones(100, 100, changed), encoding="ascii")
        row = bench.row(f"100 x 100 clones {name}", path, False)
        bench.limit(f"100 x 10000 instances, {name}, plan", row["plan"], PLAN_LIMIT)


def _growth(bench):
    print("growth exponents of CPU time, parsing included")
    return [bench.exponent(sizes, axis, state) for state in STATES for sizes, axis in ((BY_RESOURCES, 1), (BY_NODES, 0))]


def measure(options):
    """Runs and prints all, or the parts of --part; returns what --json writes."""
    parts = options.part or PARTS
    if unknown := set(parts) - set(PARTS):
        raise LabError(f"no such part: {' '.join(sorted(unknown))}; there are: {' '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="systole-bench-engine-") as directory:
        bench = Bench(options, directory)
        if not bench.peer:
            print(f"   {PEER} (pacemaker-cli-utils) is not installed: nothing to compare with")
        if set(parts) != {"growth"}:
            print(f"{'':24} {'document':>9} {'ours s':>8} {'parse':>8} {'plan':>8} {'reasons':>8} {'again':>11} {'memory':>11}"
                  f" {'actions':>7} {'peer s':>8} {'times':>7}")
        _sizes(bench, parts)
        if "large" in parts:
            _large(bench)
        if "clones" in parts:
            _clones(bench)
        growth = _growth(bench) if "growth" in parts else []
        for line in bench.missed:
            print(f"MISSED  {line}")
        return {"rows": bench.rows, "growth": growth, "missed": bench.missed}
