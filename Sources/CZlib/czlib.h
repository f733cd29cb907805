// What the FileSource room sees of zlib: crc32.
#pragma once
#include <zlib.h>
