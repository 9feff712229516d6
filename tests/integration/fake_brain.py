#!/usr/bin/python3
"""A brain whose every word is the test's: relays the bond to a socket and back.

Installed as `healthd-brain` beside a copy of healthd. It connects to brain.sock in the directory
above its binary's and speaks JSON lines there:

    from here: {"hello": pid, "argv": [...], "uid":, "groups":, "caps":}, {"bond": {...}}
    to here:   {"send": {...}}, {"lease": ready bits, or null to fall silent}, {"exit": status},
               {"orphan": seconds}, {"stop": true} (SIGSTOP), {"raw": hex bytes for the bond}

While a lease is set it is renewed each 100 ms. HELLO is sent when the test says so.
"""
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

LAYOUT = "=IiiiQqQQqqqI256s4x"
VERSION = 4
TYPES = ["", "hello", "lease", "start", "stop", "upgrade", "drained", "roster", "started",
         "failed", "exited", "shutdown", "yield", "note", "snapshot"]


def pack(m):
    return struct.pack(LAYOUT, TYPES.index(m["type"]), m.get("slot", -1), m.get("pid", 0),
                       m.get("status", 0), m.get("ready", 0), m.get("at_us", 0),
                       0, 0, 0, 0, 0, m.get("version", VERSION), m.get("text", "").encode())


def unpack(data):
    t, slot, pid, status, ready, at, *snapshots, _, text = struct.unpack(LAYOUT, data)
    names = ("written", "failed", "written_at", "entries", "bytes")
    return {"snapshots": dict(zip(names, snapshots)),
            "type": TYPES[t], "slot": slot, "pid": pid, "status": status, "ready": ready,
            "at_us": at, "text": text.split(b"\0")[0].decode()}


def capabilities():
    with open("/proc/self/status") as f:
        return {line.split(":")[0]: line.split()[1] for line in f if line.startswith("Cap")}


class Brain:
    def __init__(self):
        self.bond = socket.socket(fileno=3)
        base = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
        self.test = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.test.connect(base + "/brain.sock")
        self.ready, self.due = None, 0.0
        self.buffer = b""
        self.say({"hello": os.getpid(), "argv": sys.argv[1:], "uid": os.getuid(),
                  "groups": os.getgroups(), "caps": capabilities(),
                  "fds": sorted(int(x) for x in os.listdir("/proc/self/fd"))})

    def say(self, m):
        self.test.sendall(json.dumps(m).encode() + b"\n")

    def obey(self, m):
        if "send" in m:
            self.bond.send(pack(m["send"]))
        if "raw" in m:
            self.bond.send(bytes.fromhex(m["raw"]))
        if "lease" in m:
            self.ready = m["lease"]
            self.renew()
            self.say({"leased": self.ready})
        if "orphan" in m:
            p = subprocess.Popen(["/bin/sleep", str(m["orphan"])], start_new_session=True)
            self.say({"orphan": p.pid})
        if "stop" in m:
            os.kill(os.getpid(), signal.SIGSTOP)
        if "exit" in m:
            os._exit(m["exit"])

    def renew(self):
        if self.ready is not None:
            self.bond.send(pack({"type": "lease", "ready": self.ready, "text": "fake"}))
        self.due = time.monotonic() + 0.1

    def run(self):
        while True:
            if time.monotonic() >= self.due:
                self.renew()
            readable, _, _ = select.select([self.bond, self.test], [], [], 0.05)
            if self.bond in readable:
                data = self.bond.recv(1000)
                if not data:
                    os._exit(9)
                self.say({"bond": unpack(data)})
            if self.test in readable:
                data = self.test.recv(65536)
                if not data:
                    os._exit(8)
                self.buffer += data
                while b"\n" in self.buffer:
                    line, self.buffer = self.buffer.split(b"\n", 1)
                    self.obey(json.loads(line))


if __name__ == "__main__":
    Brain().run()
