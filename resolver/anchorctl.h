/*
 * anchorctl: `resolver anchor`: follows the root's trust anchor as its key rolls (RFC 5011), and
 * says how that stands. What RFC 5011 asks for is done by libunbound; here is what goes round it:
 * where it begins, what may become of its file, and which of its keys engines are given.
 *
 * Beside engine.followed_anchor, which engines read, stand FILE.state, libunbound's, and
 * FILE.failed, the sentence of an attempt that failed. Each attempt works on a copy, FILE.work:
 * whatever fails leaves the first two as they were.
 */
#ifndef RESOLVER_ANCHORCTL_H
#define RESOLVER_ANCHORCTL_H

enum {
	ANCHOR_WELL = 0,
	ANCHOR_TROUBLE = 1, /* nothing was changed */
	ANCHOR_USAGE = 2,
};

/* argv[0] is "anchor"; reads the configuration at `path`. Its exit status. */
int anchorctl_run(const char *path, int argc, char **argv);

#endif
