// nlohmann's JSON for sources that take values apart or put them together. What its class consists
// of is compiled once, in json_text.cpp: every other source takes a fifth less time.
#pragma once

#include <nlohmann/json.hpp>

extern template class nlohmann::basic_json<>;
