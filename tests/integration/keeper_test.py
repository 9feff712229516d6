#!/usr/bin/python3
"""The keeper's promises, with a brain and workers of the test's making.

usage: keeper_test.py [CASE ...]     (root; makes its own network namespace; BIN=build/bin)

Times are asserted only as order, and as bounds an order of magnitude from what is expected.
"""
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from proc import alive, children, descriptors  # noqa: F401  (for those who build on this)

HERE = os.path.dirname(os.path.abspath(__file__))
BINDIR = os.path.abspath(os.environ.get("BIN", HERE + "/../../build/bin"))
PATIENCE = 15.0  # for what must come, at some time
LEASE_MS = 2000  # a machine that stands still for a second fences nobody
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000

CONF = """
node = {{ name = "pop1"; pop = "lab"; }};
paths = {{ run_dir = "{dir}/run"; state_dir = "{dir}/state"; }};
user = "{user}";
mode = "{mode}";
log_level = "info";
bird = {{ socket = "{dir}/bird.ctl"; asn = 64500;
          sessions = ( {{ name = "transit"; }} ); }};
services = ( {{ name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.1" ]; }} );
keeper = {{ lease_ms = {lease}; dead_man = "{dead_man}"; }};
workers = {{ count = {count}; spare = 1; command = [ {command} ]; stop_timeout_ms = {stop_timeout};
             user = "{worker_user}"; }};
stop = {{ drain_ms = 60000; }};
"""


class Failed(Exception):
    pass


def eventually(what, predicate, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.01)
    raise Failed("did not come: " + what)


def expect(condition, what):
    if not condition:
        raise Failed("expected: " + what)


class Lines:
    """Lines of JSON from a fake brain."""

    def __init__(self, sock):
        self.sock, self.buffer, self.seen, self.ended = sock, b"", [], False

    def poll(self, timeout):
        readable, _, _ = select.select([self.sock], [], [], timeout)
        if not readable or self.ended:
            return
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        self.buffer += data
        while b"\n" in self.buffer:
            line, self.buffer = self.buffer.split(b"\n", 1)
            self.seen.append(json.loads(line))

    def take(self, what, predicate, patience=PATIENCE):
        end = time.monotonic() + patience
        while True:
            for i, m in enumerate(self.seen):
                if predicate(m):
                    return self.seen.pop(i)
            if time.monotonic() > end or self.ended:
                raise Failed(f"the brain did not get: {what}; it got {self.seen}")
            self.poll(0.1)


