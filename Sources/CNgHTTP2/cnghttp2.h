// What the Discovery room sees of nghttp2: a client's session over bytes that somebody else carries.
#pragma once
#include <nghttp2/nghttp2.h>
