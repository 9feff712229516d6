"""A pytest plugin that lets Deckard run where a part of what it wants is missing.

- lief only looks for jemalloc in a binary, which --force-run leaves out; Debian has no package of it,
  and the import alone must not fail.
- Kernels without `dummy` links have bridges: for addresses of one's own one is as good as the other.
"""
import sys
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
