"""What a story does to the lab: processes killed, stopped and replaced, networks cut, configurations
changed, power off. A fault that lasts is a `with` block, and ends with it."""

import concurrent.futures
import contextlib
import os
import re

import nodes
import talk


class Mishaps:
    """Of a raised lab (story.Lab), which sees what comes of them."""

    BRAIN = '/usr/libexec/anypop/healthd-brain'
    RESOLVER = '/usr/sbin/resolver'

    def workers(self, pop):
        """{slot: pid} of the workers that run."""
        return {w['slot']: w['pid'] for w in self.ask(pop, 'workers')['workers'] if w['pid']}

    def renewed(self, pop, gone):
        """Whether as many workers as wanted are ready, and none of them is one of `gone` (by one
        answer: healthd may not have noticed yet that those are)."""
        try:
            told = self.ask(pop, 'workers')
        except talk.TalkError:
            return False
        ready = [w['pid'] for w in told['workers'] if w['state'] == 'ready']
        return len(ready) >= told['wanted'] and not set(ready) & set(gone)

    def kill(self, pop, signal, pids):
        self.nodes[pop].run('kill', f'-{signal}', *[str(pid) for pid in pids], check=False)

    def kill_workers(self, pop, signal='KILL'):
        pids = list(self.workers(pop).values())
        self.kill(pop, signal, pids)
        return pids

    def engines(self, pop):
        """{number: pid} of the engines that run."""
        found = self.ask(pop, 'workers')['engines']
        return {number: e['pid'] for number, e in enumerate(found) if e['pid']}

    def engines_renewed(self, pop, gone):
        """As renewed(), of engines."""
        try:
            told = self.ask(pop, 'workers')['engines']
        except talk.TalkError:
            return False
        return all(e['state'] == 'ready' and e['pid'] not in gone for e in told)

    @contextlib.contextmanager
    def instead_of(self, pop, program, script):
        """In this PoP another program stands at that path for a while."""
        node = self.nodes[pop]
        stand_in = f'/run/stand-in-{os.path.basename(program)}'
        node.run('sh', '-c', f'cp -p {program} {stand_in}.real; cat >{stand_in}; '
                 f'chmod 755 {stand_in}; mount --bind {stand_in} {program}', stdin=script)
        try:
            yield
        finally:
            node.run('umount', '-l', program)  # lazily: a stopped process may hold it open

    def workers_instead(self, pop, line, slot='*'):
        """In this PoP workers, or the one of that slot, run that shell line first; engines stay as
        they are. Where they are Unbound, it stands for all of them."""
        if '"/usr/sbin/unbound"' in self.nodes[pop].sh('cat /etc/anypop/healthd.conf'):
            return self.instead_of(pop, '/usr/sbin/unbound', (
                f'#!/bin/sh\n{line}\nexec /run/stand-in-unbound.real "$@"\n'))
        return self.instead_of(pop, self.RESOLVER, (
            f'#!/bin/sh\ncase "$*" in *" worker "{slot}) {line} ;; esac\n'
            'exec /run/stand-in-resolver.real "$@"\n'))

    def workers_cannot_start(self, pop):
        return self.workers_instead(pop, 'exit 1')

    def workers_stop_at_start(self, pop):
        return self.workers_instead(pop, 'kill -STOP $$')

    def workers_refuse(self, pop):
        """A bad release: its workers answer SERVFAIL to everything."""
        return self.workers_instead(
            pop, 'exec python3 /srv/anypop/lab/servfail.py "$@"')

    def engines_mortal(self, pop):
        """A bug in what resolves: engines that start from now on die of names that begin with die-,
        late-, segv-, spin- or mute- (tests/integration/mortal_tool.c)."""
        return self.instead_of(pop, self.RESOLVER, (
            '#!/bin/sh\ncase "$*" in *" engine "*) exec /srv/anypop/build/lab/mortal "$@" ;; esac\n'
            'exec /run/stand-in-resolver.real "$@"\n'))

    @contextlib.contextmanager
    def engines_cut_off(self, pop, spare=()):
        """What engines of this PoP send to the Internet is lost, but for what goes to the IPv4
        addresses `spare`, and healthd's own probes are not."""
        node = self.nodes[pop]
        spared = f'ip daddr {{ {", ".join(spare)} }} accept; ' if spare else ''
        node.run('nft', '-f', '-', stdin=(
            'table inet engines {\nchain output {\ntype filter hook output priority 0; '
            f'{spared}meta skuid "anypop-engine" oifname "eth*" drop\n}}\n}}\n'))
        try:
            yield
        finally:
            node.run('nft', 'delete', 'table', 'inet', 'engines', check=False)

    def _render_cuts(self):
        spared = f'ip daddr {{ {", ".join(self.spared)} }} accept;' if self.spared else ''
        rules = ''.join(f'iifname "{side}" oifname "internet" drop;'
                        for pop in self.cut for side in self.sides[pop])
        self.nodes['transit'].run('nft', '-f', '-', stdin=(
            'table inet lab {}\ndelete table inet lab\ntable inet lab {\nchain cut {\n'
            f'type filter hook forward priority 0; {spared}{rules}\n}}\n}}\n'))

    def cut_upstream(self, *pops):
        """From now on nothing of these PoPs reaches the Internet; clients still reach them."""
        self.cut |= set(pops)
        self._render_cuts()

    def mend_upstream(self, *pops):
        self.cut -= set(pops)
        self._render_cuts()

    @contextlib.contextmanager
    def without_upstream(self, *pops, spare=()):
        """Cut for these PoPs, but for the IPv4 addresses `spare`; at its end the upstream is there
        again for all."""
        self.spared = tuple(spare)
        self.cut_upstream(*pops)
        try:
            yield
        finally:
            self.spared = ()
            self.mend_upstream(*self.pops)

    @contextlib.contextmanager
    def parted(self, *pops):
        """The links of these PoPs to the route reflectors are down for a while."""
        def put(state):
            for pop in pops:
                for reflector in ('rr1', 'rr2'):
                    self.nodes[reflector].run('ip', 'link', 'set', pop, state)
        put('down')
        try:
            yield
        finally:
            put('up')

    @contextlib.contextmanager
    def dropping(self, pop, rule):
        """An nftables rule in a PoP's input, for a while."""
        node = self.nodes[pop]
        node.run('nft', '-f', '-', stdin=(
            'table inet fault {\nchain input {\ntype filter hook input priority 0; '
            f'{rule}\n}}\n}}\n'))
        try:
            yield
        finally:
            node.run('nft', 'delete', 'table', 'inet', 'fault', check=False)

    def keeper(self, pop):
        return self.status(pop)['keeper']['pid']

    def brain(self, pop):
        return self.status(pop)['brain']['pid']

    def stop_service(self, pop):
        """What `systemctl stop` does: SIGTERM to the keeper, and no restart."""
        self.nodes[pop].run('/srv/anypop/lab/node/start', 'healthd_stop')

    def restart_service(self, pop):
        """What `systemctl restart` does; returns when the next keeper answers."""
        before = self.keeper(pop)
        self.nodes[pop].run('/srv/anypop/lab/init', 'restart')
        self.another_keeper(pop, before)

    def another_keeper(self, pop, keeper):
        """Waits until a keeper that is not this one answers."""
        self.wait(f'{pop}: the next keeper', lambda: (self.status(pop) or {}).get(
            'keeper', {}).get('pid', keeper) != keeper, within=120)

    def put_configuration(self, pop, text):
        self.nodes[pop].run('sh', '-c', 'cat >/etc/anypop/healthd.conf.new && mv '
                            '/etc/anypop/healthd.conf.new /etc/anypop/healthd.conf', stdin=text)

    @contextlib.contextmanager
    def configured(self, pop, edit):
        """This PoP runs a configuration changed by `edit(text)`, reloaded by SIGHUP."""
        before = self.nodes[pop].sh('cat /etc/anypop/healthd.conf')
        after = edit(before)
        self.need(after != before, 'the edit of the configuration changed nothing')
        self.put_configuration(pop, after)
        self.reload(pop)
        try:
            yield
        finally:
            self.put_configuration(pop, before)
            self.reload(pop)

    @contextlib.contextmanager
    def resolving(self, edit, *pops):
        """The resolver of these PoPs has a configuration changed by `edit(text, pop)`: its processes
        are replaced one after the other, as an operator does it."""
        path = '/etc/anypop/resolver.conf'
        before = {pop: self.nodes[pop].sh(f'cat {path}') for pop in pops}

        def put(texts):
            for pop, text in texts.items():
                self.nodes[pop].run('sh', '-c', f'cat >{path}.new && mv {path}.new {path}',
                                    stdin=text)
            self.upgrade(*pops)
        after = {pop: edit(text, pop) for pop, text in before.items()}
        self.need(all(after[pop] != before[pop] for pop in pops), 'the edit changed nothing')
        try:
            put(after)
            yield
        finally:
            put(before)

    def upgrade(self, *pops):
        """`bgpctl upgrade`, at all of them at once."""
        with concurrent.futures.ThreadPoolExecutor() as each:
            list(each.map(lambda pop: self.bgpctl(pop, 'upgrade'), pops))

    def reload(self, pop):
        """SIGHUP, until the brain that read the new file answers."""
        before = self.brain(pop)
        self.kill(pop, 'HUP', [self.keeper(pop)])
        self.adopted(pop, before)

    @staticmethod
    def without_key(text, key):
        """A configuration without the settings of `key`."""
        return re.sub(rf'\b{key}\s*=[^;]*;', '', text)

    def unhurried(self, pop):
        """The flap budget forgets within seconds, so that it does not make a climb skip rungs."""
        return self.configured(
            pop, lambda text: re.sub(r'half_life_ms = \d+', 'half_life_ms = 2000', text))

    def power_off(self, *pops):
        """Everything that runs in these PoPs ends at once; links go down, /run is lost."""
        for pop in pops:
            self.nodes[pop].sh('''
                kill -KILL -1 2>/dev/null || :
                for link in $(ls /sys/class/net); do
                    case $link in
                    lo) ;;
                    eth*|rr*) ip link set $link down; ip address flush dev $link ;;
                    *) ip link delete $link ;;
                    esac
                done
                awk '$2 ~ "^/usr/" { print $2 }' /proc/self/mounts | xargs -r umount -l
                find /run -mindepth 1 -xdev -delete 2>/dev/null || :
                nft flush ruleset''')

    def power_on(self, *pops):
        for pop in pops:
            nodes.boot(self.nodes[pop])

    def wipe(self, pop):
        """Forgets what a PoP has kept over restarts."""
        self.nodes[pop].sh('rm -rf /var/lib/anypop/*')
