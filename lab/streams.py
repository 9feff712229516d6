"""Questions over TCP, as clients ask that keep connections (RFC 7766): one at a time, or several in one
piece, of which the answers may come in any order. A connection that ends takes nothing along: what waits
for an answer is asked again on another one, as clients are told to (section 6.2.4).
"""
import collections
import errno
import select
import socket

CONNECTIONS = 6  # a family
PIPELINED = 6  # questions in one piece
LIFE = 60  # questions; then a new connection, so that some are opened all along


class Stream:
    """One connection: what is to leave, what came, and whose answers are awaited."""

    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.out, self.came, self.waiting, self.count = b'', b'', {}, 0
        error = self.socket.connect_ex((address, 53))
        self.broken = error not in (0, errno.EINPROGRESS)

    def ask(self, key, wire):
        self.count += 1
        number = self.count & 0xffff
        self.waiting[number] = key
        self.out += (len(wire) + 2).to_bytes(2, 'big') + number.to_bytes(2, 'big') + wire

    def write(self):
        while self.out:
            try:
                self.out = self.out[self.socket.send(self.out):]
            except BlockingIOError:
                return
            except OSError:
                self.broken = True
                return

    def read(self):
        """(key, answer) of each that is whole."""
        try:
            data = self.socket.recv(1 << 16)
            self.broken = self.broken or not data
        except BlockingIOError:
            return
        except OSError:
            self.broken = True
            return
        self.came += data
        while len(self.came) >= 2:
            end = 2 + int.from_bytes(self.came[:2], 'big')
            if len(self.came) < end:
                return
            answer, self.came = self.came[2:end], self.came[end:]
            key = self.waiting.pop(int.from_bytes(answer[:2], 'big'), None)
            if key is not None:
                yield key, answer


class Streams:
    """The connections of a client. It has its questions by key, and a way to know whose were cut."""

    def __init__(self, addresses, poll, answered, cut):
        """addresses: {family's name: (family, address)}; answered(key, answer) is called with each,
        cut(key) with each whose connection ended: its question's octets, or None where nobody waits for
        it any more."""
        self.addresses, self.poll, self.answered, self.cut = addresses, poll, answered, cut
        self.streams = {}  # by descriptor
        self.turns = collections.defaultdict(list)
        self.again = []  # (family's name, key, question)

    def _open(self, name):
        stream = Stream(*self.addresses[name])
        self.streams[stream.socket.fileno()] = (name, stream)
        self.poll.register(stream.socket, select.EPOLLIN | select.EPOLLOUT)
        return stream

    def _next(self, name):
        """The family's connections take turns."""
        turns = self.turns[name]
        if len(turns) < CONNECTIONS:
            turns.append(self._open(name))
        else:
            turns.append(turns.pop(0))
            if turns[-1].count >= LIFE and not turns[-1].waiting:
                self._close(turns[-1])
                turns.append(self._open(name))
        return turns[-1]

    def _close(self, stream):
        name, _ = self.streams.pop(stream.socket.fileno())
        if stream in self.turns[name]:
            self.turns[name].remove(stream)
        self.poll.unregister(stream.socket)
        stream.socket.close()
        return name

    def _settle(self, stream):
        """After anything that may have ended it."""
        if not stream.broken:
            self.poll.modify(stream.socket,
                             select.EPOLLIN | (select.EPOLLOUT if stream.out else 0))
            return
        name = self._close(stream)
        for key in stream.waiting.values():
            question = self.cut(key)
            if question is not None:
                self.again.append((name, key, question))

    def ask(self, name, questions):
        """[(key, question's octets behind the id)], all in one piece on one connection."""
        stream = self._next(name)
        for key, wire in questions:
            stream.ask(key, wire)
        stream.write()
        self._settle(stream)

    def ready(self, fd):
        """Something happened there; False: it is no connection of these."""
        if fd not in self.streams:
            return False
        _, stream = self.streams[fd]
        for key, answer in stream.read():
            self.answered(key, answer)
        stream.write()
        self._settle(stream)
        return True

    def ask_again(self):
        """Once a turn of the client's: where nobody listens that is no loop."""
        again, self.again = self.again, []
        for name, key, question in again:
            self.ask(name, [(key, question)])
