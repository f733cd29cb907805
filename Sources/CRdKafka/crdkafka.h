// What the KafkaSink room and the tests see of librdkafka: the client and its mock cluster.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
