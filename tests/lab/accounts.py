"""A node's accounts: the host's, and the daemon's user and group under the host's numbers where it has them (Pacemaker's
package makes them) and under free ones elsewhere."""
import os

USER, GROUP = "hacluster", "haclient"
_LAST_FREE = 989


def for_node(etc="/etc"):
    """The texts of a node's /etc/passwd and /etc/group, by name."""
    texts = {}
    for name in ("passwd", "group"):
        with open(f"{etc}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            texts[name] = file.read().rstrip("\n") + "\n"
    if _field(texts["group"], GROUP, 2) is None:
        texts["group"] += f"{GROUP}:x:{_free(texts['group'])}:\n"
    if _field(texts["passwd"], USER, 2) is None:
        group = _field(texts["group"], GROUP, 2)
        texts["passwd"] += f"{USER}:x:{_free(texts['passwd'])}:{group}::/var/lib/pacemaker:/usr/sbin/nologin\n"
    return {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()}


def cluster_user(texts):
    """(uid, gid) of the daemon's user and group in what for_node() answers."""
    text = lambda name: texts[name].decode("utf-8", "surrogateescape")
    return int(_field(text("passwd"), USER, 2)), int(_field(text("group"), GROUP, 2))


def give(user, paths):
    """Gives files to `user`, (uid, gid). In a user namespace of one user there is nobody to give to."""
    try:
        for path in paths:
            os.chown(path, *user)
    except OSError:
        pass


def _field(text, name, index):
    """A field of the line of `name`, or None."""
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return line.split(":")[index]
    return None


def _free(text):
    taken = {line.split(":")[2] for line in text.splitlines() if line.count(":") >= 2}
    return next(n for n in range(_LAST_FREE, 0, -1) if str(n) not in taken)
