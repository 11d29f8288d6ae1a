/*
 * Gathers what SQLite writes in small pieces: a page of the log is two writes, and a commit has many pages; and makes
 * the log grow in steps. Used as a VFS between SQLite and the system's one.
 */
#pragma once

/* The name of the VFS for sqlite3_open_v2(); NULL without memory, which means SQLite's default. */
const char *gather_vfs(void);
