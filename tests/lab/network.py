"""The lab's networks: one bridge each, in the warden's network namespace, one cable from each node to each.

A cut is a switch that forwards nothing (the node keeps its carrier). A cut between two nodes is a wrong hardware
address in each other's neighbour table: frames are sent and nobody takes them, so it may also be one-way.
"""
import subprocess

from . import kernel

_NOBODY = "02:00:00:00:de:ad"


def ip(*lines, check=True):
    result = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    if check and result.returncode != 0:
        raise OSError(f"ip {lines}: {result.stdout.strip()}")
    return result.stdout


def bridge(net):
    return f"net{net}"


def port(node, net):
    return f"{node}.{net}"


def make_bridges(count):
    lines = ["link set lo up"]
    for net in range(count):
        lines += [f"link add {bridge(net)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                  f"link set {bridge(net)} up"]
    ip(*lines)


def plug(node, nets, pid):
    """New cables from every network to the node whose first process is `pid`: eth0, eth1, …"""
    unplug(node, nets)
    lines = []
    for net in range(nets):
        lines += [f"link add name {port(node, net)} type veth peer name eth{net} netns {pid}",
                  f"link set {port(node, net)} master {bridge(net)} up"]
    ip(*lines)


def unplug(node, nets):
    """Removes what is left of the cables of a node that is gone (the kernel frees its namespace late)."""
    for net in range(nets):
        ip(f"link del {port(node, net)}", check=False)


def silence(node, nets):
    """Power off, seen from the switch: no frame leaves or reaches the node from now on."""
    for net in range(nets):
        try:
            kernel.set_link(port(node, net), False)
        except OSError:
            pass


def attach(node, net, attached):
    try:
        kernel.set_bridge_port(bridge(net), port(node, net), attached)
    except OSError as error:
        if error.errno not in (16, 22):  # EBUSY, EINVAL: it already is as wanted.
            raise


def block(init, peer_addresses, nets, blocked):
    """The node of `init` reaches, or no longer reaches, the given addresses (one for each network)."""
    for net, address in enumerate(peer_addresses):
        if net not in nets:
            continue
        change = ["replace", address, "lladdr", _NOBODY, "dev", f"eth{net}", "nud", "permanent"] if blocked else \
                 ["del", address, "dev", f"eth{net}"]
        subprocess.run(["nsenter", "-t", str(init), "-n", "--", "ip", "neigh", *change], check=blocked,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
