"""Why runs fail: by scenario or by run, and by what Deckard complained of. The first row that holds explains it."""
DSA = ('val_deleg_nons', 'val_faildnskey', 'val_nokeyprime', 'val_nsec3_entnodata_optout_badopt', 'val_nsec3_nods_badsig',
       'val_nsec3_nods_soa', 'val_positive_nosigs', 'val_secds_nosig')
NO_AA = ('iter_lame_noaa', 'iter_lame_nosoa', 'iter_ns_badglue')


def named(*scenarios):
    return lambda run, ours, unbound: run.split()[0] in scenarios


def fails(outcome):
    return outcome['outcome'] != 'passed'


def is_of_knot(run, ours, unbound):
    """Of what only Knot Resolver has, in the words of its configuration."""
    return run.startswith('module_') and fails(ours) and fails(unbound)


def lacks(run, ours, unbound, only=None):
    """Ours asked what the script has no answer to; with `only`, nothing but that."""
    return fails(ours) and bool(ours.get('lacks')) and only in (None, *ours['lacks']) and (only is None or len(ours['lacks']) == 1)


ROWS = (
    (is_of_knot,
     'Policies, hints, DNS64, renumbering in the words of Knot Resolver\'s configuration; neither program is told of them.'),
    (lambda r, o, u: not fails(o) and r.startswith('module_policy_drop'),
     'The scenario has no server at all. Ours says SERVFAIL in time; Unbound still asks when Deckard has waited for 5 s.'),
    (lambda r, o, u: not fails(o) and r.startswith('iter_timeouted_ns'),
     'A server falls silent: ours gives after 1.8 s what it still has, past its time (RFC 8767); Unbound asks on for longer '
     'than Deckard waits.'),
    (lambda r, o, u: not fails(o) and r.startswith('module_workarounds_disable_0x20'),
     'The server knows the name in lower case alone. Ours asks in lower case, whatever the client wrote; Unbound passes the '
     'client\'s case on.'),
    (lambda r, o, u: r == 'world_cz_rhybar full' and not fails(o) and 'too long' in u.get('why', ''),
     'Unbound took over 5 s, alone too, but on a machine busy with other things: it may pass on a quiet one.'),
    (named('nsec_aggr_cache'),
     'Asks for type 65535, which ours answers with FORMERR (decision 0026). Unbound fails later, where records of the '
     'cache\'s own proof are wanted.'),
    (lambda r, o, u: r == 'val_cname_new_signer full' and not fails(u),
     'The answer has over 1232 octets and Deckard does not ask again by TCP: ours says TC from `worker.max_udp_bytes` on, '
     '1232 by default, this Unbound from 4096 on. With `max_udp_bytes = 4096` ours passes it.'),
    (lambda r, o, u: lacks(r, o, u, '. IN NS'),
     'The script has no answer to the question for the root\'s servers, with which libunbound begins.'),
    (lacks,
     'The script has no answer to a question that libunbound asks: minimised names of type A where the script knows NS, the '
     'address of a server, DS or NS on the way. Deckard counts that as a failure, whatever the answer.'),
    (named(*DSA),
     'Signed with DSA (algorithm 3), which is not to be used any more (RFC 8624): libunbound takes the zone for unsigned, '
     'and the scenario wants it bogus.'),
    (named(*NO_AA),
     'A server that is not authoritative gives an empty answer without AA: the scenario wants the next server asked, '
     'libunbound takes it for "no data".'),
    (named('iter_domain_sale', 'iter_domain_sale_nschange', 'val_nsec3_cnametocnamewctoposwc'),
     'The scenario wants NS records in the authority section, which minimal responses leave out.'),
    (named('iter_dname_insec'),
     'A name that is an alias of itself: the scenario wants SERVFAIL, libunbound answers with the alias.'),
    (named('iter_minim_a'),
     'The root\'s server is 127.0.0.10, and libunbound asks nobody on the loopback network unless told.'),
    (named('val_dname', 'val_dname_bogus'),
     'libunbound takes a DNAME in the answer to its question for DS for bogus.'),
    (named('val_minimal_expiredsignature'),
     'The signatures ended 14 hours ago; libunbound lets a tenth of their life pass, a day at most (`val-sig-skew-max`).'),
    (named('val_ta_sentinel'),
     'The scenario wants no AD in the answer to a question with CD; libunbound tells it where all was authentic (RFC 4035, '
     '3.2.3).'),
    (named('black_ent'),
     'libunbound finds the signature of the DS of sub.example.com wrong ("signature crypto failed"), in Unbound likewise. '
     'Not looked into further.'),
)


def why(run, ours, unbound):
    """The sentence, or None: `ours` and `unbound` are what is recorded of the run."""
    return next((text for holds, text in ROWS if holds(run, ours, unbound)), None)