class Brain:
    def __init__(self, sock):
        self.lines = Lines(sock)
        self.sock = sock
        self.info = self.lines.take("its own start", lambda m: "hello" in m)
        self.pid = self.info["hello"]

    def tell(self, **m):
        self.sock.sendall(json.dumps(m).encode() + b"\n")

    def send(self, **m):
        self.tell(send=m)

    def leave(self):
        """As a brain does that is told to yield. The keeper waits a second for it: where the machine stood
        still meanwhile it has been ended already."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.tell(exit=0)

    def bond(self, kind, patience=PATIENCE):
        return self.lines.take(kind, lambda m: m.get("bond", {}).get("type") == kind,
                               patience)["bond"]

    def hello(self):
        """Says HELLO, holds the lease, and returns the roster {slot: message}."""
        self.tell(send={"type": "hello"})
        roster = {}
        while True:
            m = self.bond("roster")
            if m["slot"] == -1:
                break
            roster[m["slot"]] = m
        self.lease(sum(1 << s for s, m in roster.items() if m["ready"]))
        return roster

    def lease(self, bits):
        """Renews the lease from now on with these ready bits; returns when it has done so once."""
        self.tell(lease=bits)
        self.lines.take("leased", lambda m: m.get("leased") == bits)

    def start(self, slot):
        self.send(type="start", slot=slot)
        m = self.bond("started")
        expect(m["slot"] == slot, f"slot {slot} to be the one started")
        return m["pid"]


class Keeper:
    """A keeper in a directory of its own, with a socket for its brains to call."""

    def __init__(self, **conf):
        self.dir = tempfile.mkdtemp(prefix="anypop-keeper-")
        os.chmod(self.dir, 0o755)
        os.mkdir(self.dir + "/bin")
        shutil.copy(BINDIR + "/healthd", self.dir + "/bin/healthd")
        shutil.copy(HERE + "/fake_brain.py", self.dir + "/bin/healthd-brain")
        os.chmod(self.dir + "/bin/healthd-brain", 0o755)
        self.path = self.dir + "/healthd.conf"
        self.conf = {"dir": self.dir, "user": "", "worker_user": "", "count": 2,
                     "lease": LEASE_MS, "dead_man": "hold", "mode": "drive", "stop_timeout": 1000,
                     "command": '"/bin/sleep", "100%i"'}
        self.conf.update(conf)
        self.write_conf()
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(self.dir + "/brain.sock")
        os.chmod(self.dir + "/brain.sock", 0o777)
        self.server.listen(16)
        self.server.settimeout(PATIENCE)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.dir + "/notify")
        self.notify.setblocking(False)
        self.notified = []
        self.process = None
        self.log = open(self.dir + "/log", "w+")

    def write_conf(self, **more):
        self.conf.update(more)
        with open(self.path, "w") as f:
            f.write(CONF.format(**self.conf))

    def start(self, shell='exec "$@"', **more):
        env = dict(os.environ, NOTIFY_SOCKET=self.dir + "/notify",
                   STATE_DIRECTORY=self.dir + "/state", **more)
        self.process = subprocess.Popen(["/bin/sh", "-c", shell, "sh", self.dir + "/bin/healthd", "-c",
                                         self.path],
                                        stderr=self.log, stdin=subprocess.DEVNULL, env=env)
        return self

    @property
    def pid(self):
        return self.process.pid

    def brain(self):
        """The next brain that is started."""
        try:
            sock, _ = self.server.accept()
        except socket.timeout:
            raise Failed("no brain was started") from None
        return Brain(sock)

    def said(self, word):
        while True:
            try:
                self.notified.append(self.notify.recv(4096).decode())
            except BlockingIOError:
                break
        return any(word in n for n in self.notified)

    def said_after(self, first, then):
        self.said("")
        at = [i for i, n in enumerate(self.notified) if first in n]
        return bool(at) and any(then in n for n in self.notified[at[0] + 1:])

    def text(self):
        with open(self.dir + "/log") as f:
            return f.read()

    def wait(self):
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed("the keeper did not end") from None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for rung in (1, 2, 3):
            if gate_flags(rung) is not None:
                subprocess.run(["ip", "link", "del", gate(rung)], check=False)
        for disk in ("/run", "/state"):
            if os.path.ismount(self.dir + disk):
                subprocess.run(["umount", "-l", self.dir + disk], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def gate(rung):
    return f"apdns4.{rung}"


def gate_flags(rung):
    """The gate's flags, or None where there is none (sysfs shows another namespace)."""
    r = subprocess.run(["ip", "-j", "link", "show", "dev", gate(rung)], capture_output=True,
                       check=False)
    return json.loads(r.stdout)[0]["flags"] if r.returncode == 0 else None


def gate_up(rung):
    return "UP" in (gate_flags(rung) or [])


def make_gate(rung, up):
    subprocess.run(["ip", "link", "add", gate(rung), "type", "bridge"], check=True)
    if up:
        subprocess.run(["ip", "link", "set", gate(rung), "up"], check=True)


def two_workers(k):
    """A brain that holds its lease, with both workers running and ready."""
    b = k.brain()
    expect(b.hello() == {}, "an empty roster at a cold start")
    pids = [b.start(0), b.start(1)]
    b.lease(3)
    eventually("READY=1", lambda: k.said("READY=1"))
    return b, pids


# ---- cases: each takes a factory for keepers


def starts_brain_and_workers(make):
    k = make().start()
    b, pids = two_workers(k)
    expect(b.info["argv"] == ["-c", k.dir + "/run/healthd.conf.active", "-o", k.path],
           f"the active configuration, and where it came from: {b.info['argv']}")
    for slot, pid in enumerate(pids):
        with open(f"/proc/{pid}/cmdline") as f:
            expect(f.read() == f"/bin/sleep\x00100{slot}\x00", "%i to be the slot")
        fds = set(descriptors(pid).values())
        expect(not any("lock" in f or "socket" in f for f in fds),
               f"no lock and no bond in a worker, which has {fds}")
        expect(os.getpgid(pid) == pid, "a process group of its own")
    b.send(type="start", slot=0)
    m = b.bond("failed")
    expect(m["status"] == 17 and m["pid"] == pids[0], "EEXIST and the pid for a slot in use")
    b.send(type="start", slot=60)
    expect(b.bond("failed")["status"] == 22, "EINVAL for a slot that is not configured")
    os.kill(pids[1], signal.SIGKILL)
    m = b.bond("exited")
    expect(m["slot"] == 1 and m["pid"] == pids[1] and m["status"] == 9, "its exit status")
    b.send(type="stop", slot=0, pid=pids[1], status=15)  # names the wrong one
    b.send(type="stop", slot=0, pid=pids[0], status=15)
    expect(b.bond("exited")["status"] == 15, "the stop to reach the one it names")
    expect(alive(b.pid), "the brain to be left alone")


