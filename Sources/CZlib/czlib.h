// What the FileSource room sees of zlib: crc32 and inflate.
#pragma once
#include <zlib.h>
