#!/usr/bin/python3
"""lab/init's promises, with a small service, and with healthd under the unit that is installed.

usage: init_test.py     (root; makes its own mount and network namespaces; BIN=build/bin)
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from keeper_test import BINDIR, CONF, HERE, Brain, Failed, alive, children, eventually, expect

ROOT = os.path.dirname(os.path.dirname(HERE))
INIT = ROOT + "/lab/init"
CLONE_NEWNS, CLONE_NEWNET, MS_REC_PRIVATE = 0x00020000, 0x40000000, 0x44000

SERVICE = '''#!/usr/bin/python3
import os, signal, socket, subprocess, sys, time
def tell(text, fds=()):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(os.environ["NOTIFY_SOCKET"])
    socket.send_fds(s, [text.encode()], list(fds)) if fds else s.send(text.encode())
signal.signal(signal.SIGHUP, lambda *_: tell("STATUS=reloaded"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
n = int(os.environ.get("LISTEN_FDS", "0"))
assert n == 0 or int(os.environ["LISTEN_PID"]) == os.getpid()
names = os.environ.get("LISTEN_FDNAMES", "")
kept = os.pread(3, 100, 0).decode() if n else "nothing"
left = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
if n == 0:
    fd = os.memfd_create("kept")
    os.write(fd, b"memory")
    tell("FDSTORE=1\\nFDNAME=shard", [fd])
    for name, poll in (("watched", ""), ("left", "FDPOLL=0\\n")):
        a, b = socket.socketpair()
        tell(f"FDSTORE=1\\n{poll}FDNAME={name}", [a.fileno()])
        b.close()
tell(f"READY=1\\nSTATUS=kept {kept} {names} {left.pid}")
while True:
    if not os.path.exists("@DIR@/hang"):
        tell("WATCHDOG=1")
    time.sleep(0.1)
'''
POST = """#!/bin/sh
echo "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS" >>@DIR@/post
"""
UNIT = """
[Unit]
Description=small
[Service]
Type=notify
ExecStart=@DIR@/service
ExecReload=/bin/kill -HUP $MAINPID
ExecStopPost=@DIR@/post.sh
Restart=always
RestartSec=50ms
WatchdogSec=5s
KillMode=mixed
Environment=ONE=1 "TWO=2 2"
"""


class Init:
    def __init__(self, unit, where, *options):
        self.dir = where + "/init"
        self.log = open(where + "/init.log", "w+")
        self.process = subprocess.Popen([INIT, "run", "--dir", self.dir, *options, unit],
                                        stderr=self.log)

    def status(self):
        r = subprocess.run([INIT, "status", "--dir", self.dir], capture_output=True, check=False)
        return json.loads(r.stdout) if r.returncode == 0 else {}

    def verb(self, verb):
        subprocess.run([INIT, verb, "--dir", self.dir], check=True, timeout=30)

    def comes(self, **wanted):
        return eventually(f"{wanted}", lambda: (s := self.status()) and
                          all(s.get(k) == v for k, v in wanted.items()) and s)


def small_service(where):
    for name, text in (("service", SERVICE), ("post.sh", POST), ("unit", UNIT)):
        with open(f"{where}/{name}", "w") as f:
            f.write(text.replace("@DIR@", where))
        os.chmod(f"{where}/{name}", 0o755)
    i = Init(where + "/unit", where)
    try:
        s = i.comes(state="active", restarts=0)
        word = eventually("its status", lambda: i.status()["status"].split())
        expect(word[:2] == ["kept", "nothing"], f"no descriptor at first: {word}")
        i.verb("reload")
        i.comes(status="reloaded")
        left = int(word[-1])
        i.verb("kill-main")
        s2 = i.comes(state="active", restarts=1)
        expect(s2["main_pid"] != s["main_pid"], "another process")
        word = eventually("its status", lambda: i.status()["status"].split())
        expect(word[1:3] == ["memory", "shard:left"],
               f"the stored descriptors back, but for the one that hung up: {word}")
        expect(not alive(left), "what the first left behind to be killed")
        with open(where + "/hang", "w"):
            pass
        i.comes(restarts=2)
        os.unlink(where + "/hang")
        i.comes(state="active", restarts=2)
        i.verb("stop")
        expect(i.process.wait(10) == 0, "exit 0 after a stop")
        with open(where + "/post") as f:
            expect(f.read().splitlines() ==
                   ["signal killed KILL", "watchdog killed ABRT", "success exited 0"],
                   "ExecStopPost to be told of each end")
    finally:
        i.process.kill()


def fake_install(where):
    os.mkdir(where + "/bin")
    shutil.copy(BINDIR + "/healthd", where + "/bin/healthd")
    shutil.copy(HERE + "/fake_brain.py", where + "/bin/healthd-brain")
    with open(where + "/bin/bgpctl", "w") as f:
        f.write(f'#!/bin/sh\n[ -e /run/anypop/clean ] && c=clean || c=unclean\n'
                f'echo "$@ $SERVICE_RESULT $c" >>{where}/post\n')
    for name in ("bgpctl", "healthd-brain"):
        os.chmod(f"{where}/bin/{name}", 0o755)
    conf = CONF.format(dir=where, user="nobody", worker_user="daemon", count=2, lease=2000,
                       stop_timeout=1000, dead_man="hold", mode="drive", command='"/bin/sleep", "100%i"')
    conf = conf.replace(where + "/run", "/run/anypop").replace(where + "/state", "/var/lib/anypop")
    with open(where + "/healthd.conf", "w") as f:
        f.write(conf)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(where + "/brain.sock")
    os.chmod(where + "/brain.sock", 0o777)
    server.listen(8)
    server.settimeout(15)
    return server


def healthd_under_its_unit(where):
    server = fake_install(where)
    i = Init(ROOT + "/systemd/healthd.service", where, "--bin", where + "/bin", "--config",
             where + "/healthd.conf", "--confine")
    try:
        b = Brain(server.accept()[0])
        b.hello()
        pids = [b.start(0), b.start(1)]
        b.lease(3)
        s = i.comes(state="active", status="fake")
        keeper = s["main_pid"]
        i.verb("reload")
        b.bond("yield")
        b.leave()
        b = Brain(server.accept()[0])
        expect(b.hello().keys() == {0, 1}, "both workers after a reload")
        expect(i.comes(state="active")["main_pid"] == keeper, "the same main process")
        os.kill(keeper, signal.SIGKILL)
        b2 = Brain(server.accept()[0])
        expect(b2.hello() == {}, "an empty roster after the keeper's death")
        expect(not any(alive(p) for p in pids + [b.pid]), "its children to be gone with it")
        i.comes(state="active", restarts=1)
        os.kill(i.process.pid, signal.SIGTERM)
        b2.bond("shutdown")
        b2.send(type="drained")
        b2.bond("yield")
        b2.leave()
        expect(i.process.wait(15) == 0, "a clean stop")
        with open(where + "/post") as f:
            expect(f.read().splitlines() == ["silence --post signal unclean",
                                             "silence --post success clean"],
                   "ExecStopPost to tell a death from an end")
    finally:
        i.process.kill()


def main():
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        sys.exit("init_test.py needs root: it makes namespaces")
    libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
    good = bad = 0
    for name, case in (("looks after a small service", small_service),
                       ("healthd under its unit", healthd_under_its_unit)):
        for path in ("/run", "/var/lib"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path], check=True)
        where = tempfile.mkdtemp(prefix="anypop-init-")
        os.chmod(where, 0o755)
        try:
            case(where)
            good += 1
            print(f"ok   init: {name}", flush=True)
        except (Failed, OSError, subprocess.SubprocessError) as e:
            bad += 1
            print(f"FAIL init: {name}: {e!r}")
            with open(where + "/init.log") as f:
                print(f.read())
        finally:
            for path in ("/run", "/var/lib"):
                subprocess.run(["umount", "-l", path], check=False)
            shutil.rmtree(where, ignore_errors=True)
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