def says_why_a_worker_cannot_start(make):
    k = make(command='"/nonexistent/resolver", "%i"').start()
    b = k.brain()
    b.hello()
    b.send(type="start", slot=0)
    m = b.bond("failed")
    expect(m["slot"] == 0 and m["status"] == 2, "ENOENT of the exec itself")


def lapsed_lease_is_fenced_and_replaced(make):
    k = make().start()
    b, pids = two_workers(k)
    b.tell(orphan=1000)
    orphan = b.lines.take("orphan", lambda m: "orphan" in m)["orphan"]
    t = time.monotonic()
    b.tell(lease=None)
    b2 = k.brain()
    took = time.monotonic() - t
    expect(took > 0.5 * LEASE_MS / 1000, f"the lease to be waited for (took {took:.2f} s)")
    expect(took < 10 * LEASE_MS / 1000, f"the fence within seconds (took {took:.2f} s)")
    eventually("the old brain's death", lambda: not alive(b.pid))
    eventually("its orphan's death", lambda: not alive(orphan))
    roster = b2.hello()
    expect({s: m["pid"] for s, m in roster.items()} == {0: pids[0], 1: pids[1]},
           "the new brain to be told of both workers")
    expect(all(m["ready"] for m in roster.values()), "their readiness to be remembered")
    expect(all(alive(p) for p in pids), "the workers to be untouched")


def dead_and_stopped_brains_are_replaced(make):
    k = make().start()
    b, pids = two_workers(k)
    for _ in range(3):
        os.kill(b.pid, signal.SIGKILL)
        b = k.brain()
        b.hello()
        b.lease(3)
    b.tell(stop=True)
    old, b = b, k.brain()
    expect(len(b.hello()) == 2, "both workers in the roster")
    expect(not alive(old.pid), "the stopped one to be dead before its successor")
    b.tell(raw="00")  # not a message
    old, b = b, k.brain()
    expect(not alive(old.pid), "a brain that breaks the protocol to be fenced")
    expect(all(alive(p) for p in pids), "the workers to be untouched")


def reflex_takes_the_gates_down(make):
    k = make().start()
    b, pids = two_workers(k)
    make_gate(1, False)
    make_gate(3, True)
    os.kill(b.pid, signal.SIGKILL)
    b2 = k.brain()  # comes, and never says HELLO: nobody is in charge
    time.sleep(0.2)
    expect(gate_up(3), "the gate to stay while workers are ready")
    os.kill(pids[0], signal.SIGKILL)
    eventually("the exit", lambda: not alive(pids[0]))
    expect(gate_up(3), "the gate to stay while one worker is ready")
    os.kill(pids[1], signal.SIGKILL)
    eventually("the gate to be down", lambda: not gate_up(3))
    expect(alive(b2.pid), "that to be the keeper's own doing")


def reflex_spares_a_brain_in_charge(make):
    k = make().start()
    b, pids = two_workers(k)
    make_gate(3, True)
    time.sleep(0.7 * LEASE_MS / 1000)  # until it has settled
    for p in pids:
        os.kill(p, signal.SIGKILL)
        b.bond("exited")
    time.sleep(LEASE_MS / 1000)
    expect(gate_up(3), "the gate to be the brain's business while it is well")


def dead_man_silent(make):
    k = make(dead_man="silent").start()
    b, pids = two_workers(k)
    make_gate(3, True)
    os.kill(b.pid, signal.SIGKILL)
    eventually("the gate to be down", lambda: not gate_up(3))
    expect(all(alive(p) for p in pids), "the workers to be untouched")


