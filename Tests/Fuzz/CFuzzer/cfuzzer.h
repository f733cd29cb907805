// What libFuzzer offers to a program with a main of its own (FuzzerInterface.h of compiler-rt).
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*body)(const uint8_t *bytes, size_t length));
