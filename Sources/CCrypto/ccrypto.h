// What the FileSource room sees of libcrypto: the EVP digest functions.
#pragma once
#include <openssl/evp.h>