@contextlib.contextmanager
def fake_bird(path, good):
    """Answers each line as BIRD does; yields the lines. At its end nobody answers any more: a thread left
    behind would take what comes to the next socket of that number for its own."""
    lines = []
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(4)

    def serve():
        while True:
            try:
                c, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(ConnectionError), c:
                c.sendall(b"0001 BIRD 2.0.12 ready.\n")
                while data := c.recv(4096):
                    lines.append(data.decode())
                    name = data.decode().split()[-1].encode()
                    c.sendall(b"0011-" + name + b": enabled\n0000 \n" if good
                              else b"9001 syntax error\n")
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        server.close()


def dead_man_drain(make):
    k = make(dead_man="drain")
    with fake_bird(k.dir + "/bird.ctl", True) as lines:
        k.start()
        b, _ = two_workers(k)
        make_gate(1, False)
        make_gate(3, True)
        os.kill(b.pid, signal.SIGKILL)
        eventually("drain's gate", lambda: gate_up(1) and not gate_up(3))
        expect("".join(lines) == "enable anypop_dns_v4_drain\n",
               f"drain's protocol enabled: {lines}")
        expect(k.brain().hello().keys() == {0, 1}, "a new brain to follow")


def dead_man_drain_never_falls_to_silent(make):
    k = make(dead_man="drain")
    with fake_bird(k.dir + "/bird.ctl", False):
        k.start()
        b, _ = two_workers(k)
        make_gate(1, False)
        make_gate(3, True)
        os.kill(b.pid, signal.SIGKILL)
        b = k.brain()
        eventually("the refusal to be said", lambda: "stay as they are" in k.text())
        expect(gate_up(3) and not gate_up(1), "the gates to stay as they were")


def reload_keeps_pid_and_children(make):
    k = make().start()
    b, pids = two_workers(k)
    make_gate(3, True)
    pid = k.pid
    k.write_conf(count=3)
    os.kill(pid, signal.SIGHUP)
    b.bond("yield")
    b.leave()
    b2 = k.brain()
    roster = b2.hello()
    expect(k.process.poll() is None and k.pid == pid, "the same pid")
    expect({s: m["pid"] for s, m in roster.items()} == {0: pids[0], 1: pids[1]}, "the same workers")
    expect(all(m["ready"] for m in roster.values()), "their readiness handed over")
    expect(gate_up(3), "the gate untouched")
    b2.start(3)  # the spare of three
    eventually("RELOADING=1", lambda: k.said("RELOADING=1"))
    eventually("and after it READY=1", lambda: k.said_after("RELOADING=1", "READY=1"))
    with open(f"/proc/{pid}/environ") as f:
        expect("ANYPOP_HANDOVER=" in f.read(), "that a new image runs in the old process")
    expect(not any("handover" in f for f in descriptors(pid).values()), "the handover closed")
    second = subprocess.run([k.dir + "/bin/healthd", "-c", k.path], capture_output=True, text=True,
                            timeout=PATIENCE, check=False)
    expect(second.returncode == 1 and str(pid) in second.stderr and "run_dir" in second.stderr,
           f"the lock to have come along: {second.stderr}")


def one_without_standard_descriptors_hands_over_all_the_same(make):
    k = make().start(shell='exec "$@" <&- >&- 2>&-')
    b, pids = two_workers(k)
    os.kill(k.pid, signal.SIGHUP)
    b.bond("yield")
    b.leave()
    b2 = k.brain()
    roster = b2.hello()
    expect({s: m["pid"] for s, m in roster.items()} == {0: pids[0], 1: pids[1]},
           f"both workers in the successor's roster: {roster}")
    expect(all(alive(p) for p in pids), "them to be untouched")
    for pid in (b2.pid, pids[0]):
        fds = {n: f for n, f in descriptors(pid).items() if int(n) <= 2}
        expect(set(fds.values()) == {"/dev/null"}, f"nothing of the keeper's as its output: {fds}")


def reload_stops_excess_workers(make):
    k = make().start()
    b, pids = two_workers(k)
    k.write_conf(count=1)
    spare = b.start(2)
    os.kill(k.pid, signal.SIGHUP)
    b.bond("yield")
    b.leave()
    b2 = k.brain()
    expect(b2.hello().keys() == {0, 1}, "slot 1, the spare now, and slot 0")
    eventually("the excess worker's end", lambda: not alive(spare))
    expect(alive(pids[0]) and alive(pids[1]), "the others untouched")


