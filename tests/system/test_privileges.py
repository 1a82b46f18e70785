#!/usr/bin/env python3
"""Who the daemon is and what it may: hacluster with hardly a right, a root helper beside it, and a door that lets in
root and haclient alone (docs/design.md, section 3)."""
import os
import re
import stat

from harness import Cluster, accounts, expect, main, wait_for

STRANGER = 54321  # No account, in no group.
# Those that it may keep at most, of capabilities(7); on a port above 1023 and where root may raise limits only the first.
CAPABILITIES, SYS_RESOURCE = {"net_admin": 12, "sys_nice": 23, "ipc_lock": 14}, 24
NOTHING = "0000000000000000"

# An LSB script that tells who runs it.
WHO = """#!/bin/sh
case $1 in
start) id -u >/run/who; id -un >>/run/who; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status >>/run/who ;;
stop) rm -f /run/who ;;
status) test -e /run/who || exit 3 ;;
esac
"""


def process_status(lab, node, pid):
    text = lab.exec(node, "cat", f"/proc/{pid}/status", check=True).stdout
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def named_capabilities(log):
    """The set that the daemon says it keeps, as in /proc/PID/status."""
    names = re.findall(r"capabilities kept: (.*)", log)[-1]
    return sum(1 << CAPABILITIES[name] for name in names.split(", ") if name != "none")


def pid_of(lab, node, name):
    return lab.exec(node, "pgrep", "-x", name, check=True).stdout.split()[0]


def as_user(user, group, *command):
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *command]


def possible(suite):
    if os.geteuid() == 0:
        return True
    suite.skip("the daemon runs as hacluster", "it takes root to become somebody else")
    return False


def separation(suite):
    if not possible(suite):
        return
    user, group = accounts.cluster_user(accounts.for_node())
    with suite.laboratory(1, start=False) as lab:
        # As an earlier daemon left it that ran as root.
        state = lab.disk("n1", "/var/lib/systole")
        os.chown(state, 0, 0)
        lab.write("n1", "/etc/init.d/who", WHO, 0o755)
        lab.start("n1")
        cluster = Cluster(lab)
        cluster.wait_online("n1")
        with suite.step("the daemon is hacluster in haclient, in no other group"):
            status = process_status(lab, "n1", pid_of(lab, "n1", "systoled"))
            expect(status["Uid"].split() == [str(user)] * 4, f"Uid: {status['Uid']}")
            expect(status["Gid"].split() == [str(group)] * 4, f"Gid: {status['Gid']}")
            expect(status["Groups"].split() == [str(group)], f"Groups: {status['Groups']}")
        with suite.step("it has no capability but those that it names, and can gain none"):
            log = lab.log("n1")
            expect("runs as hacluster" in log, "the log does not say so")
            named = named_capabilities(log)
            helper = process_status(lab, "n1", pid_of(lab, "n1", "systole-execd"))
            if int(helper["CapEff"], 16) >> SYS_RESOURCE & 1:
                expect(named & ~(1 << CAPABILITIES["net_admin"]) == 0, f"limits would do instead of {status['CapEff']}")
            for name in ("CapEff", "CapPrm"):
                expect(int(status[name], 16) == named, f"{name}: {status[name]}")
            for name in ("CapInh", "CapBnd", "CapAmb"):
                expect(status[name].strip() == NOTHING, f"{name}: {status[name]}")
            expect(status["NoNewPrivs"].strip() == "1", "new privileges are possible")
        with suite.step("every thread of it is so"):
            for line in lab.exec("n1", "sh", "-c", "grep -hE '^(Uid|CapEff|NoNewPrivs)' /proc/$(pgrep -x systoled)/task/*/status",
                                 check=True).stdout.splitlines():
                name, value = line.split(":\t")
                expect(value.strip() == status[name].strip(), f"a thread has {line}")
        with suite.step("the ring's thread is real-time all the same"):
            policies = lab.exec("n1", "ps", "-L", "-o", "comm=,cls=", "-p", pid_of(lab, "n1", "systoled"), check=True).stdout
            expect(["ring", "RR"] in [line.split() for line in policies.splitlines()] or "normal priority" in log,
                   f"neither real-time nor said to be refused: {policies}")
            if "normal priority" in log:
                suite.skip("the ring's thread is real-time", "this machine refuses it to root")
        with suite.step("its memory is locked, or said not to be"):
            locked = int(status["VmLck"].split()[0])
            expect(locked > 0 or "memory is not locked" in log, f"VmLck: {status['VmLck']}")
        with suite.step("the helper is root and keeps root's rights"):
            helper = process_status(lab, "n1", pid_of(lab, "n1", "systole-execd"))
            expect(helper["Uid"].split() == ["0"] * 4, f"Uid: {helper['Uid']}")
            expect(helper["NoNewPrivs"].strip() == "0", "its agents could not use sudo")
            expect(int(helper["CapEff"], 16) >> 21 & 1, f"CapEff: {helper['CapEff']}")
        with suite.step("agents run as root"):
            cluster.load("n1", "property stonith-enabled=false", "primitive w lsb:who")
            cluster.wait_running("w", "n1")
            who = lab.exec("n1", "cat", "/run/who", check=True).stdout
            expect(who.startswith("0\nroot\n") and "NoNewPrivs:\t0" in who, who)
        with suite.step("its folders and files are its own, and nobody else looks in"):
            for path, mode in (("/var/lib/systole", 0o750), ("/var/lib/pacemaker/cib", 0o750), ("/var/lib/pacemaker/pengine", 0o750)):
                found = os.stat(lab.disk("n1", path))
                expect((found.st_uid, found.st_gid) == (user, group), f"{path} belongs to {found.st_uid}:{found.st_gid}")
                expect(stat.S_IMODE(found.st_mode) == mode, f"{path} has mode {found.st_mode:o}")
            run = lab.exec("n1", "stat", "-c", "%u %g %a", "/run/systole", check=True).stdout
            expect(run.split() == [str(user), str(group), "750"], f"/run/systole: {run}")


