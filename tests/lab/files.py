"""A node's disk: the folders that survive its power loss, and the configuration written into them."""
import os
import shutil

from . import accounts

LAB_BIN, LAB_AGENTS = "/usr/lib/systole/bin", "/usr/lib/systole/agents"

# Folder of the node's disk -> where the node sees it.
DISK = {"corosync": "/etc/corosync", "init.d": "/etc/init.d", "systole": "/var/lib/systole",
        "corosync-state": "/var/lib/corosync", "pacemaker": "/var/lib/pacemaker", "log": "/var/log", "nginx": "/var/lib/nginx", "srv": "/srv"}
# Folders that must exist in the node although this host may lack them, by the parent that gets an overlay.
SKELETON = {"/etc": ["corosync", "init.d"], "/var/lib": ["systole", "corosync", "pacemaker", "nginx"],
            "/usr/lib": ["systole/bin", "systole/agents"]}


def write(path, text, mode=0o644):
    data = text if isinstance(text, bytes) else text.encode()
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


def corosync_conf(lab):
    """corosync.conf for all nodes of `lab` (its description, see client.describe)."""
    totem = {"version": "2", "cluster_name": lab["name"], "crypto_cipher": "aes256", "crypto_hash": "sha256"}
    if lab.get("token"):
        totem["token"] = str(lab["token"])
    quorum = {"provider": "corosync_votequorum"}
    if lab.get("two_node"):
        quorum["two_node"] = "1"
    for option, value in lab.get("options", {}).items():
        section, _, name = option.partition(".")
        {"totem": totem, "quorum": quorum}[section][name] = value
    block = lambda title, body: title + " {\n" + "".join(f"  {line}\n" for line in body) + "}\n"
    pairs = lambda values: [f"{name}: {value}" for name, value in values.items()]
    text = block("totem", pairs(totem)) + block("quorum", pairs(quorum))
    text += block("logging", ["to_stderr: yes", "to_logfile: no", "to_syslog: no", "timestamp: hires"])
    nodes = []
    for node in lab["nodes"]:
        nodes.append("node {")
        nodes += [f"  ring{k}_addr: {address}" for k, address in enumerate(node["addresses"])]
        nodes += [f"  name: {node['name']}", f"  nodeid: {node['id']}", "}"]
    if lab["provider"] == "corosync":
        text += block("systole", ["provider: corosync"])
    return text + block("nodelist", nodes)


def make_disk(directory, lab, node, key):
    """Creates a node's disk, with the lab's configuration and key on it. What is there already stays."""
    for name in DISK:
        os.makedirs(f"{directory}/{name}", exist_ok=True)
    for name in ("log/nginx", "log/cluster", "log/pacemaker", "pacemaker/cib", "pacemaker/pengine"):
        os.makedirs(f"{directory}/{name}", exist_ok=True)
    for parent, names in SKELETON.items():
        for name in names:
            os.makedirs(f"{directory}/skeleton{parent}/{name}", exist_ok=True)
    texts = accounts.for_node()
    for name, text in texts.items():
        write(f"{directory}/{name}", text)
    accounts.give(accounts.cluster_user(texts), [
        f"{directory}/{name}" for name in ("systole", "pacemaker", "pacemaker/cib", "pacemaker/pengine", "log/pacemaker")])
    for name in os.listdir("/etc/init.d") if os.path.isdir("/etc/init.d") else []:
        if os.path.isfile(f"/etc/init.d/{name}"):
            shutil.copy(f"/etc/init.d/{name}", f"{directory}/init.d/{name}")
    hosts = "127.0.0.1 localhost\n" + "".join(f"{n['addresses'][0]} {n['name']}\n" for n in lab["nodes"])
    write(f"{directory}/hosts", hosts)
    write(f"{directory}/srv/index.html", f"<h1>{node['name']}</h1>\n")
    write(f"{directory}/corosync/corosync.conf", corosync_conf(lab))
    write(f"{directory}/corosync/authkey", key, 0o400)
