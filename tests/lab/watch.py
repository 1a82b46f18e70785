"""What a client sees of a service: polls it all along, and gives the gaps between answers.

As a program (in the lab's client namespace): watch.py ping|http ADDRESS INTERVAL_MS, which prints one line
"TIME TEXT" for each answer, TIME in wall-clock seconds.
"""
import os
import select
import socket
import struct
import sys
import threading
import time


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping_forever(address, interval):
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.setblocking(False)
    mine, sequence, due = os.getpid() & 0xFFFF, 0, time.monotonic()
    while True:
        now = time.monotonic()
        if now >= due:
            sequence, due = (sequence + 1) & 0xFFFF, max(due + interval, now)
            header = struct.pack("!BBHHH", 8, 0, 0, mine, sequence)
            header = struct.pack("!BBHHH", 8, 0, _checksum(header), mine, sequence)
            try:
                sock.sendto(header, (address, 0))
            except OSError:
                pass  # No route or nobody there: that is what is being measured.
        if select.select([sock], [], [], max(0.0, due - time.monotonic()))[0]:
            packet, sender = sock.recvfrom(2048)
            body = packet[(packet[0] & 15) * 4:]
            if sender[0] == address and body[0] == 0 and struct.unpack("!H", body[4:6])[0] == mine:
                print(f"{time.time():.6f} pong", flush=True)


def http_once(address, patience):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(patience)
        sock.connect((address, 80))
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return body.decode(errors="replace").strip() if b" 200 " in head.split(b"\r\n")[0] else None


def http_forever(address, interval):
    while True:
        began = time.monotonic()
        try:
            body = http_once(address, 0.1)  # A lost SYN is sent again only after a second: ask anew instead.
            if body:
                print(f"{time.time():.6f} {body}", flush=True)
        except OSError:
            pass
        time.sleep(max(0.0, began + interval - time.monotonic()))


class Watch:
    """Polls from the lab's client namespace until stop(). Times are wall-clock seconds."""

    def __init__(self, lab, address, kind="ping", interval_ms=10):
        self.lab, self.answers = lab, []
        import subprocess
        self.child = lab.spawn("host", sys.executable, os.path.abspath(__file__), kind, address, str(interval_ms),
                               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.child.stdout:
            when, _, text = line.rstrip("\n").partition(" ")
            self.answers.append((float(when), text))

    def stop(self):
        self.lab.end_of(self.child)
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def answered_since(self, moment):
        """The first answer after `moment`, or None."""
        return next(((t, text) for t, text in list(self.answers) if t > moment), None)

    def last_text(self):
        return self.answers[-1][1] if self.answers else None

    def outage(self, since, until=None):
        """(seconds, from, to): the longest time without an answer that overlaps [since, until]."""
        times = [t for t, _ in list(self.answers)]
        end = until or time.time()
        gaps = [(b - a, a, b) for a, b in zip(times, times[1:]) if b > since and a < end]
        if times and times[-1] < end - 0.5:
            gaps.append((end - times[-1], times[-1], end))
        return max(gaps, default=(0.0, since, since))


if __name__ == "__main__":
    forever = {"ping": ping_forever, "http": http_forever}[sys.argv[1]]
    try:
        forever(sys.argv[2], float(sys.argv[3]) / 1000)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
