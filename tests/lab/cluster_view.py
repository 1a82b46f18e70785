"""Asks a lab's nodes what the cluster is doing, with the cluster's own tools, and waits for it to become so."""
import time
import xml.etree.ElementTree as ET

from .client import LabError

FENCING = ('primitive fencing stonith:fence_test params command="/run/lab/power %a %n" '
           'status_command="/run/lab/power status %n" pcmk_host_list="{nodes}" op monitor interval=60s')


class WaitError(LabError):
    """What was waited for did not come. Carries what was seen last."""


def wait_for(condition, seconds, what, every=0.02, last=lambda: ""):
    """The first true value of `condition()`. Raises WaitError, naming `what` and showing `last()`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise WaitError(f"not within {seconds} s: {what}\n{last()}".rstrip())
        time.sleep(every)


class View:
    """One reading of `crm_mon --output-as=xml`; empty where it could not be had."""

    def __init__(self, xml):
        try:
            self.root = ET.fromstring(xml)
        except ET.ParseError:
            self.root = ET.Element("none")

    @property
    def dc(self):
        node = self.root.find("./summary/current_dc")
        return node.get("name", "") if node is not None and node.get("present") == "true" else ""

    @property
    def quorate(self):
        node = self.root.find("./summary/current_dc")
        return node is not None and node.get("with_quorum") == "true"

    @property
    def online(self):
        return sorted(n.get("name") for n in self.root.findall("./nodes/node")
                      if n.get("online") == "true" and n.get("unclean") != "true" and n.get("pending") != "true")

    @property
    def configured(self):
        return sorted(n.get("name") for n in self.root.findall("./nodes/node"))

    def resource(self, name):
        return next((r for r in self.root.iter("resource") if r.get("id") == name), None)

    def running_on(self, name):
        """The nodes on which a resource is started, as the cluster believes."""
        resource = self.resource(name)
        if resource is None or resource.get("role") not in ("Started", "Promoted", "Unpromoted"):
            return []
        if resource.get("pending"):  # A start that is under way has that role already.
            return []
        return sorted(n.get("name") for n in resource.findall("node")) if resource.get("failed") != "true" else []

    @property
    def failures(self):
        return [f.get("op_key", "") for f in self.root.findall("./failures/failure")]


class Cluster:
    def __init__(self, lab):
        self.lab = lab

    def view(self, node):
        try:
            return View(self.lab.exec(node, "crm_mon", "-1", "--output-as=xml").stdout)
        except LabError:
            return View("")

    def text(self, node):
        result = self.lab.exec(node, "crm_mon", "-1")
        return result.stdout + result.stderr

    def crm(self, node, *words, check=True):
        return self.lab.exec(node, "crm", *words, check=check)

    def load(self, node, *lines):
        """Loads configuration lines of the crm shell in one commit."""
        return self.lab.exec(node, "crm", "-F", "configure", "load", "update", "-", input="\n".join(lines) + "\n",
                             check=True)

    def wait(self, node, condition, seconds, what):
        """`condition(View)` as seen from `node`. Returns that View."""
        def seen():
            view = self.view(node)
            return view if condition(view) else None
        return wait_for(seen, seconds, what, last=lambda: self.text(node))

    def wait_online(self, *nodes, seconds=30):
        wanted = sorted(nodes)
        for node in wanted:
            self.wait(node, lambda v: v.online == wanted and v.dc, seconds, f"{' '.join(wanted)} online, as {node} sees it")

    def wait_running(self, resource, *nodes, seconds=20, asking=None):
        """Until `resource` runs on one of `nodes` (any, if none is named); returns where."""
        def there(view):
            where = view.running_on(resource)
            return len(where) == 1 and (not nodes or where[0] in nodes)
        wanted = " or ".join(nodes) or "some node"
        asking = asking or next(n for n in self.lab.names if self.lab.status()["daemons"].get(n))
        return self.wait(asking, there, seconds, f"{resource} running on {wanted}").running_on(resource)[0]

    def idle(self, node, seconds=60):
        self.lab.exec(node, "crm_resource", "--wait", f"--timeout={seconds}s", timeout=seconds + 10)

    # The truth, beside what the cluster believes ------------------------------------------------------------

    def holders(self, address):
        """The nodes that really have `address` on an interface."""
        found = []
        for name, record in self.lab.status()["machines"].items():
            if record["on"] and name != "host":
                shown = self.lab.exec(name, "ip", "-o", "addr", "show")
                if f" {address}/" in shown.stdout:
                    found.append(name)
        return found