def a_refused_reload_forgets_no_excess_worker(make):
    # Time for a whole reload, and one that is refused, before the last resort.
    k = make(command='"/bin/sh", "-c", "trap \'\' TERM; echo > {dir}/%i; exec sleep 1000"',
             stop_timeout=6000)
    k.write_conf(command=k.conf["command"].format(dir=k.dir))
    k.start()
    b, _ = two_workers(k)
    spare = b.start(2)
    eventually("its trap", lambda: os.path.exists(k.dir + "/2"))
    k.write_conf(count=1)
    os.kill(k.pid, signal.SIGHUP)
    b.bond("yield")
    b.leave()
    b = k.brain()
    b.hello()
    os.replace(k.dir + "/bin/healthd", k.dir + "/bin/well")
    shutil.copy("/bin/false", k.dir + "/bin/healthd")
    os.kill(k.pid, signal.SIGHUP)
    expect("refused" in b.bond("note")["text"] and alive(spare), "a reload refused meanwhile")
    eventually("the excess worker's end", lambda: not alive(spare))


def broken_reload_changes_nothing(make):
    k = make().start()
    b, pids = two_workers(k)
    with open(k.path, "w") as f:
        f.write("nod = { };\n")
    os.kill(k.pid, signal.SIGHUP)
    note = b.bond("note")
    expect("nothing has changed" in note["text"] and "healthd.conf:1" in note["text"],
           f"file and line to be named: {note['text']}")
    time.sleep(0.3)
    expect(alive(b.pid) and all(alive(p) for p in pids), "everybody untouched")
    expect("nothing has changed" in k.text(), "it to be logged")


def small_disk(path):
    """A file system of its own at `path`."""
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path], check=True)


def a_full_run_dir_ends_nobody_at_a_reload(make):
    k = make()
    small_disk(k.dir + "/run")
    k.start()
    b, pids = two_workers(k)
    with contextlib.suppress(OSError), open(k.dir + "/run/ballast", "wb", buffering=0) as f:
        while True:
            f.write(bytes(1024))
    k.write_conf(count=3)
    os.kill(k.pid, signal.SIGHUP)
    b.bond("yield")
    b.tell(exit=0)
    b2 = k.brain()
    roster = b2.hello()
    expect({s: m["pid"] for s, m in roster.items()} == {0: pids[0], 1: pids[1]}, "the same workers")
    note = b2.bond("note")["text"]
    expect("not in force" in note and "healthd.conf.active" in note, f"it to be said: {note}")
    b2.send(type="start", slot=3)
    expect(b2.bond("failed")["status"] == 22, "the configuration before to be in force")
    os.unlink(k.dir + "/run/ballast")
    os.kill(k.pid, signal.SIGHUP)
    b2.bond("yield")
    b2.tell(exit=0)
    b3 = k.brain()
    expect(b3.hello().keys() == {0, 1} and b3.start(3) > 0, "the new one with room again")


def a_read_only_state_dir_ends_nobody(make):
    k = make(user="daemon")
    small_disk(k.dir + "/state")
    k.start()
    b, pids = two_workers(k)
    subprocess.run(["mount", "-o", "remount,ro", k.dir + "/state"], check=True)
    os.kill(k.pid, signal.SIGHUP)
    b.bond("yield")
    b.tell(exit=0)
    b = k.brain()
    expect({s: m["pid"] for s, m in b.hello().items()} == {0: pids[0], 1: pids[1]},
           "the same workers after a reload")
    stop(k, b)
    k.start()
    expect(k.brain().hello() == {}, "a cold start on it as well")


def hung_disk(path):
    """A library that lets fsync() hang while there is a file `path`."""
    with open(path + ".c", "w") as f:
        f.write('#define _GNU_SOURCE\n#include <unistd.h>\n#include <sys/syscall.h>\n'
                'int fsync(int fd) { while (access("%s", 0) == 0) usleep(10000);'
                ' return syscall(SYS_fsync, fd); }\n' % path)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path + ".so", path + ".c"], check=True)
    return path + ".so"


