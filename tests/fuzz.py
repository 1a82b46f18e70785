#!/usr/bin/env python3
"""./dev fuzz [NAME...] [--seconds N]: runs the named libFuzzer targets (clang, ASan, UBSan), or all, one after another,
and says what each did. Starts from the seeds in tests/corpus/NAME; what it learns stays in build/fuzz/corpus/NAME, and
an input that does harm in build/fuzz/found/.

    ./dev fuzz cib_fuzz --input FILE     replays one input
    ./dev fuzz cib_fuzz --keep           merges what was learnt into tests/corpus, as few inputs as cover it
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
SEEDS = ROOT / "tests" / "corpus"
LARGEST = 64 << 10  # Bytes; as tests/fuzz_smoke.cc has it.
COMMON = ["-rss_limit_mb=2048", "-timeout=100", f"-max_len={LARGEST}", "-print_final_stats=1", f"-artifact_prefix={BUILD}/found/"]


def targets():
    return sorted(p.name for p in (BUILD / "bin").glob("*_fuzz"))


def folders(name):
    """Where it learns, and where it starts from."""
    learnt, seeds = BUILD / "corpus" / name, SEEDS / name
    for folder in (learnt, seeds, BUILD / "found"):
        folder.mkdir(parents=True, exist_ok=True)
    return str(learnt), str(seeds)


def fuzz(name, seconds):
    """Runs one target; True when it found nothing."""
    log = BUILD / f"{name}.log"
    with open(log, "wb") as out:
        status = subprocess.run([BUILD / "bin" / name, *COMMON, f"-max_total_time={seconds}", *folders(name)],
                                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text(errors="replace")
    figure = lambda pattern: (re.findall(pattern, text) or ["?"])[-1]
    print(f"{'ok  ' if status == 0 else 'FAIL'} {name:<20} {figure(r'number_of_executed_units: (.*)')} executions, "
          f"{figure(r'average_exec_per_sec: *(.*)')}/s, covers {figure(r'cov: ([0-9]+)')} edges, "
          f"at most {figure(r'peak_rss_mb: *(.*)')} MiB", flush=True)
    if status != 0:
        print("\n".join(text.splitlines()[-60:]))
        print(f"---- {name}: exit {status}; all of it in {log.relative_to(ROOT)}", flush=True)
    return status == 0


def keep(name):
    learnt, seeds = folders(name)
    # Only what is small: the seeds are read by people, and run in each ./dev test.
    subprocess.run([BUILD / "bin" / name, "-merge=1", "-max_len=4096", seeds, learnt], check=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--input", metavar="FILE", help="run this input only")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true", help="name the targets")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in targets()]
    if unknown:
        sys.exit(f"./dev fuzz: no such target: {' '.join(unknown)}; there are: {' '.join(targets())}")
    names = options.names or targets()
    if options.list:
        print("\n".join(names))
        return 0
    if options.input:
        return max(subprocess.run([BUILD / "bin" / name, *COMMON, options.input], check=False).returncode != 0 for name in names)
    if options.keep:
        for name in names:
            keep(name)
        return 0
    found = [name for name in names if not fuzz(name, options.seconds)]
    print(f"{len(names) - len(found)} passed, {len(found)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
