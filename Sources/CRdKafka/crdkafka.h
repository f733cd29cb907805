// What the KafkaSink room and the tests see of librdkafka: the client and its mock cluster.
#pragma once
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

// Swift does not see functions with a variable number of arguments: one answer of one mock broker.
static inline rd_kafka_resp_err_t crdkafka_mock_broker_push_answer(rd_kafka_mock_cluster_t *cluster, int32_t broker,
                                                                   int16_t api, rd_kafka_resp_err_t code,
                                                                   int milliseconds) {
    return rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, api, 1, code, milliseconds);
}
