#!/usr/bin/env python3
"""Source checks: data goes one way, and no module touches the world by itself (docs/design.md, sections 1 to 3).

Fails on an include against the direction of data, and on a clock, random source, socket, file, thread or process
used outside the files that implement a port. Run by ./dev lint and ./dev test.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Which folders a folder may include (docs/design.md, section 2).
MAY_USE = {
    "base": set(),
    "membership": {"base"},
    "cib": {"base", "membership"},
    "pengine": {"base", "cib"},
    "lrmd": {"base"},
    "stonith": {"base", "lrmd", "cib", "membership"},
    "ipc": {"base"},
    "qdevice": {"base", "membership", "ipc"},
    "controller": {"base", "membership", "cib", "pengine", "lrmd", "stonith", "ipc"},
    "agents": {"base"},
    "cli": {"base", "ipc", "cib", "pengine", "lrmd", "membership"},
    "web": {"base", "ipc", "cib", "pengine"},
    "daemon": {"base", "membership", "qdevice", "cib", "pengine", "lrmd", "stonith", "ipc", "controller", "web"},
    "sim": {"base", "membership", "cib", "pengine", "lrmd", "stonith", "controller"},
}

WORLD = [
    (r"(steady|system|high_resolution)_clock::now", "reads a clock"),
    (r"\b(gettimeofday|clock_gettime|time\(nullptr\)|time\(NULL\))", "reads a clock"),
    (r"std::random_device|(?<![.\w>])s?rand\(", "draws random numbers"),
    (r"::(fork|vfork|execve?|posix_spawnp?|popen|system)\(|\bpopen\(|std::system\(", "starts a process"),
    (r"::(socket|bind|connect|sendto|recvfrom|sendmsg|recvmsg)\(", "opens a socket"),
    (r"std::(i|o)?fstream|\bfopen\(|::open\(", "opens a file"),
    (r"std::(j?thread|async)\b|sleep_for|usleep\(|::sleep\(", "has a thread or sleeps"),
]

# Pure folders: every source is checked, but for the port implementations named here with the port they implement.
PURE = ["base", "membership", "qdevice", "cib", "pengine", "lrmd", "stonith", "controller", "sim"]
PORTS = {
    "base/asio_runtime.cc": "Clock, Timers",
    "base/asio_network.cc": "Network",
    "base/posix_files.cc": "Files",
    "base/system_random.cc": "Random",
    "base/log.cc": "the log's sink",
}
ALLOW_FILE = ROOT / "tests" / "ports.txt"  # further "path: port" lines, one for each implementation


def allowed():
    result = dict(PORTS)
    if ALLOW_FILE.exists():
        for line in ALLOW_FILE.read_text().splitlines():
            if line and not line.startswith("#"):
                path, port = line.split(":", 1)
                result[path.strip()] = port.strip()
    return result


def sources(folder):
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in (".cc", ".h"):
            yield path, path.relative_to(ROOT).as_posix()


def check_includes(problems):
    for folder, may in MAY_USE.items():
        for path, name in sources(folder):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'#include "([a-z]+)/', line)
                if not match or match[1] == folder or match[1] not in MAY_USE:
                    continue
                if match[1] in may or name.endswith(("_test.cc", "_bench.cc", "_fuzz.cc")):
                    continue
                problems.append(f"{name}:{number}: {folder} must not use {match[1]}: {line}")


def check_world(problems):
    ports = allowed()
    for folder in PURE:
        for path, name in sources(folder):
            if name in ports or name.endswith(("_test.cc", "_bench.cc", "_fuzz.cc", "_main.cc")):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                code = line.split("//")[0]
                for pattern, what in WORLD:
                    if re.search(pattern, code):
                        problems.append(f"{name}:{number}: {what} outside a port: {line.strip()}")
    for name in ports:
        if not (ROOT / name).exists():
            problems.append(f"tests/ports.txt: {name} does not exist")


def check_heads(problems):
    for folder in MAY_USE:
        for path, name in sources(folder):
            head = path.read_text()[:400]
            if path.suffix == ".h" and "#pragma once" not in path.read_text():
                problems.append(f"{name}: no #pragma once")
            if path.suffix == ".h" and not head.startswith("//"):
                problems.append(f"{name}: does not say at its head what it is")


def main():
    problems = []
    check_includes(problems)
    check_world(problems)
    check_heads(problems)
    for problem in problems:
        print(problem)
    print(f"layout: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
