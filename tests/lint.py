#!/usr/bin/env python3
"""./dev lint: clang-tidy over the sources, all or the named ones. What was found clean is not looked at again until it,
a header that it includes, its flags or .clang-tidy change: build/tidy/clean keeps a digest for each source.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
CLEAN = BUILD / "clean"
# The analyzer, which takes most of the time, looks for paths that no test runs: not in the tests themselves.
RUN_ANYWAY = ("_test.cc", "_bench.cc", "_fuzz.cc", "tests/fuzz_smoke.cc")


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def tracked():
    """Every source of ours, also one that is not yet added."""
    listed = output_of("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc", "*.h").split()
    return sorted({name for name in listed if (ROOT / name).exists()})


def changed(since):
    base = output_of("git", "merge-base", since, "HEAD").strip()
    return set(output_of("git", "diff", "--name-only", base).split()) | set(
        output_of("git", "ls-files", "--others", "--exclude-standard").split())


@functools.lru_cache(maxsize=None)
def includes(name):
    """The headers of ours, and those generated, that a file includes by itself."""
    found = []
    for header in re.findall(r'^#include "([^"]+)"', (ROOT / name).read_text(errors="replace"), re.M):
        for folder in (ROOT, BUILD, (ROOT / name).parent):
            if (folder / header).exists():
                found.append((folder / header).relative_to(ROOT).as_posix())
                break
    return found


def reached(name):
    seen, ahead = set(), [name]
    while ahead:
        each = ahead.pop()
        if each not in seen:
            seen.add(each)
            ahead += includes(each)
    return sorted(seen)


@functools.lru_cache(maxsize=None)
def content(name):
    return hashlib.sha256((ROOT / name).read_bytes()).digest()


def digest(name, flags):
    state = hashlib.sha256(f"{version()}\n{flags.replace(str(ROOT), '.')}".encode())
    state.update(content(".clang-tidy"))
    for each in reached(name):
        state.update(each.encode() + b"\0" + content(each))
    return state.hexdigest()


@functools.lru_cache(maxsize=None)
def version():
    return output_of("clang-tidy", "--version")


def stands_for(header, sources):
    """The source through which a header is looked at: its own, or else the first that includes it."""
    own = header[:-2] + ".cc"
    if own in sources:
        return own
    return next((source for source in sources if header in reached(source)), None)


def choose(arguments):
    """The sources to look at, in order."""
    files = tracked()
    sources = [name for name in files if name.endswith(".cc")]
    if not arguments.names and arguments.changed is None:
        return sources
    wanted = set()
    for name in arguments.names:
        path = os.path.relpath(name, ROOT).rstrip("/")
        matching = {f for f in files if f == path or f.startswith(path + "/") or path == "."}
        if not matching:
            sys.exit(f"./dev lint: {name}: no source and no folder of sources")
        wanted |= matching
    if arguments.changed is not None:
        wanted |= changed(arguments.changed) & set(files)
    chosen = {name for name in wanted if name.endswith(".cc")}
    # A header whose own folder is looked at anyway is seen through the sources there.
    for header in sorted(wanted - chosen):
        if not any(header in reached(source) for source in chosen):
            chosen.add(stands_for(header, sources))
    return sorted(chosen - {None})


def look_at(name):
    """What clang-tidy says of a source; nothing: it is clean."""
    fewer = ["--checks=-clang-analyzer-*"] if name.endswith(RUN_ANYWAY) else []
    done = subprocess.run(["clang-tidy", "-p", str(BUILD), "--quiet", "--warnings-as-errors=*", *fewer, name], cwd=ROOT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode == 0:
        return ""
    return (done.stdout or done.stderr).strip().replace(f"{ROOT}/", "")


def main():
    parser = argparse.ArgumentParser(prog="./dev lint", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FILE|FOLDER", help="what to look at (default: everything)")
    parser.add_argument("--changed", nargs="?", const="main", metavar="REF",
                        help="what differs from the point where this branch left REF (default: %(const)s)")
    parser.add_argument("-j", dest="jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--again", action="store_true", help="also what was found clean before")
    arguments = parser.parse_args()

    flags = {os.path.relpath(each["file"], ROOT): each["command"]
             for each in json.loads((BUILD / "compile_commands.json").read_text())}
    chosen = choose(arguments)
    digests = {name: digest(name, flags[name]) for name in chosen if name in flags}
    unbuilt = [name for name in chosen if name not in flags]
    mark = lambda name: CLEAN / name.replace("/", "__")
    ahead = [name for name in digests
             if arguments.again or not mark(name).exists() or mark(name).read_text() != digests[name]]
    ahead.sort(key=lambda name: name.endswith(RUN_ANYWAY))
    print(f"lint: {len(chosen)} sources, {len(digests) - len(ahead)} of them known to be clean", flush=True)

    CLEAN.mkdir(parents=True, exist_ok=True)
    started, bad, said = time.monotonic(), [], set()
    with concurrent.futures.ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        running = {pool.submit(look_at, name): name for name in ahead}
        for number, future in enumerate(concurrent.futures.as_completed(running), 1):
            name, problem = running[future], future.result()
            print(f"[{number}/{len(ahead)} {time.monotonic() - started:.0f} s] {name}{': FAIL' if problem else ''}",
                  flush=True)
            if not problem:
                mark(name).write_text(digests[name])
                continue
            bad.append(name)
            if problem not in said:
                print(problem, flush=True)
            said.add(problem)
    for name in unbuilt:
        print(f"{name}: no target builds it, so it is not checked")
    print(f"lint: {len(ahead) - len(bad)} sources clean, {len(bad)} not{': ' if bad else ''}{' '.join(sorted(bad))}")
    return 1 if bad or unbuilt else 0


if __name__ == "__main__":
    sys.exit(main())
