"""What the keeper does with descriptors, for tests that play it (lib/held.h, lib/board.h).

Import it before anything opens descriptors: it keeps the low numbers for those that are handed over.
"""
import array
import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess

FIRST, RESERVED = 3, 200
NAME, TEXT = 32, 1024
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
SO_ATTACH_REUSEPORT_CBPF = 51

while os.open('/dev/null', os.O_RDONLY | os.O_CLOEXEC) < RESERVED:
    pass


def start(command, held=None, **more):
    """Starts a program to which these descriptors, {name: number}, are handed; it dies with us."""
    held = held or {}

    def child():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        for i, fd in enumerate(held.values()):
            os.dup2(fd, FIRST + i)
        for key in ('LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'):
            os.environ.pop(key, None)
        if held:
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(held)),
                              LISTEN_FDNAMES=':'.join(held))
    assert len(held) < RESERVED - FIRST and all(fd > RESERVED for fd in held.values())
    return subprocess.Popen(command, preexec_fn=child, close_fds=False, **more)


def receive(s):
    """One packet of held_send(): name, descriptor or None, note. None at the end."""
    data, extra, flags, _ = s.recvmsg(NAME + TEXT, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC), flags
    name = data[:NAME].split(b'\0')[0].decode()
    fds = array.array('i')
    for _, _, part in extra:
        fds.frombytes(part)
    return name, (fds[0] if fds else None), data[NAME:].rstrip(b'\0').decode()


def hold(command, given=None, patience=10.0, **more):
    """Runs `resolver hold` on what is given: {name: descriptor} of all that it hands over, the note that
    ends it as (name, text), (None, '') where there was none, and its exit status."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = start(command, {**(given or {}), 'reply': theirs.fileno()}, **more)
    theirs.close()
    new, end = {}, (None, '')
    with ours:
        ours.settimeout(patience)
        while end[0] is None and (got := receive(ours)):
            name, fd, note = got
            if fd is None:
                end = name, note
            else:
                assert name not in new, f'{name} came twice'
                new[name] = fd
        assert end[0] is None or receive(ours) is None, 'something follows the note'
    return new, end, process.wait(patience)


def memory(data, size=None, seals=SEALS):
    """A memfd with this in it."""
    fd = os.memfd_create('test', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.fchmod(fd, 0o600)
    os.ftruncate(fd, size or len(data))
    os.pwrite(fd, data, 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def scoreboard(tool, kind, seals=SEALS, less=0):
    """A memfd with a scoreboard's head in it, as large as one or so many octets less; `tool` is
    engine_tool."""
    told = subprocess.run([tool, 'layout'], stdout=subprocess.PIPE, check=True)
    magic, version, size = map(int, told.stdout.split())
    return memory(struct.pack('=IIII', magic, version, size, ord(kind)), size - less, seals)


class Board:
    """The holder's, written; `fd` is what readers get."""

    def __init__(self, ready=0):
        self.own = memory(struct.pack('=IIII', 0x62706e61, 1, 128, 0), 128)
        self.map = mmap.mmap(self.own, 128)
        self.fd = os.open(f'/proc/self/fd/{self.own}', os.O_RDONLY | os.O_CLOEXEC)
        self.ready = ready

    @property
    def ready(self):
        return struct.unpack_from('=Q', self.map, 64)[0]

    @ready.setter
    def ready(self, bits):
        struct.pack_into('=Q', self.map, 64, bits)

    def close(self):
        self.map.close()
        os.close(self.own)
        os.close(self.fd)


def steer(fd, index):
    """All datagrams of this socket's group go to the one with that index."""
    code = struct.pack('=HBBI', 0x06, 0, 0, index)  # BPF_RET | BPF_K
    place = ctypes.create_string_buffer(code, len(code))
    program = struct.pack('@HP', 1, ctypes.addressof(place))
    with socket.socket(fileno=os.dup(fd)) as s:
        s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
