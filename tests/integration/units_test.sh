#!/bin/sh
# The units, checked by systemd's own tools without a running systemd.
cd "$(dirname "$0")/../.." || exit 1
for tool in systemd-analyze systemd-sysusers systemd-tmpfiles; do
	command -v $tool >/dev/null || { echo "FAIL units: $tool is missing (apt-get install systemd)"; exit 1; }
done
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
passed=0
failed=0
say() { # STATUS NAME
	if [ "$1" -eq 0 ]; then echo "ok   units: $2"; passed=$((passed + 1))
	else echo "FAIL units: $2"; failed=$((failed + 1)); fi
}

# verify wants the commands to be there; whether ours work is what all other tests are about.
mkdir -p "$root/etc/systemd/system" "$root/usr/sbin" "$root/bin"
for f in usr/sbin/healthd usr/sbin/bgpctl bin/kill; do
	printf '#!/bin/sh\n' >"$root/$f" && chmod 755 "$root/$f"
done
cp systemd/healthd.service "$root/etc/systemd/system/"
cp /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice "$root/etc/systemd/system/"
said=$(systemd-analyze verify --man=no --root="$root" healthd.service 2>&1)
[ $? -eq 0 ] && ! echo "$said" | grep -q healthd.service
say $? "systemd-analyze verify is clean"
[ -z "$said" ] || echo "$said" | grep healthd.service

systemd-analyze security --offline=true --threshold=30 systemd/healthd.service >"$root/security" 2>&1
say $? "systemd-analyze security: $(tail -1 "$root/security" | sed 's/^[^O]*//')"

mkdir -p "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/etc"
cp systemd/anypop.sysusers "$root/usr/lib/sysusers.d/anypop.conf"
cp systemd/anypop.tmpfiles "$root/usr/lib/tmpfiles.d/anypop.conf"
systemd-sysusers --root="$root" >"$root/log" 2>&1 && grep -q '^anypop:' "$root/etc/passwd"
say $? "sysusers makes the user anypop"
systemd-tmpfiles --root="$root" --create >"$root/log" 2>&1 &&
	[ "$(stat -c %a "$root/var/lib/anypop")" = 1775 ]
say $? "tmpfiles makes the directories sticky"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
