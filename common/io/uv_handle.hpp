// How we own libuv handles: the handle lives in a heap block that belongs to the loop. Closing
// clears its owner first, so that no callback reaches a destroyed object; the close callback frees
// the block. For the sources of common/io only.
#pragma once

#include <uv.h>

namespace scpool {

template <class Handle>
void close_handle(Handle* handle) {
  if (handle == nullptr) {
    return;
  }
  handle->data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Handle*>(closed); });
}

}  // namespace scpool
