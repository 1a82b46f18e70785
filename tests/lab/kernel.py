"""The system calls that Python's library lacks: namespaces, mounts, the parent-death signal."""
import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE = 1, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_SIOCSIFFLAGS, _SIOCGIFFLAGS, _SIOCBRADDIF, _SIOCBRDELIF, _IFF_UP = 0x8914, 0x8913, 0x89A2, 0x89A3, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags):
    _checked(_libc.unshare(flags), "unshare")


def clone(flags):
    """fork() whose child is born in new namespaces: 0 in the child. Only for processes of one thread."""
    number = _SYS_CLONE.get(platform.machine())
    if number is None:
        raise OSError(f"the laboratory does not know clone's number on {platform.machine()}")
    return _checked(_libc.syscall(ctypes.c_long(number), ctypes.c_ulong(flags | signal.SIGCHLD), 0, 0, 0, 0), "clone")


def mount(source, target, kind=None, flags=0, options=None):
    encode = lambda text: None if text is None else os.fsencode(text)
    _checked(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)),
             f"mount {kind or source} on {target}")


def die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans():
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_root_of_user_namespace():
    """A user namespace in which this user is root, with what the next clones need."""
    user, group = os.getuid(), os.getgid()
    unshare(NEWUSER | NEWNS | NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def set_link(name, up):
    """Sets a network interface of this namespace up or down, at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags))


def set_bridge_port(bridge, port, attached):
    """Puts an interface of this namespace into a bridge or takes it out; it keeps its carrier."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16si20x", bridge.encode(), socket.if_nametoindex(port))
        fcntl.ioctl(sock, _SIOCBRADDIF if attached else _SIOCBRDELIF, request)
