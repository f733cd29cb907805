// What the Checkpoint room sees of SQLite.
#pragma once
#include <sqlite3.h>