def a_disk_that_hangs_holds_no_reload_up(make):
    k = make()
    disk, good = k.dir + "/hangs", k.dir + "/state/healthd.conf.good"
    k.start(LD_PRELOAD=hung_disk(disk))
    b, pids = two_workers(k)
    before = os.stat(good).st_ino
    with open(disk, "w"):
        pass
    for _ in range(2):  # what hangs of the first is not in the way of the second
        os.kill(k.pid, signal.SIGHUP)
        b.bond("yield")
        b.leave()
        b = k.brain()
        expect(b.hello().keys() == {0, 1}, "both workers in the roster")
    expect(all(alive(p) for p in pids), "the workers to be untouched")
    expect("the disk has not taken the last good one" in k.text(), "it to be said")
    os.kill(pids[0], signal.SIGKILL)
    b.bond("exited")
    expect(os.stat(good).st_ino == before, "the file as it was")
    os.unlink(disk)
    eventually("the file when the disk is back", lambda: os.stat(good).st_ino != before)
    stop(k, b)


def another_user_may_replace_what_the_one_before_has_left(make):
    k = make(user="daemon").start()
    b, _ = two_workers(k)
    stop(k, b)
    mine = {"run": ["brain.state", "brain.limits"], "state": ["limits.json", "recorder"]}
    for place, names in mine.items():
        for name in names:
            with open(f"{k.dir}/{place}/{name}", "w") as f:
                f.write("kept")
            os.chown(f"{k.dir}/{place}/{name}", 1, 1)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(k.dir + "/run/control.sock")
    os.chown(k.dir + "/run/control.sock", 1, 1)
    secret = k.dir + "/secret"
    for name in ("secret", "another"):
        with open(f"{k.dir}/{name}", "w") as f:
            f.write("root's")
    os.link(secret, k.dir + "/state/recorder.aside")  # as a brain that was taken over might
    os.symlink(k.dir + "/another", k.dir + "/run/control.sock.new")
    k.write_conf(user="nobody")
    k.start()
    b = k.brain()
    for place, names in mine.items():
        for name in names:
            st = os.stat(f"{k.dir}/{place}/{name}")
            expect((st.st_uid, st.st_size) == (65534, 4), f"{name} to be the next user's, whole")
    expect(not os.path.exists(k.dir + "/run/control.sock"), "the socket to make room")
    for name in ("secret", "another"):
        expect(os.stat(f"{k.dir}/{name}").st_uid == 0, f"a link to {name} not to be followed")
    expect(os.stat(k.dir + "/run/healthd.conf.active").st_uid == 0, "root's to stay root's")
    b.hello()


def a_state_dir_that_cannot_be_is_refused_at_a_reload(make):
    k = make().start()
    b, pids = two_workers(k)
    with open(k.path) as f:
        text = f.read()
    with open(k.path, "w") as f:
        f.write(text.replace(k.dir + "/state", k.path + "/state"))
    os.kill(k.pid, signal.SIGHUP)
    note = b.bond("note")["text"]
    expect("nothing has changed" in note and k.path in note, f"the refusal to say why: {note}")
    expect(alive(b.pid) and all(alive(p) for p in pids), "everybody untouched")


def drive_does_not_turn_into_observe_while_it_announces(make):
    k = make().start()
    b, pids = two_workers(k)
    k.write_conf(mode="observe")
    os.kill(k.pid, signal.SIGHUP)
    expect("drive to observe" in b.bond("note")["text"], "the refusal to say why")
    expect(alive(b.pid) and all(alive(p) for p in pids), "everybody untouched")


def rungs_do_not_change_under_a_running_service(make):
    k = make().start()
    b, pids = two_workers(k)
    with open(k.path, "a") as f:
        f.write('rungs = ( { name = "full"; local_pref = 200; },\n'
                '  { name = "drain"; enter = 50; leave = 70; local_pref = 50; },\n'
                '  { name = "silent"; enter = 20; leave = 40; } );\n')
    os.kill(k.pid, signal.SIGHUP)
    expect("rungs cannot change" in b.bond("note")["text"], "the refusal to say why")
    expect(alive(b.pid) and all(alive(p) for p in pids), "everybody untouched")


def observe_touches_no_gate(make):
    make_gate(3, True)
    k = make(mode="observe", dead_man="silent").start()
    b, pids = two_workers(k)
    for p in pids + [b.pid]:
        os.kill(p, signal.SIGKILL)
    k.brain().hello()
    time.sleep(LEASE_MS / 1000)
    os.kill(k.pid, signal.SIGTERM)
    os.kill(k.pid, signal.SIGTERM)
    expect(k.wait() == 0, "a clean end")
    expect(gate_up(3), "the gate untouched from start to end")


