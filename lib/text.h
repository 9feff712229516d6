/*
 * text: washing of text that others wrote, before it goes to a terminal or into JSON. Pure.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

/* In place: control characters but LF, and bytes that are not UTF-8 (such as the half of a
 * character that was cut), become '?'. */
void text_clean(char *text);

#endif
