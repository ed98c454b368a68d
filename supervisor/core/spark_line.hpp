// A small line of the last values, as inline SVG: the newest stands at the right edge. Its size and
// colours are the style sheet's. Not in the layout's list: part of the live page.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace scpool::supervisor {

// `width` is the number of values from edge to edge, `top` the value at the upper edge.
std::string spark_line(const std::vector<double>& values, std::size_t width, double top);

}  // namespace scpool::supervisor
