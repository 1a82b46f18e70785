#!/usr/bin/env python3
"""./dev test: runs the named parts, or all that CI runs (all but tsan), and ends with one line that counts test cases.

Parts: layout fmt unit models asan tsan sim system. The whole output of each part is kept in build/test-logs/; what failed
is printed. Skipped cases are counted and named: a skipped check has checked nothing.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
SUITE = ROOT.parent / "shared" / "scheduler-suite"
ALL = ["layout", "fmt", "unit", "models", "sim", "system", "asan"]
NAMED = ["tsan"]  # Run by name.
# What has threads, and so can have races: layout.py keeps threads out of all other folders but the clients'. These suites,
# and what tests/system/races.py needs.
THREADED = ["agents_test", "base_test", "cib_test", "crm_shell_test", "daemon_parts_test", "ipc_test", "membership_test",
            "qdevice_test"]
RACES = ["mkqdisk", "systole", "systole-bench-ipc", "systole-execd", "systoled"]
# Debian 12's g++ sanitizers want one address-space layout; setarch keeps it stable on newer kernels.
# What properties (RapidCheck) try a hundred times in the release build, they try twenty times in the slow ones.
SANITIZERS = {preset: ["setarch", "-R", "env", "RC_PARAMS=max_success=20"] for preset in ("asan", "tsan")}


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = []

    def add(self, passed, failed, skipped):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def environment():
    env = dict(os.environ)
    if "SYSTOLE_SUITE" not in env and SUITE.is_dir():
        env["SYSTOLE_SUITE"] = str(SUITE)
    return env


def run(name, command, timeout):
    """Runs a command with its output in build/test-logs/NAME.log; answers (exit status, output)."""
    log = LOGS / f"{name}.log"
    try:
        with open(log, "wb") as out:
            status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                    env=environment(), timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        status = f"did not end within {timeout} s"
    return status, log.read_text(errors="replace")


def gtest_counts(status, output):
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", output, re.M))
    failed = len(set(re.findall(r"^\[  FAILED  \] ([\w./]+)", output, re.M)))
    skipped = sorted(set(re.findall(r"^\[  SKIPPED \] ([\w./]+)", output, re.M)))
    if status != 0 and failed == 0:
        failed = 1  # A crash, a time-out or a sanitizer's report.
    return passed, failed, skipped


def script_counts(status, output):
    """Of a program that ends with 'N passed, N failed[, N skipped]'."""
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?", output, re.M)
    passed, failed, skipped = (int(found[-1][0]), int(found[-1][1]), int(found[-1][2] or 0)) if found else (0, 0, 0)
    if status != 0 and failed == 0:
        failed = 1
    names = re.findall(r"^skipped:? (.*)", output, re.M | re.I)
    return passed, failed, (names + [f"skipped {i + 1}" for i in range(skipped - len(names))])[:max(skipped, 0)]


def report(name, status, output, counts, started, tally):
    passed, failed, skipped = counts
    tally.add(passed, failed, [f"{name}: {case}" for case in skipped])
    mark = "ok  " if failed == 0 else "FAIL"
    print(f"{mark} {name:<28} {passed} passed, {failed} failed, {len(skipped)} skipped   {time.time() - started:.1f} s",
          flush=True)
    if failed:
        print(f"---- {name}: exit {status}; the end of build/test-logs/{name}.log")
        print("\n".join(output.splitlines()[-60:]), flush=True)


def build(preset, tally, targets=()):
    started = time.time()
    status, output = run(f"build-{preset}", ["./dev", "build", preset, *targets], 3000)
    if status != 0:
        report(f"build-{preset}", status, output, (0, 1, []), started, tally)
    else:
        print(f"     build {preset:<22} {time.time() - started:.1f} s", flush=True)
    return status == 0


def unit(preset, tally, only=None):
    """The suites of a build, all or `only` some. Whether there was a build."""
    if not build(preset, tally, only or ()):
        return False
    listing = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1"], cwd=ROOT,
                             capture_output=True, check=True).stdout
    tests = [(t["name"], t["command"]) for t in json.loads(listing)["tests"]
             if not only or t["name"] in only]
    prefix = SANITIZERS.get(preset, [])

    def one(test):
        name = test[0] if preset == "release" else f"{preset}-{test[0]}"
        started = time.time()
        status, output = run(name, prefix + test[1], 900)
        return name, status, output, started

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, status, output, started in pool.map(one, tests):
            report(name, status, output, gtest_counts(status, output), started, tally)
    return True


def tsan(tally):
    if not unit("tsan", tally, THREADED) or not build("tsan", tally, RACES):
        return
    started = time.time()
    status, output = run("tsan-races", ["setarch", "-R", "env", f"SYSTOLE_BIN={ROOT}/build/tsan/bin", sys.executable,
                                        "tests/system/races.py"], 900)
    report("tsan-races", status, output, script_counts(status, output), started, tally)


def plain(name, command, tally, timeout=600):
    started = time.time()
    status, output = run(name, command, timeout)
    report(name, status, output, (int(status == 0), int(status != 0), []), started, tally)


def system(tally):
    if not build("release", tally):
        return
    for test in sorted((ROOT / "tests" / "system").glob("test_*.py")):
        started = time.time()
        status, output = run(test.stem, [sys.executable, str(test)], 900)
        report(test.stem, status, output, script_counts(status, output), started, tally)


def sim(tally):
    if not build("release", tally):
        return
    program = ROOT / "build" / "release" / "bin" / "systole-sim"
    if program.exists():
        plain("sim", [str(program), "--twice", "--seeds", os.environ.get("SYSTOLE_SIM_SEEDS", "120")], tally, 900)
    else:
        tally.add(0, 1, [])
        print("FAIL sim: no build/release/bin/systole-sim")


def models(tally):
    started = time.time()
    status, output = run("models", [sys.executable, "tests/models.py"], 300)
    report("models", status, output, script_counts(status, output), started, tally)


def main():
    parts = sys.argv[1:] or ALL
    unknown = [p for p in parts if p not in ALL + NAMED]
    if unknown:
        sys.exit(f"./dev test: no such part: {' '.join(unknown)}; there are: {' '.join(ALL + NAMED)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    for part in parts:
        if part == "layout":
            plain("layout", [sys.executable, "tests/layout.py"], tally)
        elif part == "fmt":
            plain("fmt", ["./dev", "fmt", "--check"], tally)
        elif part == "unit":
            unit("release", tally)
        elif part == "asan":
            unit(part, tally)
        elif part == "tsan":
            tsan(tally)
        elif part == "models":
            models(tally)
        elif part == "sim":
            sim(tally)
        elif part == "system":
            system(tally)
    for case in tally.skipped:
        print(f"skipped: {case}")
    print(f"{tally.passed} passed, {tally.failed} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
