#!/usr/bin/env python3
"""Checks the Promela models in docs/models with spin: each holds, and each rule that is left out is missed.

A model names its rules at its head, one a line: " *   RULE  what it says". Without spin all checks are skipped.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMPILER = ["gcc", "-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-DCOLLAPSE", "-DMEMLIM=2000", "-o", "pan", "pan.c"]


def holds(model, rule):
    """Whether the model, with this rule left out (None: with all), has no error; and its output."""
    with tempfile.TemporaryDirectory() as folder:
        define = [f"-D{rule}"] if rule else []
        for command in (["spin", "-a"] + define + [str(model)], COMPILER, ["./pan", "-m1000000", "-w22"]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
            if done.returncode != 0 and command[0] != "./pan":
                sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        found = re.search(r"errors: (\d+)", done.stdout)
        if not found or "max search depth too small" in done.stdout or "out of memory" in done.stdout:
            sys.exit(f"{model.name}: the search did not end: {done.stdout}{done.stderr}")
        states = re.search(r"(\d+) states, stored", done.stdout)
        return found[1] == "0", states[1] if states else "?"


def main():
    passed, failed, skipped = 0, 0, 0
    for model in sorted((ROOT / "docs" / "models").glob("*.pml")):
        rules = re.findall(r"^ \*   ([A-Z_]+)  ", model.read_text(), re.M)
        for rule in [None] + rules:
            name = f"{model.stem} without {rule}" if rule else model.stem
            if not shutil.which("spin"):
                skipped += 1
                print(f"skipped: {name}: there is no spin")
                continue
            good, states = holds(model, rule)
            right = good == (rule is None)
            passed += right
            failed += not right
            print(f"{'ok  ' if right else 'FAIL'} {name}: {'holds' if good else 'a violation'} ({states} states)")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
