"""A pytest plugin that lets Deckard run where a part of what it wants is missing.

- lief only looks for jemalloc in a binary, which --force-run leaves out; Debian has no package of it,
  and the import alone must not fail.
- Kernels without `dummy` links have bridges: for addresses of one's own one is as good as the other.
- Python sleeps until an absolute time from 3.11 on, which libfaketime 0.9.10 refuses with EINVAL; Deckard's
  pauses and retries would fail, and where it knows of that it spins. select() waits for a span.
"""
import os
import select
import sys
import time
import types

import pyroute2

sys.modules.setdefault('lief', types.ModuleType('lief'))
_link = pyroute2.IPRoute.link


def _link_or_bridge(self, command, **more):
    try:
        return _link(self, command, **more)
    except pyroute2.netlink.exceptions.NetlinkError:
        if command != 'add' or more.get('kind') != 'dummy':
            raise
        return _link(self, command, **{**more, 'kind': 'bridge'})


pyroute2.IPRoute.link = _link_or_bridge


def _sleep(seconds):
    select.select([], [], [], seconds)


time.sleep = _sleep
os.sched_yield = lambda: _sleep(0.05)
