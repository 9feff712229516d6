#include "healthd/check.h"

#include <stddef.h>

/* Names of enum values as people, events and metrics see them. Out of range is "?", never a crash:
 * a name is asked for while something is already wrong. */
static const char *
name_of(const char *const *names, size_t n, unsigned value)
{
	return value < n ? names[value] : "?";
}

#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof((names)[0]), (unsigned)(value))

const char *
verdict_name(enum verdict v)
{
	static const char *const names[] = {
	    [VERDICT_IDLE] = "idle",
	    [VERDICT_UNKNOWN] = "unknown",
	    [VERDICT_FAIL] = "fail",
	    [VERDICT_OK] = "ok",
	};

	return NAME_OF(names, v);
}

const char *
outcome_name(enum outcome o)
{
	static const char *const names[] = {
	    [OUTCOME_OK] = "ok",
	    [OUTCOME_WRONG] = "wrong",
	    [OUTCOME_SILENT] = "silent",
	    [OUTCOME_UNKNOWN] = "unknown",
	    [OUTCOME_IDLE] = "idle",
	    [OUTCOME_GONE] = "gone",
	};

	return NAME_OF(names, o);
}

const char *
check_class_name(enum check_class c)
{
	static const char *const names[] = {
	    [CLASS_SELF] = "self",
	    [CLASS_SHARED] = "shared",
	    [CLASS_DERIVED] = "derived",
	    [CLASS_TOLD] = "told",
	};

	return NAME_OF(names, c);
}

const char *
check_kind_name(enum check_kind k)
{
	static const char *const names[] = {
	    [KIND_DNS] = "dns",
	    [KIND_UPSTREAM] = "upstream",
	    [KIND_RESOURCE] = "resource",
	    [KIND_ERROR_RATE] = "error_rate",
	    [KIND_CACHE] = "cache",
	    [KIND_WORKERS] = "workers",
	    [KIND_LINK] = "link",
	    [KIND_BGP] = "bgp",
	    [KIND_EXEC] = "exec",
	    [KIND_VANTAGE] = "vantage",
	};

	return NAME_OF(names, k);
}
