#!/usr/bin/env python3
"""./dev cluster: a laboratory of cluster nodes on this machine. See --help."""
import argparse
import os
import sys

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    __package__ = "lab"  # pylint: disable=redefined-builtin
    import lab as _package  # noqa: F401

from .client import Lab, LabError, all_labs  # noqa: E402

_EPILOG = """examples:
  ./dev cluster up 3 --token 1000        nodes n1 n2 n3 and a client's host, daemons started
  ./dev cluster exec n1 -- crm_mon -1    exit status and standard input pass through
  ./dev cluster exec host -- ping -c1 10.77.0.1
  ./dev cluster cut n3; ./dev cluster heal
  ./dev cluster kill n2                  power off: everything in it at once
  ./dev cluster power status n2          what a fencing device calls; in the nodes it is /run/lab/power
Binaries come from build/release/bin, or from SYSTOLE_BIN."""


def parser():
    top = argparse.ArgumentParser(prog="./dev cluster", description="A laboratory of cluster nodes in namespaces.",
                                  epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--lab", default="default", metavar="NAME", help="which laboratory (default: %(default)s)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, text, *positional):
        sub = commands.add_parser(name, help=text, description=text, parents=[common])
        for each in positional:
            sub.add_argument(each, metavar=each.upper())
        return sub

    up = add("up", "build N nodes and start their daemons")
    up.add_argument("count", type=int, metavar="N")
    up.add_argument("--nets", type=int, default=1, metavar="K", help="networks (links) of each node")
    up.add_argument("--token", type=int, metavar="MS", help="corosync.conf's token")
    up.add_argument("--two-node", action="store_true", help="corosync.conf's two_node: 1")
    up.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", dest="options",
                    help="any other option of corosync.conf's totem or quorum section")
    up.add_argument("--provider", choices=["ring", "corosync"], help="Systole's ring, or Debian's corosync below it")
    up.add_argument("--no-start", action="store_true", help="do not start the daemons")
    up.add_argument("--state-size", metavar="SIZE", help="a disk of this size (2m) for the daemon's state")
    up.add_argument("--boot-delay", type=int, default=1000, metavar="MS", help="a power-cycled node boots after this")
    up.add_argument("--mode", choices=["auto", "root", "user", "loopback"], default="auto")
    run = add("exec", "run a command in a node, or in the client's namespace: host", "node")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD")
    add("kill", "power loss: silenced and dead at once", "node")
    add("start", "boot a node that is off, or start the daemon of one that is on", "node")
    add("stop", "stop a node's daemon in an orderly way", "node")
    add("freeze", "stop the world of a node (SIGSTOP to all of it)", "node")
    add("thaw", "let a frozen node go on", "node")
    cut = add("cut", "cut a node's network, or only between it and another node", "node")
    cut.add_argument("--from", dest="peer", metavar="NODE", help="only between the two")
    cut.add_argument("--net", type=int, metavar="K", help="only on this network")
    cut.add_argument("--oneway", action="store_true", help="with --from: only what NODE sends is lost")
    add("heal", "undo all cuts")
    power = add("power", "what a fencing device calls")
    power.add_argument("action", choices=["on", "off", "cycle", "reboot", "status"])
    power.add_argument("node", metavar="NODE")
    add("status", "nodes, daemons, cuts")
    add("log", "a node's daemon log", "node")
    add("down", "end every process of the lab and remove its folder")
    commands.add_parser("list", help="the labs of this user")
    return top


def options_of(pairs):
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name.partition(".")[0] not in ("totem", "quorum") or "." not in name:
            raise LabError(f"--set {pair}: it is totem.NAME=VALUE or quorum.NAME=VALUE")
        found[name] = value
    return found


def do_up(args):
    lab = Lab.up(args.count, name=args.lab, nets=args.nets, token=args.token, two_node=args.two_node, mode=args.mode,
                 options=options_of(args.options), start=not args.no_start, state_size=args.state_size,
                 boot_delay=args.boot_delay, provider=args.provider)
    print(f"lab {lab.name}: {' '.join(lab.names)} and host; folder {lab.directory}")
    if not os.access(f"{lab.lab['bin']}/systoled", os.X_OK) and not args.no_start:
        print(f"there is no systoled in {lab.lab['bin']} (./dev build): the nodes run nothing", file=sys.stderr)


def do_exec(lab, args):
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not argv:
        raise LabError("exec NODE -- CMD…: no command was given")
    full, environment = lab.command(args.node, *argv)
    os.execvpe(full[0], full, environment)


def do_status(lab):
    status = lab.status()
    print(f"lab {lab.name} ({lab.lab['mode']}), {lab.lab['nets']} network(s), folder {lab.directory}")
    for name, record in status["machines"].items():
        state = "off" if not record["on"] else "frozen" if record["frozen"] else "on"
        addresses = " ".join(lab.address(name, k) for k in range(lab.lab["nets"]))
        daemon = "" if name == "host" else "daemon running" if status["daemons"].get(name) else "daemon not running"
        print(f"  {name:6} {state:7} {addresses}  {daemon if state == 'on' else ''}".rstrip())
    for cut in status["cuts"]:
        where = f" from {cut['from']}" if cut["from"] else ""
        print(f"  cut: {cut['node']}{where} on network(s) {' '.join(map(str, cut['nets']))}")


def run(args):
    if args.command == "list":
        for name in all_labs():
            print(name, "up" if Lab(name).running() else "dead (its processes are gone)")
        return 0
    if args.command == "up":
        do_up(args)
        return 0
    lab = Lab(args.lab)
    if args.command == "exec":
        do_exec(lab, args)
    elif args.command == "status":
        do_status(lab)
    elif args.command == "log":
        print(lab.log(args.node), end="")
    elif args.command == "cut":
        lab.cut(args.node, args.peer, args.net, args.oneway)
    elif args.command == "power":
        code, text = lab.power(args.action, args.node)
        print(text)
        return code
    elif args.command in ("heal", "down"):
        getattr(lab, args.command)()
    else:
        getattr(lab, args.command)(args.node)
    return 0


def main():
    try:
        sys.exit(run(parser().parse_args()))
    except LabError as error:
        sys.exit(f"./dev cluster: {error}")


if __name__ == "__main__":
    main()
