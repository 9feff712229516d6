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
for f in usr/sbin/healthd usr/sbin/bgpctl usr/sbin/resolver bin/kill; do
	printf '#!/bin/sh\n' >"$root/$f" && chmod 755 "$root/$f"
done
cp systemd/*.service systemd/*.timer "$root/etc/systemd/system/"
cp /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice "$root/etc/systemd/system/"
said=$(systemd-analyze verify --man=no --root="$root" healthd.service anypop-anchor.service \
	anypop-anchor.timer 2>&1)
[ $? -eq 0 ] && ! echo "$said" | grep -q -e healthd.service -e anypop-anchor
say $? "systemd-analyze verify is clean"
[ -z "$said" ] || echo "$said" | grep -e healthd.service -e anypop-anchor

safe() { # UNIT THRESHOLD
	systemd-analyze security --offline=true --threshold="$2" "systemd/$1" >"$root/security" 2>&1
	say $? "systemd-analyze security: $(tail -1 "$root/security" | sed 's/^[^O]*//')"
}
safe healthd.service 30
safe anypop-anchor.service 20

mkdir -p "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/etc"
cp systemd/anypop.sysusers "$root/usr/lib/sysusers.d/anypop.conf"
cp systemd/anypop.tmpfiles "$root/usr/lib/tmpfiles.d/anypop.conf"
systemd-sysusers --root="$root" >"$root/log" 2>&1 && grep -q '^anypop:' "$root/etc/passwd" &&
	grep -q '^anypop-anchor:' "$root/etc/passwd"
say $? "sysusers makes the users"
systemd-tmpfiles --root="$root" --create >"$root/log" 2>&1 &&
	[ "$(stat -c %a "$root/var/lib/anypop")" = 1775 ] &&
	[ "$(stat -c %a "$root/var/lib/anypop-anchor")" = 755 ]
say $? "tmpfiles makes the directories sticky"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
