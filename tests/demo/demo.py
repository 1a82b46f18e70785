#!/usr/bin/env python3
"""./dev demo: three nodes, a web server behind an address, and the node that holds it loses its power.

Everything is real: the daemons, the agents, the fencing (the lab's power switch kills every process of a node), the
client that asks for the page all along from a network namespace of its own.
"""
import argparse
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import web  # noqa: E402  pylint: disable=wrong-import-position
from lab.client import Lab, LabError  # noqa: E402  pylint: disable=wrong-import-position
from lab.cluster_view import FENCING, Cluster, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from lab.watch import Watch  # noqa: E402  pylint: disable=wrong-import-position

ADDRESS = "10.77.0.100"
_COLOUR = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if _COLOUR else text


def say(text=""):
    print(text, flush=True)


def chapter(text):
    say("\n" + paint("1;36", f"== {text}"))


def typed(node, *words):
    say(paint("2", f"   {node}# ") + paint("1", " ".join(words)))


def show(text):
    for line in text.rstrip().splitlines():
        line = re.sub(r"\b(Started|Online)\b", lambda m: paint("32", m[1]), line)
        say("   " + re.sub(r"\b(OFFLINE|UNCLEAN|FAILED|Stopped)\b", lambda m: paint("31", m[1]), line))


class Demo:
    def __init__(self, lab):
        self.lab, self.cluster, self.resource = lab, Cluster(lab), "web"

    def run(self):
        self.start()
        self.configure()
        self.show_status()
        return self.lose_power()

    def start(self):
        chapter("Three nodes start")
        began = time.monotonic()
        self.cluster.wait_online(*self.lab.names)
        say(f"   {' '.join(self.lab.names)} are members with quorum after {time.monotonic() - began:.1f} s")

    def configure(self):
        chapter("Fencing, an address and a web server, with the crm shell")
        nodes = " ".join(self.lab.names)
        if self.lab.loopback:
            power = f"{self.lab.directory}/shared/power"
            lines = [FENCING.format(nodes=nodes).replace("/run/lab/power", power),
                     "primitive address ocf:pacemaker:Dummy op monitor interval=10s",
                     "primitive web ocf:pacemaker:Dummy op monitor interval=10s"]
        else:
            web.install(self.lab)
            lines = [FENCING.format(nodes=nodes),
                     f"primitive address ocf:systole:IPaddr2 params ip={ADDRESS} op monitor interval=10s",
                     "primitive web ocf:heartbeat:nginx params configfile=/srv/nginx.conf op monitor interval=10s"]
        for line in [*lines, "group site address web", "rsc_defaults resource-stickiness=100"]:
            words = ["crm", "configure", *split(line)]
            typed("n1", "crm configure", line)
            self.lab.exec("n1", *words, check=True)
        self.cluster.wait_running(self.resource, seconds=30)
        self.cluster.idle("n1")

    def show_status(self):
        chapter("What runs where")
        typed("n1", "crm_mon -1")
        show(self.cluster.text("n1"))

    def lose_power(self):
        victim = self.cluster.wait_running(self.resource)
        survivor = next(n for n in self.lab.names if n != victim)
        chapter(f"{victim} holds the service. Its power fails: SIGKILL to everything in it, its network silent")
        if self.lab.loopback:
            return self.timeline(victim, survivor, None)
        with Watch(self.lab, ADDRESS, "http") as page:
            wait_for(lambda: len(page.answers) > 20, 10, "the page answering the client")
            return self.timeline(victim, survivor, page)

    def timeline(self, victim, survivor, page):
        dead = self.lab.kill(victim)
        moments = [(0.0, f"{victim} loses power")]
        where = self.cluster.wait_running(self.resource, *[n for n in self.lab.names if n != victim], asking=survivor,
                                          seconds=30)
        running = time.time() - dead
        if page is None:
            moments.append((running, f"{self.resource} runs on {where}, by crm_mon"))
        else:
            when, text = wait_for(lambda: next((a for a in page.answers if a[0] > dead and victim not in a[1]), None), 10,
                                  "the page answering again")
            moments.append((when - dead, f"the client gets the page again: {text}"))
        self.cluster.wait_online(*self.lab.names, seconds=30)
        self.cluster.idle(survivor)
        where = self.cluster.wait_running(self.resource, asking=survivor)
        moments.append((time.time() - dead, f"{victim} has booted and is a member again; the service is on {where}"))
        for event in self.lab.events():
            if event["time"] > dead and event["what"] == "power":
                moments.append((event["time"] - dead, f"{event['by'] or 'a node'} asks the power switch: {event['action']} {event['node']}"))
            elif event["time"] > dead and event["what"] == "off":
                moments.append((event["time"] - dead, f"the switch confirms: {event['node']} is off"))
        for when, text in sorted(moments):
            say(f"   {paint('33', f'{when:7.3f} s')}  {text}")
        typed(survivor, "crm_mon -1")
        show(self.cluster.text(survivor))
        return self.verdict(page, dead, running)

    @staticmethod
    def verdict(page, dead, running):
        if page is None:
            say(paint("1;32", f"\nThe service ran again on another node {running:.2f} s after the power loss."))
            return 0
        outage = page.outage(dead)[0]
        say(paint("1;32", f"\nThe client was without the page for {outage:.2f} s, from power loss to answer."))
        return 0


def split(line):
    """A configuration line as the shell would split it, quotes taken off."""
    import shlex
    return shlex.split(line)


def main():
    arguments = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    arguments.add_argument("--shell", action="store_true", help="then stay in crm on a node, until you leave it")
    arguments.add_argument("--mode", choices=["auto", "root", "user", "loopback"], default="auto", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    began, status = time.monotonic(), 1
    try:
        with Lab.up(3, name=f"demo-{os.getpid()}", token=1000, mode=options.mode) as lab:
            demo = Demo(lab)
            try:
                status = demo.run()
            except LabError as error:
                say(paint("1;31", f"\nThe demo did not work out: {error}"))
                for node in lab.names:
                    say(f"---- the end of {node}'s log\n" + "\n".join(lab.log(node).splitlines()[-15:]))
            say(paint("2", f"({time.monotonic() - began:.0f} s in all)"))
            if options.shell:
                chapter("Your turn: crm on n1 (status, configure, help; quit ends the laboratory)")
                say(f"   other terminals: ./dev cluster exec n2 --lab {lab.name} -- crm_mon")
                full, environment = lab.command("n1", "crm")
                subprocess.run(full, env=environment, check=False)
    except LabError as error:
        sys.exit(f"./dev demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status)


if __name__ == "__main__":
    main()
