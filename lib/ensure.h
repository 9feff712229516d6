/*
 * ensure: assertions about our own code. They stay in release builds. A broken one prints where
 * and ends the process: the supervisor above starts a clean one, which is safer than a decision
 * made on a state that cannot be.
 */
#ifndef LIB_ENSURE_H
#define LIB_ENSURE_H

_Noreturn void ensure_failed(const char *file, int line, const char *what);

#define ENSURE(cond) ((cond) ? (void)0 : ensure_failed(__FILE__, __LINE__, #cond))

#endif
