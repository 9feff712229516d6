/*
 * file: whole small files, read bounded and replaced atomically.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

/* Reads at most `max` bytes into a malloc'd, NUL-terminated buffer (caller frees); a larger file is
 * an error. `*length` may be NULL. NULL on error; errno tells ENOENT apart. */
char *file_read(const char *path, size_t max, size_t *length, struct err *err);

/* Writes a temporary file beside `path` with `mode`, syncs, renames over it, syncs the directory.
 */
int file_replace(const char *path, const void *data, size_t length, mode_t mode, struct err *err);

/* As file_replace() without the syncs, for state on tmpfs that is written often. */
int file_replace_fast(const char *path, const void *data, size_t length, mode_t mode,
    struct err *err);

/* Makes a directory and its parents (0755), ok when it is there. */
int file_mkdirs(const char *path, struct err *err);

#endif