def workers_that_outlive_a_killed_keeper_are_killed_by_the_next(make):
    k = make(command='"/usr/bin/setpriv", "--reuid=1", "--clear-groups", "/bin/sleep", "100%i"').start()
    b, pids = two_workers(k)
    eventually("their change of user", lambda: all(os.stat(f"/proc/{p}").st_uid == 1 for p in pids))
    k.process.kill()
    k.process.wait()
    eventually("the brain's end", lambda: not alive(b.pid))
    expect(all(alive(p) for p in pids), "the change of user to have cleared the death signal")
    k.start()
    expect(k.brain().hello() == {}, "an empty roster")
    eventually("their end", lambda: not any(alive(p) for p in pids))


def broken_binary_is_not_upgraded_to(make):
    k = make().start()
    b, pids = two_workers(k)
    os.unlink(k.dir + "/bin/healthd")
    with open(k.dir + "/bin/healthd", "w") as f:
        f.write("#!/bin/sh\nexit 1\n")
    os.chmod(k.dir + "/bin/healthd", 0o755)
    b.send(type="upgrade")
    expect("nothing has changed" in b.bond("note")["text"], "the refusal to be said")
    expect(alive(b.pid) and all(alive(p) for p in pids), "everybody untouched")


def hung_brain_is_fenced_at_reload(make):
    k = make().start()
    b, pids = two_workers(k)
    b.tell(stop=True)
    os.kill(k.pid, signal.SIGHUP)
    b2 = k.brain()
    eventually("the hung one's death", lambda: not alive(b.pid))
    expect(b2.hello().keys() == {0, 1}, "both workers in the roster")


def broken_configuration_at_start_runs_on_the_last_good(make):
    k = make().start()
    b, _ = two_workers(k)
    stop(k, b)
    with open(k.path, "w") as f:
        f.write("user = 5;\n")
    k.start()
    b = k.brain()
    b.hello()
    note = b.bond("note")
    expect("last good" in note["text"], f"the note to say so: {note['text']}")
    expect(b.start(0) > 0, "workers by the last good configuration")
    os.chmod(k.dir + "/state/healthd.conf.good", 0o666)
    stop(k, b)
    k.start()
    expect(k.wait() == 78, "no start on a file that anybody may have written")
    expect("healthd.conf:1" in k.text(), "file and line to be named")


def stop(k, b):
    os.kill(k.pid, signal.SIGTERM)
    b.bond("shutdown")
    b.send(type="drained")
    b.bond("yield")
    b.leave()
    expect(k.wait() == 0, "a clean end")


def sigterm_goes_in_order(make):
    k = make().start()
    b, pids = two_workers(k)
    make_gate(1, True)
    os.kill(k.pid, signal.SIGTERM)
    b.bond("shutdown")
    eventually("STOPPING=1", lambda: k.said("STOPPING=1"))
    time.sleep(0.3)
    expect(all(alive(p) for p in pids) and gate_up(1), "workers and gate to last through the drain")
    b.send(type="drained")
    b.bond("yield")
    b.leave()
    expect(k.wait() == 0, "exit 0")
    expect(not any(alive(p) for p in pids), "the workers to be gone")
    expect(gate_flags(1) is None, "the gate to be gone")
    expect(os.path.exists(k.dir + "/run/clean"), "the mark of a clean end")


def second_sigterm_is_silent_at_once(make):
    k = make(command='"/bin/sh", "-c", "trap : TERM; while :; do sleep 1; done"').start()
    b, pids = two_workers(k)
    make_gate(3, True)
    os.kill(k.pid, signal.SIGTERM)
    b.bond("shutdown")
    os.kill(k.pid, signal.SIGTERM)
    eventually("the gate's end, long before the drain's", lambda: not gate_up(3))
    expect(k.wait() == 0, "exit 0 though its workers ignore SIGTERM")
    expect(not any(alive(p) for p in pids), "the workers to be killed")


def sigterm_without_a_brain_is_silent_at_once(make):
    k = make().start()
    b, _ = two_workers(k)
    make_gate(3, True)
    os.kill(b.pid, signal.SIGKILL)
    b2 = k.brain()
    os.kill(k.pid, signal.SIGTERM)
    expect(k.wait() == 0, "exit 0")
    expect(not gate_up(3), "the gate down")
    eventually("the half-started brain's end", lambda: not alive(b2.pid))


