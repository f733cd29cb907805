// What the Checkpoint room sees of SQLite.
#pragma once
#include <sqlite3.h>

/// Whether closing a connection leaves the database and its write-ahead log as they are instead of merging them:
/// SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE. sqlite3_db_config is variadic and does not import into Swift.
static inline int csqlite_keep_log_on_close(sqlite3 *_Nonnull connection, int keep) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0);
}
