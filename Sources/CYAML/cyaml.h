// What the Configuration room sees of libyaml.
#pragma once
#include <yaml.h>