def second_keeper_is_refused(make):
    k = make().start()
    two_workers(k)
    second = subprocess.run([k.dir + "/bin/healthd", "-c", k.path], capture_output=True, text=True,
                            timeout=PATIENCE, check=False)
    expect(second.returncode == 1, f"exit 1, not {second.returncode}")
    expect("another healthd" in second.stderr and str(k.pid) in second.stderr,
           f"a sentence with the pid: {second.stderr}")


def killed_keeper_takes_its_children_along(make):
    k = make().start()
    b, pids = two_workers(k)
    make_gate(3, True)
    k.process.kill()
    k.process.wait()
    eventually("their end", lambda: not any(alive(p) for p in pids + [b.pid]))
    expect(gate_up(3), "nobody to have lowered the gate yet")
    k.start()
    k.brain()
    expect(not gate_up(3), "the next keeper to lower it before a brain runs")


def users_and_capabilities(make):
    k = make(user="nobody", worker_user="daemon").start()
    b, pids = two_workers(k)
    expect(b.info["uid"] == 65534, "the brain's user")
    net_admin = f"{1 << 12:016x}"
    for name in ("CapEff", "CapPrm", "CapAmb", "CapBnd"):
        expect(b.info["caps"][name] == net_admin, f"{name} to be CAP_NET_ADMIN alone: {b.info}")
    with open(f"/proc/{pids[0]}/status") as f:
        status = f.read()
    expect("Uid:\t1\t1\t1\t1" in status, "the worker's user")
    expect("CapEff:\t0000000000000000" in status, "no capability for a worker")
    k.process.kill()
    k.process.wait()
    eventually("their end, across users", lambda: not any(alive(p) for p in pids + [b.pid]))


def a_service_manager_that_does_not_read_holds_nobody_up(make):
    k = make()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as s:
        s.connect(k.dir + "/notify")
        with contextlib.suppress(BlockingIOError):
            while True:
                s.send(b"STATUS=full")
    k.start()
    b = k.brain()
    b.hello()
    pid = b.start(0)
    os.kill(pid, signal.SIGKILL)
    b.bond("exited")
    b.tell(lease=None)
    b2 = k.brain()
    expect(b2.hello() == {} and not alive(b.pid), "a brain without a lease to be replaced")
    expect(not k.said("READY=1") and b2.start(0), "it to be deaf now, and to read later")
    b2.send(type="lease", text="news")
    eventually("to be told again", lambda: k.said("STATUS=news"))


def garbage_handover_starts_clean(make):
    k = make()
    make_gate(3, True)
    os.environ["ANYPOP_HANDOVER"] = "7,junk"
    try:
        k.start()
    finally:
        del os.environ["ANYPOP_HANDOVER"]
    b = k.brain()
    expect(b.hello() == {}, "an empty roster")
    expect("starting clean" in k.text(), "it to be said")
    expect(not gate_up(3), "the gates down as at any cold start")


CASES = [v for n, v in list(globals().items())
         if callable(v) and getattr(v, "__code__", None) and
         v.__code__.co_varnames[:v.__code__.co_argcount] == ("make",)]


def run_case(case):
    kept = []

    def make(**conf):
        kept.append(Keeper(**conf))
        return kept[-1]
    try:
        case(make)
        return True
    except (Failed, OSError, subprocess.SubprocessError) as e:
        print(f"  {case.__name__}: {e!r}")
        for k in kept:
            print("\n".join("    | " + line for line in k.text().splitlines()[-25:]))
        return False
    finally:
        for k in kept:
            k.close()


def main():
    chosen = sys.argv[1:]
    if os.geteuid() != 0:
        sys.exit("keeper_test.py needs root: it makes a network namespace and changes users")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        sys.exit("no namespaces: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)  # mounts of ours end with us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without an end of the keepers
    good = bad = 0
    for case in CASES:
        if chosen and case.__name__ not in chosen:
            continue
        t = time.monotonic()
        ok = run_case(case)
        good += ok
        bad += not ok
        print(f"{'ok  ' if ok else 'FAIL'} keeper: {case.__name__.replace('_', ' ')} "
              f"({time.monotonic() - t:.1f} s)", flush=True)
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)


if __name__ == "__main__":
    main()