def restart(suite):
    """The state of a daemon that ran as root, taken over by one that does not, and back."""
    if not possible(suite):
        return
    user, _ = accounts.cluster_user(accounts.for_node())
    with suite.laboratory(1, start=False, daemon=["/usr/bin/env", "SYSTOLE_USER=root", "/usr/lib/systole/bin/systoled"]) as lab:
        lab.start("n1")
        cluster = Cluster(lab)
        cluster.wait_online("n1")
        value = lambda: lab.exec("n1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-G", "-q").stdout.strip()
        change = lambda to: lab.exec("n1", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", to, check=True)
        owner = lambda: os.stat(lab.disk("n1", "/var/lib/systole/journal.sqlite")).st_uid

        def again(name):
            lab.stop("n1")
            daemon = lab.spawn("n1", "env", f"SYSTOLE_USER={name}", "/usr/lib/systole/bin/systoled")
            cluster.wait_online("n1")
            return daemon

        with suite.step("asked to, the daemon stays root, without root's capabilities"):
            status = process_status(lab, "n1", pid_of(lab, "n1", "systoled"))
            expect(status["Uid"].split() == ["0"] * 4, f"Uid: {status['Uid']}")
            expect(int(status["CapEff"], 16) == named_capabilities(lab.log("n1")), f"CapEff: {status['CapEff']}")
            change("false")
            expect(owner() == 0, f"the journal belongs to {owner()}")
        with suite.step("started again it is hacluster, reads what root wrote, and goes on writing"):
            daemon = again("hacluster")
            expect(value() == "false", f"stonith-enabled is {value()!r}")
            change("true")
            expect(owner() == user, f"the journal belongs to {owner()}")
            lab.exec("n1", "pkill", "-TERM", "-x", "systoled", check=True)
            daemon.wait(30)
        with suite.step("and back: root reads what hacluster wrote"):
            lab.start("n1")
            cluster.wait_online("n1")
            expect(value() == "true", f"stonith-enabled is {value()!r}")
            lab.stop("n1")
        with suite.step("a user that does not exist is refused by name"):
            refused = lab.exec("n1", "env", "SYSTOLE_USER=nosuchuser", "/usr/lib/systole/bin/systoled")
            expect(refused.returncode != 0 and "nosuchuser" in refused.stderr, refused.stderr)


# Connects to the local API by itself and says what came of it, as a client that does not care for our library.
CONNECT = r"""
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5)
try: s.connect("/run/systole/ipc")
except OSError as e: print("refused", e.errno); sys.exit(1)
print("connected")
"""


def door(suite):
    """field.md's T13: an unprivileged local user at the local API's socket."""
    if not possible(suite):
        return
    user, group = accounts.cluster_user(accounts.for_node())
    with suite.laboratory(1) as lab:
        cluster = Cluster(lab)
        cluster.wait_online("n1")
        before = lab.exec("n1", "cibadmin", "-Q", check=True).stdout
        stranger = lambda *command: lab.exec("n1", *as_user(STRANGER, STRANGER, *command))
        with suite.step("a stranger cannot read: each tool says why"):
            for tool in (["crm_mon", "-1"], ["cibadmin", "-Q"], ["crm_attribute", "-n", "stonith-enabled", "-G"], ["crm", "status"]):
                result = stranger(*tool)
                expect(result.returncode != 0, f"{tool[0]} exits with 0: {result.stdout}")
                expect("haclient" in result.stdout + result.stderr, f"{tool[0]} says: {result.stdout}{result.stderr}")
        with suite.step("a stranger changes nothing"):
            result = stranger("crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "false")
            expect(result.returncode != 0, result.stdout)
            expect(lab.exec("n1", "cibadmin", "-Q", check=True).stdout == before, "the document changed")
        with suite.step("not even a connection comes about, nor a file of its own beside the socket"):
            result = stranger("python3", "-c", CONNECT)
            expect("refused 13" in result.stdout, result.stdout + result.stderr)
            expect(stranger("touch", "/run/systole/mine").returncode != 0, "it made a file there")
            expect(stranger("cat", "/var/lib/systole/journal.sqlite").returncode != 0, "it reads the journal")
        with suite.step("with the socket's file opened by mistake, who connects is still asked for"):
            lab.exec("n1", "sh", "-c", "chmod 755 /run/systole; chmod 666 /run/systole/ipc", check=True)
            result = stranger("cibadmin", "-Q")
            expect(result.returncode != 0 and "haclient" in result.stderr, result.stdout + result.stderr)
            wait_for(lambda: f"refused uid {STRANGER}" in lab.log("n1"), 5, "the refusal in the log", last=lambda: lab.log("n1")[-500:])
            lab.exec("n1", "sh", "-c", "chmod 660 /run/systole/ipc; chmod 750 /run/systole", check=True)
        with suite.step("root, hacluster and a member of haclient come in"):
            for who in (as_user(0, 0), as_user(user, group), as_user(STRANGER, group)):
                result = lab.exec("n1", *who, "cibadmin", "-Q")
                expect(result.returncode == 0, f"{' '.join(who)}: {result.stderr}")


def corosync(suite):
    """A Corosync that lets in root alone: the daemon has itself let in while it is root."""
    if not possible(suite):
        return
    if not os.access("/usr/sbin/corosync", os.X_OK):
        suite.skip("the daemon is admitted to Corosync", "this host has no corosync")
        return
    user, _ = accounts.cluster_user(accounts.for_node())
    with suite.laboratory(1, start=False, provider="corosync") as lab:
        cluster = Cluster(lab)
        with suite.step("as hacluster it is in Corosync's group and quorate, and stays there when it is started again"):
            for _ in range(2):
                lab.start("n1")
                cluster.wait_online("n1")
                status = process_status(lab, "n1", pid_of(lab, "n1", "systoled"))
                expect(status["Uid"].split() == [str(user)] * 4, f"Uid: {status['Uid']}")
                lab.stop("n1")


if __name__ == "__main__":
    main("privileges", separation, restart, door, corosync)
